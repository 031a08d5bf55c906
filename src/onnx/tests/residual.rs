//! Sums of branches.

use super::*;

fn conv(file: File, seed: u64, dims: [i64; 4], x: &str, y: &str, stride: i64, pad: i64) -> File {
    let (w, b) = (format!("{y}w"), format!("{y}b"));
    let count = dims.iter().product::<i64>() as usize;
    file.floats(&w, &dims, &random(seed, count))
        .floats(&b, &dims[..1], &random(seed + 1, dims[0] as usize))
        .with(
            "Conv",
            &[x, &w, &b],
            y,
            &[
                ("strides", Attr::Is(&[stride; 2])),
                ("pads", Attr::Is(&[pad; 4])),
            ],
        )
}

/// Ends a network behind `x`, a tensor with so many values.
fn end(file: File, x: &str, values: i64) -> File {
    file.node("Mul", &[x, x], "last")
        .with("Flatten", &["last"], "flat", &[])
        .floats("fc", &[values, 3], &random(90, 3 * values as usize))
        .node("MatMul", &["flat", "fc"], "output")
}

#[test]
fn branches_of_equal_depth() {
    // An identity beside a 3x3 convolution.
    let start = || {
        conv(
            File::new(&[1, 2, 6, 6]),
            1,
            [3, 2, 1, 1],
            "input",
            "x",
            1,
            0,
        )
    };
    let file = conv(start(), 3, [3, 3, 3, 3], "x", "f", 1, 1).node("Add", &["f", "x"], "y");
    float(&end(file, "y", 108));
    // Two convolutions with a stride, beside one.
    let file = conv(start(), 3, [4, 3, 3, 3], "x", "f", 2, 1);
    let file = conv(file, 5, [4, 4, 3, 3], "f", "g", 1, 1);
    let file = conv(file, 7, [4, 3, 1, 1], "x", "h", 2, 0).node("Add", &["h", "g"], "y");
    float(&end(file, "y", 36));
    // A square in each branch, and a subtraction.
    let file = conv(start(), 3, [4, 3, 3, 3], "x", "f", 1, 1).node("Mul", &["f", "f"], "ff");
    let file = conv(file, 5, [2, 4, 1, 1], "ff", "g", 1, 0);
    let file = conv(file, 7, [5, 3, 1, 1], "x", "h", 1, 0).node("Mul", &["h", "h"], "hh");
    let file = conv(file, 9, [2, 5, 3, 3], "hh", "i", 1, 1).node("Sub", &["g", "i"], "y");
    float(&end(file, "y", 72));
    // A pool in a branch.
    let file = conv(start(), 3, [3, 3, 2, 2], "x", "f", 2, 0)
        .with(
            "AveragePool",
            &["x"],
            "p",
            &[
                ("kernel_shape", Attr::Is(&[2, 2])),
                ("strides", Attr::Is(&[2, 2])),
            ],
        )
        .node("Add", &["p", "f"], "y");
    float(&end(file, "y", 27));
}

#[test]
fn a_tensor_passes_by_squares() {
    let start = || {
        conv(
            File::new(&[1, 2, 4, 4]),
            1,
            [3, 2, 1, 1],
            "input",
            "x",
            1,
            0,
        )
    };
    // x + square(f(x))
    let file = conv(start(), 3, [3, 3, 3, 3], "x", "f", 1, 1)
        .node("Mul", &["f", "f"], "ff")
        .node("Add", &["x", "ff"], "y");
    float(&end(file, "y", 48));
    // Two blocks, one after the other, the second with two squares.
    let file = conv(start(), 3, [3, 3, 3, 3], "x", "f", 1, 1).node("Mul", &["f", "f"], "ff");
    let file = conv(file, 5, [3, 3, 3, 3], "ff", "g", 1, 1).node("Add", &["x", "g"], "y");
    let file = conv(file, 7, [4, 3, 3, 3], "y", "h", 1, 1).node("Mul", &["h", "h"], "hh");
    let file = conv(file, 9, [3, 4, 1, 1], "hh", "i", 1, 0)
        .node("Mul", &["i", "i"], "ii")
        .node("Add", &["ii", "y"], "z");
    float(&end(file, "z", 48));
    // A dense block.
    let file = File::new(&[1, 5])
        .floats("w", &[5, 5], &random(3, 25))
        .node("MatMul", &["input", "w"], "m")
        .node("Mul", &["m", "m"], "s")
        .floats("v", &[5, 5], &random(4, 25))
        .node("MatMul", &["s", "v"], "n")
        .node("Add", &["n", "input"], "y");
    float(&end(file, "y", 5));
}

#[test]
fn quantised_branches_with_commensurable_scales_are_exact() {
    let quantised = |file: File, name: &str, seed: u64, dims: &[i64], scale: f32| {
        let count = dims.iter().product::<i64>() as usize;
        let [raw, s, z, b] = ["raw", "s", "z", "b"].map(|part| format!("{name}{part}"));
        file.floats(&raw, dims, &random(seed, count))
            .floats(&s, &[], &[scale])
            .floats(&z, &[], &[0.0])
            .floats(&b, &[], &[3.0])
            .with(
                "Quant@qonnx.custom_op.general",
                &[&raw, &s, &z, &b],
                name,
                &[("narrow", Attr::I(1))],
            )
    };
    for (scale, is_exact) in [(0.25, true), (0.75, true), (0.3, false)] {
        let file = quantised(File::new(&[1, 2, 4, 4]), "a", 1, &[3, 2, 1, 1], 0.5).node(
            "Conv",
            &["input", "a"],
            "x",
        );
        let file = quantised(file, "b", 2, &[3, 3, 3, 3], scale)
            .with("Conv", &["x", "b"], "f", &[("pads", Attr::Is(&[1; 4]))])
            .node("Mul", &["f", "f"], "ff");
        let file = quantised(file, "c", 3, &[3, 3, 1, 1], 0.25)
            .node("Conv", &["ff", "c"], "g")
            .node("Add", &["g", "x"], "y")
            .with("Flatten", &["y"], "flat", &[]);
        let file = quantised(file, "d", 4, &[48, 3], 0.25).node("MatMul", &["flat", "d"], "output");
        let imported = same(&file);
        let ImportedNetwork::Integer { error, .. } = imported.network else {
            panic!("integers");
        };
        assert_eq!(error.is_none(), is_exact, "{:?}", imported.notes);
        assert!(
            error.is_none_or(|error| error.largest < 1e-2 * error.of),
            "{error:?} {:?}",
            imported.notes
        );
    }
}

#[test]
fn branches_that_do_not_fit_are_refused() {
    let file = conv(
        File::new(&[1, 1, 4, 4]),
        1,
        [1, 1, 1, 1],
        "input",
        "x",
        1,
        0,
    );
    let file = conv(file, 3, [1, 1, 3, 3], "x", "f", 1, 0);
    let file = conv(file, 5, [1, 1, 3, 3], "f", "g", 1, 2).node("Add", &["g", "x"], "y");
    let file = end(file, "y", 16);
    let error = import_bytes(file.bytes(), &ImportOptions::default()).unwrap_err();
    assert!(
        error
            .to_string()
            .starts_with("node `/y` (Add): adds branches whose strides"),
        "{error}"
    );
}
