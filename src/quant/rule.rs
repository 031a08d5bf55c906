//! Rounds real weights to small signed integers: `w ≈ scale * q`, one scale for a whole tensor.
//!
//! The integers are symmetric and of narrow range: with `b` bits, `-(2^(b-1) - 1) ..= 2^(b-1) - 1`, so two bits are the
//! ternary weights -1, 0, 1. All arithmetic here is in double precision. This is the only place where weights are
//! rounded: training, post-training quantisation and export share it.

use serde::{Deserialize, Serialize};

/// A rule that chooses the integers of a weight tensor, and the scale between them and real weights.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum WeightRule {
    /// The paper's: `scale = max|w| / (2^(b-1) - 1)`, `q = clamp(round(w / scale))`.
    Max,
    /// Ternary weight networks (Li et al., 2016): zero below 0.7 times the mean magnitude, scale the mean magnitude of
    /// the rest. Always two bits.
    TernaryMean,
    /// The scale, of a fine grid up to the paper's, with the least squared rounding error.
    MinError,
    /// Latent weights are in integer units, `q = clamp(round(a))`, and the scale is a trained parameter of its own.
    Learned,
    /// A budget of non-zero weights: the `keep` largest magnitudes of each output (a convolution's filter, a linear
    /// layer's row) are rounded to integers of magnitude 1 to `limit`, the rest is zero; the scale is a trained
    /// parameter of its own.
    TopK {
        /// Non-zero weights of an output.
        #[cfg_attr(test, schemars(range(min = 1)))]
        keep: usize,
        /// The largest integer: 1 for ternary weights.
        #[serde(default = "one", skip_serializing_if = "is_one")]
        #[cfg_attr(test, schemars(range(min = 1), extend("default" = 1)))]
        limit: u32,
    },
}

impl WeightRule {
    /// Tells whether the scale is a parameter beside the latent weights (which are then in integer units).
    pub const fn has_own_scale(self) -> bool {
        matches!(self, Self::Learned | Self::TopK { .. })
    }

    /// Returns the bits of the widest integers that the rule gives, including the sign: `n_bits` unless the rule has a
    /// limit of its own.
    pub const fn bits(self, n_bits: u32) -> u32 {
        match self.limit() {
            Some(limit) => 1 + (i64::BITS - limit.leading_zeros()),
            None => n_bits,
        }
    }

    /// Returns the rule's own limit on the magnitude of integers; `None` if it uses all that `n_bits` bits can hold.
    pub const fn limit(self) -> Option<i64> {
        match self {
            Self::TernaryMean => Some(1),
            Self::TopK { limit, .. } => Some(limit as i64),
            _ => None,
        }
    }
}

const fn one() -> u32 {
    1
}

fn is_one<T: PartialEq + From<u8>>(limit: &T) -> bool {
    *limit == T::from(1)
}

/// A weight tensor rounded to integers.
#[derive(Debug, Clone, PartialEq)]
pub struct Levels {
    /// The integers, in the tensor's order.
    pub integers: Vec<i64>,
    /// For each weight, true if it was inside the clamping range: the straight-through estimator passes the gradient
    /// there and nowhere else.
    pub inside: Vec<bool>,
    /// Real value of the integer 1.
    pub scale: f64,
}

/// Returns the largest integer of `n_bits` signed bits in narrow range, `2^(n_bits-1) - 1`; at least 1, at most `2^61 -
/// 1`.
pub const fn max_integer(n_bits: u32) -> i64 {
    if n_bits < 2 {
        1
    } else if n_bits > 62 {
        (1 << 61) - 1
    } else {
        (1 << (n_bits - 1)) - 1
    }
}

/// Rounds a weight tensor with `outputs` rows to `n_bits` bits.
///
/// `own_scale` is the scale for rules that have one ([`WeightRule::has_own_scale`]); the other rules compute theirs. A
/// tensor of zeros gets the scale 1.
pub fn quantize(
    weights: &[f32],
    outputs: usize,
    n_bits: u32,
    rule: WeightRule,
    own_scale: f64,
) -> Levels {
    match rule {
        WeightRule::Max => round_all(weights, n_bits, max_scale(weights, n_bits)),
        WeightRule::MinError => round_all(weights, n_bits, min_error_scale(weights, n_bits)),
        WeightRule::TernaryMean => ternary_mean(weights),
        WeightRule::Learned => Levels {
            scale: own_scale,
            ..round_all(weights, n_bits, 1.0)
        },
        WeightRule::TopK { keep, limit } => top_k(weights, outputs, keep, limit, own_scale),
    }
}

