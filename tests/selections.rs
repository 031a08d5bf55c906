//! The parameters, operations and work that are selected for networks, against a list: a change in a noise model, in the
//! search or in what is computed shows here, network by network. The networks are those in `models` and random ones.
//!
//! After a change that is meant, write the list anew with `SEALQUANT_WRITE_SELECTIONS=1 cargo test --test selections` and
//! look at the difference.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a failed test may panic")]

use num_bigint::BigInt;
use rayon::prelude::*;
use sealquant::circuit::OpCounts;
use sealquant::engine::{Contexts, Plan};
use sealquant::kernels::Rates;
use sealquant::network::{Network, NetworkLimits, op_counts, random_hcnn, random_network};
use sealquant::params::{
    BoundRule, Line, Parameters, Scheme, SelectOptions, WorkRates, diagonal_work, select,
};
use std::fmt::Write as _;
use std::path::Path;

/// Fixed rates, so that predicted times are units of work: what a vector operation takes near and far, and a read.
const UNITS: Rates = Rates {
    near: 1.0,
    far: 2.0,
    stream: 0.5,
};

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

/// Writes what the selection is.
fn chosen(selection: &Parameters) -> String {
    let noise: Vec<String> = selection
        .predicted_noise()
        .iter()
        .map(|layer| format!("{} {:.2}", layer.name, layer.budget_bits))
        .collect();
    format!(
        "{} N {}, t {:?}{}, q {:?}, drops {:?}, response {}, budgets {}",
        selection.scheme().layout(),
        selection.poly_modulus_degree(),
        selection.plain_moduli(),
        if selection.shared_upload() {
            " in one upload"
        } else {
            ""
        },
        selection.coeff_modulus(),
        selection.drops(),
        selection.response_primes(),
        noise.join(", "),
    )
}

/// Writes the operations that are not 0, as JSON names them.
fn operations(ops: &OpCounts) -> String {
    let ops = serde_json::to_value(ops).unwrap();
    let mut text = String::new();
    for (name, count) in ops.as_object().unwrap() {
        if count.as_u64() != Some(0) {
            write!(text, " {name} {count}").unwrap();
        }
    }
    text
}

/// Writes what a plan takes: ciphertexts and polynomials after each layer, operations over all plain primes, units of work.
fn work(network: &Network, plan: &Plan) -> String {
    let selection = plan.parameters();
    let mut line = format!(
        "inputs {}, outputs {}, batch {}, keys {}",
        plan.inputs(),
        plan.outputs(),
        plan.batch_size(),
        plan.client_spec().galois_elements().len()
    );
    if selection.scheme().is_stock() {
        for layer in op_counts(network) {
            let counts = [
                layer.multiplications,
                layer.additions,
                layer.bias_additions,
                layer.squares,
            ];
            write!(line, "; {} {counts:?}", layer.name).unwrap();
        }
        return line;
    }
    let contexts = Contexts::new(plan.client_spec()).unwrap();
    for layer in plan.forecast(&contexts, &UNITS) {
        write!(
            line,
            "; {} {}x{}{}",
            layer.name,
            layer.ciphertexts,
            layer.polynomials,
            operations(&layer.ops)
        )
        .unwrap();
        if !selection.scheme().rotates() {
            write!(line, " work {:.0}", layer.seconds * 1e9).unwrap();
        }
    }
    if selection.scheme().rotates() {
        let degree = selection.poly_modulus_degree();
        let mut levels = vec![selection.coeff_modulus().len() - 1];
        for drop in selection.drops() {
            levels.push(levels.last().unwrap() - drop);
        }
        line += "; work";
        for work in diagonal_work(plan.circuit(), plan.client_spec().slot_map(), &levels) {
            write!(
                line,
                " {:.0}",
                work.nanoseconds(&WorkRates::nominal(degree))
            )
            .unwrap();
        }
    }
    line
}

