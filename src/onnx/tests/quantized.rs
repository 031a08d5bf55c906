//! Networks with quantised weights: QONNX of old and new Brevitas, QCDQ in its variants.

use super::super::message::ValueMessage;
use super::*;
use crate::network::Layer;

const QONNX: &str = "Quant@qonnx.custom_op.general";
const BREVITAS: &str = "onnx.brevitas";

/// Adds the parameters of a `Quant`, and the node.
#[expect(
    clippy::too_many_arguments,
    reason = "a quantiser has so many parameters"
)]
fn quant(
    file: File,
    op: &str,
    x: &str,
    y: &str,
    scale: (&[i64], &[f32]),
    zero: f32,
    bits: f32,
    attributes: &[(&str, Attr<'_>)],
) -> File {
    let [s, z, b] = ["s", "z", "b"].map(|part| format!("{y}_{part}"));
    file.floats(&s, scale.0, scale.1)
        .floats(&z, &[], &[zero])
        .floats(&b, &[], &[bits])
        .with(op, &[x, &s, &z, &b], y, attributes)
}

fn narrow() -> [(&'static str, Attr<'static>); 3] {
    [
        ("signed", Attr::I(1)),
        ("narrow", Attr::I(1)),
        ("rounding_mode", Attr::S("ROUND")),
    ]
}

fn weights(network: &Network, layer: usize) -> Vec<i64> {
    network.layers()[layer].layer.weight().unwrap().to_vec()
}

#[test]
fn brevitas_qonnx_new_domain_raw_weights_and_an_input_quantiser() {
    let file = File::new(&[1, 1, 5, 5]).floats("w", &[2, 1, 2, 2], &random(1, 8));
    let unsigned = [("signed", Attr::I(0)), ("narrow", Attr::I(0))];
    let file = quant(
        file,
        QONNX,
        "input",
        "q",
        (&[], &[1.0 / 15.0]),
        0.0,
        4.0,
        &unsigned,
    );
    let file = quant(file, QONNX, "w", "qw", (&[1], &[0.25]), 0.0, 4.0, &narrow())
        .node("Conv", &["q", "qw"], "c")
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
        .with("Flatten", &["p"], "flat", &[])
        .floats("v", &[3, 8], &random(2, 24));
    let file = quant(file, QONNX, "v", "qv", (&[], &[0.125]), 0.0, 3.0, &narrow()).with(
        "Gemm",
        &["flat", "qv"],
        "output",
        &[("transB", Attr::I(1))],
    );
    let network = exact(&file);
    assert_eq!(
        kinds(&network),
        ["conv2d", "square", "sum_pool", "flatten", "linear"]
    );
    assert_eq!(network.input().quantizer.max(), 15);
    // The same from the older domain, with initialisers that are multiples already and also listed as inputs.
    let mut old = file.clone().opset(14);
    for node in &mut old.graph().node {
        if node.op_type == "Quant" {
            node.domain = BREVITAS.into();
        }
    }
    for name in ["w", "v"] {
        old.graph().input.push(ValueMessage {
            name: name.into(),
            r#type: None,
        });
    }
    assert_eq!(exact(&old), network);
}

#[test]
fn bipolar_weights_and_quant_with_every_option() {
    for (attributes, zero, bits) in [
        (
            vec![("signed", Attr::I(1)), ("narrow", Attr::I(0))],
            0.0,
            3.0,
        ),
        (
            vec![("signed", Attr::I(0)), ("narrow", Attr::I(0))],
            3.0,
            3.0,
        ),
        (
            vec![("signed", Attr::I(0)), ("narrow", Attr::I(1))],
            1.0,
            2.0,
        ),
        (vec![("rounding_mode", Attr::S("FLOOR"))], 0.0, 4.0),
        (
            vec![("rounding_mode", Attr::S("CEIL")), ("narrow", Attr::I(1))],
            -1.0,
            4.0,
        ),
    ] {
        // Half steps: ties show how they are rounded.
        let values: Vec<f32> = (0..36).map(|at| (at as f32 - 18.0) * 0.125).collect();
        let file = File::new(&[1, 9]).floats("w", &[4, 9], &values);
        let file = quant(
            file,
            QONNX,
            "w",
            "q",
            (&[], &[0.25]),
            zero,
            bits,
            &attributes,
        )
        .with("Gemm", &["input", "q"], "output", &[("transB", Attr::I(1))]);
        exact(&file);
    }
    let file = File::new(&[1, 9])
        .floats("w", &[9, 4], &random(3, 36))
        .floats("s", &[], &[0.5])
        .node("BipolarQuant@qonnx.custom_op.general", &["w", "s"], "q")
        .node("MatMul", &["input", "q"], "output");
    let network = exact(&file);
    assert!(weights(&network, 0).iter().all(|w| w.abs() == 1));
}

/// A linear network whose weights pass through the three nodes of QCDQ.
fn qcdq(values: &[f32], zero: i64, clip: Option<(i64, i64)>, scales: &[f32]) -> File {
    let rows = 3;
    let columns = values.len() as i64 / rows;
    let zeros = vec![zero; scales.len()];
    let dims: Vec<i64> = if scales.len() == 1 {
        vec![]
    } else {
        vec![scales.len() as i64]
    };
    let axis = || [("axis", Attr::I(0))];
    let file = File::new(&[1, columns])
        .floats("w", &[rows, columns], values)
        .floats("s", &dims, scales)
        .typed("z", &dims, 3, &zeros)
        .with("QuantizeLinear", &["w", "s", "z"], "q", &axis());
    let file = match clip {
        None => file.node("Identity", &["q"], "k"),
        Some((low, high)) => file
            .typed("low", &[], 3, &[low])
            .typed("high", &[], 3, &[high])
            .node("Clip", &["q", "low", "high"], "k"),
    };
    file.with("DequantizeLinear", &["k", "s", "z"], "d", &axis())
        .with("Gemm", &["input", "d"], "output", &[("transB", Attr::I(1))])
}

#[test]
fn qcdq_with_and_without_clip_ties_and_zero_points() {
    let ties: Vec<f32> = (0..36).map(|at| (at as f32 - 18.0) * 0.125).collect();
    exact(&qcdq(&ties, 0, Some((-7, 7)), &[0.25]));
    exact(&qcdq(&ties, 1, Some((-4, 3)), &[0.25]));
    exact(&qcdq(&ties, 0, None, &[0.015]));
    // Per channel, with scales that are powers of two apart: still exact.
    let network = exact(&qcdq(&ties, 0, Some((-7, 7)), &[0.25, 0.5, 0.125]));
    assert_eq!(
        network.output_scale().to_bits(),
        (0.125f64 / 255.0).to_bits()
    );
    // Others are rounded, which is said.
    let imported = same(&qcdq(&ties, 0, Some((-7, 7)), &[0.25, 0.3, 0.1234]));
    assert!(
        imported
            .notes
            .iter()
            .any(|note| note.contains("without a common unit")),
        "{:?}",
        imported.notes
    );
    let ImportedNetwork::Integer {
        error: Some(error), ..
    } = imported.network
    else {
        panic!("it was rounded");
    };
    assert!(
        error.largest > 0.0 && error.largest < 1e-3 * error.of,
        "{error:?}"
    );
}

#[test]
fn qdq_of_stored_integers_and_integer_biases() {
    let integers: Vec<i64> = whole(5, 32, 7).iter().map(|&v| v as i64).collect();
    let unit = 0.25f32 / 255.0;
    let file = File::new(&[1, 2, 4, 4])
        .typed("w", &[4, 2, 2, 2], 3, &integers)
        .floats("s", &[], &[0.25])
        .typed("z", &[], 3, &[0])
        .node("DequantizeLinear", &["w", "s", "z"], "d")
        .typed("b", &[4], 6, &[1000, -2000, 3_000_000, 7])
        .floats("bs", &[], &[unit])
        .node("DequantizeLinear", &["b", "bs"], "db")
        .node("Conv", &["input", "d", "db"], "c")
        .node("Mul", &["c", "c"], "sq")
        .with("Flatten", &["sq"], "output", &[]);
    let network = exact(&file);
    let Layer::Conv2d { bias, weight, .. } = &network.layers()[0].layer else {
        panic!("a convolution");
    };
    assert_eq!(*weight, integers);
    assert_eq!(
        bias.iter().map(ToString::to_string).collect::<Vec<_>>(),
        ["1000", "-2000", "3000000", "7"]
    );
}

#[test]
fn float_biases_norms_and_border_shifts_are_rounded_and_said() {
    let file = File::new(&[1, 1, 4, 4])
        .floats("w", &[2, 1, 3, 3], &random(1, 18))
        .floats("b", &[2], &random(2, 2));
    let file = quant(
        file,
        QONNX,
        "w",
        "q",
        (&[2, 1, 1, 1], &[0.25, 0.125]),
        0.0,
        3.0,
        &narrow(),
    )
    .with(
        "Conv",
        &["input", "q", "b"],
        "c",
        &[("pads", Attr::Is(&[1, 1, 1, 1]))],
    )
    .node("Mul", &["c", "c"], "s")
    .floats("shift", &[1, 2, 1, 1], &[0.3, -0.2])
    .node("Add", &["s", "shift"], "t")
    .floats("v", &[2, 2, 3, 3], &random(3, 36));
    let file = quant(file, QONNX, "v", "r", (&[], &[0.25]), 0.0, 4.0, &narrow())
        .with(
            "Conv",
            &["t", "r"],
            "d",
            &[("pads", Attr::Is(&[1, 1, 1, 1]))],
        )
        .node("GlobalAveragePool", &["d"], "p")
        .with("Flatten", &["p"], "output", &[]);
    let imported = same(&file);
    assert!(
        imported
            .notes
            .iter()
            .any(|note| note.contains("biases of `/c` were rounded")),
        "{:?}",
        imported.notes
    );
    let ImportedNetwork::Integer {
        network,
        error: Some(error),
    } = imported.network
    else {
        panic!("it was rounded");
    };
    assert!(error.largest < 1e-2 * error.of, "{error:?}");
    // The channel of a constant that the border needs.
    assert_eq!(network.shapes()[1].channels, 3);
}

#[test]
fn padded_pools_are_convolutions_of_ones() {
    let start = || {
        let file = File::new(&[1, 1, 5, 5]).floats("w", &[2, 1, 2, 2], &random(1, 8));
        quant(file, QONNX, "w", "q", (&[], &[0.25]), 0.0, 3.0, &narrow())
            .node("Conv", &["input", "q"], "c")
            .node("Mul", &["c", "c"], "s")
    };
    let end = |file: File, values: i64| {
        let file = file.with("Flatten", &["p"], "flat", &[]).floats(
            "v",
            &[values, 3],
            &random(2, 3 * values as usize),
        );
        quant(file, QONNX, "v", "r", (&[], &[0.25]), 0.0, 3.0, &narrow()).node(
            "MatMul",
            &["flat", "r"],
            "output",
        )
    };
    for include in [0, 1] {
        let attributes = [
            ("kernel_shape", Attr::Is(&[2, 2])),
            ("strides", Attr::Is(&[2, 2])),
            ("pads", Attr::Is(&[1, 1, 1, 1])),
            ("count_include_pad", Attr::I(include)),
        ];
        let network = exact(&end(
            start().with("AveragePool", &["s"], "p", &attributes),
            18,
        ));
        assert_eq!(
            kinds(&network),
            ["conv2d", "square", "conv2d", "flatten", "linear"]
        );
    }
}

#[test]
fn input_quantisers_become_thresholds() {
    let linear = |file: File, x: &str| {
        let file = file.floats("w", &[9, 3], &random(1, 27));
        quant(file, QONNX, "w", "qw", (&[], &[0.25]), 0.0, 3.0, &narrow()).node(
            "MatMul",
            &[x, "qw"],
            "output",
        )
    };
    // Normalised, signed: the integers begin below 0, which goes to the biases.
    let file = File::new(&[1, 9])
        .floats("mean", &[], &[0.5])
        .node("Sub", &["input", "mean"], "x");
    let file = quant(
        file,
        QONNX,
        "x",
        "q",
        (&[], &[0.25]),
        0.0,
        3.0,
        &[("signed", Attr::I(1))],
    );
    let imported = same(&linear(file, "q"));
    let ImportedNetwork::Integer { network, .. } = imported.network else {
        panic!("integers");
    };
    // -2 to 2, with ties to even.
    assert_eq!(network.input().quantizer.thresholds().len(), 4);
    // QDQ of the input.
    let file = File::new(&[1, 9])
        .floats("s", &[], &[1.0 / 31.0])
        .typed("z", &[], 2, &[0])
        .node("QuantizeLinear", &["input", "s", "z"], "c")
        .typed("low", &[], 2, &[0])
        .typed("high", &[], 2, &[31])
        .node("Clip", &["c", "low", "high"], "k")
        .node("DequantizeLinear", &["k", "s", "z"], "q");
    let network = exact(&linear(file, "q"));
    assert_eq!(network.input().quantizer.max(), 31);
    // Two bits by rounding, not by floors: thresholds at odd sixths.
    let file = quant(
        File::new(&[1, 9]),
        QONNX,
        "input",
        "q",
        (&[], &[1.0 / 3.0]),
        0.0,
        2.0,
        &[("signed", Attr::I(0))],
    );
    assert_eq!(
        exact(&linear(file, "q")).input().quantizer.thresholds(),
        [43, 128, 213]
    );
    // No quantiser: exact pixels.
    let network = exact(&linear(File::new(&[1, 9]), "input"));
    assert_eq!(network.input().quantizer.thresholds().len(), 255);
    assert_eq!(
        network.input().quantizer.scale().to_bits(),
        (1.0f64 / 255.0).to_bits()
    );
}
