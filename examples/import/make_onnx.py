#!/usr/bin/env python3
"""Writes small ONNX files as exporters write them, with inputs and outputs: make_onnx.py [FOLDER]

Each NAME.onnx comes with NAME.npz, whose outputs onnxruntime computed (for QONNX, whose operators it does not know,
numpy quantises and onnx's reference evaluates). Needs: pip install onnx onnxruntime numpy
"""

import pathlib
import sys

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

FOLDER = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).parent / "onnx")
QONNX = "qonnx.custom_op.general"
random = np.random.default_rng(1)


def floats(*shape):
    return (random.normal(size=shape) * 0.5).astype(np.float32)


def pixels(*shape):
    """Images as torchvision's ToTensor gives them: 0 to 255, divided by 255."""
    return (random.integers(0, 256, size=shape) / np.float32(255)).astype(np.float32)


def node(operator, inputs, output, **attributes):
    return helper.make_node(operator, inputs.split(), [output], **attributes)


def model(nodes, constants, shape, opset, domains=(), classes=None):
    graph = helper.make_graph(
        nodes,
        "graph",
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("output", TensorProto.FLOAT, ["n", "classes"])],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()],
    )
    opsets = [helper.make_opsetid("", opset), *(helper.make_opsetid(name, 2) for name in domains)]
    made = helper.make_model(graph, opset_imports=opsets, ir_version=8)
    if classes:
        helper.set_model_props(made, {"classes": classes})
    return made


def save(made, name, inputs, outputs=None, external=False):
    if outputs is None:
        onnx.checker.check_model(made)
        options = onnxruntime.SessionOptions()
        # Optimised graphs compute with other integers.
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
        session = onnxruntime.InferenceSession(made.SerializeToString(), options)
        # One by one: some graphs fix the size of a batch.
        outputs = [session.run(None, {"input": inputs[i : i + 1]})[0] for i in range(len(inputs))]
        outputs = np.concatenate(outputs)
    FOLDER.mkdir(parents=True, exist_ok=True)
    more = {"save_as_external_data": True, "location": f"{name}.onnx.data", "size_threshold": 16}
    onnx.save(made, FOLDER / f"{name}.onnx", **(more if external else {}))
    np.savez_compressed(FOLDER / f"{name}.npz", input=inputs, output=outputs)


def float_network():
    """torch.onnx.export with external data: convolution, square by Pow, average pool, linear layer, softmax."""
    nodes = [
        node("Conv", "input w b", "c", strides=[2, 2], pads=[1, 1, 1, 1], kernel_shape=[3, 3]),
        node("Pow", "c two", "s"),
        node("AveragePool", "s", "p", kernel_shape=[2, 2], strides=[2, 2]),
        node("Reshape", "p shape", "flat", allowzero=1),
        node("Gemm", "flat v vb", "logits", transB=1),
        node("Softmax", "logits", "output", axis=1),
    ]
    constants = {
        "w": floats(2, 1, 3, 3),
        "b": floats(2),
        "two": np.float32(2),
        "shape": np.array([-1, 2 * 7 * 7]),
        "v": floats(10, 98),
        "vb": floats(10),
    }
    classes = "['0','1','2','3','4','5','6','7','8','9']"
    made = model(nodes, constants, ["batch", 1, 28, 28], 18, classes=classes)
    save(made, "float", pixels(3, 1, 28, 28), external=True)


def qcdq_network():
    """Brevitas' QCDQ: Clip between QuantizeLinear and DequantizeLinear of weights, scales of channels, no padding."""
    nodes = [
        node("QuantizeLinear", "w ws wz", "wq", axis=0),
        node("Clip", "wq low high", "wc"),
        node("DequantizeLinear", "wc ws wz", "wd", axis=0),
        node("QuantizeLinear", "input is iz", "iq"),
        node("DequantizeLinear", "iq is iz", "x"),
        node("Conv", "x wd", "c"),
        node("Mul", "c c", "s"),
        node("ReduceMean", "s axes", "p", keepdims=0),
        node("QuantizeLinear", "v vs vz", "vq"),
        node("DequantizeLinear", "vq vs vz", "vd"),
        node("MatMul", "p vd", "m"),
        node("Add", "vb m", "output"),
    ]
    constants = {
        "w": floats(4, 1, 3, 3),
        "ws": np.array([0.25, 0.3, 0.5, 0.125], np.float32),
        "wz": np.zeros(4, np.int8),
        "low": np.int8(-7),
        "high": np.int8(7),
        "is": np.float32(1 / 15),
        "iz": np.uint8(0),
        "axes": np.array([-1, -2]),
        "v": floats(4, 3),
        "vs": np.float32(0.01),
        "vz": np.int8(0),
        "vb": floats(3),
    }
    save(model(nodes, constants, [1, 1, 8, 8], 18), "qcdq", pixels(1, 1, 8, 8))


