//! Compares the committed networks with the real MNIST and CIFAR-10 (fetched on first use).
#![cfg(feature = "train")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test may stop at a surprise"
)]

use std::{
    fs,
    path::{Path, PathBuf},
};

use num_bigint::BigInt;
use num_traits::ToPrimitive as _;

use sealquant::{
    data::{self, Dataset, DatasetName, Source, Split},
    network::{Network, Twin, argmax},
    quant::WeightRule,
    train::{CONFIG_FILE, NETWORK_FILE, PtqOptions, PtqRecord, TrainConfig, TrainRecord, ptq},
};
use serde_json::Value;

fn model(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("models")
        .join(name)
}

fn mnist(split: Split) -> Dataset {
    data::load(DatasetName::Mnist, split, &Source::default(), &mut |_| ()).unwrap()
}

/// Counts the images that the integer network, evaluated exactly, classifies correctly.
fn correct(network: &Network, data: &Dataset) -> usize {
    let inputs: Vec<Vec<i64>> = data
        .images()
        .map(|image| network.quantize_image(image).unwrap())
        .collect();
    let logits = Twin::new(network).logits_batch(&inputs).unwrap();
    logits
        .iter()
        .zip(data.labels())
        .filter(|(z, label)| argmax(z) == usize::from(**label))
        .count()
}

#[test]
fn mnist_is_complete() {
    for (split, images) in [(Split::Train, 60_000), (Split::Test, 10_000)] {
        let data = mnist(split);
        assert_eq!((data.len(), data.shape()), (images, (1, 28, 28)));
        assert!(data.files().iter().all(|file| file.published));
    }
    let test = mnist(Split::Test);
    // The well-known class counts of the test split.
    let mut counts = [0; 10];
    for &label in test.labels() {
        counts[usize::from(label)] += 1;
    }
    assert_eq!(
        counts,
        [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
    );
}

#[test]
fn mnist_w2_has_the_papers_setting_and_the_recorded_accuracy() {
    let dir = model("mnist-w2");
    let network = Network::load(dir.join(NETWORK_FILE)).unwrap();
    let record = TrainRecord::load(&dir).unwrap();
    assert_eq!(
        TrainConfig::load(&dir.join(CONFIG_FILE)).unwrap(),
        record.config
    );

    assert_eq!(network.input().quantizer.thresholds(), [85, 170, 255]);
    for (layer, bits) in network.layers().iter().zip(network.weight_bits()) {
        assert!(bits.is_none_or(|b| b <= 2), "{}: {bits:?}", layer.name);
        for weight in layer.layer.weight().unwrap_or_default() {
            assert!(weight.abs() <= 1, "{}: {weight}", layer.name);
        }
    }

    let test = mnist(Split::Test);
    assert_eq!(test.files(), &record.data[2..]);
    assert_eq!(correct(&network, &test), record.test_correct);
    assert!(record.test_accuracy >= 0.98, "{}", record.test_accuracy);
    let agreement = record.agreement.unwrap();
    assert_eq!((agreement.images, agreement.argmax_differs), (10_000, 0));
    assert!(agreement.relative_error < 1e-5, "{agreement:?}");
    let parent = TrainRecord::load(&model("mnist-float")).unwrap();
    assert_eq!(
        record.parent_sha256.as_deref(),
        Some(parent.weights_sha256.as_str())
    );
}

/// A committed model, as its record describes it.
struct Committed {
    name: String,
    record: Value,
}

/// Returns the models of a dataset: those with an integer network, or the others.
fn committed(prefix: &str, integers: bool) -> Vec<Committed> {
    let mut found: Vec<Committed> = fs::read_dir(model(""))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.starts_with(prefix))
        .filter(|name| model(name).join(NETWORK_FILE).exists() == integers)
        .map(|name| {
            let text = fs::read(model(&name).join("record.json")).unwrap();
            let record = serde_json::from_slice(&text).unwrap();
            Committed { name, record }
        })
        .collect();
    found.sort_by(|a, b| a.name.cmp(&b.name));
    found
}

