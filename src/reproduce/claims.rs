//! The paper's claims, and what the rows say to them.

use serde::{Deserialize, Serialize};

use super::{Method, Row};
use crate::data::DatasetName;

/// A reduction of the integers by quantised training, against the smallest network that rounding alone gives.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Claim {
    /// The rows of the quantised network: one for each seed.
    pub rows: Vec<String>,
    /// What the rows have in common: bits of a weight, or a network's name.
    pub network: String,
    /// Mean test accuracy over the seeds.
    pub accuracy: f64,
    /// Largest less smallest test accuracy.
    pub spread: f64,
    /// Bits of the widest integer, the mean over the seeds: proven, then observed.
    pub widest_bits: [f64; 2],
    /// The baseline's row by each of the two; empty if no rounded network is good enough.
    pub baselines: [String; 2],
    /// Share of the baseline's widest integer that is saved, by each of the two; none without a baseline.
    pub saved: [Option<f64>; 2],
}

/// What the paper's own float network reaches, where it is known.
pub const fn paper_float(dataset: DatasetName) -> Option<f64> {
    match dataset {
        DatasetName::Mnist => Some(0.986),
        _ => None,
    }
}

/// How much accuracy a baseline may lose against the float network.
pub(super) const fn tolerance(dataset: DatasetName) -> f64 {
    match dataset {
        DatasetName::Cifar10 => 0.01,
        _ => 0.003,
    }
}

fn widest(row: &Row) -> Option<[f64; 2]> {
    let widths = row.widths.as_ref()?;
    Some([widths.proven.widest_bits, widths.observed.widest_bits])
}

/// For each width of weight, and for each network with a budget, how much quantised training saves. The baseline is the rounded (PTQ) network with the
/// narrowest widest integer among those that lose at most 0.3 points (MNIST) or 1 point (CIFAR-10) against a float
/// network: one of accuracy `reference`, or the one among the rows.
pub fn claims(rows: &[Row], reference: Option<f64>) -> Vec<Claim> {
    let Some(float) = rows.iter().find(|row| row.method == Method::Float) else {
        return Vec::new();
    };
    let least = reference.unwrap_or(float.test_accuracy) - tolerance(float.dataset);
    let baseline = |which: usize| {
        rows.iter()
            .filter(|row| row.method == Method::Ptq && row.test_accuracy >= least)
            .filter_map(|row| Some((row, widest(row)?[which])))
            .min_by(|a, b| a.1.total_cmp(&b.1))
    };
    let baselines = [baseline(0), baseline(1)];
    let mut groups: Vec<(String, Vec<&Row>)> = Vec::new();
    for row in rows {
        let network = match (row.method, row.weight_bits) {
            (Method::Qat, Some(bits)) => format!("{bits} bits"),
            (Method::Front, _) => row.name.clone(),
            _ => continue,
        };
        match groups.iter_mut().find(|(name, _)| *name == network) {
            Some((_, of)) => of.push(row),
            None => groups.push((network, vec![row])),
        }
    }
    groups
        .into_iter()
        .map(|(network, of)| {
            let mean = |f: &dyn Fn(&Row) -> f64| {
                of.iter().map(|row| f(row)).sum::<f64>() / of.len().max(1) as f64
            };
            let accuracies = || of.iter().map(|row| row.test_accuracy);
            let widest_bits =
                [0, 1].map(|which| mean(&|row| widest(row).map_or(0.0, |w| w[which])));
            Claim {
                rows: of.iter().map(|row| row.name.clone()).collect(),
                network,
                accuracy: mean(&|row| row.test_accuracy),
                spread: accuracies().fold(f64::MIN, f64::max)
                    - accuracies().fold(f64::MAX, f64::min),
                widest_bits,
                baselines: baselines.map(|b| b.map_or(String::new(), |(row, _)| row.name.clone())),
                saved: [0, 1]
                    .map(|which| baselines[which].map(|(_, bits)| 1.0 - widest_bits[which] / bits)),
            }
        })
        .collect()
}

