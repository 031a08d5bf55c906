//! `sealquant infer`.

use std::{fs, path::Path};

use predicates::prelude::*;
use serde_json::Value;

use crate::kit::{assert_no_cell_is_wrapped, failure, network, sealquant, write_data, write_model};

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
    let text = |field: &str| record[field].as_str().unwrap();
    let mismatches = format!("{} of", record["twin_mismatches"]);
    let computed = format!(
        "with {} kernels, in the {} layout",
        text("kernels"),
        text("layout")
    );
    let bound = record["bound"]["source"].as_str().map_or_else(
        || "proven for every input".to_owned(),
        |source| format!("observed on {source}"),
    );
    // A few images are listed one by one, many are grouped by label.
    let classes = if record["images"].as_u64().unwrap() <= 20 {
        "that is"
    } else {
        "else mostly read as"
    };
    for shown in [
        "accuracy",
        "mismatches against the twin",
        "conv1",
        text("model"),
        text("network"),
        &mismatches,
        &computed,
        &bound,
        classes,
    ] {
        assert!(stdout.contains(shown), "{shown} is missing in:\n{stdout}");
    }
    assert_no_cell_is_wrapped(&stdout);
    record
}

#[test]
fn infer_equals_the_twin_and_records_the_run() {
    let top = tempfile::tempdir().unwrap();
    let (model, data) = (top.path().join("m"), top.path().join("data"));
    write_model(&model);
    write_data(&data, 60);
    for kernels in ["seal", "own"] {
        let mut arguments = vec!["--split", "test", "--images", "10..55", "--threads", "2"];
        arguments.extend(["--kernels", kernels, "--layout", "batched", "--layer-noise"]);
        check_record(&infer(&model, &data, &arguments), kernels, &data);
    }
}

/// Checks the record of images 10..55 of 60.
fn check_record(record: &Value, kernels: &str, data: &Path) {
    assert_eq!(record["images"], 45);
    assert_eq!(record["first_image"], 10);
    assert_eq!(record["batches"], 1);
    assert_eq!(record["logits"], 450);
    assert_eq!(record["twin_mismatches"], 0);
    assert_eq!(record["correct"], correct_in_the_clear(data, 10..55));
    assert_eq!(record["threads"], 2);
    assert_eq!(record["kernels"], kernels);
    assert_eq!(record["layout"], "batched");
    assert_eq!(record["dataset"], "mnist");
    assert_eq!(record["split"], "test");
    assert_eq!(record["network"], "small");
    assert_eq!(record["bound"]["rule"], "proven");
    assert_eq!(record["bound"]["source"], Value::Null);
    assert_eq!(record["data_files"][0]["published"], false);
    assert_eq!(record["seal_version"], sealquant::seal::SEAL_VERSION);
    assert_eq!(record["hexl"], sealquant::seal::HEXL);
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
    assert_eq!(keys > 1000, kernels == "seal", "own kernels need no keys");
    assert!(!record["plan"].as_array().unwrap().is_empty());
    let memory = |field: &str| record[field].as_f64().unwrap();
    assert!(memory("predicted_memory_bytes") > 1e7);
    assert!(memory("predicted_memory_bytes") < 1.1 * memory("peak_memory_bytes"));
    let layers = record["layers"].as_array().unwrap();
    // Own kernels join sums and squares.
    let names: Vec<&str> = layers
        .iter()
        .flat_map(|layer| layer["name"].as_str().unwrap().split(" + "))
        .collect();
    for name in [
        "conv1", "square1", "linear1", "square2", "linear2", "response",
    ] {
        assert!(names.contains(&name), "{names:?}");
        let noise = record["noise"].as_array().unwrap();
        let noise = noise.iter().find(|noise| noise["name"] == name).unwrap();
        let predicted = noise["predicted_bits"].as_f64().unwrap();
        let measured = noise["measured_bits"].as_f64().unwrap();
        assert!(measured >= predicted.floor(), "{name}: {noise}");
    }
    check_forecast(record, kernels);
    let squares: u64 = layers
        .iter()
        .map(|layer| layer["ops"]["squares"].as_u64().unwrap())
        .sum();
    assert_eq!(
        squares, 18,
        "of 4x4 positions and 4 values, those that are read"
    );
    let layer_seconds: f64 = layers
        .iter()
        .map(|layer| layer["seconds"].as_f64().unwrap())
        .sum();
    assert!(layer_seconds <= record["seconds"]["evaluate"].as_f64().unwrap() * 1.01);
}

