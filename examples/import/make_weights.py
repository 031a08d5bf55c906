"""Writes tensors as PyTorch's `state_dict` holds them, and the description of the layers that `sealquant import` reads.

    python3 make_weights.py [DIRECTORY]

The directory is made if it is missing; without one the files go to `weights`. The weights are random: replace `tensors` by your own, or write the file with the `safetensors` package
(`safetensors.torch.save_file(model.state_dict(), path)`), which gives the same format. Standard library only.
"""

import json
import random
import struct
import sys
from pathlib import Path


def save(path, tensors):
    """A safetensors file: the length of a JSON header, the header, the little-endian elements."""
    header, data = {}, b""
    for name, (kind, shape, values) in tensors.items():
        code = {"F32": "f", "I8": "b", "I32": "i"}[kind]
        part = struct.pack(f"<{len(values)}{code}", *values)
        header[name] = {"dtype": kind, "shape": shape, "data_offsets": [len(data), len(data) + len(part)]}
        data += part
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)


def main(directory):
    directory.mkdir(parents=True, exist_ok=True)
    rng = random.Random(1)
    real = lambda *shape: ("F32", list(shape), [rng.gauss(0, 0.2) for _ in range(product(shape))])
    ternary = lambda *shape: ("I8", list(shape), [rng.choice((-1, 0, 1)) for _ in range(product(shape))])

    layers = [
        {"conv2d": {"out_channels": 4, "kernel": [5, 5], "stride": [2, 2]}},
        "square",
        {"sum-pool": {"kernel": [2, 2], "stride": [2, 2]}},
        "flatten",
        {"linear": {"out_features": 10}},
    ]
    common = {
        "dataset": "mnist",
        "network": {"input": [1, 28, 28], "layers": layers},
        "input_thresholds": [85, 170, 255],
    }
    # A float network with a batch norm after its convolution, which the import folds.
    save(directory / "float.safetensors", {
        "conv1.weight": real(4, 1, 5, 5),
        "bn1.weight": ("F32", [4], [1.0, 0.5, 2.0, 1.5]),
        "bn1.bias": real(4),
        "bn1.running_mean": real(4),
        "bn1.running_var": ("F32", [4], [0.5, 1.0, 1.5, 2.0]),
        "fc.weight": real(10, 144),
        "fc.bias": real(10),
    })
    write(directory / "float.json", {"name": "imported-float", **common, "tensors": [
        {"weight": "conv1.weight", "norm": "bn1"},
        {"weight": "fc.weight", "bias": "fc.bias"},
    ]})
    # A quantised one, as Brevitas holds it: integer weights, a scale for each tensor, biases at the accumulator's scale.
    save(directory / "ternary.safetensors", {
        "conv1.int_weight": ternary(4, 1, 5, 5),
        "conv1.int_bias": ("I32", [4], [3, -2, 0, 1]),
        "fc.int_weight": ternary(10, 144),
        "fc.bias": real(10),
    })
    write(directory / "ternary.json", {"name": "imported-ternary", **common, "tensors": [
        {"weight": "conv1.int_weight", "bias": "conv1.int_bias", "weight_scale": 0.125},
        {"weight": "fc.int_weight", "bias": "fc.bias", "weight_scale": 0.0625},
    ]})


def product(shape):
    total = 1
    for size in shape:
        total *= size
    return total


def write(path, description):
    path.write_text(json.dumps(description, indent=1) + "\n")


if __name__ == "__main__":
    if len(sys.argv) > 2 or sys.argv[1:] in (["-h"], ["--help"]):
        sys.exit(__doc__)
    main(Path(sys.argv[1] if len(sys.argv) == 2 else "weights"))
