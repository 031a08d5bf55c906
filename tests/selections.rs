//! The parameters that are selected for the networks in `models`, against a list: a change in a noise model or in the
//! search shows here, model by model.
//!
//! After a change that is meant, write the list anew with `SEALQUANT_WRITE_SELECTIONS=1 cargo test --test selections` and
//! look at the difference.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a failed test may panic")]

use num_bigint::BigInt;
use sealquant::network::Network;
use sealquant::params::{BoundRule, LayoutKind, Mode, SelectOptions, select};
use std::fmt::Write as _;
use std::path::Path;

/// The bound that a model's record says was observed, rounded up to a power of two.
fn observed(model: &Path) -> BoundRule {
    let record = std::fs::read_to_string(model.join("record.json")).unwrap();
    let record: serde_json::Value = serde_json::from_str(&record).unwrap();
    let bits = record["agreement"]["observed_bits"].as_f64().unwrap();
    BoundRule::Observed {
        magnitude: BigInt::from(1) << (bits.ceil() as u32 - 1),
        source: "the record".to_owned(),
    }
}

/// A line for each way to compute a network.
fn selections(name: &str, network: &Network, bound: &BoundRule) -> String {
    let ways = [
        (Mode::Stock, None, None),
        (Mode::Fast, Some(LayoutKind::Batched), None),
        (Mode::Fast, Some(LayoutKind::Packed), None),
        (Mode::Fast, Some(LayoutKind::Diagonal), Some(1)),
    ];
    // In fast mode the covariances of the networks for CIFAR-10 take seconds each.
    let count = if name.starts_with("cifar") {
        1
    } else {
        ways.len()
    };
    let mut lines = String::new();
    for (mode, layout, images) in ways.into_iter().take(count) {
        let options = SelectOptions {
            bound: bound.clone(),
            mode,
            layout,
            images,
            ..SelectOptions::default()
        };
        let way = layout.map_or("stock", LayoutKind::name);
        write!(lines, "{name}, {}, {way}: ", bound.name()).unwrap();
        match select(network, &options) {
            Ok(chosen) => {
                let noise: Vec<String> = chosen
                    .predicted_noise()
                    .iter()
                    .map(|layer| format!("{} {:.2}", layer.name, layer.budget_bits))
                    .collect();
                writeln!(
                    lines,
                    "N {}, t {:?}, q {:?}, drops {:?}, response {}, budgets {}",
                    chosen.poly_modulus_degree(),
                    chosen.plain_moduli(),
                    chosen.coeff_modulus(),
                    chosen.drops(),
                    chosen.response_primes(),
                    noise.join(", "),
                )
                .unwrap();
            }
            Err(error) => {
                let error = error.to_string();
                writeln!(lines, "{}", error.split([':', ';']).next().unwrap()).unwrap();
            }
        }
    }
    lines
}

#[test]
fn the_committed_models_get_the_parameters_of_the_list() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut models: Vec<_> = std::fs::read_dir(root.join("models"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|model| model.join("network.json.gz").exists())
        .collect();
    models.sort();
    assert!(models.len() > 10);
    let mut actual = String::new();
    for model in &models {
        let network = Network::load(model).unwrap();
        let name = model.file_name().unwrap().to_string_lossy();
        for bound in [BoundRule::Proven, observed(model)] {
            actual += &selections(&name, &network, &bound);
        }
    }
    let list = root.join("tests/selections.txt");
    if std::env::var_os("SEALQUANT_WRITE_SELECTIONS").is_some() {
        std::fs::write(&list, &actual).unwrap();
    }
    let expected = std::fs::read_to_string(&list).unwrap();
    let mut differences = String::new();
    for (expected, actual) in expected.lines().zip(actual.lines()) {
        if expected != actual {
            write!(differences, "\n- {expected}\n+ {actual}").unwrap();
        }
    }
    assert_eq!(expected.lines().count(), actual.lines().count());
    assert!(differences.is_empty(), "{differences}");
}
