//! Runs the built program as a user does: on a small network and small datasets that the tests write, without network.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test may stop at a surprise"
)]

use std::{
    fs,
    io::Read,
    path::Path,
    process::{Command as Process, Stdio},
};

use assert_cmd::{Command, cargo::cargo_bin_cmd};
use num_bigint::BigInt;
use predicates::prelude::*;
use sealquant::network::{
    InputQuantizer, InputSpec, Layer, NamedLayer, Network, NetworkLiteral, Shape, SplitMix64,
};
use serde_json::Value;

fn sealquant() -> Command {
    let mut command = cargo_bin_cmd!("sealquant");
    // The user's own datasets stay out of the tests.
    command.env_remove("SEALQUANT_DATA");
    command
}

/// A small network for 28x28 images: a strided convolution and two linear layers with squares between; about half the weights are zero.
fn network() -> Network {
    let mut random = SplitMix64::new(7);
    let mut weights = |count: usize| -> Vec<i64> {
        (0..count)
            .map(|_| [-1, 0, 1, 0][random.between(0, 3)])
            .collect()
    };
    let biases = |values: &[i64]| values.iter().copied().map(BigInt::from).collect();
    let conv = Layer::Conv2d {
        in_channels: 1,
        out_channels: 1,
        kernel: [4, 4],
        stride: [8, 8],
        padding: [0, 0],
        weight: weights(16),
        bias: biases(&[1]),
        weight_scale: 0.5,
    };
    let linear1 = Layer::Linear {
        in_features: 16,
        out_features: 4,
        weight: weights(64),
        bias: biases(&[2, 0, -1, 1]),
        weight_scale: 0.25,
    };
    let linear2 = Layer::Linear {
        in_features: 4,
        out_features: 10,
        weight: weights(40),
        bias: biases(&[0, 1, -1, 0, 2, 0, -2, 0, 0, 3]),
        weight_scale: 0.25,
    };
    Network::new(NetworkLiteral {
        name: "small".to_owned(),
        input: InputSpec {
            shape: Shape::new(1, 28, 28),
            quantizer: InputQuantizer::from_thresholds(vec![102]).unwrap(),
        },
        classes: 10,
        layers: vec![
            NamedLayer::new("conv1", conv),
            NamedLayer::new("square1", Layer::Square),
            NamedLayer::new("flatten", Layer::Flatten),
            NamedLayer::new("linear1", linear1),
            NamedLayer::new("square2", Layer::Square),
            NamedLayer::new("linear2", linear2),
        ],
    })
    .unwrap()
}

fn write_model(directory: &Path) {
    fs::create_dir_all(directory).unwrap();
    network().save(directory.join("network.json")).unwrap();
}

/// Writes a dataset in MNIST's form: `images` random images a split, the labels 0 to 9 in turn.
fn write_data(directory: &Path, images: usize) {
    let mut random = SplitMix64::new(11);
    let idx = |dimensions: &[usize], data: Vec<u8>| {
        let mut file = vec![0, 0, 8, u8::try_from(dimensions.len()).unwrap()];
        for &dimension in dimensions {
            file.extend(u32::try_from(dimension).unwrap().to_be_bytes());
        }
        file.extend(data);
        file
    };
    fs::create_dir_all(directory).unwrap();
    for split in ["train", "t10k"] {
        let pixels = (0..images * 784 / 8).flat_map(|_| random.next_u64().to_le_bytes());
        let pixels = idx(&[images, 28, 28], pixels.collect());
        let labels = idx(&[images], (0..images).map(|i| (i % 10) as u8).collect());
        fs::write(directory.join(format!("{split}-images-idx3-ubyte")), pixels).unwrap();
        fs::write(directory.join(format!("{split}-labels-idx1-ubyte")), labels).unwrap();
    }
}

/// Runs a command that must fail with exit code 1 and one line on standard error (after any notes), which it returns.
fn failure(arguments: &[&str]) -> String {
    let output = sealquant()
        .args(arguments)
        .assert()
        .code(1)
        .get_output()
        .clone();
    let stderr = String::from_utf8(output.stderr).unwrap();
    let line = stderr.lines().last().unwrap().to_owned();
    assert!(line.starts_with("error: "), "{stderr}");
    assert_eq!(stderr.matches("error: ").count(), 1, "{stderr}");
    line
}

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
        &["infer", "--layout", "diagonal"],
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
        assert!(line.contains("models/no-such-model/network.json"), "{line}");
        assert!(line.contains("No such file"), "{line}");
    }
}

