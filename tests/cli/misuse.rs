//! Help, misuse, missing or damaged models, and readers that have gone.

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
            line.contains("models/no-such-model: No such file"),
            "{line}"
        );
        // Says where models come from, and what to give instead.
        assert!(
            line.contains("mnist-w2") && line.contains("sealquant train"),
            "{line}"
        );
    }
    let empty = tempfile::tempdir().unwrap();
    let line = failure(&["inspect", empty.path().to_str().unwrap()]);
    assert!(line.contains("holds no network"), "{line}");
}

/// Presets start from models in the source: elsewhere an error says so.
#[cfg(feature = "train")]
#[test]
fn what_needs_the_source_says_so_elsewhere() {
    let top = tempfile::tempdir().unwrap();
    let data = top.path().join("data");
    crate::kit::write_data(&data, 40);
    let output = sealquant()
        .current_dir(top.path())
        .args([
            "reproduce",
            "accuracy",
            "--only",
            "mnist",
            "--data-dir",
            "data",
        ])
        .assert()
        .code(1);
    let stderr = String::from_utf8(output.get_output().stderr.clone()).unwrap();
    let line = stderr.lines().last().unwrap();
    assert!(
        line.starts_with("error: ") && line.contains("folder of sealquant's source"),
        "{stderr}"
    );
}

/// An error names the options of the command that fails, and of no other.
#[test]
fn errors_name_the_options_that_help() {
    let top = tempfile::tempdir().unwrap();
    let model = top.path().join("m");
    write_model(&model);
    let model = model.to_str().unwrap();
    let line = failure(&["inspect", model, "--kernels", "seal", "--layout", "crops"]);
    assert!(
        line.contains("SEAL's kernels compute in the batched layout only"),
        "{line}"
    );
    assert!(line.ends_with("or use --kernels own"), "{line}");
    let line = failure(&["infer", model, "--data-dir", model]);
    assert!(line.ends_with("(see --data-dir DIR)"), "{line}");
}

/// A number out of range gives an error that states the range.
#[test]
fn numbers_name_their_range() {
    for (arguments, range) in [
        (&["infer", "--threads", "0"][..], "a whole number from 1 on"),
        (&["infer", "--threads", "two"], "a whole number from 1 on"),
        (
            &["inspect", "m", "--images", "0"],
            "a whole number from 1 on",
        ),
        (
            &["reproduce", "scaling", "--repeat", "0"],
            "a whole number from 1 on",
        ),
        (
            &["reproduce", "timing", "--baseline", "m", "--channels", "0"],
            "from 1 on",
        ),
        (
            &["reproduce", "timing", "--baseline", "m", "--primes", "0"],
            "from 1 on",
        ),
        (
            &[
                "reproduce",
                "timing",
                "--baseline",
                "m",
                "--plain-bits",
                "13",
                "61",
            ],
            "from 14 to 60",
        ),
        (
            &["reproduce", "timing", "--baseline", "m", "--image", "-1"],
            "unexpected argument",
        ),
        #[cfg(feature = "train")]
        (&["ptq", "m", "--bits", "33", "--out", "o"], "from 2 to 32"),
        #[cfg(feature = "train")]
        (
            &["train", "--config", "c", "--out", "o", "--epochs", "0"],
            "from 1 to",
        ),
        #[cfg(feature = "train")]
        (
            &["train", "--config", "c", "--out", "o", "--seed", "x"],
            "from 0 on",
        ),
    ] {
        let output = sealquant().args(arguments).assert().code(2);
        let stderr = String::from_utf8(output.get_output().stderr.clone()).unwrap();
        assert!(stderr.contains(range), "{arguments:?}: {stderr}");
        assert!(!stderr.contains("non-zero type"), "{stderr}");
    }
}

/// A model is an argument or an option, not both.
#[test]
fn models_are_named_in_two_ways() {
    let top = tempfile::tempdir().unwrap();
    write_model(top.path());
    let model = top.path().to_str().unwrap();
    sealquant().args(["inspect", model]).assert().success();
    sealquant()
        .args(["inspect", "--model", model])
        .assert()
        .success();
    for both in [
        &["inspect", model, "--model", model][..],
        &["infer", model, "--model", model],
        &["demo", model, "--model", model],
        #[cfg(feature = "train")]
        &["ptq", "--bits", "4", "--out", "o"],
    ] {
        sealquant().args(both).assert().code(2);
    }
}

/// Names listed in the help work.
#[cfg(feature = "train")]
#[test]
fn the_help_lists_presets_that_exist() {
    let output = sealquant().args(["train", "--help"]).assert().success();
    let help = String::from_utf8(output.get_output().stdout.clone()).unwrap();
    let listed = help
        .split(|c: char| c.is_whitespace() || c == ',')
        .filter(|word| word.starts_with("hcnn-") || word.starts_with("teacher-"));
    let mut count = 0;
    for name in listed {
        sealquant::train::TrainConfig::preset(name).unwrap();
        count += 1;
    }
    assert_eq!(count, sealquant::train::PRESETS.len());
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
    // One weight missing.
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