#[cfg(test)]
#[allow(clippy::panic, reason = "a test may stop at a surprise")]
pub(super) mod tests {
    use super::super::{Choice, LayerWidth, Widths};
    use super::*;

    /// A row with the given widest integers.
    pub(in super::super) fn row(
        method: Method,
        name: &str,
        weight_bits: Option<u32>,
        accuracy: f64,
        bits: Option<[f64; 2]>,
    ) -> Row {
        let choice = |bits: f64| Choice {
            logit_bits: bits - 1.0,
            widest_bits: bits,
            plain_moduli: vec![65_537],
            poly_modulus_degree: 8192,
            coeff_modulus_bits: 200,
        };
        Row {
            dataset: DatasetName::Mnist,
            method,
            name: name.into(),
            recipe: "a rule".into(),
            weight_bits,
            narrowest_weight_bits: weight_bits,
            channels: vec![5, 50],
            input_levels: 4,
            encoded: false,
            seed: Some(1),
            epochs: Some(1),
            validation_accuracy: Some(accuracy),
            test_images: 10_000,
            test_correct: (accuracy * 1e4) as usize,
            test_accuracy: accuracy,
            weights_sha256: "00".into(),
            widths: bits.map(|[proven, observed]| Widths {
                layers: vec![
                    LayerWidth {
                        name: "input".into(),
                        proven_bits: 2.0,
                        observed_bits: 2.0,
                    },
                    LayerWidth {
                        name: "linear1".into(),
                        proven_bits: proven,
                        observed_bits: observed,
                    },
                ],
                observed_on: "all images".into(),
                proven: choice(proven),
                observed: choice(observed),
            }),
        }
    }

    pub(in super::super) fn table() -> Vec<Row> {
        vec![
            row(Method::Float, "float", None, 0.990, None),
            row(Method::Ptq, "ptq2", Some(2), 0.5, Some([20.0, 15.0])),
            row(Method::Ptq, "ptq4", Some(4), 0.988, Some([50.0, 40.0])),
            row(Method::Ptq, "ptq8", Some(8), 0.990, Some([80.0, 60.0])),
            row(Method::Qat, "w2-s1", Some(2), 0.985, Some([31.0, 24.0])),
            row(Method::Qat, "w2-s2", Some(2), 0.986, Some([29.0, 26.0])),
            row(Method::Front, "t17", Some(2), 0.98, Some([22.0, 17.0])),
        ]
    }

    #[test]
    fn savings_are_against_the_smallest_rounded_network_that_is_good_enough() {
        let found = claims(&table(), None);
        let [two, budget] = found.as_slice() else {
            panic!("one width and one budget: {found:?}");
        };
        assert_eq!(
            (two.network.as_str(), budget.network.as_str()),
            ("2 bits", "t17")
        );
        assert_eq!(two.rows, ["w2-s1", "w2-s2"]);
        assert!((budget.saved[1].unwrap_or(0.0) - 0.575).abs() < 1e-12);
        assert_eq!(two.baselines, ["ptq4", "ptq4"]);
        assert!((two.accuracy - 0.9855).abs() < 1e-12 && (two.spread - 0.001).abs() < 1e-12);
        assert!((two.saved[0].unwrap_or(0.0) - 0.4).abs() < 1e-12);
        assert!((two.saved[1].unwrap_or(0.0) - 0.375).abs() < 1e-12);
        let hopeless: Vec<Row> = table()
            .into_iter()
            .filter(|r| r.name != "ptq4" && r.name != "ptq8")
            .collect();
        assert_eq!(claims(&hopeless, None)[0].saved, [None, None]);
        assert!(claims(&table()[1..], None).is_empty());
        assert_eq!(
            claims(&table(), Some(0.5))
                .first()
                .map(|c| c.baselines[0].clone()),
            Some("ptq2".into())
        );
    }
}
