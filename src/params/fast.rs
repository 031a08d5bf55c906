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
//! | sums after the first square | sqrt(2N * sum over i, j of abs(v_i v_j) c_ij^2), where c_ij bounds the covariance of the values squared |
//! | other sums | the weights' magnitudes times the deviations: they may be the same |
//! | bias | + t / 2 |
//! | product with a plaintext, summed over k | the sum of the deviations * t / 2 * sqrt(N), as no coefficient of a plaintext is above t / 2 |
//! | drop to a product of primes p smaller | 1/p, plus t * rounding, of variance sum over k of k! (2N/3)^k / 12 for the powers s^k of the secret |
//!
//! A coefficient is 1/N times the sum over N/2 pairs of roots of values like E^(d/2) with E exponentially distributed.
//! Such a sum is Gaussian but for single large summands: it stays below 9.8 deviations plus what one pair of roots
//! contributes with E <= 42, each with a probability of at least 1 - 2^-41 for 2^23 coefficients and 2^20 roots.

use super::noise::LayerNoise;
use crate::network::{LoweredLayer, LoweredOperation, WeightedSums};

/// SEAL's centred binomial error.
pub(super) const ERROR_VARIANCE: f64 = 10.5;
/// Gaussian coefficients lie within so many deviations.
const GAUSSIAN_TAIL: f64 = 9.8;
/// The square of a complex Gaussian of variance 1 lies below this.
const ROOT_TAIL: f64 = 42.0;
/// Covariances of more pairs than this are not computed, but bounded by the variances.
const COVARIANCE_WORK_MAX: usize = 200_000_000;

/// The phases of a layer's values.
struct Phases {
    /// Deviation of each value.
    deviations: Vec<f64>,
    /// Degree in the fresh noise.
    degree: u32,
    /// What the first sums were, with the noise and the message of their inputs: known until the square after them is
    /// summed.
    first: Option<First>,
    squared: bool,
}

/// Noise and message before the first square.
struct First {
    /// Rows of weights; `None` if each value is an input.
    rows: Option<Vec<Vec<(u32, f64)>>>,
    /// Of each value.
    messages: Vec<f64>,
}

/// The noise of a circuit under one plaintext modulus.
pub(super) struct FastNoise {
    degree: f64,
    plain_modulus: u64,
    steps: Vec<Step>,
}

/// What is known after a layer.
#[derive(Clone)]
struct Step {
    name: String,
    /// The largest deviation.
    deviation: f64,
    /// The degree in the fresh noise.
    degree: u32,
    /// The power of t that the deviation is proportional to.
    power: i32,
}

fn centred(weight: i64, modulus: u64) -> f64 {
    let residue = weight.unsigned_abs() % modulus;
    residue.min(modulus - residue) as f64
}

/// The centred residue with its sign.
fn centred_signed(weight: i64, modulus: u64) -> f64 {
    let residue = i128::from(weight).rem_euclid(i128::from(modulus));
    (if 2 * residue > i128::from(modulus) {
        residue - i128::from(modulus)
    } else {
        residue
    }) as f64
}

fn largest(values: &[f64]) -> f64 {
    values.iter().copied().fold(0.0, f64::max)
}

/// C(n, k).
pub(super) fn binomial(n: u32, k: u32) -> f64 {
    (1..=k).fold(1.0, |product, i| {
        product * f64::from(n - k + i) / f64::from(i)
    })
}

/// C(2d, d).
fn central_binomial(degree: u32) -> f64 {
    binomial(2 * degree, degree)
}