/// Returns the paper's scale, `max|w| / (2^(b-1) - 1)`, in units of the weights; 1 for a tensor of zeros.
pub fn max_scale(weights: &[f32], n_bits: u32) -> f64 {
    let largest = weights
        .iter()
        .fold(0.0_f64, |m, &w| m.max(f64::from(w).abs()));
    positive_or_one(single(largest / max_integer(n_bits) as f64))
}

/// Returns the scale with the least squared rounding error among 200 steps down from the paper's; 1 for a tensor of
/// zeros.
pub fn min_error_scale(weights: &[f32], n_bits: u32) -> f64 {
    let top = max_scale(weights, n_bits);
    // Beyond eight bits, clamping never reduces the error.
    if n_bits > 8 {
        return top;
    }
    let sums = SortedSums::new(weights);
    let error = |scale: f64| sums.error(scale, max_integer(n_bits));
    let mut best = (error(top), top);
    for step in 1..200 {
        let scale = single(top * (1.0 - f64::from(step) / 200.0));
        if scale > 0.0 {
            let e = error(scale);
            if e < best.0 {
                best = (e, scale);
            }
        }
    }
    best.1
}

/// Sorted magnitudes of weights with running sums, so that the rounding error of a scale needs one search for each
/// integer.
struct SortedSums {
    magnitudes: Vec<f32>,
    /// Sum and sum of squares of the magnitudes before each position.
    before: Vec<(f64, f64)>,
}

impl SortedSums {
    fn new(weights: &[f32]) -> Self {
        let mut magnitudes: Vec<f32> = weights.iter().map(|w| w.abs()).collect();
        magnitudes.sort_unstable_by(f32::total_cmp);
        let sums = magnitudes.iter().scan((0.0, 0.0), |sums, &w| {
            let w = f64::from(w);
            *sums = (sums.0 + w, sums.1 + w * w);
            Some(*sums)
        });
        let before = std::iter::once((0.0, 0.0)).chain(sums).collect();
        Self { magnitudes, before }
    }

    /// Computes the squared error of rounding to multiples of `scale` with factors of at most `limit`.
    fn error(&self, scale: f64, limit: i64) -> f64 {
        let (mut first, mut total) = (0, 0.0);
        for integer in 0..=limit {
            let end = if integer == limit {
                self.magnitudes.len()
            } else {
                let border = (integer as f64 + 0.5) * scale;
                self.magnitudes.partition_point(|&w| f64::from(w) <= border)
            };
            let (Some(from), Some(to)) = (self.before.get(first), self.before.get(end)) else {
                break;
            };
            let value = integer as f64 * scale;
            let count = (end - first) as f64;
            total += value * (count * value - 2.0 * (to.0 - from.0)) + (to.1 - from.1);
            first = end;
        }
        total
    }
}

/// Rounds a scale to single precision, in which the training framework uses it.
fn single(scale: f64) -> f64 {
    f64::from(scale as f32)
}

fn positive_or_one(scale: f64) -> f64 {
    if scale > 0.0 && scale.is_finite() {
        scale
    } else {
        1.0
    }
}

fn round_all(weights: &[f32], n_bits: u32, scale: f64) -> Levels {
    let limit = max_integer(n_bits) as f64;
    let (mut integers, mut inside) = (
        Vec::with_capacity(weights.len()),
        Vec::with_capacity(weights.len()),
    );
    for &w in weights {
        let u = f64::from(w) / scale;
        integers.push(u.round_ties_even().clamp(-limit, limit) as i64);
        inside.push(u.abs() <= limit + 0.5);
    }
    Levels {
        integers,
        inside,
        scale,
    }
}

