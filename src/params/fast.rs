//! How much noise a network's circuit makes in fast mode, where nothing is relinearised and no prime is dropped before
//! the response.
//!
//! A BFV ciphertext times t mod Q is a BGV ciphertext (see `docs/FAST.md`): its phase, t * c(s) mod Q, is the polynomial
//! that SEAL's noise budget measures: log2(Q) - log2(largest coefficient) - 1. In this form products are products of
//! phases, as long as they stay below Q. So the phase of a result is a polynomial of degree d = 2^squares in the
//! phases of the inputs, and its size follows from the moments of a Gaussian.
//!
//! Let `deviation` be the root mean square of a phase's coefficients.
//!
//! | step | deviation afterwards |
//! | --- | --- |
//! | fresh | noise t * sqrt(10.5), independent for each ciphertext; message at most t / 2, in the worst case the same in all |
//! | first sums | noise times the Euclidean norm of the weights; message times the sum of their magnitudes |
//! | square of degree d | sqrt(C(2d, d) * N) * deviation^2: E abs(PQ)^2 <= C(m+n, m) E abs(P)^2 E abs(Q)^2 for homogeneous polynomials of degrees m and n in complex Gaussians (Bombieri's inequality, Beauzamy et al. 1990), at every root of x^N + 1 |
//! | sums after the first and the second square | from bounds on the covariances, computed from the weights: `moments.rs` |
//! | other sums | the weights' magnitudes times the deviations: they may be the same |
//! | bias | + t / 2 / sqrt(N): the same in all slots, so a constant polynomial; what biases make alone is one coefficient, and added to the bound |
//! | product with a plaintext, summed over k | the sum of the deviations * t / 2 * sqrt(coefficients), as no coefficient of a plaintext is above t / 2, see `plaintext_coefficients` |
//! | drop to a product of primes p smaller | 1/p, plus t * rounding, of variance sum over k of k! (2N/3)^k / 12 for the powers s^k of the secret |
//!
//! A coefficient is 1/N times the sum over N/2 pairs of roots of values like E^(d/2) with E exponentially distributed.
//! Such a sum is Gaussian but for single large summands: it stays below 9.8 deviations plus what one pair of roots
//! contributes with E <= ln(2^41 * pairs), each with a probability of at least 1 - 2^-41 for 2^23 coefficients and all
//! pairs of roots of a response's values.

use super::moments::Moments;
use super::noise::LayerNoise;
use crate::network::{LoweredLayer, LoweredOperation};
use std::f64::consts::LN_2;

/// Gaussian coefficients lie within so many deviations.
const GAUSSIAN_TAIL: f64 = 9.8;

/// The noise of a circuit under one plaintext modulus.
pub(super) struct FastNoise {
    degree: f64,
    plain_modulus: u64,
    /// Values that a response holds, under all plaintext moduli.
    values: f64,
    steps: Vec<Step>,
}

/// What is known after a layer.
#[derive(Clone)]
struct Step {
    name: String,
    /// The largest deviation.
    deviation: f64,
    /// The largest coefficient that biases make alone.
    constant: f64,
    /// The degree in the fresh noise.
    degree: u32,
    /// The power of t that the deviation is proportional to.
    power: i32,
    /// The power of sqrt(N) that it is proportional to.
    root_power: i32,
}

fn largest(values: &[f64]) -> f64 {
    values.iter().copied().fold(0.0, f64::max)
}

/// The square of a complex Gaussian of variance 1 lies below this at all roots of so many `values` with ciphertexts of
/// degree `n`, but for a probability of 2^-41.
pub(super) fn root_tail(n: f64, values: f64) -> f64 {
    LN_2 * 41.0 + (n / 2.0 * values).ln()
}

/// How many deviations the largest coefficient of polynomials of this degree in Gaussians has at most, but for a
/// probability of 2^-40, for so many `values` with ciphertexts of degree `n`.
pub(super) fn tail(degree: u32, n: f64, values: f64) -> f64 {
    let jump =
        2.0 * root_tail(n, values).powf(f64::from(degree) / 2.0) / (factorial(degree) * n).sqrt();
    GAUSSIAN_TAIL + jump
}

/// The deviation that rounding adds to a value of `degree` + 1 polynomials when a prime is dropped.
///
/// The powers of the one secret in use may be larger than those of the average one: twice the variance.
pub(super) fn rounding(n: f64, t: f64, degree: u32) -> f64 {
    let variance: f64 = (0..=degree)
        .map(|k| factorial(k) * (2.0 * n / 3.0).powi(k.cast_signed()) / 12.0)
        .sum();
    t * (2.0 * variance).sqrt()
}