/// How many deviations the largest coefficient of a polynomial of this degree in Gaussians has at most, but for a
/// probability of 2^-40, for ciphertexts of degree `n`.
pub(super) fn tail(degree: u32, n: f64) -> f64 {
    let jump = 2.0 * ROOT_TAIL.powf(f64::from(degree) / 2.0) / (factorial(degree) * n).sqrt();
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

impl FastNoise {
    /// Of layers; with a last layer of this name, of products with plaintexts, if `weighted` is given.
    pub(super) fn new(
        layers: &[LoweredLayer],
        inputs: usize,
        degree: usize,
        plain_modulus: u64,
        weighted: Option<&str>,
    ) -> Self {
        let t = plain_modulus as f64;
        let n = degree as f64;
        let fresh = (ERROR_VARIANCE + 0.25).sqrt() * t;
        let mut phases = Phases {
            deviations: vec![fresh; inputs],
            degree: 1,
            first: Some(First {
                rows: None,
                messages: vec![t / 2.0; inputs],
            }),
            squared: false,
        };
        let step = |name: &str, phases: &Phases, plaintexts| Step {
            name: name.to_owned(),
            deviation: largest(&phases.deviations),
            degree: phases.degree,
            power: phases.degree.cast_signed() + plaintexts,
        };
        let mut steps = vec![step("fresh", &phases, 0)];
        for layer in layers {
            match &layer.operation {
                LoweredOperation::Sums(sums) => phases.sums(sums, plain_modulus, n),
                LoweredOperation::Square { .. } => phases.square(n),
            }
            steps.push(step(&layer.name, &phases, 0));
        }
        if let Some(name) = weighted {
            let total: f64 = phases.deviations.iter().sum();
            phases.deviations = vec![(total * n.sqrt() + 1.0) * t / 2.0];
            steps.push(step(name, &phases, 1));
        }
        Self {
            degree: n,
            plain_modulus,
            steps,
        }
    }

    /// The same under another plaintext modulus, if all weights are below half of both: every deviation is proportional
    /// to a power of t (but for biases, which a larger t overestimates).
    pub(super) fn scaled(&self, plain_modulus: u64) -> Self {
        let ratio = plain_modulus as f64 / self.plain_modulus as f64;
        Self {
            degree: self.degree,
            plain_modulus,
            steps: self
                .steps
                .iter()
                .map(|step| Step {
                    deviation: step.deviation * ratio.powi(step.power),
                    ..step.clone()
                })
                .collect(),
        }
    }

    /// The largest coefficient, but for a probability of 2^-40.
    fn bound(&self, step: &Step) -> f64 {
        tail(step.degree, self.degree) * step.deviation
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

impl Phases {
    fn square(&mut self, n: f64) {
        let factor = (central_binomial(self.degree) * n).sqrt();
        for deviation in &mut self.deviations {
            *deviation = factor * *deviation * *deviation;
        }
        self.degree *= 2;
        if std::mem::replace(&mut self.squared, true) {
            self.first = None;
        }
    }

    fn sums(&mut self, sums: &WeightedSums, plain_modulus: u64, n: f64) {
        let t = plain_modulus as f64;
        let first = self.first.take();
        let deviations: Vec<f64> = match first {
            Some(first) if !self.squared && first.rows.is_none() => {
                return self.first_sums(sums, plain_modulus, &first);
            }
            Some(First {
                rows: Some(rows),
                messages,
            }) if self.squared && sums.term_count() > 0 => {
                let covariance = Covariance::new(&rows, &messages, t);
                let pairs: usize = sums
                    .outputs()
                    .map(|(terms, _)| terms.len() * terms.len())
                    .sum();
                match covariance.filter(|_| pairs <= COVARIANCE_WORK_MAX) {
                    Some(covariance) => sums
                        .outputs()
                        .map(|(terms, _)| {
                            let weights: Vec<(usize, f64)> = terms
                                .iter()
                                .map(|term| {
                                    (term.input as usize, centred(term.weight, plain_modulus))
                                })
                                .collect();
                            (2.0 * n * covariance.squares(&weights)).sqrt()
                        })
                        .collect(),
                    None => self.worst(sums, plain_modulus),
                }
            }
            _ => self.worst(sums, plain_modulus),
        };
        self.deviations = deviations.into_iter().map(|d| d + t / 2.0).collect();
    }

    /// Sums whose summands may all be the same.
    fn worst(&self, sums: &WeightedSums, plain_modulus: u64) -> Vec<f64> {
        sums.outputs()
            .map(|(terms, _)| {
                terms
                    .iter()
                    .map(|term| {
                        centred(term.weight, plain_modulus) * self.deviations[term.input as usize]
                    })
                    .sum()
            })
            .collect()
    }

    /// Sums of fresh ciphertexts: independent noise, messages that may be the same.
    fn first_sums(&mut self, sums: &WeightedSums, plain_modulus: u64, inputs: &First) {
        let t = plain_modulus as f64;
        let noise = ERROR_VARIANCE.sqrt() * t;
        let mut rows = Vec::with_capacity(sums.len());
        let mut messages = Vec::with_capacity(sums.len());
        self.deviations.clear();
        for (terms, _) in sums.outputs() {
            let mut row: Vec<(u32, f64)> = terms
                .iter()
                .map(|term| (term.input, centred_signed(term.weight, plain_modulus)))
                .collect();
            row.sort_unstable_by_key(|(input, _)| *input);
            let norm = row.iter().map(|(_, w)| w * w).sum::<f64>().sqrt();
            let message = t / 2.0
                + row
                    .iter()
                    .map(|(input, w)| w.abs() * inputs.messages[*input as usize])
                    .sum::<f64>();
            self.deviations.push((noise * norm).hypot(message));
            messages.push(message);
            rows.push(row);
        }
        self.first = Some(First {
            rows: Some(rows),
            messages,
        });
    }
}

/// Bounds on the covariances of the values before the first square.
struct Covariance {
    count: usize,
    /// Squares of covariances.
    squares: Vec<f64>,
}

impl Covariance {
    fn new(rows: &[Vec<(u32, f64)>], messages: &[f64], t: f64) -> Option<Self> {
        let count = rows.len();
        let terms: usize = rows.iter().map(Vec::len).sum();
        if count.saturating_mul(terms) > COVARIANCE_WORK_MAX {
            return None;
        }
        let mut squares = vec![0.0; count * count];
        for i in 0..count {
            for j in 0..=i {
                let noise = ERROR_VARIANCE * t * t * dot(&rows[i], &rows[j]).abs();
                let covariance = noise + messages[i] * messages[j];
                squares[i * count + j] = covariance * covariance;
                squares[j * count + i] = covariance * covariance;
            }
        }
        Some(Self { count, squares })
    }

    /// The sum over i, j of v_i v_j c_ij^2.
    fn squares(&self, weights: &[(usize, f64)]) -> f64 {
        weights
            .iter()
            .map(|&(i, v)| {
                let row = &self.squares[i * self.count..(i + 1) * self.count];
                v * weights.iter().map(|&(j, w)| w * row[j]).sum::<f64>()
            })
            .sum()
    }
}

/// The scalar product of rows sorted by index.
fn dot(a: &[(u32, f64)], b: &[(u32, f64)]) -> f64 {
    let (mut i, mut j, mut total) = (0, 0, 0.0);
    while let (Some(x), Some(y)) = (a.get(i), b.get(j)) {
        if x.0 == y.0 {
            total += x.1 * y.1;
        }
        i += usize::from(x.0 <= y.0);
        j += usize::from(y.0 <= x.0);
    }
    total
}
