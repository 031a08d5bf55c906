//! Compares the rows with the paper's claim that integers get smaller.

use serde::Serialize;

use super::{AccuracyRow, Method, Widths, row::grouped};
use crate::data::DatasetName;

/// The paper's claim compared with the rows of one dataset.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Claims {
    /// The dataset.
    pub dataset: DatasetName,
    /// Share of the widest integer's bits that the paper claims to save, in percent.
    pub paper_saves: u32,
    /// Largest accuracy that a network may lose against the float network, as a share of the test images.
    pub tolerance: f64,
    /// Test accuracy of this project's float network.
    pub float: f64,
    /// The smallest rounded networks within the tolerance of that accuracy.
    pub baselines: Baselines,
    /// Test accuracy of the paper's own float network, if it is known.
    pub paper_float: Option<f64>,
    /// The smallest rounded networks within the tolerance of the paper's accuracy.
    pub paper_baselines: Option<Baselines>,
    /// The trained networks: each seed, and, where there are several seeds, their mean.
    pub networks: Vec<Claim>,
}

/// The accurate enough rounded (PTQ) networks whose widest integer is narrowest, by either bound.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Baselines {
    /// The network that is narrowest by proven bounds; `None` if no rounded network is accurate enough.
    pub proven: Option<Baseline>,
    /// The network that is narrowest by observed integers.
    pub observed: Option<Baseline>,
}

/// A rounded network to compare with.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Baseline {
    /// Name of its row.
    pub name: String,
    /// Its test accuracy.
    pub accuracy: f64,
    /// Bits of its widest integer.
    pub bits: f64,
}

/// A trained network, or the mean of several seeds, compared with the baselines.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Claim {
    /// Name that its seeds have in common: `2 bits`, or the name of a network with a budget.
    pub network: String,
    /// The row's name; `None` for a mean.
    pub row: Option<String>,
    /// Number of seeds that it is the mean of; 1 for a row.
    pub seeds: usize,
    /// True if the network was designed after the tables were seen.
    pub designed_later: bool,
    /// Test accuracy.
    pub accuracy: f64,
    /// Largest minus smallest test accuracy among the seeds; `None` for a row.
    pub spread: Option<f64>,
    /// True if it lies within the tolerance of this project's float network.
    pub within: bool,
    /// True if it lies within the tolerance of the paper's float network.
    pub within_paper: Option<bool>,
    /// Bits of the widest integer, proven.
    pub proven_bits: f64,
    /// Bits of the widest integer, observed.
    pub observed_bits: f64,
    /// Share of the baselines' widest integers that is saved, even if the network is not within the tolerance.
    pub saved: Saving,
    /// Share saved of the baselines that the paper's float network gives.
    pub paper_saved: Option<Saving>,
}

/// Share of bits saved, by either bound; `None` without a baseline.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Saving {
    /// Share of the proven bits.
    pub proven: Option<f64>,
    /// Share of the observed bits.
    pub observed: Option<f64>,
}

/// Returns the test accuracy of the paper's own float network, if it is known.
pub const fn paper_float(dataset: DatasetName) -> Option<f64> {
    match dataset {
        DatasetName::Mnist => Some(0.986),
        _ => None,
    }
}

/// Returns the accuracy that a network may lose against the float network. The value is ours, as the paper gives no
/// number.
const fn tolerance(dataset: DatasetName) -> f64 {
    match dataset {
        DatasetName::Cifar10 => 0.01,
        _ => 0.003,
    }
}

/// Returns the paper's claimed saving in percent.
const fn paper_saves(dataset: DatasetName) -> u32 {
    match dataset {
        DatasetName::Cifar10 => 43,
        _ => 33,
    }
}

impl Baselines {
    /// Finds the baselines among those of `rows` that have at least this accuracy.
    fn of(rows: &[AccuracyRow], least: f64) -> Self {
        let smallest = |bits: fn(&Widths) -> f64| {
            rows.iter()
                .filter(|row| row.method == Method::Ptq && reaches(row.test_accuracy, least))
                .filter_map(|row| {
                    Some(Baseline {
                        name: row.name.clone(),
                        accuracy: row.test_accuracy,
                        bits: bits(row.widths.as_ref()?),
                    })
                })
                .min_by(|a, b| a.bits.total_cmp(&b.bits))
        };
        Self {
            proven: smallest(|widths| widths.proven.widest_bits),
            observed: smallest(|widths| widths.observed.widest_bits),
        }
    }

    /// Returns the share that integers of these bits, proven and observed, save.
    fn saved(&self, proven: f64, observed: f64) -> Saving {
        let share =
            |of: &Option<Baseline>, bits: f64| of.as_ref().map(|base| 1.0 - bits / base.bits);
        Saving {
            proven: share(&self.proven, proven),
            observed: share(&self.observed, observed),
        }
    }
}