fn ternary_mean(weights: &[f32]) -> Levels {
    let mean = |values: &mut dyn Iterator<Item = f64>| -> f64 {
        let (sum, count) = values.fold((0.0, 0_usize), |(s, n), v| (s + v, n + 1));
        if count == 0 { 0.0 } else { sum / count as f64 }
    };
    let magnitude = |&w: &f32| f64::from(w).abs();
    let threshold = 0.7 * mean(&mut weights.iter().map(magnitude));
    let scale = mean(&mut weights.iter().map(magnitude).filter(|&m| m > threshold));
    let kept = |w: &f32| i64::from(magnitude(w) > threshold);
    let integers = weights.iter().map(|w| kept(w) * w.signum() as i64);
    Levels {
        integers: integers.collect(),
        inside: vec![true; weights.len()],
        scale: positive_or_one(single(scale)),
    }
}

/// Returns the positions of the `keep` largest magnitudes in a row; of equal magnitudes, the earlier one is taken
/// first.
fn largest(row: &[f32], keep: usize) -> Vec<usize> {
    let mut order: Vec<usize> = (0..row.len()).collect();
    order.sort_by(|&a, &b| row[b].abs().total_cmp(&row[a].abs()).then(a.cmp(&b)));
    order.truncate(keep);
    order
}

fn top_k(weights: &[f32], outputs: usize, keep: usize, limit: u32, scale: f64) -> Levels {
    let mut integers = vec![0; weights.len()];
    let mut inside = vec![true; weights.len()];
    let fan_in = weights.len() / outputs.max(1);
    for row in 0..weights.len() / fan_in.max(1) {
        let first = row * fan_in;
        for position in largest(&weights[first..first + fan_in], keep) {
            let at = first + position;
            integers[at] = kept(f64::from(weights[at]), limit) as i64;
            // Ternary weights must be able to change places: their latent sizes have no other meaning.
            inside[at] = limit == 1 || weights[at].abs() <= limit as f32 + 0.5;
        }
    }
    Levels {
        integers,
        inside,
        scale,
    }
}

/// Rounds a kept weight, in integer units, to an integer that is not zero (unless the weight is).
fn kept(w: f64, limit: u32) -> f64 {
    if w == 0.0 {
        return 0.0;
    }
    w.abs().round_ties_even().clamp(1.0, f64::from(limit)) * w.signum()
}

