//! The committed networks against the real MNIST (fetched on first use).
#![cfg(feature = "train")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test may stop at a surprise"
)]

use std::path::{Path, PathBuf};

use sealquant::{
    data::{self, Dataset, DatasetName, Source, Split},
    network::{Network, Twin, argmax},
    quant::WeightRule,
    train::{CONFIG_FILE, NETWORK_FILE, PtqOptions, TrainConfig, TrainRecord, ptq},
};

fn model(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("models")
        .join(name)
}

fn mnist(split: Split) -> Dataset {
    data::load(DatasetName::Mnist, split, &Source::default(), &mut |_| ()).unwrap()
}

/// Images that the integer network, evaluated exactly, classifies correctly.
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

#[test]
fn the_float_parent_rounded_to_eight_bits_keeps_its_accuracy() {
    let dir = model("mnist-float");
    let float = TrainRecord::load(&dir).unwrap();
    let options = PtqOptions {
        n_bits: 8,
        rule: WeightRule::Max,
        input_thresholds: None,
    };
    let test = mnist(Split::Test);
    let (network, record) = ptq(&dir, &options, &test).unwrap();
    assert_eq!(record.parent_sha256, float.weights_sha256);
    assert_eq!(correct(&network, &test), record.test_correct);
    assert!((record.test_accuracy - float.test_accuracy).abs() < 0.005);
}
