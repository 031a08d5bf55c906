//! `sealquant train`, `ptq` and `import`.

use std::{fs, path::Path, process::Command as Process};

use num_bigint::BigInt;
use predicates::prelude::*;
use sealquant::network::Network;
use serde_json::Value;

use crate::kit::{failure, sealquant, write_data};

/// Runs the documented example: its script, the import of both its networks, and the commands that follow.
#[test]
fn weights_from_elsewhere_are_imported() {
    let top = tempfile::tempdir().unwrap();
    let path = |name: &str| top.path().join(name).to_str().unwrap().to_owned();
    let written = Process::new("python3")
        .arg("examples/import/make_weights.py")
        .arg(top.path())
        .status()
        .unwrap_or_else(|error| panic!("python3, which scripts/deps.sh installs: {error}"));
    assert!(written.success());
    write_data(Path::new(&path("data")), 60);
    let import = |name: &str| {
        sealquant()
            .args(["import", "--layers", &path(&format!("{name}.json"))])
            .args(["--weights", &path(&format!("{name}.safetensors"))])
            .args(["--out", &path(name)])
            .assert()
            .success();
    };
    import("float");
    sealquant()
        .args(["ptq", "--model", &path("float"), "--bits", "8"])
        .args(["--out", &path("rounded"), "--data-dir", &path("data")])
        .assert()
        .success()
        .stdout(predicate::str::contains("the same class on all 60 images"));
    import("ternary");
    let network = Network::load(top.path().join("ternary/network.json.gz")).unwrap();
    assert_eq!(network.weight_bits()[0], Some(2));
    let bias = network.layers()[0].layer.bias().unwrap();
    assert_eq!(bias, [3, -2, 0, 1].map(BigInt::from));
    assert!((network.output_scale() - (0.125_f64 / 3.0).powi(2) / 16.0).abs() < 1e-12);

    let text = fs::read_to_string(path("float.json")).unwrap();
    fs::write(path("bad.json"), text.replace("fc.weight", "fc2.weight")).unwrap();
    let arguments = ["import", "--layers", &path("bad.json"), "--weights"];
    let weights = path("float.safetensors");
    let line = failure(&[&arguments[..], &[&weights, "--out", &path("bad")]].concat());
    assert!(line.contains("fc2.weight"), "{line}");
}

#[test]
fn a_network_is_trained_and_rounded_with_plain_lines_when_piped() {
    use sealquant::train::TrainConfig;

    let top = tempfile::tempdir().unwrap();
    let path = |name: &str| top.path().join(name).to_str().unwrap().to_owned();
    let (data, float, rounded, file) = (
        path("data"),
        path("float"),
        path("rounded"),
        path("config.json"),
    );
    write_data(Path::new(&data), 60);
    let config = TrainConfig {
        validation_images: 20,
        batch_size: 20,
        ..TrainConfig::preset("hcnn-mnist-paper").unwrap()
    };
    config.save(Path::new(&file)).unwrap();
    let train = [
        "train",
        "--config",
        &file,
        "--out",
        &float,
        "--data-dir",
        &data,
    ];
    sealquant()
        .args(train)
        .args([
            "--epochs",
            "2",
            "--seed",
            "5",
            "--plot",
            &path("curves.svg"),
        ])
        .assert()
        .success()
        .stdout(predicate::str::contains("test accuracy"))
        .stderr(predicate::str::contains("epoch   1 of 2: loss "))
        .stderr(predicate::str::contains("epoch   2 of 2: loss "))
        .stderr(
            predicate::str::contains("\r")
                .or(predicate::str::contains("\u{1b}"))
                .not(),
        );
    let record: Value =
        serde_json::from_slice(&fs::read(Path::new(&float).join("record.json")).unwrap()).unwrap();
    assert_eq!(record["config"]["seed"], 5);
    let curves = fs::read_to_string(path("curves.svg")).unwrap();
    assert!(curves.contains("mnist-paper-float") && curves.contains("validation images"));
    assert_eq!(record["epochs"].as_array().unwrap().len(), 2);

    sealquant()
        .args([
            "ptq",
            "--model",
            &float,
            "--bits",
            "4",
            "--out",
            &rounded,
            "--data-dir",
            &data,
        ])
        .assert()
        .success()
        .stdout(predicate::str::contains("the same class on all 60 images"))
        // The cost of rounding: both networks on the same images.
        .stdout(predicate::str::is_match("mnist-paper-float: [0-9]+ of 60 test images").unwrap())
        .stdout(
            predicate::str::is_match("mnist-paper-float-ptq4: [0-9]+ of 60 test images").unwrap(),
        );
    let network = Network::load(&rounded).unwrap();
    assert!(
        network
            .weight_bits()
            .into_iter()
            .flatten()
            .all(|bits| bits <= 4)
    );

    let line = failure(&["train", "--config", "no-such-preset", "--out", &float]);
    assert!(
        line.contains("no-such-preset") && line.contains("hcnn-mnist-w2"),
        "{line}"
    );
    let line = failure(&[
        "ptq",
        "--model",
        &data,
        "--bits",
        "4",
        "--out",
        &path("new"),
    ]);
    assert!(line.contains("config.json"), "{line}");
    assert!(!Path::new(&path("new")).exists());
}

