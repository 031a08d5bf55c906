//! Refused files, and the words of the refusals.

use super::*;

/// A file whose node `/y` reads `x`, the result of a convolution, and is flattened.
fn between(make: impl Fn(File) -> File) -> File {
    let file = File::new(&[1, 2, 4, 4])
        .floats("w", &[2, 2, 2, 2], &random(1, 16))
        .with("Conv", &["input", "w"], "x", &[]);
    make(file).with("Flatten", &["y"], "output", &[])
}

#[test]
fn operators_are_refused_by_node_with_what_to_use_instead() {
    for (op, words) in [
        ("Relu", "use the square"),
        ("Sigmoid", "use the square"),
        ("Gelu", "use the square"),
        ("MaxPool", "use average-pooling"),
        ("GlobalMaxPool", "use average-pooling"),
        ("LayerNormalization", "use a batch norm"),
        (
            "QLinearConv",
            "QuantizeLinear and DequantizeLinear of the weights",
        ),
        ("MatMulNBits", "quantising"),
        (
            "DynamicQuantizeLinear",
            "integers cannot be rounded under BFV",
        ),
        (
            "Trunc@qonnx.custom_op.general",
            "integers cannot be rounded under BFV",
        ),
        (
            "FloatQuant@qonnx.custom_op.general",
            "integers cannot be rounded under BFV",
        ),
        ("Resize", "not supported"),
        ("Nonsense", "these are: Conv"),
    ] {
        let said = refusal(&between(|file| file.node(op, &["x"], "y")));
        let name = op.split('@').next().unwrap();
        assert!(
            said.starts_with(&format!("node `/y` ({name}): ")) && said.contains(words),
            "{op}: {said}"
        );
    }
}

#[test]
fn quantisers_between_layers_cannot_be() {
    let quant = |file: File| {
        file.floats("s", &[], &[0.1])
            .floats("z", &[], &[0.0])
            .floats("b", &[], &[8.0])
            .node("Quant@qonnx.custom_op.general", &["x", "s", "z", "b"], "y")
    };
    assert!(refusal(&between(quant)).contains("integers cannot be rounded under BFV"));
    let qdq = |file: File| {
        file.floats("s", &[], &[0.1])
            .typed("z", &[], 3, &[0])
            .node("QuantizeLinear", &["x", "s", "z"], "q")
            .node("DequantizeLinear", &["q", "s", "z"], "y")
    };
    let said = refusal(&between(qdq));
    assert!(
        said.starts_with("node `/q` (QuantizeLinear)") && said.contains("under BFV"),
        "{said}"
    );
}

#[test]
fn impossible_arithmetic_is_named() {
    let cases: Vec<(File, &str)> = vec![
        (
            between(|f| f.floats("e", &[], &[3.0]).node("Pow", &["x", "e"], "y")),
            "the exponent 3",
        ),
        (
            between(|f| {
                f.node("Mul", &["x", "x"], "s")
                    .node("Mul", &["s", "x"], "y")
            }),
            "degree 3",
        ),
        (
            between(|f| {
                f.floats("v", &[2, 2, 1, 1], &random(2, 4))
                    .node("Conv", &["x", "v"], "z")
                    .node("Mul", &["x", "z"], "y")
            }),
            "two different tensors",
        ),
        (
            between(|f| f.floats("c", &[], &[1.0]).node("Div", &["c", "x"], "y")),
            "divides by encrypted values",
        ),
        (
            between(|f| {
                f.floats("a", &[1, 2, 1, 1], &[0.0, 1.0])
                    .node("Mul", &["x", "x"], "s")
                    .node("Mul", &["s", "a"], "t")
                    .node("Add", &["t", "x"], "y")
            }),
            "where a is 0",
        ),
        (
            between(|f| {
                f.with(
                    "Transpose",
                    &["x"],
                    "y",
                    &[("perm", Attr::Is(&[1, 0, 2, 3]))],
                )
            }),
            "batch dimension",
        ),
        (
            between(|f| {
                f.with(
                    "Transpose",
                    &["x"],
                    "t",
                    &[("perm", Attr::Is(&[0, 1, 3, 2]))],
                )
                .floats("v", &[2, 2, 1, 1], &random(2, 4))
                .node("Conv", &["t", "v"], "y")
            }),
            "permute the weights",
        ),
        (
            between(|f| {
                f.with("Softmax", &["x"], "p", &[])
                    .node("Mul", &["p", "p"], "y")
            }),
            "Softmax",
        ),
        (
            between(|f| f.with("Conv", &["x", "w"], "y", &[("spin", Attr::I(1))])),
            "attribute `spin`",
        ),
        (
            between(|f| {
                f.ints("pads", &[0, 0, -1, 0, 0, 0, 0, 0])
                    .node("Pad", &["x", "pads"], "p")
                    .node("Conv", &["p", "w"], "y")
            }),
            "negative padding",
        ),
        (
            between(|f| {
                f.ints("pads", &[0, 0, 1, 0, 0, 0, 0, 0])
                    .with("Pad", &["x", "pads"], "p", &[("mode", Attr::S("reflect"))])
                    .node("Conv", &["p", "w"], "y")
            }),
            "use zeros",
        ),
        (
            between(|f| f.node("Warp@com.example", &["x"], "y")),
            "domain `com.example`",
        ),
        (
            between(|f| f.node("Add", &["x", "nowhere"], "y")),
            "`nowhere`, which nothing defines",
        ),
        (
            between(|f| {
                f.floats("n", &[2], &[1.0, f32::NAN])
                    .node("Conv", &["x", "w", "n"], "y")
            }),
            "no finite number",
        ),
        (
            between(|f| {
                f.floats("n", &[2, 2, 1, 1], &[1.0, f32::INFINITY, 0.0, 0.0])
                    .node("Conv", &["x", "n"], "y")
            }),
            "no finite number",
        ),
    ];
    for (file, words) in cases {
        let said = refusal(&file);
        assert!(said.contains(words), "{words}: {said}");
    }
}

