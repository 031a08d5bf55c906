//! Lists the rows of the tables.

use std::ops::RangeInclusive;

use crate::{
    data::DatasetName,
    quant::WeightRule,
    train::{PtqOptions, TrainConfig, TrainError},
};

use super::Method;

/// Widths of weights in the paper's tables, in bits.
pub const BITS: [u32; 7] = [2, 3, 4, 6, 8, 16, 32];

/// Widths, in bits, among which the smallest network rounded by the paper's rule is searched.
const ROUNDED_BITS: RangeInclusive<u32> = 2..=10;

/// Widths among which the smallest network rounded by the rule of least error is searched; that rule equals the paper's
/// beyond eight bits.
const ROUNDED_BITS_MIN_ERROR: RangeInclusive<u32> = 2..=8;

/// Seeds of each quantised MNIST row.
const MNIST_SEEDS: [u64; 3] = [1, 2, 3];

/// The work for one row.
#[derive(Debug, Clone, PartialEq)]
pub enum Job {
    /// A float network that comes with the project, in this directory.
    Given(&'static str),
    /// A float network in a directory, rounded.
    Ptq {
        /// The model directory of the float network.
        parent: &'static str,
        /// The rule of rounding.
        options: PtqOptions,
    },
    /// A training run.
    Train {
        /// The method that the tables name for the row.
        method: Method,
        /// The whole configuration of the run.
        config: Box<TrainConfig>,
    },
}

impl Job {
    /// Returns the name of the row, which is also the name of its directory.
    pub fn name(&self) -> String {
        match self {
            Self::Given(_) => "float".to_owned(),
            Self::Ptq { options, .. } => {
                let min_error = options.rule == WeightRule::MinError;
                let rule = if min_error { "-min-error" } else { "" };
                format!("ptq{}{rule}", options.n_bits)
            }
            Self::Train {
                method: Method::Qat,
                config,
            } => {
                let bits = config.quantization.as_ref().map_or(0, |q| q.n_bits);
                format!("w{bits}-s{}", config.seed)
            }
            Self::Train { config, .. } => config.name.clone(),
        }
    }
}

/// Lists the rows of a dataset, in the order of the table. With `quick`, there are only a few rows, with two epochs on
/// few images.
///
/// # Errors
/// [`TrainError`] if a preset is missing, which would be a mistake in this program.
pub fn plan(dataset: DatasetName, quick: bool) -> Result<Vec<Job>, TrainError> {
    let (parent, prefix) = match dataset {
        DatasetName::Cifar10 => ("models/cifar-float", "hcnn-cifar"),
        _ => ("models/mnist-float", "hcnn-mnist"),
    };
    // The input of the quantised rows, if the float network reads finer pixels.
    let quantised = TrainConfig::preset(&format!("{prefix}-w4"))?.input_thresholds;
    let thresholds = (dataset == DatasetName::Cifar10).then_some(quantised);
    let mut jobs = vec![Job::Given(parent)];
    jobs.extend(rounded(quick).into_iter().map(|(n_bits, rule)| Job::Ptq {
        parent,
        options: PtqOptions {
            n_bits,
            rule,
            input_thresholds: thresholds.clone(),
        },
    }));
    let seeds: &[u64] = if quick || dataset == DatasetName::Cifar10 {
        &MNIST_SEEDS[..1]
    } else {
        &MNIST_SEEDS
    };
    let bits: &[u32] = if quick { &[2, 4] } else { &BITS };
    for &n_bits in bits {
        for &seed in seeds {
            let mut config = TrainConfig::preset(&format!("{prefix}-w{n_bits}"))?;
            config.seed = seed;
            if quick {
                shorten(&mut config);
            }
            jobs.push(Job::Train {
                method: Method::Qat,
                config: Box::new(config),
            });
        }
    }
    if !quick {
        for name in TrainConfig::front(dataset) {
            jobs.push(Job::Train {
                method: Method::Front,
                config: Box::new(TrainConfig::preset(name)?),
            });
        }
    }
    Ok(jobs)
}

/// Lists the rounded networks: every width that a baseline may have, by both rules, and the paper's wide ones.
fn rounded(quick: bool) -> Vec<(u32, WeightRule)> {
    if quick {
        return [2, 4, 8].map(|bits| (bits, WeightRule::Max)).to_vec();
    }
    let beyond = BITS.into_iter().filter(|bits| !ROUNDED_BITS.contains(bits));
    let by_max = ROUNDED_BITS.chain(beyond);
    by_max
        .map(|bits| (bits, WeightRule::Max))
        .chain(ROUNDED_BITS_MIN_ERROR.map(|bits| (bits, WeightRule::MinError)))
        .collect()
}

/// Shortens a run to two epochs on few images.
fn shorten(config: &mut TrainConfig) {
    config.epochs = 2;
    config.validation_images = 500;
    config.optimizer.warmup_steps = 10;
    config.augmentation = None;
    if let Some(q) = &mut config.quantization {
        q.anneal = q.anneal.min(0.4);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::quant::quantize;

    #[test]
    fn every_row_has_a_name_of_its_own_and_a_valid_configuration() {
        for dataset in [DatasetName::Mnist, DatasetName::Cifar10] {
            for quick in [false, true] {
                let jobs = plan(dataset, quick).unwrap();
                let mut names: Vec<String> = jobs.iter().map(Job::name).collect();
                assert!(names.contains(&"w2-s1".to_owned()));
                names.sort();
                names.dedup();
                assert_eq!(names.len(), jobs.len());
                for job in &jobs {
                    if let Job::Train { config, .. } = job {
                        config.validate().unwrap();
                        assert_eq!(config.dataset, dataset);
                        // The document says this about all of them.
                        assert!(config.quantization.is_some() && config.distillation.is_some());
                    }
                }
            }
        }
        let full = plan(DatasetName::Mnist, false).unwrap();
        let rounded = |job: &&Job| matches!(job, Job::Ptq { .. });
        assert_eq!(full.iter().filter(rounded).count(), 11 + 7);
        let trained = full.iter().filter_map(|job| match job {
            Job::Train { method, .. } => Some(*method),
            _ => None,
        });
        assert_eq!(trained.filter(|method| *method == Method::Qat).count(), 21);
    }

    /// Checks that no row is left out: where the plan has only one rule, the other would give the same network.
    #[test]
    fn beyond_eight_bits_the_two_rules_are_one() {
        // Two far outliers, for which clamping would pay at few bits.
        let mut weights: Vec<f32> = (0..20_000_u16)
            .map(|k| (f32::from(k) * 0.7).sin())
            .collect();
        weights.extend([9.0, -11.0]);
        for n_bits in 2..=32 {
            let [a, b] = [WeightRule::Max, WeightRule::MinError]
                .map(|rule| quantize(&weights, 2, n_bits, rule, 1.0));
            let planned = |rule| rounded(false).contains(&(n_bits, rule));
            assert_eq!(
                a == b,
                !ROUNDED_BITS_MIN_ERROR.contains(&n_bits),
                "{n_bits}"
            );
            assert!(!planned(WeightRule::MinError) || planned(WeightRule::Max));
            assert!(planned(WeightRule::Max) || !(2..=10).contains(&n_bits));
        }
    }
}