/// Returns the scale that best fits a tensor to a budget's integers. For ternary weights it is the mean magnitude of
/// the weights that are kept; otherwise it is the one of 100 steps down from the largest magnitude that has the least
/// squared error. 1 for a tensor of zeros.
pub fn budget_scale(weights: &[f32], outputs: usize, keep: usize, limit: u32) -> f64 {
    let fan_in = weights.len() / outputs.max(1);
    let stay: Vec<f64> = weights
        .chunks_exact(fan_in.max(1))
        .flat_map(|row| {
            let positions = largest(row, keep);
            positions.into_iter().map(|i| f64::from(row[i]).abs())
        })
        .collect();
    if limit == 1 {
        return positive_or_one(stay.iter().sum::<f64>() / stay.len().max(1) as f64);
    }
    let top = stay.iter().fold(0.0_f64, |m, &w| m.max(w)) / f64::from(limit);
    let error = |scale: f64| -> f64 {
        stay.iter()
            .map(|w| (kept(w / scale, limit) * scale - w).powi(2))
            .sum()
    };
    let steps = (0..100).map(|step| top * (1.0 - f64::from(step) / 100.0));
    let best = steps.min_by(|a, b| error(*a).total_cmp(&error(*b)));
    positive_or_one(best.unwrap_or(1.0))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn ranges_are_symmetric_and_narrow() {
        assert_eq!(
            [2, 3, 4, 8, 16, 32].map(max_integer),
            [1, 3, 7, 127, 32767, 2_147_483_647]
        );
        assert_eq!(max_integer(64), (1 << 61) - 1);
    }

    #[test]
    fn a_rule_gives_the_bits_of_its_limit_or_all() {
        assert_eq!(WeightRule::Max.bits(5), 5);
        assert_eq!(WeightRule::Learned.bits(32), 32);
        assert_eq!(WeightRule::TernaryMean.bits(5), 2);
        for (limit, bits) in [(1, 2), (2, 3), (3, 3), (4, 4), (127, 8), (128, 9)] {
            assert_eq!(WeightRule::TopK { keep: 1, limit }.bits(2), bits);
        }
    }

    #[test]
    fn the_papers_rule_by_hand() {
        // max|w| = 0.75, three bits: scale 0.25.
        let levels = quantize(&[0.75, -0.5, 0.1, -0.2, 0.0], 1, 3, WeightRule::Max, 1.0);
        assert!((levels.scale - 0.25).abs() < 1e-12);
        assert_eq!(levels.integers, [3, -2, 0, -1, 0]);
        let zeros = quantize(&[0.0; 4], 1, 2, WeightRule::Max, 1.0);
        assert_eq!((zeros.integers, zeros.scale), (vec![0; 4], 1.0));
    }

    #[test]
    fn ternary_mean_by_hand() {
        // Mean magnitude 0.5, so threshold 0.35; the mean of 1.0 and 0.6 is 0.8.
        let levels = quantize(&[1.0, -0.6, 0.3, 0.1], 1, 2, WeightRule::TernaryMean, 1.0);
        assert_eq!(levels.integers, [1, -1, 0, 0]);
        assert!((levels.scale - 0.8).abs() < 1e-6);
    }

    #[test]
    fn top_k_keeps_its_budget_in_every_row_even_with_ties() {
        let levels = quantize(
            &[1., 1., 1., 1., -3., 0.5, 0., 2.],
            2,
            2,
            WeightRule::TopK { keep: 2, limit: 1 },
            0.25,
        );
        assert_eq!(levels.integers, [1, 1, 0, 0, -1, 0, 0, 1]);
        assert!((levels.scale - 0.25).abs() < 1e-12);
    }

    #[test]
    fn budgets_of_larger_integers_round_what_they_keep() {
        let weights = [0.2, -1.6, 4.1, 0.0, 2.2, 0.1];
        let levels = quantize(&weights, 2, 3, WeightRule::TopK { keep: 2, limit: 3 }, 1.0);
        assert_eq!(levels.integers, [0, -2, 3, 0, 2, 1]);
        assert_eq!(levels.inside, [true, true, false, true, true, true]);
        // 0.8 and 2.4 are one and three times 0.8.
        let scale = budget_scale(&[0.8, -2.4, 0.1], 1, 2, 3);
        assert!((scale - 0.8).abs() < 1e-6, "{scale}");
        assert!((budget_scale(&[0.8, -2.4, 0.1], 1, 2, 1) - 1.6).abs() < 1e-6);
    }

    proptest! {
        #[test]
        fn rounding_error_is_at_most_half_a_scale(w in prop::collection::vec(-2.0_f32..2.0, 1..64), n_bits in 2_u32..=16) {
            let levels = quantize(&w, 1, n_bits, WeightRule::Max, 1.0);
            for (&w, &q) in w.iter().zip(&levels.integers) {
                prop_assert!(q.abs() <= max_integer(n_bits));
                let error = (f64::from(w) - q as f64 * levels.scale).abs();
                prop_assert!(error <= levels.scale * 0.5 * (1.0 + 1e-4), "{error} {}", levels.scale);
            }
        }

        #[test]
        fn sorted_sums_give_the_rounding_error(w in prop::collection::vec(-2.0_f32..2.0, 1..64), n_bits in 2_u32..=8, scale in 0.001_f64..3.0) {
            let direct: f64 = w
                .iter()
                .zip(round_all(&w, n_bits, scale).integers)
                .map(|(&w, integer)| (integer as f64 * scale - f64::from(w)).powi(2))
                .sum();
            let sums = SortedSums::new(&w).error(scale, max_integer(n_bits));
            prop_assert!((sums - direct).abs() < 1e-9, "{} {}", sums, direct);
        }

        #[test]
        fn min_error_is_never_worse_than_max(w in prop::collection::vec(-2.0_f32..2.0, 1..64), n_bits in 2_u32..=8) {
            let error = |rule| {
                let levels = quantize(&w, 1, n_bits, rule, 1.0);
                w.iter().zip(&levels.integers)
                    .map(|(&w, &q)| (f64::from(w) - q as f64 * levels.scale).powi(2)).sum::<f64>()
            };
            prop_assert!(error(WeightRule::MinError) <= error(WeightRule::Max) + 1e-9);
        }
    }
}
