//! The networks that benchmarks run: random ones by name, or models. Benchmarks share this file through `#[path]`.

use num_bigint::BigInt;
use sealquant::data::{Dataset, DatasetName, Source, Split};
use sealquant::network::{Network, observed_bounds, random_hcnn, random_hcnn_cifar, random_images};
use sealquant::params::BoundRule;
use std::error::Error;
use std::path::Path;

/// Seed of random weights.
const SEED: u64 = 2026;

/// The bound on the logits that the plaintext modulus must hold.
#[derive(Clone, Copy)]
pub enum Bound {
    Proven,
    Observed,
}

impl std::str::FromStr for Bound {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        match name {
            "proven" => Ok(Self::Proven),
            "observed" => Ok(Self::Observed),
            other => Err(format!("no bound {other}")),
        }
    }
}

/// Returns a network and tells whether it is a random one. `mnist` has the shape of HCNN-MNIST, `cifar` and `cifar2`
/// that of the network for CIFAR-10 with one or two linear layers, and `percent` of their weights are not zero; other
/// names are model directories, relative to the checkout's root.
pub fn network(name: &str, percent: usize) -> Result<(Network, bool), Box<dyn Error>> {
    Ok(match name {
        "mnist" => (random_hcnn(SEED, 2, percent)?, true),
        "cifar" => (random_hcnn_cifar(SEED, 2, 2, percent, false)?, true),
        "cifar2" => (random_hcnn_cifar(SEED, 2, 2, percent, true)?, true),
        _ => {
            let model = Path::new(env!("CARGO_MANIFEST_DIR")).join(name);
            (Network::load(model)?, false)
        }
    })
}

/// Returns a bound on a network's logits: observed on `count` random images for a random network, and on all images of
/// its dataset for a model.
pub fn bound(
    name: &str,
    network: &Network,
    kind: Bound,
    count: usize,
) -> Result<BoundRule, Box<dyn Error>> {
    let Bound::Observed = kind else {
        return Ok(BoundRule::Proven);
    };
    if is_random(name) {
        return Ok(BoundRule::Observed {
            magnitude: largest_logit(network, &random_images(1, network, count))?,
            source: "the batch".to_owned(),
        });
    }
    let dataset = dataset_of(name)?;
    let magnitude = [Split::Train, Split::Test]
        .into_iter()
        .map(|split| largest_logit(network, &quantised(network, &load(dataset, split)?)?))
        .try_fold(BigInt::from(0), |all, split| {
            Ok::<_, Box<dyn Error>>(all.max(split?))
        })?;
    Ok(BoundRule::Observed {
        magnitude,
        source: format!("all images of {dataset}, training and test"),
    })
}

fn is_random(name: &str) -> bool {
    ["mnist", "cifar", "cifar2"].contains(&name)
}

/// Returns the dataset that a model was trained on, from the record in its directory.
fn dataset_of(name: &str) -> Result<DatasetName, Box<dyn Error>> {
    let record = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join(name)
        .join("record.json");
    let record: serde_json::Value = serde_json::from_slice(&std::fs::read(record)?)?;
    let dataset = record["config"]["dataset"].as_str().unwrap_or_default();
    Ok(dataset.parse()?)
}

fn load(dataset: DatasetName, split: Split) -> Result<Dataset, Box<dyn Error>> {
    let source = Source::default();
    Ok(sealquant::data::load(dataset, split, &source, &mut |_| ())?)
}

fn quantised(network: &Network, data: &Dataset) -> Result<Vec<Vec<i64>>, Box<dyn Error>> {
    let images = data.images().map(|image| network.quantize_image(image));
    Ok(images.collect::<Result<_, _>>()?)
}

/// Returns the largest magnitude of a logit on these images.
fn largest_logit(network: &Network, images: &[Vec<i64>]) -> Result<BigInt, Box<dyn Error>> {
    let bounds = observed_bounds(network, images)?;
    Ok(bounds.output().magnitude())
}

/// Returns the quantised images to classify: random ones, or the first test images of the dataset that a model was
/// trained on.
#[allow(dead_code, reason = "not every benchmark takes quantised images")]
pub fn images(
    name: &str,
    network: &Network,
    count: usize,
) -> Result<Vec<Vec<i64>>, Box<dyn Error>> {
    if is_random(name) {
        return Ok(random_images(1, network, count));
    }
    let mut images = quantised(network, &load(dataset_of(name)?, Split::Test)?)?;
    images.truncate(count);
    Ok(images)
}

/// Returns the bytes of the first test images of the dataset that a model was trained on.
#[allow(dead_code, reason = "not every benchmark takes bytes")]
pub fn image_bytes(name: &str, count: usize) -> Result<Vec<Vec<u8>>, Box<dyn Error>> {
    let data = load(dataset_of(name)?, Split::Test)?;
    Ok(data.images().take(count).map(<[u8]>::to_vec).collect())
}