/// Two lines for each way to compute a network, or why it cannot be computed so.
fn selections(name: &str, network: &Network, bound: &BoundRule) -> String {
    let ways = [
        ("stock", Some(Scheme::Stock), None, None),
        ("batched", Some(Scheme::Batched), None, None),
        ("crops", Some(Scheme::Crops), None, None),
        ("diagonal", Some(Scheme::Diagonal), Some(1), None),
        ("few-uploads", Some(Scheme::FewUploads), Some(1), None),
        (
            "few-uploads over a line",
            Some(Scheme::FewUploads),
            Some(1),
            Some(Line::default()),
        ),
        ("any, one image", None, Some(1), None),
        (
            "any, one image over a line",
            None,
            Some(1),
            Some(Line::default()),
        ),
    ];
    let mut lines = String::new();
    // With own kernels, networks for CIFAR-10 take many seconds: two of them, one bound, each layout once.
    let is_large = name.starts_with("cifar");
    let is_sample = ["cifar-34", "cifar-51"].contains(&name) && *bound != BoundRule::Proven;
    for (way, scheme, images, line) in ways {
        let is_stock = scheme == Some(Scheme::Stock);
        // One of them is enough for the search for few uploads.
        let is_slow = scheme == Some(Scheme::FewUploads) && name != "cifar-51";
        if is_large && !is_stock && (scheme.is_none() || !is_sample || is_slow) {
            continue;
        }
        // Of the others, the line changes what is chosen of all layouts, which is below.
        if !is_large && scheme.is_some() && line.is_some() {
            continue;
        }
        let options = SelectOptions {
            bound: bound.clone(),
            scheme,
            images,
            line,
            ..SelectOptions::default()
        };
        write!(lines, "{name}, {}, {way}: ", bound.name()).unwrap();
        match select(network, &options) {
            Ok(selection) => {
                writeln!(lines, "{}", chosen(&selection)).unwrap();
                // What is chosen of all layouts has its line already.
                if scheme.is_some() {
                    let plan = Plan::new(network, &selection).unwrap();
                    writeln!(lines, "  {}", work(network, &plan)).unwrap();
                }
            }
            Err(error) => {
                let error = error.to_string();
                writeln!(lines, "{}", error.split([':', ';']).next().unwrap()).unwrap();
            }
        }
    }
    lines
}

/// The committed integer networks with their bounds, then random ones with the proven bound.
fn networks() -> Vec<(String, Network, Vec<BoundRule>)> {
    let models = Path::new(env!("CARGO_MANIFEST_DIR")).join("models");
    let mut models: Vec<_> = std::fs::read_dir(models)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|model| model.join("network.json.gz").exists())
        .collect();
    models.sort();
    assert!(models.len() > 10);
    let models = models.iter().map(|model| {
        let name = model.file_name().unwrap().to_string_lossy().into_owned();
        let bounds = vec![BoundRule::Proven, observed(model)];
        (name, Network::load(model).unwrap(), bounds)
    });
    let hcnn = (1..=3).map(|seed| {
        let network = random_hcnn(seed, 1 + seed as u32, 20).unwrap();
        (format!("hcnn {seed}"), network)
    });
    let narrow = NetworkLimits::default();
    let wide = NetworkLimits::wide();
    let random = [("narrow", &narrow, 24), ("wide", &wide, 6)];
    let random = random.into_iter().flat_map(|(kind, limits, count)| {
        (1..=count).map(move |seed| {
            let network = random_network(seed, limits).unwrap();
            (format!("{kind} {seed}"), network)
        })
    });
    let random = hcnn
        .chain(random)
        .map(|(name, network)| (name, network, vec![BoundRule::Proven]));
    models.chain(random).collect()
}

#[test]
fn networks_get_the_parameters_and_the_work_of_the_list() {
    let networks = networks();
    let actual: Vec<String> = networks
        .par_iter()
        .flat_map(|(name, network, bounds)| {
            bounds
                .par_iter()
                .map(|bound| selections(name, network, bound))
        })
        .collect();
    let actual = actual.concat();
    let list = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/selections.txt");
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
