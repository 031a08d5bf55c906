//! Help, misuse, models that are missing or damaged, readers that are gone.

use std::{
    fs,
    io::Read,
    process::{Command as Process, Stdio},
};

use predicates::prelude::*;
use serde_json::Value;

use crate::kit::{failure, network, sealquant, write_model};

#[test]
fn help_and_version_are_printed_and_misuse_is_refused_with_2() {
    let help = sealquant()
        .arg("--help")
        .assert()
        .success()
        .get_output()
        .stdout
        .clone();
    let help = String::from_utf8(help).unwrap();
    for command in ["data", "inspect", "infer", "demo"] {
        assert!(help.contains(command), "{command}");
    }
    sealquant()
        .arg("--version")
        .assert()
        .success()
        .stdout(predicate::str::contains(env!("CARGO_PKG_VERSION")));
    for misuse in [
        &[][..],
        &["no-such-command"],
        &["infer", "--images", "5..5"],
        &["infer", "--images", "all"],
        &["infer", "--layout", "circular"],
        &["infer", "--dataset", "imagenet"],
        &["infer", "--threads", "0"],
        &["infer", "--security", "1999"],
        &["inspect"],
        &["inspect", "models/mnist-w2", "--accept-observed-bound"],
    ] {
        sealquant()
            .args(misuse)
            .assert()
            .code(2)
            .stderr(predicate::str::is_empty().not());
    }
}

#[test]
fn a_missing_model_is_one_line_with_its_path() {
    for command in [
        &["inspect", "models/no-such-model"][..],
        &["infer", "--model", "models/no-such-model"],
        &["demo", "--model", "models/no-such-model"],
    ] {
        let line = failure(command);
        assert!(
            line.contains("models/no-such-model/network.json.gz"),
            "{line}"
        );
        assert!(line.contains("No such file"), "{line}");
    }
}

#[test]
fn a_damaged_model_is_one_line_with_the_file_and_the_field() {
    let top = tempfile::tempdir().unwrap();
    let model = top.path().join("m");
    fs::create_dir(&model).unwrap();
    let file = model.join("network.json");
    let text = network().to_json();
    let inspect = |text: &str| {
        fs::write(&file, text).unwrap();
        let line = failure(&["inspect", model.to_str().unwrap()]);
        assert!(line.contains(file.to_str().unwrap()), "{line}");
        line
    };
    // Cut off in the middle of a layer.
    let cut = text.find("linear1").unwrap() + 60;
    let line = inspect(&text[..cut]);
    assert!(
        line.contains("layers: ") && line.contains("at line"),
        "{line}"
    );
    // A weight too few.
    let mut value: Value = serde_json::from_str(&text).unwrap();
    value["layers"][0]["weight"].as_array_mut().unwrap().pop();
    let line = inspect(&value.to_string());
    assert!(
        line.contains("layers[0].weight") && line.contains("15") && line.contains("16"),
        "{line}"
    );
}

#[test]
fn a_reader_that_has_gone_is_no_failure() {
    let top = tempfile::tempdir().unwrap();
    write_model(top.path());
    for arguments in [&["--help"][..], &["inspect", top.path().to_str().unwrap()]] {
        let mut child = Process::new(env!("CARGO_BIN_EXE_sealquant"))
            .args(arguments)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // Closed before a byte is written.
        drop(child.stdout.take());
        let mut stderr = String::new();
        child
            .stderr
            .take()
            .unwrap()
            .read_to_string(&mut stderr)
            .unwrap();
        assert!(child.wait().unwrap().success(), "{arguments:?}: {stderr}");
        assert!(!stderr.contains("panicked"), "{stderr}");
    }
}
