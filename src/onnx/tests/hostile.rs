//! Files that are damaged, or made to take time and memory.

use std::time::{Duration, Instant};

use super::super::message::*;
use super::*;
use crate::onnx::{OnnxError, import};

/// The longest that a file may take. Tests run slower than the program, and beside each other.
const PATIENCE: Duration = Duration::from_secs(5);

fn attempt(bytes: Vec<u8>) -> Result<Imported, OnnxError> {
    let start = Instant::now();
    let result = import_bytes(bytes, &ImportOptions::default());
    assert!(start.elapsed() < PATIENCE, "{:?}", start.elapsed());
    result
}

/// A file with many of the operators that are known.
fn sample() -> File {
    let file = File::new(&[1, 2, 5, 5])
        .floats("w", &[4, 1, 2, 2], &random(1, 16))
        .floats("s", &[4, 1, 1, 1], &[0.25, 0.5, 0.125, 0.3])
        .floats("z", &[], &[0.0])
        .floats("b", &[], &[3.0])
        .with(
            "Quant@qonnx.custom_op.general",
            &["w", "s", "z", "b"],
            "q",
            &[("narrow", Attr::I(1))],
        )
        .with(
            "Conv",
            &["input", "q"],
            "c",
            &[("group", Attr::I(2)), ("pads", Attr::Is(&[1, 1, 0, 1]))],
        )
        .node("Mul", &["c", "c"], "t")
        .floats("k", &[1, 4, 1, 1], &random(2, 4))
        .node("Add", &["t", "k"], "u")
        .with(
            "AveragePool",
            &["u"],
            "p",
            &[
                ("kernel_shape", Attr::Is(&[2, 2])),
                ("pads", Attr::Is(&[0, 0, 1, 1])),
            ],
        )
        .node("Shape", &["p"], "shape")
        .ints("zero", &[0])
        .with("Gather", &["shape", "zero"], "n", &[("axis", Attr::I(0))])
        .ints("rest", &[-1])
        .with("Concat", &["n", "rest"], "to", &[("axis", Attr::I(0))])
        .node("Reshape", &["p", "to"], "flat")
        .typed(
            "v",
            &[3, 120],
            3,
            &whole(3, 360, 3)
                .iter()
                .map(|&v| v as i64)
                .collect::<Vec<_>>(),
        )
        .floats("vs", &[], &[0.5])
        .node("DequantizeLinear", &["v", "vs"], "d")
        .with("Gemm", &["flat", "d"], "output", &[("transB", Attr::I(1))]);
    same(&file);
    file
}

#[test]
fn files_cut_at_every_byte_are_refused() {
    let bytes = sample().bytes();
    for end in 0..bytes.len() {
        attempt(bytes[..end].to_vec()).unwrap_err();
    }
    for (content, words) in [
        (&b""[..], "an empty file"),
        (b"<!DOCTYPE html><html>", "HTML"),
        (b"\x93NUMPY\x01\0", "NumPy"),
        (b"PK\x03\x04", "ZIP"),
    ] {
        let said = attempt(content.to_vec()).unwrap_err().to_string();
        assert!(said.contains(words), "{said}");
    }
}

#[test]
fn random_changes_neither_panic_nor_take_long() {
    let bytes = sample().bytes();
    let mut random = SplitMix64::new(5);
    let mut accepted = 0;
    for _ in 0..3000 {
        let mut changed = bytes.clone();
        for _ in 0..random.between(1, 4) {
            let at = random.between(0, changed.len() - 1);
            match random.between(0, 3) {
                0 => changed[at] = random.next_u64() as u8,
                1 => changed[at] ^= 1 << random.between(0, 7),
                2 => drop(changed.remove(at)),
                _ => changed.insert(at, [0, 1, 0x7f, 0x80, 0xff][random.between(0, 4)]),
            }
        }
        accepted += usize::from(attempt(changed).is_ok());
    }
    assert!(accepted > 0);
}

