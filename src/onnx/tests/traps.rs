//! Files that look as if they could be imported and would give wrong results, and files that are not what they seem.

use super::*;
use crate::onnx::message::AttributeMessage;

/// A file with a convolution of `x`, which `make` computes from `input`.
fn convolved(file: File) -> File {
    file.floats("w", &[2, 1, 2, 2], &random(1, 8))
        .with("Conv", &["x", "w"], "y", &[])
        .with("Flatten", &["y"], "output", &[])
}

fn of_type(mut file: File, elem_type: i32) -> File {
    let input = &mut file.graph().input[0];
    let kind = input.r#type.as_mut().unwrap();
    kind.tensor_type.as_mut().unwrap().elem_type = elem_type;
    file
}

#[test]
fn images_are_not_turned() {
    let perm = [("perm", Attr::Is(&[0, 1, 3, 2]))];
    let turned = File::new(&[1, 1, 4, 4]).with("Transpose", &["input"], "x", &perm);
    let said = refusal(&convolved(turned));
    assert!(said.contains("rows and columns in another order"), "{said}");
    // Channels last, with rows and columns exchanged.
    let perm = [("perm", Attr::Is(&[0, 3, 2, 1]))];
    let turned = File::new(&[1, 4, 4, 1]).with("Transpose", &["input"], "x", &perm);
    assert!(refusal(&convolved(turned)).contains("rows and columns"));
    let perm = [("perm", Attr::Is(&[0, 3, 1, 2]))];
    same(&convolved(File::new(&[1, 4, 4, 1]).with(
        "Transpose",
        &["input"],
        "x",
        &perm,
    )));
}

#[test]
fn pixels_that_a_constant_node_divides_are_from_0_to_255() {
    let by = Box::new(kit::tensor("", &[], &[255.0]));
    let file = File::new(&[1, 1, 4, 4])
        .with("Constant", &[], "by", &[("value", Attr::T(by))])
        .node("Shape", &["input"], "unused")
        .node("Div", &["input", "by"], "x");
    let imported = same(&convolved(file));
    assert!(imported.raw);
}

#[test]
fn sums_of_many_keep_what_sums_of_two_keep() {
    let file = |order: [&str; 2]| {
        File::new(&[1, 3])
            .floats("w", &[2, 3], &random(1, 6))
            .floats("v", &[2, 3], &random(2, 6))
            .with("Gemm", &["input", "w"], "a", &[("transB", Attr::I(1))])
            .with("Gemm", &["input", "v"], "b", &[("transB", Attr::I(1))])
            .node("Softmax", &["a"], "s")
            .node("Sum", &order, "output")
    };
    for order in [["b", "s"], ["s", "b"]] {
        let said = refusal(&file(order));
        assert!(said.contains("Softmax"), "{said}");
    }
    let squeezed = between_squeezed(|file| {
        file.floats("k", &[3, 4], &random(3, 12))
            .node("Sum", &["s", "k"], "t")
    });
    assert!(squeezed.contains("batch"), "{squeezed}");
    let perm = [("perm", Attr::Is(&[0, 2, 1]))];
    let moved = between_squeezed(|file| file.with("Transpose", &["s"], "t", &perm));
    assert!(moved.contains("batch"), "{moved}");
}

/// Returns the refusal of a file whose node `t` reads `s`, a tensor that has lost the batch.
fn between_squeezed(make: impl Fn(File) -> File) -> String {
    let file = File::new(&[1, 1, 4, 5])
        .floats("w", &[2, 1, 2, 2], &random(1, 8))
        .with("Conv", &["input", "w"], "y", &[])
        .ints("axes", &[0])
        .node("Squeeze", &["y", "axes"], "s");
    refusal(&make(file).node("Identity", &["t"], "output"))
}