/// Runs that would lose something, or that have nothing to continue from, are refused before any work, with a remedy.
#[test]
fn a_finished_model_is_overwritten_on_request_only() {
    use sealquant::train::TrainConfig;

    let top = tempfile::tempdir().unwrap();
    let path = |name: &str| top.path().join(name).to_str().unwrap().to_owned();
    let (data, model, file) = (path("data"), path("model"), path("config.json"));
    write_data(Path::new(&data), 40);
    let config = TrainConfig {
        validation_images: 20,
        batch_size: 20,
        epochs: 1,
        ..TrainConfig::preset("hcnn-mnist-paper").unwrap()
    };
    config.save(Path::new(&file)).unwrap();
    let train = |out: &str, more: &[&str]| {
        let mut all = vec!["train", "--config", &file, "--data-dir", &data];
        all.extend(["--out", out]);
        all.extend(more);
        all.into_iter().map(str::to_owned).collect::<Vec<_>>()
    };
    let refused = |arguments: &[String], words: &[&str]| {
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let line = failure(&arguments);
        for word in words {
            assert!(line.contains(word), "{word}: {line}");
        }
    };
    let works = |arguments: &[String]| {
        sealquant().args(arguments).assert().success();
    };
    let names = || {
        let mut names: Vec<String> = fs::read_dir(&model)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    };

    refused(
        &train(&model, &["--resume"]),
        &["nothing to resume", "without --resume"],
    );
    assert!(!Path::new(&model).exists());
    works(&train(&model, &[]));
    let float = ["config.json", "record.json", "weights.safetensors"];
    assert_eq!(names(), float);
    let weights = || fs::read(Path::new(&model).join("weights.safetensors")).unwrap();
    let first = weights();

    refused(&train(&model, &[]), &["finished model", "--overwrite"]);
    refused(
        &train(&model, &["--resume", "--seed", "9"]),
        &["`seed` was 1 and is 9 now"],
    );
    works(&train(&model, &["--resume"]));
    assert_eq!(weights(), first);
    works(&train(&model, &["--overwrite", "--seed", "9"]));
    assert_ne!(weights(), first);

    let ptq = |out: &str, more: &[&str]| {
        let mut all = vec!["ptq", "--model", &model, "--data-dir", &data, "--out", out];
        all.extend(more);
        all.into_iter().map(str::to_owned).collect::<Vec<_>>()
    };
    for overwrite in [&[][..], &["--overwrite"]] {
        let more = [&["--bits", "4"][..], overwrite].concat();
        refused(&ptq(&model, &more), &["lies there"]);
    }
    let rounded = path("rounded");
    works(&ptq(&rounded, &["--bits", "4"]));
    refused(
        &ptq(&rounded, &["--bits", "8"]),
        &["finished model", "--overwrite"],
    );
    let more = ["--bits", "3", "--rule", "ternary-mean", "--overwrite"];
    refused(&ptq(&rounded, &more), &["n_bits", "2 bits"]);
    assert_eq!(
        Network::load(&rounded).unwrap().name(),
        "mnist-paper-float-ptq4"
    );
    works(&ptq(&rounded, &["--bits", "8", "--overwrite"]));
    assert_eq!(
        Network::load(&rounded).unwrap().name(),
        "mnist-paper-float-ptq8"
    );
    assert_eq!(names(), float);

    let other = path("other");
    fs::create_dir(&other).unwrap();
    fs::write(Path::new(&other).join("letter.txt"), "dear").unwrap();
    for flag in [&[][..], &["--overwrite"], &["--resume"]] {
        refused(&train(&other, flag), &["letter.txt", "no model"]);
    }
}
