//! Advice on operators that have no place in an encrypted network.

/// Returns why an operator is refused, and what to use instead.
pub(super) fn advice(operator: &str) -> String {
    const SQUARE: &str = "use the square `x * x`, or a polynomial `a*x*x + b*x + c`, as the activation, and train the network \
                          with it (a batch norm before each square keeps the values small; docs/IMPORT.md has a recipe)";
    const AVERAGE: &str = "use average-pooling, or a stride in the convolution before";
    let (why, instead) = match operator {
        "Relu" | "LeakyRelu" | "PRelu" | "Elu" | "Selu" | "Celu" | "ThresholdedRelu" | "Gelu"
        | "Sigmoid" | "HardSigmoid" | "HardSwish" | "Swish" | "Mish" | "Tanh" | "Softplus"
        | "Softsign" | "Erf" | "Exp" | "Log" | "Abs" | "Sign" | "Sin" | "Cos" | "Shrink" => {
            ("is not a polynomial", SQUARE)
        }
        "Sqrt" | "Reciprocal" => ("is not a polynomial", SQUARE),
        "MaxPool" | "GlobalMaxPool" | "Max" | "Min" | "TopK" | "LpPool" | "GlobalLpPool" => {
            ("compares values, which are encrypted", AVERAGE)
        }
        "Softmax" | "LogSoftmax" | "Hardmax" => (
            "is not a polynomial",
            "only one behind the logits is left out; between layers, remove it",
        ),
        "Trunc"
        | "Round"
        | "Floor"
        | "Ceil"
        | "FloatQuant"
        | "QuantizeLinear"
        | "DynamicQuantizeLinear" => (
            "rounds values between layers, and integers cannot be rounded under BFV",
            "quantise the weights and the input only",
        ),
        "Quant" | "IntQuant" | "BipolarQuant" => (
            "is a quantiser between layers, and integers cannot be rounded under BFV",
            "quantise the weights and the input only (in Brevitas: no `QuantIdentity` and no `return_quant_tensor` between \
             layers)",
        ),
        "QLinearConv" | "QLinearMatMul" | "ConvInteger" | "MatMulInteger" | "MatMulNBits"
        | "QGemm" => (
            "is a layer for another way of quantising, which rounds after each layer",
            "export QuantizeLinear and DequantizeLinear of the weights instead (QDQ), without those of activations",
        ),
        "LayerNormalization"
        | "InstanceNormalization"
        | "GroupNormalization"
        | "RMSNormalization"
        | "LpNormalization"
        | "LRN"
        | "MeanVarianceNormalization" => (
            "divides by what depends on the encrypted image",
            "use a batch norm, which is folded into the weights",
        ),
        "LSTM" | "GRU" | "RNN" | "Attention" | "MultiHeadAttention" => (
            "has no form as a short polynomial",
            "use convolutions, linear layers and squares",
        ),
        "ConvTranspose" | "Resize" | "Upsample" | "DepthToSpace" | "SpaceToDepth" => (
            "is not supported",
            "a classifier of convolutions, linear layers, squares and average-pooling is",
        ),
        "If" | "Loop" | "Scan" | "Where" | "Equal" | "Greater" | "Less" | "NonZero" => (
            "decides by values, which are encrypted",
            "export the network without control flow",
        ),
        _ => (
            "is not supported on encrypted values",
            "these are: Conv, Gemm, MatMul, Add, Sub, Mul, Div, Neg, Pow 2, AveragePool, GlobalAveragePool, ReduceMean, \
             ReduceSum, BatchNormalization, Pad, Flatten, Reshape, Transpose, Squeeze, Unsqueeze",
        ),
    };
    format!("{why}; {instead}")
}