/// Changes numbers of a file: dimensions, attributes and integers take extreme values.
#[test]
fn extreme_numbers_neither_panic_nor_take_long() {
    let extremes = [
        0,
        1,
        -1,
        2,
        7,
        255,
        1 << 16,
        1 << 24,
        1 << 31,
        1 << 40,
        i64::MAX,
        i64::MIN,
    ];
    let mut random = SplitMix64::new(6);
    for _ in 0..1500 {
        let mut file = sample_parts();
        let graph = file.graph();
        let extreme = extremes[random.between(0, extremes.len() - 1)];
        match random.between(0, 5) {
            0 => {
                let tensor = random.between(0, graph.initializer.len() - 1);
                let tensor = &mut graph.initializer[tensor];
                if let Some(dim) = tensor.dims.first_mut() {
                    *dim = extreme;
                }
            }
            1 => {
                let node = random.between(0, graph.node.len() - 1);
                for attribute in &mut graph.node[node].attribute {
                    attribute.i = attribute.i.map(|_| extreme);
                    let at = random.between(0, 3);
                    if let Some(number) = attribute.ints.get_mut(at) {
                        *number = extreme;
                    }
                }
            }
            2 => {
                let shape = graph.input[0]
                    .r#type
                    .as_mut()
                    .unwrap()
                    .tensor_type
                    .as_mut()
                    .unwrap()
                    .shape
                    .as_mut()
                    .unwrap();
                let at = random.between(0, 3);
                shape.dim[at].dim_value = Some(extreme);
            }
            3 => {
                for tensor in &mut graph.initializer {
                    tensor.int64_data.iter_mut().for_each(|v| *v = extreme);
                }
            }
            4 => {
                let (a, b) = (
                    random.between(0, graph.node.len() - 1),
                    random.between(0, graph.node.len() - 1),
                );
                let other = graph.node[b].output[0].clone();
                graph.node[a].input[0] = other;
            }
            _ => {
                let a = random.between(0, graph.node.len() - 1);
                let names = [
                    "Add",
                    "Mul",
                    "Reshape",
                    "Transpose",
                    "MatMul",
                    "Slice",
                    "Expand",
                    "ConstantOfShape",
                    "Clip",
                    "Pow",
                ];
                graph.node[a].op_type = names[random.between(0, names.len() - 1)].into();
            }
        }
        drop(attempt(file.bytes()));
    }
}

fn sample_parts() -> File {
    thread_local! {
        static SAMPLE: File = sample();
    }
    SAMPLE.with(Clone::clone)
}

#[test]
fn cycles_and_nested_graphs_are_refused() {
    let file = File::new(&[1, 4])
        .node("Add", &["b", "input"], "a")
        .node("Add", &["a", "input"], "b")
        .node("Identity", &["b"], "output");
    assert!(
        attempt(file.bytes())
            .unwrap_err()
            .to_string()
            .contains("cycle")
    );
    // A graph in an attribute is never decoded, however deep it is.
    let mut inner = Vec::new();
    for _ in 0..2000 {
        let mut outer = vec![0x32];
        let mut length = inner.len();
        while length >= 0x80 {
            outer.push((length & 0x7f) as u8 | 0x80);
            length >>= 7;
        }
        outer.push(length as u8);
        outer.extend(&inner);
        inner = outer;
    }
    let mut file = File::new(&[1, 4]).node("If", &["input"], "output");
    file.graph().node[0].attribute.push(AttributeMessage {
        name: "then_branch".into(),
        g: Some(inner.into()),
        ..AttributeMessage::default()
    });
    assert!(
        attempt(file.bytes())
            .unwrap_err()
            .to_string()
            .contains("a graph within")
    );
}

#[test]
fn chains_that_would_grow_are_stopped() {
    // Constants that double at each node, and shapes beyond memory.
    let mut file = File::new(&[1, 4]).ints("v0", &[0; 1000]);
    for at in 0..40 {
        let (from, to) = (format!("v{at}"), format!("v{}", at + 1));
        file = file.with("Concat", &[&from, &from], &to, &[("axis", Attr::I(0))]);
    }
    let file = file.node("Add", &["input", "v40"], "output");
    let said = attempt(file.bytes()).unwrap_err().to_string();
    assert!(
        said.contains("(Concat): ") && said.contains("at most"),
        "{said}"
    );
    let file = File::new(&[1, 4])
        .ints("huge", &[1 << 40, 1 << 40])
        .node("ConstantOfShape", &["huge"], "c")
        .node("Add", &["input", "c"], "output");
    assert!(
        attempt(file.bytes())
            .unwrap_err()
            .to_string()
            .contains("too large")
    );
    // Groups and dilations that would fill gigabytes with zeros.
    for (attribute, words) in [
        ("dilations", "once groups and dilations"),
        ("pads", "padding"),
    ] {
        let values = if attribute == "pads" {
            vec![1 << 23; 4]
        } else {
            vec![1 << 12; 2]
        };
        let file = File::new(&[1, 2, 16, 16])
            .floats("w", &[2, 2, 2, 2], &random(1, 16))
            .with(
                "Conv",
                &["input", "w"],
                "output",
                &[(attribute, Attr::Is(&values))],
            );
        let said = attempt(file.bytes()).unwrap_err().to_string();
        assert!(said.contains(words) || said.contains("at most"), "{said}");
    }
    // Many layers between squares, each with a factor for a channel.
    let mut file = File::new(&[1, 4000]).floats("f", &[4000], &random(1, 4000));
    let mut last = "input".to_owned();
    for at in 0..60 {
        let (sum, square) = (format!("a{at}"), format!("s{at}"));
        file = file
            .node("Add", &[&last, "f"], &sum)
            .node("Mul", &[&sum, &sum], &square);
        last = square;
    }
    let file = file.node("Identity", &[&last], "output");
    attempt(file.bytes()).unwrap_err();
    // Thousands of sums of a tensor with itself.
    let mut file = File::new(&[1, 1, 500, 500]).floats("f", &[500, 500], &random(1, 250_000));
    last = "input".to_owned();
    for at in 0..5000 {
        let next = format!("a{at}");
        file = file.node("Add", &[&last, "f"], &next);
        last = next;
    }
    let file = file.node("Identity", &[&last], "output");
    attempt(file.bytes()).unwrap_err();
}