fn factorial(n: u32) -> f64 {
    (1..=n).map(f64::from).product()
}

/// How many coefficients of a plaintext are not zero at most, if its slots repeat after `period`.
///
/// Slot i of a row is the value at the root to the power of 3^i. With a power of two as period the plaintext is the same
/// under the automorphism of 3^period = 1 mod 4 period: a polynomial in x^(N / (2 period)).
const fn plaintext_coefficients(degree: usize, period: usize) -> usize {
    if period.is_power_of_two() && 2 * period < degree {
        2 * period
    } else {
        degree
    }
}

impl FastNoise {
    /// Of layers; with a last layer of this name, of products with plaintexts whose slots repeat after this number, if
    /// `weighted` is given.
    pub(super) fn new(
        layers: &[LoweredLayer],
        inputs: usize,
        degree: usize,
        plain_modulus: u64,
        weighted: Option<(&str, usize)>,
    ) -> Self {
        let (t, n) = (plain_modulus as f64, degree as f64);
        let mut moments = Moments::fresh(inputs, degree, plain_modulus);
        let mut squares = 0;
        let step =
            |name: &str, moments: &Moments, squares: i32, plaintexts: i32, roots: i32| Step {
                name: name.to_owned(),
                deviation: largest(&moments.deviations),
                constant: largest(&moments.constants),
                degree: moments.degree,
                power: moments.degree.cast_signed() + plaintexts,
                // Each square has a factor sqrt(N), and later squares square it.
                root_power: (1 << squares) - 1 + roots,
            };
        let mut steps = vec![step("fresh", &moments, 0, 0, 0)];
        for layer in layers {
            match &layer.operation {
                LoweredOperation::Sums(sums) => moments.sums(sums),
                LoweredOperation::Square { .. } => {
                    moments.square();
                    squares += 1;
                }
            }
            steps.push(step(&layer.name, &moments, squares, 0, 0));
        }
        if let Some((name, period)) = weighted {
            let total: f64 = moments.deviations.iter().sum();
            let coefficients = plaintext_coefficients(degree, period);
            moments.deviations = vec![(total * (coefficients as f64).sqrt() + 1.0) * t / 2.0];
            let constants: f64 = moments.constants.iter().sum();
            moments.constants = vec![(constants + 1.0) * t / 2.0];
            let roots = i32::from(coefficients == degree);
            steps.push(step(name, &moments, squares, 1, roots));
        }
        let values = if weighted.is_some() {
            1
        } else {
            moments.deviations.len()
        };
        Self {
            degree: n,
            plain_modulus,
            values: values as f64,
            steps,
        }
    }

    /// The same in a response under so many plaintext moduli.
    pub(super) fn in_channels(self, channels: usize) -> Self {
        Self {
            values: self.values * channels as f64,
            ..self
        }
    }

    /// The same at another degree and under another plaintext modulus, neither smaller, if all weights are below half of
    /// both moduli: every deviation is proportional to powers of N and t (but for biases, which this overestimates).
    pub(super) fn scaled(&self, degree: usize, plain_modulus: u64) -> Self {
        let ratio = plain_modulus as f64 / self.plain_modulus as f64;
        let root = (degree as f64 / self.degree).sqrt();
        let scale = |step: &Step| ratio.powi(step.power) * root.powi(step.root_power);
        Self {
            degree: degree as f64,
            plain_modulus,
            values: self.values,
            steps: self
                .steps
                .iter()
                .map(|step| Step {
                    deviation: step.deviation * scale(step),
                    constant: step.constant * ratio.powi(step.power),
                    ..step.clone()
                })
                .collect(),
        }
    }

    /// The largest coefficient, but for a probability of 2^-40.
    fn bound(&self, step: &Step) -> f64 {
        tail(step.degree, self.degree, self.values) * step.deviation + step.constant
    }

    /// The bits that Q must have for `margin` bits of budget to be left after every layer.
    pub(super) fn bits_needed(&self, margin: f64) -> f64 {
        let bounds: Vec<f64> = self.steps.iter().map(|step| self.bound(step)).collect();
        largest(&bounds).log2() + 1.0 + margin
    }

    /// The predicted budget after every layer, and of the response once only `response_primes` are left.
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

    /// What rounding adds to a value of `degree` + 1 polynomials when a prime is dropped.
    fn rounding(&self, degree: u32) -> f64 {
        GAUSSIAN_TAIL * rounding(self.degree, self.plain_modulus as f64, degree)
    }
}