def qonnx_network():
    """Brevitas' QONNX: Quant nodes of a domain of its own, on the input and on weights."""
    quantise = {"domain": QONNX, "rounding_mode": "ROUND"}
    nodes = [
        node("Quant", "input is zero ib", "x", signed=0, narrow=0, **quantise),
        node("Quant", "w ws zero wb", "wq", signed=1, narrow=1, **quantise),
        node("Conv", "x wq b", "c"),
        node("Pow", "c two", "s"),
        node("Flatten", "s", "flat"),
        node("Quant", "v vs zero wb", "vq", signed=1, narrow=1, **quantise),
        node("Gemm", "flat vq", "output", transB=1),
    ]
    constants = {
        "is": np.float32(1 / 15),
        "zero": np.float32(0),
        "ib": np.float32(4),
        "wb": np.float32(3),
        "w": floats(3, 1, 3, 3),
        "ws": np.array([0.25, 0.5, 0.125], np.float32).reshape(3, 1, 1, 1),
        "b": floats(3),
        "two": np.float32(2),
        "v": floats(5, 48),
        "vs": np.float32(0.2),
    }

    def quantised(values, scale, low, high):
        return (np.round(np.clip(values / scale, np.float32(low), np.float32(high))) * scale).astype(np.float32)

    inputs = pixels(1, 1, 6, 6)
    plain = [
        node("Conv", "input w b", "c"),
        node("Mul", "c c", "s"),
        node("Flatten", "s", "flat"),
        node("Gemm", "flat v", "output", transB=1),
    ]
    weights = {
        "w": quantised(constants["w"], constants["ws"], -3, 3),
        "b": constants["b"],
        "v": quantised(constants["v"], constants["vs"], -3, 3),
    }
    evaluator = ReferenceEvaluator(model(plain, weights, [1, 1, 6, 6], 18))
    outputs = evaluator.run(None, {"input": quantised(inputs, constants["is"], 0, 15)})[0]
    save(model(nodes, constants, [1, 1, 6, 6], 18, [QONNX]), "qonnx", inputs, outputs)


def residual_network():
    """A residual sum over a square, a batch norm, a square by Mul, global average pooling."""
    nodes = [
        node("Conv", "input w b", "x", pads=[1] * 4),
        node("Conv", "x w2 b2", "g", pads=[1] * 4),
        node("Mul", "g g", "gg"),
        node("Add", "gg x", "y"),
        node("BatchNormalization", "y gamma beta mean variance", "n"),
        node("Mul", "n n", "nn"),
        node("GlobalAveragePool", "nn", "p"),
        node("Flatten", "p", "flat"),
        node("Gemm", "flat v", "output"),
    ]
    constants = {
        "w": floats(3, 3, 3, 3),
        "b": floats(3),
        "w2": floats(3, 3, 3, 3),
        "b2": floats(3),
        "gamma": floats(3),
        "beta": floats(3),
        "mean": floats(3),
        "variance": np.abs(floats(3)) + np.float32(0.1),
        "v": floats(3, 10),
    }
    save(model(nodes, constants, ["n", 3, 32, 32], 15), "residual", pixels(1, 3, 32, 32))


def keras_network():
    """tf2onnx: channels last, pixels from 0 to 255 that the graph divides, a grouped convolution with SAME padding."""
    nodes = [
        node("Div", "input k", "scaled"),
        node("Transpose", "scaled", "x", perm=[0, 3, 1, 2]),
        node("Conv", "x w", "c", auto_pad="SAME_UPPER", strides=[2, 2], group=3),
        node("Mul", "c c", "s"),
        node("Transpose", "s", "t", perm=[0, 2, 3, 1]),
        node("Flatten", "t", "flat"),
        node("MatMul", "flat v", "output"),
    ]
    constants = {"k": np.float32(255), "w": floats(6, 1, 3, 3), "v": floats(96, 5)}
    inputs = random.integers(0, 256, size=(2, 8, 8, 3)).astype(np.float32)
    save(model(nodes, constants, ["n", 8, 8, 3], 15), "keras", inputs)


float_network()
qcdq_network()
qonnx_network()
residual_network()
keras_network()
