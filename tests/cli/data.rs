//! `sealquant data fetch`, and the places where datasets are looked for.

use std::fs;

use predicates::prelude::*;

use crate::kit::{sealquant, write_data, write_model};

/// Returns the last line on standard error of a command that must fail.
fn refused(command: &mut assert_cmd::Command) -> String {
    let output = command.assert().code(1).get_output().clone();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(!stderr.contains("fetching"), "{stderr}");
    stderr.lines().last().unwrap().to_owned()
}

#[test]
fn a_misspelt_variable_is_an_error_and_nothing_is_fetched() {
    let top = tempfile::tempdir().unwrap();
    let (model, data) = (top.path().join("m"), top.path().join("data"));
    write_model(&model);
    write_data(&data, 20);
    let missing = top.path().join("misspelt");
    let fetch = |value: &std::path::Path| {
        let mut command = sealquant();
        command
            .args(["data", "fetch"])
            .env("SEALQUANT_DATA", value)
            // The place where a fetched dataset would be put.
            .env("XDG_CACHE_HOME", top.path().join("cache"));
        command
    };
    let line = refused(&mut fetch(&missing));
    let misspelt = missing.to_str().unwrap();
    assert!(
        line.contains(&format!(
            "SEALQUANT_DATA is {misspelt}, which does not exist"
        )),
        "{line}"
    );
    let line = refused(fetch(&data).args(["--dataset", "cifar10"]));
    for part in [
        "SEALQUANT_DATA",
        "does not hold cifar10",
        "data_batch_1.bin",
        "t10k-images",
    ] {
        assert!(line.contains(part), "{part}: {line}");
    }
    let mut infer = sealquant();
    infer
        .args([
            "infer", "--images", "0..1", "--layout", "diagonal", "--model",
        ])
        .arg(&model)
        .env("SEALQUANT_DATA", &missing);
    assert!(refused(&mut infer).contains(misspelt));
    assert!(!top.path().join("cache").exists());

    let copies = top.path().join("copies");
    fetch(&data)
        .arg("--data-dir")
        .arg(&copies)
        .assert()
        .success()
        .stdout(predicate::str::contains("mnist test: 20 images in"));
    for entry in fs::read_dir(&data).unwrap() {
        let path = entry.unwrap().path();
        let copy = copies.join("mnist").join(path.file_name().unwrap());
        assert_eq!(fs::read(copy).unwrap(), fs::read(&path).unwrap());
    }
    assert_eq!(fs::read_dir(copies.join("mnist")).unwrap().count(), 4);
    let line = refused(
        fetch(&data)
            .arg("--data-dir")
            .arg(data.join("t10k-labels-idx1-ubyte")),
    );
    assert!(line.contains("--data-dir: cannot write into"), "{line}");
    // An empty variable counts as not set; a directory that is given is the only one that is searched.
    let mut infer = sealquant();
    infer
        .args([
            "infer", "--images", "0..1", "--layout", "diagonal", "--model",
        ])
        .arg(&model)
        .arg("--data-dir")
        .arg(&copies)
        .env("SEALQUANT_DATA", &missing)
        .assert()
        .success();
}