/// Checks that the layers of own kernels are predicted one by one, and the operations exactly.
fn check_forecast(record: &Value, kernels: &str) {
    let forecast = &record["forecast"];
    if kernels == "seal" {
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
    // Two consecutive linear layers: the last but one reads all positions.
    sealquant()
        .args(["infer", "--layout", "crops", "--model"])
        .arg(&model)
        .arg("--data-dir")
        .arg(&data)
        .assert()
        .code(1)
        .stderr(predicate::str::contains("reads all positions at once"));
    for (arguments, layout) in [
        (
            &["--images", "0..3", "--layout", "diagonal"][..],
            "diagonal",
        ),
        (&["--images", "0..3", "--layout", "batched"], "batched"),
    ] {
        let record = infer(&model, &data, arguments);
        assert_eq!(record["kernels"], "own");
        assert_eq!(record["layout"], layout);
        assert_eq!(record["twin_mismatches"], 0);
    }
}

/// Counts the labels that the network's exact evaluation finds.
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
    // The bound observed on these images is named in the record.
    let one = infer(
        &model,
        &data,
        &[
            "--images",
            "0..1",
            "--accept-observed-bound",
            "--layout",
            "batched",
        ],
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
        &[
            "--images",
            &range,
            "--accept-observed-bound",
            "--layout",
            "batched",
        ],
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
    // A dataset with other files under the same names is used, but never called the published one; a damaged one is not
    // used.
    fs::write(Path::new(data).join("t10k-images-idx3-ubyte"), b"damaged").unwrap();
    let line = failure(&["infer", "--model", model, "--data-dir", data]);
    assert!(line.contains("t10k-images-idx3-ubyte"), "{line}");
}

/// Compares predicted memory with the largest memory that the records of finished runs report. From half a gigabyte on,
/// that memory is keys and ciphertexts.
#[test]
fn memory_is_predicted_near_what_records_measured() {
    use sealquant::{
        engine::Plan,
        network::Network,
        params::{BoundRule, Scheme, SelectOptions, select},
    };
    let top = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut compared = 0;
    for entry in fs::read_dir(top.join("tests/records")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "json") {
            continue;
        }
        let record: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
        let (Some(measured), Some(magnitude)) = (
            record["peak_memory_bytes"].as_f64(),
            record["bound"]["magnitude"].as_str(),
        ) else {
            continue;
        };
        if measured < 5e8 {
            continue;
        }
        let text = |field: &str| record[field].as_str().unwrap();
        let network = Network::load(top.join(text("model"))).unwrap();
        let images = usize::try_from(record["images"].as_u64().unwrap()).unwrap();
        let options = SelectOptions {
            bound: BoundRule::Observed {
                magnitude: magnitude.parse().unwrap(),
                source: "the record".to_owned(),
            },
            scheme: Scheme::ALL.into_iter().find(|scheme| {
                let layout = text("layout").replace("packed", "crops");
                let is_stock = record["kernels"] == "seal" || record["mode"] == "stock";
                scheme.is_stock() == is_stock && scheme.layout() == layout
            }),
            images: Some(images),
            // The records are of uploads for each plain prime.
            shared_upload: false,
            ..SelectOptions::default()
        };
        let selection = select(&network, &options).unwrap();
        let plan = Plan::new(&network, &selection).unwrap();
        let forecast = plan.memory(Some(images));
        let ratio = forecast.peak() as f64 / measured;
        println!(
            "{}: {:.0} MB predicted, {:.0} MB measured",
            path.display(),
            forecast.peak() as f64 / 1e6,
            measured / 1e6
        );
        assert!((0.7..1.4).contains(&ratio), "{}: {ratio}", path.display());
        compared += 1;
    }
    assert!(compared > 2, "{compared}");
}