/// Checks that the network gives the record's accuracy, largest logit and test files on the real images.
fn check_integer_network(model_: &Committed, test: &Dataset) {
    let Committed { name, record } = model_;
    let network = Network::load(model(name).join(NETWORK_FILE)).unwrap();
    let inputs: Vec<Vec<i64>> = test
        .images()
        .map(|image| network.quantize_image(image).unwrap())
        .collect();
    let logits = Twin::new(&network).logits_batch(&inputs).unwrap();
    let right = logits.iter().zip(test.labels());
    let right = right.filter(|(z, label)| argmax(z) == usize::from(**label));
    let right = right.count() as u64;
    assert_eq!(record["test_correct"], right, "{name}");
    assert_eq!(record["test_images"], test.len() as u64, "{name}");
    let share = record["test_accuracy"].as_f64().unwrap();
    assert!(
        (share - right as f64 / test.len() as f64).abs() < 1e-12,
        "{name}"
    );

    let largest = logits
        .iter()
        .flatten()
        .map(BigInt::magnitude)
        .max()
        .unwrap();
    let bits = (largest.to_f64().unwrap() * 2.0 + 1.0).log2();
    let agreement = &record["agreement"];
    let recorded = agreement["observed_bits"].as_f64().unwrap();
    assert!((bits - recorded).abs() < 1e-6, "{name}: {bits} bits");
    let layers = network.weight_bits();
    assert!(layers.iter().flatten().all(|&bits| bits <= 8), "{name}");
    assert_eq!(agreement["argmax_differs"], 0, "{name}");
    assert_eq!(agreement["images"], test.len() as u64, "{name}");

    let files = record["data"].as_array().unwrap();
    for file in test.files() {
        let same = |known: &&Value| known["name"] == *file.name && known["sha256"] == *file.sha256;
        assert!(files.iter().any(|known| same(&known)), "{name}: {file:?}");
    }
}

/// Evaluates every committed integer network on all test images.
#[test]
fn every_mnist_network_has_its_recorded_accuracy() {
    let test = mnist(Split::Test);
    let models = committed("mnist-", true);
    assert_eq!(models.len(), 8);
    for model in &models {
        check_integer_network(model, &test);
    }
}

#[test]
fn every_cifar_network_has_its_recorded_accuracy() {
    let source = Source::default();
    let test = data::load(DatasetName::Cifar10, Split::Test, &source, &mut |_| ()).unwrap();
    assert_eq!((test.len(), test.shape()), (10_000, (3, 32, 32)));
    let models = committed("cifar-", true);
    assert_eq!(models.len(), 5);
    for model in &models {
        let start = std::time::Instant::now();
        check_integer_network(model, &test);
        println!("{}: {:?}", model.name, start.elapsed());
    }
    let few = test.slice(0..20);
    let floats = committed("cifar-", false);
    assert_eq!(floats.len(), 3);
    for Committed { name, .. } in floats {
        check_float_network(&name, &few);
    }
}

/// Rounds a float network to eight bits, and checks that it is the one that its record hashes.
fn check_float_network(name: &str, test: &Dataset) -> (TrainRecord, PtqRecord) {
    let dir = model(name);
    let float = TrainRecord::load(&dir).unwrap();
    assert_eq!(
        TrainConfig::load(&dir.join(CONFIG_FILE)).unwrap(),
        float.config
    );
    let options = PtqOptions {
        n_bits: 8,
        rule: WeightRule::Max,
        input_thresholds: None,
    };
    let (network, record) = ptq(&dir, &options, test).unwrap();
    assert_eq!(record.parent_sha256, float.weights_sha256, "{name}");
    assert_eq!(correct(&network, test), record.test_correct, "{name}");
    (float, record)
}

/// Checks that every committed float network of squares is the one that its record hashes and keeps its accuracy when
/// it is rounded finely: the paper's within 0.5 points on all test images, the others within 2 points on the first 1,000.
/// The teacher is left out, because its ReLUs have no integer form.
#[test]
fn every_mnist_float_network_is_the_recorded_one() {
    let test = mnist(Split::Test);
    let some = test.slice(0..1000);
    let models = committed("mnist-", false);
    assert_eq!(models.len(), 5);
    for Committed { name, .. } in models {
        let (images, allowed) = match name.as_str() {
            "mnist-teacher" => continue,
            "mnist-float" => (&test, 0.005),
            _ => (&some, 0.02),
        };
        let (float, rounded) = check_float_network(&name, images);
        let lost = float.test_accuracy - rounded.test_accuracy;
        assert!(lost.abs() < allowed, "{name}: {lost}");
    }
}