/// Tells whether an accuracy is at least another, with a margin: a difference of two shares of a few thousand images is
/// not exact in binary.
fn reaches(accuracy: f64, least: f64) -> bool {
    accuracy >= least - 1e-9
}

/// Compares the rows of one dataset with the paper's claim. The baseline is the rounded (PTQ) network whose widest
/// integer is narrowest among those that lose at most 0.3 points (MNIST) or 1 point (CIFAR-10) against the float
/// network. Returns `None` without a float network or without trained networks.
pub fn claims(rows: &[AccuracyRow]) -> Option<Claims> {
    let float = rows.iter().find(|row| row.method == Method::Float)?;
    let dataset = float.dataset;
    let tolerance = tolerance(dataset);
    let least = float.test_accuracy - tolerance;
    let paper_least = paper_float(dataset).map(|accuracy| accuracy - tolerance);
    let baselines = Baselines::of(rows, least);
    let paper_baselines = paper_least.map(|least| Baselines::of(rows, least));
    let claim = |network: &str, of: &[&AccuracyRow]| {
        let mean = |f: &dyn Fn(&AccuracyRow) -> f64| {
            of.iter().map(|row| f(row)).sum::<f64>() / of.len().max(1) as f64
        };
        let widest =
            |bits: fn(&Widths) -> f64| mean(&|row| row.widths.as_ref().map_or(f64::NAN, bits));
        let accuracies = || of.iter().map(|row| row.test_accuracy);
        let spread =
            || accuracies().fold(f64::MIN, f64::max) - accuracies().fold(f64::MAX, f64::min);
        let accuracy = mean(&|row| row.test_accuracy);
        let proven_bits = widest(|widths| widths.proven.widest_bits);
        let observed_bits = widest(|widths| widths.observed.widest_bits);
        Claim {
            network: network.to_owned(),
            row: match of {
                [row] => Some(row.name.clone()),
                _ => None,
            },
            seeds: of.len(),
            designed_later: of.iter().any(|row| row.method == Method::Front),
            accuracy,
            spread: (of.len() > 1).then(spread),
            within: reaches(accuracy, least),
            within_paper: paper_least.map(|least| reaches(accuracy, least)),
            proven_bits,
            observed_bits,
            saved: baselines.saved(proven_bits, observed_bits),
            paper_saved: paper_baselines
                .as_ref()
                .map(|baselines| baselines.saved(proven_bits, observed_bits)),
        }
    };
    let mut networks = Vec::new();
    for (name, of) in groups(rows) {
        networks.extend(of.iter().map(|row| claim(&name, &[*row])));
        if of.len() > 1 {
            networks.push(claim(&name, &of));
        }
    }
    (!networks.is_empty()).then(|| Claims {
        dataset,
        paper_saves: paper_saves(dataset),
        tolerance,
        float: float.test_accuracy,
        paper_float: paper_float(dataset),
        networks,
        baselines: baselines.clone(),
        paper_baselines: paper_baselines.clone(),
    })
}

/// Groups the trained rows: the seeds of one width together, each network with a budget alone.
fn groups(rows: &[AccuracyRow]) -> Vec<(String, Vec<&AccuracyRow>)> {
    let measured = rows.iter().filter(|row| row.widths.is_some());
    grouped(
        measured.filter_map(|row| match (row.method, row.weight_bits) {
            (Method::Qat, Some(bits)) => Some((format!("{bits} bits"), row)),
            (Method::Front, _) => Some((row.name.clone(), row)),
            _ => None,
        }),
    )
}

