//! The noise of a network's circuit under fused kernels, in the batched and crop layouts, where nothing is relinearised and
//! no prime is dropped before the response.
//!
//! A BFV ciphertext times t mod Q is a BGV ciphertext (see `docs/EVALUATION.md`). Its phase, t * c(s) mod Q, is the
//! polynomial that SEAL's noise budget measures: log2(Q) - log2(largest coefficient) - 1. In this form, the phase of a
//! product is the product of the phases, as long as that stays below Q. The phase of a result is therefore a polynomial
//! of degree d = 2^squares in the phases of the inputs, and its size follows from the moments of a Gaussian.
//!
//! The `deviation` of a phase is the root mean square of its coefficients.
//!
//! | step | deviation afterwards |
//! | --- | --- |
//! | fresh | noise t * sqrt(10.5), independent for each ciphertext; message at most t / 2, in the worst case the same in all |
//! | first sums | noise times the Euclidean norm of the weights; message times the sum of their magnitudes |
//! | square of degree d | sqrt(C(2d, d) * N) * deviation^2 (Bombieri's inequality) |
//! | sums after the first and the second square | from bounds on the covariances, computed from the weights: `moments.rs` |
//! | other sums | the weights' magnitudes times the deviations, because the values may be the same |
//! | bias | + t / 2 / sqrt(N): the same in all slots, so a constant polynomial; the part that biases make alone is one coefficient, and is added to the bound |
//! | product with a plaintext, summed over k | the sum of the deviations * t / 2 * sqrt(coefficients), because no coefficient of a plaintext is above t / 2, see `plaintext_coefficients` |
//! | drop to a modulus that is smaller by a product of primes p | 1/p, plus a rounding of all d + 1 polynomials |
//!
//! If a prime of a shared upload is dropped first, the noise of the inputs is that of the drop: that of encryption under
//! the product T of all plain primes, divided by the prime, and a rounding, which takes part of the secret. The inputs
//! are then independent given the secret, see [`rules::common_secret`].
//!
//! `rules.rs` has the effect of a single step, and the distance between the largest coefficient and the deviation. Only
//! the last rounding depends on the secret.

use super::moments::{Detail, Fresh, Moments, Weighing};
use super::rules::{self, Powers, tail};
use super::stock_noise::LayerNoise;
use crate::circuit::{Circuit, CircuitLayer, Op};

/// The noise of a circuit under one plaintext modulus.
pub(super) struct FusedNoise {
    degree: f64,
    plain_modulus: u64,
    /// Number of values in a response, under all plaintext moduli.
    values: f64,
    weighing: Weighing,
    fresh: Fresh,
    steps: Vec<NoiseAfter>,
}

/// The noise after a layer.
#[derive(Clone)]
struct NoiseAfter {
    name: String,
    /// Largest deviation.
    deviation: f64,
    /// Largest coefficient that biases make alone.
    constant: f64,
    /// Degree in the fresh noise.
    degree: u32,
    /// Power of t to which the deviation is proportional.
    power: i32,
    /// Power of sqrt(N) to which the deviation is proportional.
    root_power: i32,
    /// Largest power with which the deviation grows if weights that are capped may be larger.
    weight_power: i32,
}

/// Returns the largest value; infinity if one of them overflowed so far that it is not a number.
fn largest(values: &[f64]) -> f64 {
    values.iter().fold(0.0, |largest, &value| {
        if value.is_nan() {
            f64::INFINITY
        } else {
            f64::max(largest, value)
        }
    })
}

/// Returns the largest number of non-zero coefficients of a plaintext whose slots repeat after `period`.
///
/// Slot i of a row is the value at the root to the power of 3^i. If the period is a power of two, the plaintext is the
/// same under the automorphism of 3^period = 1 mod 4 period: it is a polynomial in x^(N / (2 period)).
const fn plaintext_coefficients(degree: usize, period: usize) -> usize {
    if period.is_power_of_two() && 2 * period < degree {
        2 * period
    } else {
        degree
    }
}

impl FusedNoise {
    /// Computes the noise of a circuit, with weights as `weighing` counts them and covariances in the given detail. The
    /// slots of the plaintexts of an [`Op::SumOfProducts`] repeat after `period`.
    pub(super) fn new(
        (circuit, fresh): (&Circuit, Fresh),
        degree: usize,
        plain_modulus: u64,
        (weighing, detail): (Weighing, Detail),
        period: usize,
    ) -> Self {
        let (t, n) = (plain_modulus as f64, degree as f64);
        let mut moments = Moments::fresh((circuit.inputs(), fresh), degree, t, weighing, detail);
        // Powers of t and of sqrt(N) in addition to those of the squares.
        let (mut squares, mut weight_power, mut power, mut root_power) = (0, 0, 0, 0);
        let mut steps = Vec::new();
        let names = circuit.layers().iter().map(CircuitLayer::name);
        let ops = circuit.layers().iter().map(CircuitLayer::ops);
        let layers = std::iter::once(("fresh", &[][..])).chain(names.zip(ops));
        for (name, ops) in layers {
            for op in ops {
                match op {
                    Op::LinearCombination(sums) => {
                        moments.sums(sums);
                        let mut terms = sums.outputs().flat_map(|(terms, _)| terms);
                        weight_power += i32::from(terms.any(|term| weighing.caps(term.weight)));
                    }
                    Op::Squares => {
                        moments.square();
                        squares += 1;
                        weight_power *= 2;
                    }
                    Op::SumOfProducts { .. } => {
                        let coefficients = plaintext_coefficients(degree, period);
                        moments.sum_of_products(coefficients);
                        power += 1;
                        root_power += i32::from(coefficients == degree);
                    }
                    // The other operations do not occur in these layouts.
                    _ => {}
                }
            }
            steps.push(NoiseAfter {
                name: name.to_owned(),
                deviation: largest(&moments.deviations),
                constant: largest(&moments.constants),
                degree: moments.degree,
                power: moments.degree.cast_signed() + power,
                // Each square has a factor sqrt(N), and later squares square it.
                root_power: (1 << squares) - 1 + root_power,
                weight_power,
            });
        }
        let values = moments.deviations.len();
        Self {
            degree: n,
            plain_modulus,
            values: values as f64,
            weighing,
            fresh,
            steps,
        }
    }