#[test]
fn integer_inputs_hold_pixels_and_are_not_computed_with() {
    for kind in [3, 9, 21, 22] {
        let file = of_type(File::new(&[1, 1, 4, 4]).node("Cast", &["input"], "x"), kind);
        let said = refusal(&convolved(file));
        assert!(said.contains("does not hold pixels"), "{kind}: {said}");
    }
    let to_float = [("to", Attr::I(1))];
    let divided = |first: bool| {
        let mut file = of_type(File::new(&[1, 1, 4, 4]), 2);
        file = file
            .floats("by", &[], &[16.0])
            .typed("small", &[], 2, &[16]);
        if first {
            file.node("Div", &["input", "small"], "d")
                .with("Cast", &["d"], "x", &to_float)
        } else {
            file.with("Cast", &["input"], "d", &to_float)
                .node("Div", &["d", "by"], "x")
        }
    };
    let said = refusal(&convolved(divided(true)));
    assert!(said.contains("wrap around"), "{said}");
    same(&convolved(divided(false)));
}

#[test]
fn squares_beside_which_the_linear_part_is_lost_are_refused() {
    let file = |a: f32| {
        let file = File::new(&[1, 1, 4, 4])
            .floats("w", &[2, 1, 2, 2], &random(1, 8))
            .floats("a", &[], &[a])
            .floats("v", &[2, 18], &random(2, 36))
            .with("Conv", &["input", "w"], "x", &[])
            .node("Mul", &["x", "x"], "s")
            .node("Mul", &["s", "a"], "t")
            .node("Add", &["t", "x"], "y")
            .node("Flatten", &["y"], "f");
        file.with("Gemm", &["f", "v"], "output", &[("transB", Attr::I(1))])
    };
    assert!(refusal(&file(1e-7)).contains("close to it"));
    float(&file(0.01));
}

/// Quantised weights of a linear layer, `w`, with these attributes of their DequantizeLinear.
fn linear(file: File, scales: &[f32], attributes: &[(&str, Attr<'_>)]) -> File {
    let zeros = vec![0; scales.len()];
    let dims: &[i64] = if scales.len() == 1 { &[] } else { &[2] };
    file.floats("scale", dims, scales)
        .typed("zero", dims, 3, &zeros)
        .with("DequantizeLinear", &["w", "scale", "zero"], "d", attributes)
        .with("Gemm", &["input", "d"], "output", &[("transB", Attr::I(1))])
}

#[test]
fn casts_drop_high_bits() {
    let file = File::new(&[1, 2])
        .typed("u", &[2, 2], 2, &[200, 1, 255, 128])
        .with("Cast", &["u"], "w", &[("to", Attr::I(3))]);
    let cast = import_bytes(linear(file, &[1.0], &[]).bytes(), &ImportOptions::default());
    let file = File::new(&[1, 2]).typed("w", &[2, 2], 3, &[-56, 1, -1, -128]);
    assert_eq!(
        of_network(cast.unwrap()).layers(),
        exact(&linear(file, &[1.0], &[])).layers()
    );
}

fn of_network(imported: Imported) -> Network {
    match imported.network {
        ImportedNetwork::Integer { network, .. } => *network,
        ImportedNetwork::Float(_) => panic!("a float network"),
    }
}

#[test]
fn zeros_that_a_writer_leaves_out_are_zeros() {
    let weights = || File::new(&[1, 2]).typed("w", &[2, 2], 3, &[1, 2, 3, -1]);
    let scales = [0.5, 0.25];
    let written = exact(&linear(weights(), &scales, &[("axis", Attr::I(0))]));
    let mut file = linear(weights(), &scales, &[]);
    let kind = AttributeMessage {
        name: "axis".into(),
        kind: 2,
        ..AttributeMessage::default()
    };
    let nodes = &mut file.graph().node;
    nodes[0].attribute.push(kind);
    let left_out = import_bytes(file.bytes(), &ImportOptions::default());
    assert_eq!(of_network(left_out.unwrap()).layers(), written.layers());
    let other = exact(&linear(weights(), &scales, &[("axis", Attr::I(1))]));
    assert_ne!(other.layers(), written.layers());
}