#[test]
fn a_refused_network_names_the_node_of_its_layer() {
    // Two convolutions of some 17 million terms each: the second is one too many.
    let file = File::new(&[1, 1, 600, 600])
        .typed("w", &[1, 1, 7, 7], 3, &[1; 49])
        .floats("s", &[], &[0.5])
        .node("DequantizeLinear", &["w", "s"], "d")
        .node("Conv", &["input", "d"], "first")
        .node("Mul", &["first", "first"], "square")
        .node("Conv", &["square", "d"], "output");
    let error = attempt(file.bytes()).unwrap_err();
    assert!(
        matches!(&error, OnnxError::Network { node: Some(node), .. } if node == "/output"),
        "{error:?}"
    );
    assert!(error.to_string().contains("node `/output`"), "{error}");
}

fn external(
    folder: &std::path::Path,
    location: &str,
    offset: &str,
    length: &str,
) -> Result<Imported, OnnxError> {
    let mut file = File::new(&[1, 4]).floats("w", &[4, 2], &random(1, 8)).node(
        "MatMul",
        &["input", "w"],
        "output",
    );
    let tensor = &mut file.graph().initializer[0];
    tensor.raw_data = None;
    tensor.data_location = 1;
    let entry = |key: &str, value: &str| EntryMessage {
        key: key.into(),
        value: value.into(),
    };
    tensor.external_data = vec![
        entry("location", location),
        entry("offset", offset),
        entry("length", length),
    ];
    let path = folder.join("model.onnx");
    std::fs::write(&path, file.bytes()).unwrap();
    import(&path, &ImportOptions::default())
}

#[test]
fn external_tensors_stay_in_the_folder() {
    let top = tempfile::tempdir().unwrap();
    let folder = top.path().join("model");
    std::fs::create_dir(&folder).unwrap();
    let data: Vec<u8> = random(1, 8).iter().flat_map(|v| v.to_le_bytes()).collect();
    std::fs::write(
        folder.join("model.onnx.data"),
        [&[0; 64][..], &data].concat(),
    )
    .unwrap();
    std::fs::write(top.path().join("outside"), &data).unwrap();
    let found = external(&folder, "model.onnx.data", "64", "32").unwrap();
    let ImportedNetwork::Float(network) = found.network else {
        panic!("floats");
    };
    let plain = File::new(&[1, 4]).floats("w", &[4, 2], &random(1, 8)).node(
        "MatMul",
        &["input", "w"],
        "output",
    );
    assert_eq!(float(&plain), network);
    let absolute = top.path().join("outside").to_string_lossy().into_owned();
    for location in [
        "../outside",
        &absolute,
        "a/../../outside",
        "",
        "model.onnx.data/../../outside",
        "\0",
    ] {
        let said = external(&folder, location, "0", "32")
            .unwrap_err()
            .to_string();
        assert!(
            said.contains("not within the model's folder"),
            "{location}: {said}"
        );
    }
    #[cfg(unix)]
    {
        std::os::unix::fs::symlink(top.path().join("outside"), folder.join("link")).unwrap();
        let said = external(&folder, "link", "0", "32")
            .unwrap_err()
            .to_string();
        assert!(said.contains("not within the model's folder"), "{said}");
        std::os::unix::fs::symlink("model.onnx.data", folder.join("inner")).unwrap();
        external(&folder, "inner", "64", "32").unwrap();
        std::os::unix::fs::symlink("/dev/zero", folder.join("zero")).unwrap();
        external(&folder, "zero", "0", "32").unwrap_err();
    }
    for (offset, length) in [
        ("65", "32"),
        ("0", "33"),
        ("18446744073709551615", "32"),
        ("-1", "32"),
        ("0", "99999999999"),
    ] {
        external(&folder, "model.onnx.data", offset, length).unwrap_err();
    }
    external(&folder, "missing", "0", "32").unwrap_err();
    external(&folder, ".", "0", "32").unwrap_err();
}