    /// Returns the same noise for a response under this many plain primes in all.
    pub(super) fn under_all(self, plain_primes: usize) -> Self {
        Self {
            values: self.values * plain_primes as f64,
            ..self
        }
    }

    /// Scales the noise to another degree and another plaintext modulus, neither smaller: every deviation is
    /// proportional to powers of N and t (except for biases, which this overestimates).
    ///
    /// Weights that count exactly stay as they are. Weights that count by their magnitudes up to half the plaintext
    /// modulus do so under the new modulus, too: none grows by more than the modulus does.
    pub(super) fn scaled(&self, degree: usize, plain_modulus: u64) -> Self {
        let ratio = plain_modulus as f64 / self.plain_modulus as f64;
        let root = (degree as f64 / self.degree).sqrt();
        let scale = |step: &NoiseAfter| ratio.powi(step.power) * ratio.powi(step.weight_power);
        Self {
            degree: degree as f64,
            plain_modulus,
            values: self.values,
            fresh: self.fresh,
            weighing: match self.weighing {
                Weighing::Exact => Weighing::Exact,
                Weighing::AtMost(most) => Weighing::AtMost(most * ratio),
            },
            steps: self
                .steps
                .iter()
                .map(|step| NoiseAfter {
                    deviation: step.deviation * (scale(step) * root.powi(step.root_power)),
                    constant: step.constant * scale(step),
                    ..step.clone()
                })
                .collect(),
        }
    }

    /// Returns the noise if the noise and the messages of the inputs are at most `ratio` times as large. The ratio is at
    /// least 1, so this covers biases, too.
    pub(super) fn with_inputs(mut self, ratio: f64) -> Self {
        for step in &mut self.steps {
            step.deviation *= ratio.max(1.0).powi(step.degree.cast_signed());
        }
        self
    }

    /// Returns the largest coefficient, except with a probability of 2^-41.
    fn bound(&self, step: &NoiseAfter) -> f64 {
        let (powers, factor) = match self.fresh {
            Fresh::Encrypted => (Powers::errors(step.degree), 1.0),
            Fresh::Dropped => (
                Powers::dropped(step.degree),
                rules::common_secret(step.degree),
            ),
        };
        tail(powers, self.degree, self.values) * factor * step.deviation + step.constant
    }

    /// Returns the bits that Q must have to leave `margin` bits of budget after every layer.
    pub(super) fn bits_needed(&self, margin: f64) -> f64 {
        let bounds: Vec<f64> = self.steps.iter().map(|step| self.bound(step)).collect();
        largest(&bounds).log2() + 1.0 + margin
    }

    /// Predicts the budget after every layer, and of the response once only `response_primes` primes are left.
    pub(super) fn predict(&self, log2_primes: &[f64], response_primes: usize) -> Vec<LayerNoise> {
        let log2_q: f64 = log2_primes.iter().sum();
        let mut noise: Vec<LayerNoise> = self
            .steps
            .iter()
            .map(|step| LayerNoise {
                name: step.name.clone(),
                budget_bits: log2_q - self.bound(step).log2() - 1.0,
            })
            .collect();
        if let Some(last) = self.steps.last() {
            let mut bound = self.bound(last);
            for log2_prime in log2_primes.iter().skip(response_primes).rev() {
                bound = bound / log2_prime.exp2() + self.rounding(last.degree);
            }
            let log2_q: f64 = log2_primes.iter().take(response_primes).sum();
            noise.push(LayerNoise {
                name: "response".to_owned(),
                budget_bits: log2_q - bound.log2() - 1.0,
            });
        }
        noise
    }

    /// Returns the increase of the largest coefficient of a value of `degree` + 1 polynomials by the rounding when a
    /// prime is dropped, except with a probability of 2^-42: the other half is left for the noise before it.
    fn rounding(&self, degree: u32) -> f64 {
        rules::rounding(self.degree, self.plain_modulus as f64, degree)
            * tail(Powers::rounding(degree), self.degree, 2.0 * self.values)
    }
}