impl Claims {
    /// Returns the network whose widest integer is narrowest among those within the tolerance. It considers whole
    /// groups only (the mean if there are several seeds), and among them those designed later if `later`, else the
    /// others.
    pub fn smallest(&self, later: bool, bits: fn(&Claim) -> f64) -> Option<&Claim> {
        let means = || self.networks.iter().filter(|claim| claim.seeds > 1);
        let has_mean = |network: &str| means().any(|claim| claim.network == network);
        self.networks
            .iter()
            .filter(|claim| claim.within && claim.designed_later == later)
            .filter(|claim| claim.seeds > 1 || !has_mean(&claim.network))
            .min_by(|a, b| bits(a).total_cmp(&bits(b)))
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::super::{Choice, LayerWidth};
    use super::*;

    /// Makes a row with the given widest integers.
    pub(in super::super) fn row(
        method: Method,
        name: &str,
        weight_bits: Option<u32>,
        accuracy: f64,
        bits: Option<[f64; 2]>,
    ) -> AccuracyRow {
        let choice = |bits: f64| Choice {
            logit_bits: bits - 1.0,
            widest_bits: bits,
            plain_moduli: vec![65_537],
            poly_modulus_degree: 8192,
            coeff_modulus_bits: 200,
        };
        AccuracyRow {
            dataset: DatasetName::Mnist,
            method,
            name: name.into(),
            recipe: "a rule".into(),
            rounding: None,
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

    /// Makes a row with weights of four bits.
    pub(in super::super) fn four_bits(
        method: Method,
        name: &str,
        accuracy: f64,
        bits: [f64; 2],
    ) -> AccuracyRow {
        row(method, name, Some(4), accuracy, Some(bits))
    }

    pub(in super::super) fn table() -> Vec<AccuracyRow> {
        vec![
            row(Method::Float, "float", None, 0.990, None),
            row(Method::Ptq, "ptq2", Some(2), 0.5, Some([20.0, 15.0])),
            row(Method::Ptq, "ptq4", Some(4), 0.988, Some([50.0, 40.0])),
            row(Method::Ptq, "ptq8", Some(8), 0.990, Some([80.0, 60.0])),
            row(Method::Qat, "w2-s1", Some(2), 0.985, Some([31.0, 24.0])),
            row(Method::Qat, "w2-s2", Some(2), 0.986, Some([29.0, 26.0])),
            row(Method::Front, "t17", Some(2), 0.98, Some([22.0, 17.2])),
        ]
    }

    fn near(a: Option<f64>, b: f64) -> bool {
        a.is_some_and(|a| (a - b).abs() < 1e-9)
    }

    #[test]
    fn savings_are_against_the_smallest_rounded_network_that_is_good_enough() {
        let found = claims(&table()).unwrap();
        assert_eq!(found.baselines.proven.unwrap().name, "ptq4");
        assert_eq!(found.baselines.observed.unwrap().name, "ptq4");
        let [first, second, mean, budget] = found.networks.as_slice() else {
            panic!("two seeds, their mean and one budget: {:?}", found.networks);
        };
        let names = |claim: &Claim| (claim.network.clone(), claim.row.clone(), claim.seeds);
        assert_eq!(names(first), ("2 bits".into(), Some("w2-s1".into()), 1));
        assert_eq!(names(second), ("2 bits".into(), Some("w2-s2".into()), 1));
        assert_eq!(names(mean), ("2 bits".into(), None, 2));
        assert_eq!(names(budget), ("t17".into(), Some("t17".into()), 1));
        assert!(near(first.saved.proven, 1.0 - 31.0 / 50.0));
        assert!(near(second.saved.observed, 1.0 - 26.0 / 40.0));
        assert!(near(mean.saved.proven, 0.4) && near(mean.saved.observed, 0.375));
        assert!(near(Some(mean.accuracy), 0.9855) && near(mean.spread, 0.001));
        assert_eq!((first.spread, budget.spread), (None, None));
        assert!(budget.designed_later && !mean.designed_later);
        assert!(near(budget.saved.observed, 0.57));
    }

    #[test]
    fn the_tolerance_binds_both_sides() {
        let mut rows = table();
        // 0.3 points below the float network, but not exactly so in binary.
        rows.push(four_bits(Method::Qat, "w4-s1", 0.987, [45.0, 36.0]));
        let found = claims(&rows).unwrap();
        let within: Vec<&str> = found
            .networks
            .iter()
            .filter(|claim| claim.within)
            .map(|claim| claim.network.as_str())
            .collect();
        assert_eq!(within, ["4 bits"], "two bits lose half a point");
        let smallest = found.smallest(false, |claim| claim.observed_bits);
        assert_eq!(smallest.map(|claim| claim.network.as_str()), Some("4 bits"));
        assert_eq!(found.smallest(true, |claim| claim.observed_bits), None);
        // Against the paper's float network of 98.6 %, two bits are within the tolerance.
        let mean = &found.networks[2];
        assert_eq!((mean.within, mean.within_paper), (false, Some(true)));
        // The mean counts, not the best seed.
        rows.push(four_bits(Method::Qat, "w4-s2", 0.980, [45.0, 36.0]));
        let found = claims(&rows).unwrap();
        assert_eq!(found.smallest(false, |claim| claim.observed_bits), None);
    }

    #[test]
    fn a_narrower_rounded_network_takes_the_baselines_place() {
        let mut rows = table();
        let bits = [48.0, 41.0];
        rows.push(four_bits(Method::Ptq, "ptq4-min-error", 0.9871, bits));
        let found = claims(&rows).unwrap().baselines;
        assert_eq!(found.proven.unwrap().name, "ptq4-min-error");
        assert_eq!(found.observed.unwrap().name, "ptq4");
    }

    #[test]
    fn without_a_baseline_nothing_is_saved() {
        let mut hopeless = table();
        hopeless.retain(|row| row.name != "ptq4" && row.name != "ptq8");
        let saved = claims(&hopeless).unwrap().networks[0].saved;
        assert_eq!((saved.proven, saved.observed), (None, None));
        assert!(claims(&table()[1..]).is_none(), "no float network");
        assert!(claims(&table()[..4]).is_none(), "no trained network");
    }
}
