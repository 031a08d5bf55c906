//! Networks with floating-point weights, as PyTorch's and Keras's exporters write them.

use super::*;

/// A file that ends in `Flatten` and `Gemm` behind `x`, a tensor with so many values.
fn classified(file: File, x: &str, values: i64) -> File {
    file.with("Flatten", &[x], "flat", &[("axis", Attr::I(1))])
        .floats("fc", &[3, values], &random(90, 3 * values as usize))
        .floats("fcb", &[3], &random(91, 3))
        .with(
            "Gemm",
            &["flat", "fc", "fcb"],
            "output",
            &[("transB", Attr::I(1))],
        )
}

fn conv(
    file: File,
    seed: u64,
    dims: [i64; 4],
    x: &str,
    y: &str,
    attributes: &[(&str, Attr<'_>)],
) -> File {
    let (w, b) = (format!("{y}w"), format!("{y}b"));
    let count = dims.iter().product::<i64>() as usize;
    file.floats(&w, &dims, &random(seed, count))
        .floats(&b, &dims[..1], &random(seed + 1, dims[0] as usize))
        .with("Conv", &[x, &w, &b], y, attributes)
}

#[test]
fn torch_dynamo_convolution_square_pool_linear() {
    let file = File::new(&[-1, 2, 6, 6]);
    let file = conv(
        file,
        1,
        [4, 2, 3, 3],
        "input",
        "c",
        &[("strides", Attr::Is(&[1, 1]))],
    )
    .floats("two", &[], &[2.0])
    .node("Pow", &["c", "two"], "s")
    .with(
        "AveragePool",
        &["s"],
        "p",
        &[
            ("kernel_shape", Attr::Is(&[2, 2])),
            ("strides", Attr::Is(&[2, 2])),
        ],
    )
    .ints("shape", &[-1, 16])
    .with(
        "Reshape",
        &["p", "shape"],
        "flat",
        &[("allowzero", Attr::I(1))],
    )
    .floats("fc", &[3, 16], &random(4, 48))
    .with(
        "Gemm",
        &["flat", "fc"],
        "output",
        &[("transB", Attr::I(1)), ("alpha", Attr::F(0.5))],
    );
    let network = float(&file);
    let kinds: Vec<String> = network
        .layers
        .iter()
        .map(|l| {
            format!("{l:?}")
                .split([' ', '{'])
                .next()
                .unwrap()
                .to_owned()
        })
        .collect();
    assert_eq!(kinds, ["Conv2d", "Square", "SumPool", "Flatten", "Linear"]);
    assert_eq!(network.thresholds.len(), 255);
}

#[test]
fn legacy_exporter_shape_chain_constants_and_swapped_bias() {
    let file = File::new(&[1, 1, 5, 5]).opset(13);
    let file = conv(
        file,
        1,
        [2, 1, 2, 2],
        "input",
        "c",
        &[("kernel_shape", Attr::Is(&[2, 2]))],
    )
    .node("Mul", &["c", "c"], "s")
    .node("Shape", &["s"], "shape")
    .with(
        "Constant",
        &[],
        "zero",
        &[("value", Attr::T(Box::new(kit::integers("", &[], 7, &[0]))))],
    )
    .with(
        "Gather",
        &["shape", "zero"],
        "batch",
        &[("axis", Attr::I(0))],
    )
    .ints("axes", &[0])
    .node("Unsqueeze", &["batch", "axes"], "batch1")
    .with(
        "Constant",
        &[],
        "rest",
        &[(
            "value",
            Attr::T(Box::new(kit::integers("", &[1], 7, &[-1]))),
        )],
    )
    .with("Concat", &["batch1", "rest"], "to", &[("axis", Attr::I(0))])
    .node("Reshape", &["s", "to"], "flat")
    .floats("fc", &[32, 3], &random(5, 96))
    .node("MatMul", &["flat", "fc"], "m")
    .floats("bias", &[3], &random(6, 3))
    .node("Add", &["bias", "m"], "output");
    float(&file);
}

#[test]
fn legacy_pad_chain_uneven_padding_and_auto_pad() {
    // F.pad(x, (1, 2, 0, 1)): the legacy exporter computes [0,0,0,1, 0,0,1,2] from [1,2,0,1].
    let file = File::new(&[1, 1, 4, 4])
        .opset(13)
        .ints("given", &[1, 2, 0, 1])
        .ints("missing", &[4])
        .with(
            "ConstantOfShape",
            &["missing"],
            "zeros",
            &[("value", Attr::T(Box::new(kit::integers("", &[1], 7, &[0]))))],
        )
        .with(
            "Concat",
            &["given", "zeros"],
            "all",
            &[("axis", Attr::I(0))],
        )
        .ints("pairs", &[-1, 2])
        .node("Reshape", &["all", "pairs"], "matrix")
        .ints("s0", &[-1])
        .ints("s1", &[-9_223_372_036_854_775_807])
        .ints("s2", &[0])
        .ints("s3", &[-1])
        .node("Slice", &["matrix", "s0", "s1", "s2", "s3"], "reversed")
        .with(
            "Transpose",
            &["reversed"],
            "turned",
            &[("perm", Attr::Is(&[1, 0]))],
        )
        .ints("line", &[-1])
        .node("Reshape", &["turned", "line"], "flatpads")
        .with("Cast", &["flatpads"], "pads", &[("to", Attr::I(7))])
        .floats("fill", &[], &[0.0])
        .with(
            "Pad",
            &["input", "pads", "fill"],
            "padded",
            &[("mode", Attr::S("constant"))],
        );
    let file = conv(
        file,
        3,
        [2, 1, 3, 3],
        "padded",
        "c",
        &[("strides", Attr::Is(&[2, 2]))],
    );
    let file = file.node("Mul", &["c", "c"], "s");
    float(&classified(file, "s", 2 * 2 * 3));
    for mode in ["SAME_UPPER", "SAME_LOWER", "VALID"] {
        for stride in [1, 2] {
            let attributes = [
                ("auto_pad", Attr::S(mode)),
                ("strides", Attr::Is(&[stride, stride])),
            ];
            let file = conv(
                File::new(&[1, 1, 5, 5]),
                3,
                [2, 1, 4, 2],
                "input",
                "c",
                &attributes,
            );
            let size = match (mode, stride) {
                ("VALID", 1) => 2 * 4,
                ("VALID", _) => 2,
                (_, 1) => 25,
                _ => 9,
            };
            float(&classified(
                file.node("Mul", &["c", "c"], "s"),
                "s",
                2 * size,
            ));
        }
    }
}

#[test]
fn groups_dilations_and_signals() {
    let attributes = [
        ("group", Attr::I(2)),
        ("dilations", Attr::Is(&[2, 1])),
        ("pads", Attr::Is(&[1, 1, 2, 0])),
    ];
    let file = conv(
        File::new(&[1, 4, 6, 5]),
        3,
        [6, 2, 2, 3],
        "input",
        "c",
        &attributes,
    );
    float(&classified(
        file.node("Mul", &["c", "c"], "s"),
        "s",
        6 * 7 * 4,
    ));
    let file = File::new(&[1, 2, 9])
        .floats("w", &[3, 2, 3], &random(1, 18))
        .with(
            "Conv",
            &["input", "w"],
            "c",
            &[("pads", Attr::Is(&[1, 0])), ("strides", Attr::Is(&[2]))],
        )
        .node("Mul", &["c", "c"], "s")
        .with(
            "AveragePool",
            &["s"],
            "p",
            &[
                ("kernel_shape", Attr::Is(&[2])),
                ("strides", Attr::Is(&[2])),
            ],
        );
    let network = float(&classified(file, "p", 6));
    assert_eq!(network.input, crate::network::Shape::new(2, 1, 9));
}

#[test]
fn pools_of_every_kind() {
    let squared = || {
        let file = conv(File::new(&[1, 1, 6, 6]), 3, [2, 1, 3, 3], "input", "c", &[]);
        file.node("Mul", &["c", "c"], "s")
    };
    let kernel = || ("kernel_shape", Attr::Is(&[3, 3]));
    for (attributes, size) in [
        (vec![kernel()], 4),
        (
            vec![
                kernel(),
                ("pads", Attr::Is(&[1, 1, 1, 1])),
                ("count_include_pad", Attr::I(1)),
            ],
            16,
        ),
        (
            vec![
                kernel(),
                ("pads", Attr::Is(&[1, 1, 1, 1])),
                ("strides", Attr::Is(&[2, 2])),
            ],
            4,
        ),
        (vec![kernel(), ("pads", Attr::Is(&[0, 1, 1, 0]))], 9),
        (
            vec![
                ("kernel_shape", Attr::Is(&[2, 2])),
                ("ceil_mode", Attr::I(1)),
                ("strides", Attr::Is(&[2, 2])),
            ],
            4,
        ),
    ] {
        float(&classified(
            squared().with("AveragePool", &["s"], "p", &attributes),
            "p",
            2 * size,
        ));
    }
    float(&classified(
        squared().node("GlobalAveragePool", &["s"], "p"),
        "p",
        2,
    ));
    for (op, keep) in [("ReduceMean", 1), ("ReduceMean", 0), ("ReduceSum", 0)] {
        let file = squared().ints("axes", &[-1, -2]).with(
            op,
            &["s", "axes"],
            "p",
            &[("keepdims", Attr::I(keep))],
        );
        float(&classified(file, "p", 2));
        let file = squared()
            .opset(13)
            .with("ReduceMean", &["s"], "p", &[("axes", Attr::Is(&[3]))]);
        float(&classified(file, "p", 8));
    }
    // Classes by global average pooling: nothing with weights behind it.
    let file = squared();
    let file = conv(file, 9, [3, 2, 2, 2], "s", "d", &[])
        .node("GlobalAveragePool", &["d"], "p")
        .with("Flatten", &["p"], "output", &[]);
    float(&file);
}

fn norm(file: File, seed: u64, channels: usize, x: &str, y: &str) -> File {
    let names: Vec<String> = ["g", "b", "m", "v"]
        .iter()
        .map(|n| format!("{y}{n}"))
        .collect();
    let mut file = file;
    for (at, name) in names.iter().enumerate() {
        let values = random(seed + at as u64, channels);
        let values: Vec<f32> = if at == 3 {
            values.iter().map(|v| v.abs() + 0.1).collect()
        } else {
            values
        };
        file = file.floats(name, &[channels as i64], &values);
    }
    file.with(
        "BatchNormalization",
        &[x, &names[0], &names[1], &names[2], &names[3]],
        y,
        &[("epsilon", Attr::F(1e-3))],
    )
}

#[test]
fn batch_norms_anywhere() {
    // Before the square, behind it, behind a pool, and before a padded convolution.
    let file = conv(File::new(&[1, 2, 6, 6]), 3, [4, 2, 3, 3], "input", "c", &[]);
    let file = norm(file, 20, 4, "c", "n").node("Mul", &["n", "n"], "s");
    let file = norm(file, 30, 4, "s", "m");
    let file = conv(file, 7, [2, 4, 2, 2], "m", "d", &[]);
    let file = norm(file, 40, 2, "d", "o").node("Mul", &["o", "o"], "t");
    float(&classified(file.clone(), "t", 18));
    let file = norm(file, 50, 2, "t", "u").with(
        "AveragePool",
        &["u"],
        "p",
        &[("kernel_shape", Attr::Is(&[3, 3]))],
    );
    float(&classified(file.clone(), "p", 2));
    let padded = conv(
        file,
        60,
        [2, 2, 3, 3],
        "u",
        "e",
        &[("pads", Attr::Is(&[1, 1, 1, 1]))],
    )
    .node("Mul", &["e", "e"], "w");
    float(&classified(padded, "w", 18));
    // On the input, before a padded convolution: the border is what the file says.
    let file = norm(File::new(&[1, 2, 4, 4]), 20, 2, "input", "n");
    let file = conv(
        file,
        3,
        [2, 2, 3, 3],
        "n",
        "c",
        &[("pads", Attr::Is(&[1, 1, 1, 1]))],
    )
    .node("Mul", &["c", "c"], "s");
    float(&classified(file, "s", 32));
    // Behind the last layer.
    let file = norm(
        classified(File::new(&[1, 1, 2, 2]), "input", 4),
        70,
        3,
        "output",
        "last",
    );
    let mut file = file.node("Mul", &["last", "last"], "sq");
    file = norm(file, 75, 3, "sq", "end");
    file.graph().output[0].name = "end".into();
    file = file.node("Identity", &["end"], "renamed");
    file.graph().output[0].name = "output".into();
    for node in &mut file.graph().node {
        for name in node.input.iter_mut().chain(&mut node.output) {
            *name = match name.as_str() {
                "output" => "logits".into(),
                "renamed" => "output".into(),
                other => other.into(),
            };
        }
    }
    float(&file);
}

#[test]
fn polynomials_as_activations() {
    let start = || conv(File::new(&[1, 2, 4, 4]), 3, [3, 2, 2, 2], "input", "c", &[]);
    let coefficients = |file: File, dims: &[i64], count: usize| {
        file.floats("a", dims, &random(10, count))
            .floats("b", dims, &random(11, count))
            .floats("k", dims, &random(12, count))
    };
    for (dims, count) in [(&[][..], 1), (&[1, 3, 1, 1][..], 3)] {
        // a*x*x + b*x + c
        let file = coefficients(start(), dims, count)
            .node("Mul", &["c", "c"], "xx")
            .node("Mul", &["a", "xx"], "axx")
            .node("Mul", &["c", "b"], "bx")
            .node("Add", &["axx", "bx"], "sum")
            .node("Add", &["k", "sum"], "y");
        float(&classified(file, "y", 27));
        // Horner: (a*x + b)*x + c
        let file = coefficients(start(), dims, count)
            .node("Mul", &["c", "a"], "ax")
            .node("Add", &["ax", "b"], "axb")
            .node("Mul", &["axb", "c"], "ax2")
            .node("Sub", &["ax2", "k"], "y");
        float(&classified(file, "y", 27));
    }
    let powers = [(2.0, 27), (4.0, 27)];
    for (exponent, values) in powers {
        let file = start()
            .floats("e", &[], &[exponent])
            .node("Pow", &["c", "e"], "y");
        float(&classified(file, "y", values));
    }
    // x + x*x, and the square of a polynomial.
    let file = start()
        .node("Mul", &["c", "c"], "xx")
        .node("Add", &["c", "xx"], "y")
        .node("Mul", &["y", "y"], "z");
    float(&classified(file, "z", 27));
}

#[test]
fn input_normalisation_and_trailing_operators() {
    let start = |file: File, x: &str| {
        let file = conv(file, 3, [3, 3, 2, 2], x, "c", &[]).node("Mul", &["c", "c"], "s");
        classified(file, "s", 27)
    };
    let means = || {
        File::new(&[1, 3, 4, 4])
            .floats("mean", &[1, 3, 1, 1], &[0.4914, 0.4822, 0.4465])
            .floats("std", &[3, 1, 1], &[0.247, 0.243, 0.261])
    };
    let file = means()
        .node("Sub", &["input", "mean"], "x0")
        .node("Div", &["x0", "std"], "x");
    assert!(!same(&start(file, "x")).raw);
    // Pixels that are divided in the graph are 0 to 255.
    let file = means()
        .floats("by", &[], &[255.0])
        .with("Cast", &["input"], "cast", &[("to", Attr::I(1))])
        .node("Div", &["cast", "by"], "x0")
        .node("Sub", &["x0", "mean"], "x");
    assert!(same(&start(file, "x")).raw);
    // Factors of logits, and what is left out behind them.
    let mut file = start(means(), "input")
        .floats("half", &[], &[-0.5])
        .node("Mul", &["output", "half"], "scaled")
        .node("Neg", &["scaled"], "negative")
        .node("Softmax", &["negative"], "probabilities");
    file.graph().output[0].name = "negative".into();
    let imported = imported(&file);
    assert!(imported.notes.iter().all(|note| !note.contains("Softmax")));
    file.graph().output[0].name = "probabilities".into();
    let imported = super::imported(&file);
    assert!(
        imported
            .notes
            .iter()
            .any(|note| note.contains("Softmax behind the logits was left out")),
        "{:?}",
        imported.notes
    );
}

#[test]
fn keras_nhwc_through_tf2onnx() {
    let file = File::new(&[-1, 4, 5, 2]).opset(15).with(
        "Transpose",
        &["input"],
        "x",
        &[("perm", Attr::Is(&[0, 3, 1, 2]))],
    );
    let file = conv(
        file,
        3,
        [3, 2, 2, 2],
        "x",
        "c",
        &[("pads", Attr::Is(&[0, 0, 1, 1]))],
    )
    .floats("gamma", &[1, 3, 1, 1], &random(5, 3))
    .floats("beta", &[1, 3, 1, 1], &random(6, 3))
    .node("Mul", &["c", "gamma"], "n0")
    .node("Add", &["n0", "beta"], "n")
    .node("Mul", &["n", "n"], "s")
    .with(
        "Transpose",
        &["s"],
        "back",
        &[("perm", Attr::Is(&[0, 2, 3, 1]))],
    )
    .ints("shape", &[-1, 60])
    .node("Reshape", &["back", "shape"], "flat")
    .floats("fc", &[60, 3], &random(7, 180))
    .floats("b", &[3], &random(8, 3))
    .node("MatMul", &["flat", "fc"], "m")
    .node("Add", &["m", "b"], "output");
    let network = float(&file);
    assert_eq!(network.input, crate::network::Shape::new(2, 4, 5));
    // One channel comes by a Reshape; the mean goes over the NHWC axes.
    let file = File::new(&[-1, 4, 5, 1]).ints("nchw", &[-1, 1, 4, 5]).node(
        "Reshape",
        &["input", "nchw"],
        "x",
    );
    let file = conv(file, 3, [3, 1, 2, 2], "x", "c", &[])
        .node("Mul", &["c", "c"], "s")
        .with(
            "Transpose",
            &["s"],
            "back",
            &[("perm", Attr::Is(&[0, 2, 3, 1]))],
        )
        .with(
            "ReduceMean",
            &["back"],
            "mean",
            &[("axes", Attr::Is(&[1, 2])), ("keepdims", Attr::I(0))],
        )
        .opset(13);
    float(&classified(file, "mean", 3));
}

#[test]
fn linear_networks_in_every_form() {
    let file = File::new(&[-1, 6])
        .floats("w", &[6, 4], &random(1, 24))
        .node("MatMul", &["input", "w"], "m")
        .node("Mul", &["m", "m"], "s")
        .floats("v", &[4, 3], &random(2, 12))
        .floats("b", &[1, 3], &random(3, 3))
        .with(
            "Gemm",
            &["s", "v", "b"],
            "output",
            &[("beta", Attr::F(-2.0)), ("alpha", Attr::F(-0.25))],
        );
    float(&file);
    // A linear layer for each step of a sequence, features last.
    let file = File::new(&[-1, 2, 5])
        .with(
            "Transpose",
            &["input"],
            "t",
            &[("perm", Attr::Is(&[0, 2, 1]))],
        )
        .floats("w", &[2, 4], &random(1, 8))
        .node("MatMul", &["t", "w"], "m")
        .node("Mul", &["m", "m"], "s")
        .with("Flatten", &["s"], "flat", &[])
        .floats("v", &[20, 3], &random(2, 60))
        .node("MatMul", &["flat", "v"], "output");
    float(&file);
}
