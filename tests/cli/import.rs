//! `sealquant import MODEL.onnx`, with the files that `examples/import/make_onnx.py` wrote.

use std::{
    fs,
    path::{Path, PathBuf},
};

use predicates::prelude::*;
use sealquant::network::Network;

#[cfg(feature = "train")]
use crate::kit::write_data;
use crate::kit::{failure, sealquant};

/// Returns the path of one of the files.
fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("examples/import/onnx")
        .join(name)
}

/// Imports a file, with the outputs beside it compared; returns what the program says.
fn import(name: &str, out: &Path, more: &[&str]) -> String {
    let assert = sealquant()
        .arg("import")
        .arg(file(&format!("{name}.onnx")))
        .arg("--check")
        .arg(file(&format!("{name}.npz")))
        .arg("--out")
        .arg(out)
        .args(more)
        .assert()
        .success();
    String::from_utf8(assert.get_output().stdout.clone()).unwrap()
}

/// Writes random images of one channel in NumPy's form.
fn write_images(path: &Path, images: usize, size: usize) {
    let header = format!(
        "{{'descr': '|u1', 'fortran_order': False, 'shape': ({images}, {size}, {size}), }}"
    );
    let header = format!("{header:<117}\n");
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend((header.len() as u16).to_le_bytes());
    bytes.extend(header.as_bytes());
    bytes.extend((0..images * size * size).map(|at| (at * 97 % 256) as u8));
    fs::write(path, bytes).unwrap();
}

/// Quantised weights become an integer network, which runs encrypted as its twin says.
#[test]
fn quantised_networks_are_imported_and_run_encrypted() {
    let top = tempfile::tempdir().unwrap();
    for (name, classes, size) in [("qcdq", "cat,dog,fox", 8), ("qonnx", "a,b,c,d,e", 6)] {
        let out = top.path().join(name);
        let said = import(name, &out, &["--classes", classes]);
        assert!(said.contains("the class of 0 images differs"), "{said}");
        assert!(said.contains("an integer network"), "{said}");
        let record = fs::read_to_string(out.join("import.json")).unwrap();
        let record: serde_json::Value = serde_json::from_str(&record).unwrap();
        assert_eq!(
            record["classes"].as_array().unwrap().len(),
            classes.split(',').count()
        );
        let network = Network::load(&out).unwrap();
        assert_eq!(network.input().shape.len(), size * size);
        let images = top.path().join("images.npy");
        write_images(&images, 3, size);
        sealquant()
            .args(["classify", "--classes", classes, "--model"])
            .args([&out, &images])
            .assert()
            .success()
            .stderr(predicate::str::contains(" 0 of "));
    }
}

#[cfg(feature = "train")]
#[test]
fn float_networks_are_imported_and_rounded() {
    let top = tempfile::tempdir().unwrap();
    let data = top.path().join("data");
    write_data(&data, 30);
    let out = top.path().join("float");
    let said = import("float", &out, &[]);
    assert!(said.contains("Softmax"), "{said}");
    assert!(said.contains("a float network"), "{said}");
    let rounded = top.path().join("rounded");
    sealquant()
        .args(["ptq", "--bits", "8", "--model"])
        .arg(&out)
        .arg("--out")
        .arg(&rounded)
        .arg("--data-dir")
        .arg(&data)
        .assert()
        .success();
    Network::load(&rounded).unwrap();
    let said = import("residual", &top.path().join("residual"), &[]);
    assert!(said.contains("a float network"), "{said}");
}

#[test]
fn what_is_not_imported_is_said_and_nothing_is_written() {
    let top = tempfile::tempdir().unwrap();
    let out = top.path().join("out");
    let import = |model: &Path, more: &[&str]| {
        let model = model.to_str().unwrap();
        let line = failure(&[&["import", model, "--out", out.to_str().unwrap()], more].concat());
        assert!(!out.join("network.json.gz").exists(), "{line}");
        line
    };
    // No dataset has images of this shape.
    let keras = import(&file("keras.onnx"), &[]);
    assert!(keras.contains("3x8x8"), "{keras}");
    // The tensors beside it are missing.
    let alone = top.path().join("alone.onnx");
    fs::copy(file("float.onnx"), &alone).unwrap();
    assert!(import(&alone, &[]).contains("float.onnx.data"));
    // Cut off, another kind of file, and another number of names.
    let bytes = fs::read(file("qcdq.onnx")).unwrap();
    let cut = top.path().join("cut.onnx");
    fs::write(&cut, &bytes[..bytes.len() - 9]).unwrap();
    assert!(import(&cut, &[]).contains("cut.onnx"));
    fs::write(&cut, "{}").unwrap();
    assert!(import(&cut, &[]).contains("cut.onnx"));
    let names = import(&file("qcdq.onnx"), &["--classes", "a,b"]);
    assert!(names.contains("2 names for 3 classes"), "{names}");
    sealquant().args(["import", "--out", "x"]).assert().code(2);
}