#[test]
fn a_damaged_model_is_one_line_with_the_file_and_the_field() {
    let top = tempfile::tempdir().unwrap();
    let model = top.path().join("m");
    write_model(&model);
    let file = model.join("network.json");
    let text = fs::read_to_string(&file).unwrap();
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
fn inspect_explains_the_network_and_its_parameters() {
    let top = tempfile::tempdir().unwrap();
    let (model, data) = (top.path().join("m"), top.path().join("data"));
    write_model(&model);
    write_data(&data, 40);
    let stdout = |arguments: &[&str]| {
        let output = sealquant()
            .arg("inspect")
            .arg(&model)
            .args(arguments)
            .assert()
            .success();
        String::from_utf8(output.get_output().stdout.clone()).unwrap()
    };
    let proven = stdout(&[]);
    for word in [
        "conv1",
        "square1",
        "linear2",
        "1x4x4",
        "conv1 + square1",
        "images/s",
        "proven",
        "2024",
        "noise budget",
        "N = ",
    ] {
        assert!(proven.contains(word), "{word} is missing in:\n{proven}");
    }
    assert!(!proven.contains("observed"), "{proven}");
    let data = data.to_str().unwrap();
    let observed = stdout(&[
        "--dataset",
        "mnist",
        "--data-dir",
        data,
        "--accept-observed-bound",
    ]);
    assert!(observed.contains("observed bits"), "{observed}");
    assert!(observed.contains("all 80 images of mnist"), "{observed}");
    assert!(observed.contains("not the published files"), "{observed}");
    assert!(stdout(&["--security", "2018"]).contains("2018"));
}

/// Runs `infer` and returns its record.
fn infer(model: &Path, data: &Path, arguments: &[&str]) -> Value {
    let record = data.join("record.json");
    let stdout = sealquant()
        .args(["infer", "--dataset", "mnist", "--model"])
        .arg(model)
        .arg("--data-dir")
        .arg(data)
        .arg("--record")
        .arg(&record)
        .args(arguments)
        .assert()
        .success()
        .get_output()
        .stdout
        .clone();
    let stdout = String::from_utf8(stdout).unwrap();
    let record: Value = serde_json::from_slice(&fs::read(&record).unwrap()).unwrap();
    let mismatches = format!("{} of", record["twin_mismatches"]);
    for shown in [
        "accuracy",
        "mismatches against the twin",
        "conv1",
        mismatches.as_str(),
    ] {
        assert!(stdout.contains(shown), "{shown} is missing in:\n{stdout}");
    }
    record
}

#[test]
fn infer_equals_the_twin_and_records_the_run() {
    let top = tempfile::tempdir().unwrap();
    let (model, data) = (top.path().join("m"), top.path().join("data"));
    write_model(&model);
    write_data(&data, 60);
    for mode in ["stock", "fast"] {
        let mut arguments = vec!["--split", "test", "--images", "10..55", "--threads", "2"];
        arguments.extend(["--mode", mode, "--layout", "batched", "--layer-noise"]);
        check_record(&infer(&model, &data, &arguments), mode, &data);
    }
}

/// What the record of images 10..55 of 60 must hold.
fn check_record(record: &Value, mode: &str, data: &Path) {
    assert_eq!(record["images"], 45);
    assert_eq!(record["first_image"], 10);
    assert_eq!(record["batches"], 1);
    assert_eq!(record["logits"], 450);
    assert_eq!(record["twin_mismatches"], 0);
    assert_eq!(record["correct"], correct_in_the_clear(data, 10..55));
    assert_eq!(record["threads"], 2);
    assert_eq!(record["mode"], mode);
    assert_eq!(record["layout"], "batched");
    assert_eq!(record["dataset"], "mnist");
    assert_eq!(record["split"], "test");
    assert_eq!(record["network"], "small");
    assert_eq!(record["bound"]["rule"], "proven");
    assert_eq!(record["bound"]["source"], Value::Null);
    assert_eq!(record["data_files"][0]["published"], false);
    assert_eq!(record["seal_version"], sealquant::bfv::SEAL_VERSION);
    assert_eq!(record["hexl"], sealquant::bfv::HEXL);
    assert!(
        record["command"]
            .as_str()
            .unwrap()
            .starts_with("sealquant infer --dataset mnist")
    );
    assert!(record["security"].as_str().unwrap().contains("2024"));

    let degree = record["poly_modulus_degree"].as_u64().unwrap();
    assert!(degree.is_power_of_two(), "{degree}");
    let primes = record["coeff_modulus_bits"].as_array().unwrap();
    assert!(primes.len() >= 2 && primes.iter().all(|bits| bits.as_u64() <= Some(60)));
    for t in record["plain_moduli"].as_array().unwrap() {
        assert_eq!(t.as_u64().unwrap() % (2 * degree), 1);
    }
    let measured = record["noise_budget_bits"].as_f64().unwrap();
    let predicted = record["predicted_noise_budget_bits"].as_f64().unwrap();
    assert!(
        measured >= 1.0 && measured >= predicted.floor(),
        "{measured} {predicted}"
    );
    for stage in ["keygen", "encrypt", "evaluate", "decrypt"] {
        assert!(record["seconds"][stage].as_f64().unwrap() > 0.0, "{stage}");
    }
    for size in ["upload", "response"] {
        assert!(record["bytes"][size].as_u64().unwrap() > 1000, "{size}");
    }
    let keys = record["bytes"]["keys"].as_u64().unwrap();
    assert_eq!(keys > 1000, mode == "stock", "fast mode needs no keys");
    assert!(!record["plan"].as_array().unwrap().is_empty());
    let layers = record["layers"].as_array().unwrap();
    // Fast mode joins sums and squares.
    let names: Vec<&str> = layers
        .iter()
        .flat_map(|layer| layer["name"].as_str().unwrap().split(" + "))
        .collect();
    for name in ["conv1", "square1", "linear1", "square2", "linear2"] {
        assert!(names.contains(&name), "{names:?}");
        let noise = record["noise"].as_array().unwrap();
        let noise = noise.iter().find(|noise| noise["name"] == name).unwrap();
        let predicted = noise["predicted_bits"].as_f64().unwrap();
        let measured = noise["measured_bits"].as_f64().unwrap();
        assert!(measured >= predicted.floor(), "{name}: {noise}");
    }
    check_forecast(record, mode);
    let squares: u64 = layers
        .iter()
        .map(|layer| layer["ops"]["squares"].as_u64().unwrap())
        .sum();
    assert_eq!(squares, 16 + 4, "4x4 positions, then 4");
    let layer_seconds: f64 = layers
        .iter()
        .map(|layer| layer["seconds"].as_f64().unwrap())
        .sum();
    assert!(layer_seconds <= record["seconds"]["evaluate"].as_f64().unwrap() * 1.01);
}

/// Fast mode's layers are predicted one by one, the operations exactly.
fn check_forecast(record: &Value, mode: &str) {
    let forecast = &record["forecast"];
    if mode == "stock" {
        assert!(forecast.is_null());
        return;
    }
    let measured = record["layers"].as_array().unwrap().iter();
    let measured: Vec<&Value> = measured.filter(|layer| layer["name"] != "input").collect();
    let predicted = forecast["layers"].as_array().unwrap();
    assert_eq!(predicted.len(), measured.len());
    for (predicted, measured) in predicted.iter().zip(measured) {
        assert_eq!(predicted["name"], measured["name"]);
        for count in ["additions", "squares"] {
            assert_eq!(predicted[count], measured["ops"][count], "{predicted}");
        }
        assert!(predicted["seconds"].as_f64().unwrap() > 0.0, "{predicted}");
        assert!(
            predicted["budget_bits"].as_f64().unwrap() >= 1.0,
            "{predicted}"
        );
        assert!(predicted["ciphertexts"].as_u64().unwrap() >= 1);
    }
    assert_eq!(predicted.last().unwrap()["polynomials"], 5, "two squares");
}

#[test]
fn infer_packs_few_images_and_says_what_it_cannot_pack() {
    let top = tempfile::tempdir().unwrap();
    let (model, data) = (top.path().join("m"), top.path().join("data"));
    write_model(&model);
    write_data(&data, 60);
    // Two linear layers after each other: the last but one reads all positions.
    sealquant()
        .args(["infer", "--layout", "packed", "--model"])
        .arg(&model)
        .arg("--data-dir")
        .arg(&data)
        .assert()
        .code(1)
        .stderr(predicate::str::contains("reads all positions at once"));
    let record = infer(&model, &data, &["--images", "0..3"]);
    assert_eq!(record["mode"], "fast");
    assert_eq!(record["layout"], "batched");
    assert_eq!(record["twin_mismatches"], 0);
}

/// How many labels the network's exact evaluation finds.
fn correct_in_the_clear(data: &Path, range: std::ops::Range<usize>) -> usize {
    use sealquant::{
        data::{DatasetName, Source, Split, load},
        network::{Twin, argmax},
    };
    let source = Source {
        data_dir: Some(data.to_owned()),
    };
    let images = load(DatasetName::Mnist, Split::Test, &source, &mut |_| ())
        .unwrap()
        .slice(range);
    let network = network();
    let twin = Twin::new(&network);
    let mut correct = 0;
    for (pixels, &label) in images.images().zip(images.labels()) {
        let logits = twin
            .logits(&network.quantize_image(pixels).unwrap())
            .unwrap();
        correct += usize::from(argmax(&logits) == usize::from(label));
    }
    correct
}

#[test]
fn more_images_than_slots_take_several_batches() {
    let top = tempfile::tempdir().unwrap();
    let (model, data) = (top.path().join("m"), top.path().join("data"));
    write_model(&model);
    write_data(&data, 8200);
    // The bound observed on these images, named in the record.
    let one = infer(
        &model,
        &data,
        &["--images", "0..1", "--accept-observed-bound"],
    );
    assert_eq!(one["bound"]["rule"], "observed");
    assert!(
        one["bound"]["source"]
            .as_str()
            .unwrap()
            .contains("16400 images of mnist")
    );
    let slots = one["poly_modulus_degree"].as_u64().unwrap();
    assert!(slots <= 8192, "{slots}");
    let range = format!("0..{}", slots + 3);
    let two = infer(
        &model,
        &data,
        &["--images", &range, "--accept-observed-bound"],
    );
    assert_eq!(two["batches"], 2);
    assert_eq!(two["images"], slots + 3);
    assert_eq!(two["logits"], 10 * (slots + 3));
    assert_eq!(two["twin_mismatches"], 0);
    let bytes = |record: &Value, name: &str| record["bytes"][name].as_u64().unwrap();
    assert_eq!(bytes(&two, "keys"), bytes(&one, "keys"));
    assert!(bytes(&two, "upload") > bytes(&one, "upload") * 19 / 10);
    let adds = |record: &Value| record["layers"][0]["ops"]["additions"].as_u64().unwrap();
    assert_eq!(adds(&two), 2 * adds(&one));
}

#[test]
fn images_and_data_that_are_not_there_are_refused() {
    let top = tempfile::tempdir().unwrap();
    let (model, data) = (top.path().join("m"), top.path().join("data"));
    write_model(&model);
    write_data(&data, 20);
    let (model, data) = (model.to_str().unwrap(), data.to_str().unwrap());
    let line = failure(&[
        "infer",
        "--model",
        model,
        "--data-dir",
        data,
        "--images",
        "0..21",
    ]);
    assert!(
        line.contains("0..21") && line.contains("has 20 images"),
        "{line}"
    );
    let line = failure(&["infer", "--model", model, "--data-dir", model]);
    assert!(line.contains("t10k-images-idx3-ubyte"), "{line}");
    // A dataset of other files under the same names is used, but never called the published one; damaged ones are not.
    fs::write(Path::new(data).join("t10k-images-idx3-ubyte"), b"damaged").unwrap();
    let line = failure(&["infer", "--model", model, "--data-dir", data]);
    assert!(line.contains("t10k-images-idx3-ubyte"), "{line}");
}

/// Trains and rounds on MNIST itself, a few seconds; the command checks its rows.
#[cfg(feature = "train")]
#[test]
fn the_tables_are_made_again_quickly() {
    let top = tempfile::tempdir().unwrap();
    let out = top.path().join("runs");
    let document = top.path().join("doc");
    let go = || {
        let arguments = ["reproduce", "accuracy", "--quick", "--out"];
        let output = sealquant()
            .args(arguments)
            .arg(&out)
            .arg("--document")
            .arg(&document)
            .assert()
            .success()
            .get_output()
            .clone();
        String::from_utf8(output.stdout).unwrap()
    };
    let first = go();
    for row in ["PTQ ptq8", "QAT w2-s1", "QAT w4-s1"] {
        assert!(first.contains(row), "{first}");
    }
    let text = fs::read_to_string(document.join("accuracy.md")).unwrap();
    assert!(
        text.contains("| QAT `w2-s1` | 2 bits | 4 levels | 1 |"),
        "{text}"
    );
    let rows: Value =
        serde_json::from_slice(&fs::read(document.join("rows.json")).unwrap()).unwrap();
    assert_eq!(rows.as_array().unwrap().len(), 6);
    for plot in ["accuracy-mnist.svg", "layers-mnist.svg"] {
        assert!(
            fs::read_to_string(document.join(plot))
                .unwrap()
                .starts_with("<svg")
        );
    }
    // Finished rows are not made again: the same numbers.
    assert_eq!(go(), first);
}

/// The documented example: its script (where there is Python), the import of both its networks, and what follows.
#[cfg(feature = "train")]
#[test]
fn weights_from_elsewhere_are_imported() {
    let top = tempfile::tempdir().unwrap();
    let path = |name: &str| top.path().join(name).to_str().unwrap().to_owned();
    match Process::new("python3")
        .arg("examples/import/make_weights.py")
        .arg(top.path())
        .status()
    {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            eprintln!("no python3 here: not run");
            return;
        }
        status => assert!(status.unwrap().success()),
    }
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
        .stdout(predicate::str::contains("classes differ on 0 of 60 images"));
    import("ternary");
    let network = Network::load(top.path().join("ternary/network.json")).unwrap();
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

#[cfg(feature = "train")]
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
        .stdout(predicate::str::contains("classes differ on 0 of 60 images"));
    let network = Network::load(Path::new(&rounded).join("network.json")).unwrap();
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
    let line = failure(&["ptq", "--model", &data, "--bits", "4", "--out", &rounded]);
    assert!(line.contains("config.json"), "{line}");
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