#[test]
fn quantisers_with_bad_parameters_are_refused() {
    let quantised = |scale: f32, zero: f32, bits: f32, mode: &str| {
        let file = File::new(&[1, 4])
            .floats("w", &[4, 2], &random(1, 8))
            .floats("s", &[], &[scale])
            .floats("z", &[], &[zero])
            .floats("b", &[], &[bits])
            .with(
                "Quant@qonnx.custom_op.general",
                &["w", "s", "z", "b"],
                "q",
                &[("rounding_mode", Attr::S(mode))],
            )
            .node("MatMul", &["input", "q"], "output");
        import_bytes(file.bytes(), &ImportOptions::default())
            .map_or_else(|e| e.to_string(), |_| "imported".into())
    };
    assert_eq!(quantised(0.5, 0.0, 4.0, "ROUND"), "imported");
    for (scale, zero, bits, mode, words) in [
        (0.0, 0.0, 4.0, "ROUND", "a scale is positive"),
        (-1.0, 0.0, 4.0, "ROUND", "a scale is positive"),
        (f32::NAN, 0.0, 4.0, "ROUND", "a scale is positive"),
        (0.5, 0.5, 4.0, "ROUND", "zero point"),
        (0.5, 0.0, 3.5, "ROUND", "bit width of 3.5"),
        (0.5, 0.0, 0.0, "ROUND", "bit width of 0"),
        (0.5, 0.0, 40.0, "ROUND", "bit width of 40"),
        (0.5, 0.0, 4.0, "DICE", "mode `DICE`"),
    ] {
        let said = quantised(scale, zero, bits, mode);
        assert!(said.contains(words), "{words}: {said}");
    }
    // Some layers quantised, others not.
    let file = File::new(&[1, 4])
        .floats("w", &[4, 2], &random(1, 8))
        .floats("s", &[], &[0.5])
        .node("BipolarQuant@onnx.brevitas", &["w", "s"], "q")
        .node("MatMul", &["input", "q"], "m")
        .node("Mul", &["m", "m"], "t")
        .floats("v", &[2, 2], &random(2, 4))
        .node("MatMul", &["t", "v"], "output");
    let said = refusal(&file);
    assert!(
        said.contains("`/m` are quantised and those of `/output` are not"),
        "{said}"
    );
}

#[test]
fn models_of_another_kind_are_refused() {
    let fine = || {
        File::new(&[1, 4]).floats("w", &[4, 2], &random(1, 8)).node(
            "MatMul",
            &["input", "w"],
            "output",
        )
    };
    let said = |change: &dyn Fn(&mut File)| {
        let mut file = fine();
        change(&mut file);
        refusal(&file)
    };
    let another = |name: &str| super::super::message::ValueMessage {
        name: name.into(),
        r#type: None,
    };
    assert!(said(&|f| f.graph().output.push(another("input"))).contains("2 outputs"));
    assert!(said(&|f| f.model.opset_import[0].version = 8).contains("9 to 23"));
    assert!(said(&|f| f.model.opset_import[0].version = 24).contains("opset_version"));
    assert!(said(&|f| f.model.graph = None).contains("no graph"));
    assert!(said(&|f| f.graph().output[0].name = "input".into()).contains("no input"));
    let open = File::new(&[-1, 2, -1, -1])
        .floats("w", &[2, 2, 1, 1], &random(1, 4))
        .with("Conv", &["input", "w"], "output", &[]);
    assert!(refusal(&open).contains("--input-shape"));
    let options = ImportOptions {
        shape: Some(crate::network::Shape::new(2, 3, 3)),
        ..ImportOptions::default()
    };
    import_bytes(open.bytes(), &options).unwrap();
}
