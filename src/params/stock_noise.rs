//! The noise of a network's circuit under stock BFV.
//!
//! Notation: N is the degree, t the plaintext modulus, q the product of the data primes, P the special prime. For a
//! ciphertext c, V is the deviation of t * c(s) mod q. `rules.rs` defines it, and has the rules for single steps and
//! for the largest coefficient. SEAL's noise budget is log2(q) - log2(max coefficient) - 1, and decryption is correct
//! while that is positive.
//!
//! | step | V afterwards |
//! | --- | --- |
//! | fresh, symmetric | the error, and the rounding of q*m/t |
//! | sum of `w_i` * `c_i` | V * sum of abs(`w_i`): the errors may be the same, so averaging gains nothing |
//! | add a plaintext | V + t |
//! | square | times 2t * sqrt(N) * c(s) / q, plus a rounding of three polynomials, by up to as many units as base conversion is off |
//! | relinearise | plus a key switch and a rounding of two polynomials |
//! | drop a prime p | V/p, plus a rounding |

use super::rules::{self, Digits, Powers, tail};
use crate::circuit::{Circuit, CircuitLayer, Op};
use crate::modular::centred;
use crate::network::Term;
use serde::Serialize;
use std::collections::BTreeMap;

/// The predicted noise budget after a layer.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LayerNoise {
    /// Name of the layer; `fresh` for the input and `response` for what the client receives.
    pub name: String,
    /// Distance between noise and failure, as log2 in bits: a lower bound on SEAL's noise budget.
    pub budget_bits: f64,
}

/// One step of the circuit, as the noise model sees it.
#[derive(Debug, Clone)]
pub(super) enum NoiseStep {
    /// Weighted sums; `log2_l1` is log2 of the largest sum of absolute weights of an output.
    Linear { name: String, log2_l1: f64 },
    /// Squares, relinearised to size 2 unless `relinearize` is false.
    Square { name: String, relinearize: bool },
}

/// Bounds on the largest coefficient: log2 of the number of deviations, which does not depend on q.
#[derive(Debug, Clone)]
pub(super) struct Tails {
    /// Bounds after zero, one and more squares.
    squares: Vec<f64>,
    /// Bounds for a rounding of two and of three polynomials, with half the probability.
    roundings: [f64; 2],
}

impl Tails {
    /// Computes the bounds for steps at a degree, and for `values` values in a response under all plaintext moduli.
    pub(super) fn new(steps: &[NoiseStep], degree: usize, values: usize) -> Self {
        let (n, values) = (degree as f64, values as f64);
        let is_square = |step: &&NoiseStep| matches!(step, NoiseStep::Square { .. });
        let squares = steps.iter().filter(is_square).count() as u32;
        Self {
            squares: (0..=squares)
                .map(|squares| tail(Powers::stock(squares), n, values).log2())
                .collect(),
            roundings: [1, 2].map(|degree| tail(Powers::rounding(degree), n, 2.0 * values).log2()),
        }
    }
}

/// The parameters on which the noise depends, apart from the circuit.
#[derive(Debug, Clone)]
pub(super) struct NoiseParameters<'a> {
    pub poly_modulus_degree: usize,
    pub plain_modulus: u64,
    pub tails: &'a Tails,
    /// log2 of each data prime, highest level first.
    pub log2_data_primes: Vec<f64>,
    pub log2_special_prime: f64,
}

/// A circuit's steps under each plaintext modulus.
pub(super) struct NoiseSteps {
    circuit: Circuit,
    largest_weight: u64,
    /// Steps with the weights as they are, and steps under each modulus for which some weight's residue differs.
    plain: Option<Vec<NoiseStep>>,
    residues: BTreeMap<u64, Vec<NoiseStep>>,
}

impl NoiseSteps {
    pub(super) fn new(circuit: Circuit) -> Self {
        Self {
            largest_weight: circuit.largest_weight(),
            circuit,
            plain: None,
            residues: BTreeMap::new(),
        }
    }

    /// The number of logits.
    pub(super) fn classes(&self) -> usize {
        self.circuit.outputs().last().copied().unwrap_or(0)
    }

    /// Returns the steps under a plaintext modulus: weights count as their centred residues. All moduli above twice
    /// every weight share one walk over the circuit.
    pub(super) fn under(&mut self, plain_modulus: u64) -> &[NoiseStep] {
        let circuit = &self.circuit;
        if self.largest_weight < plain_modulus.div_ceil(2) {
            self.plain
                .get_or_insert_with(|| noise_steps(circuit, plain_modulus))
        } else {
            self.residues
                .entry(plain_modulus)
                .or_insert_with(|| noise_steps(circuit, plain_modulus))
        }
    }
}

/// Lists the steps of a circuit of values under a plaintext modulus: weights count as their centred residues.
fn noise_steps(circuit: &Circuit, plain_modulus: u64) -> Vec<NoiseStep> {
    let magnitude = |term: &Term| {
        let residue = centred(i128::from(term.weight), plain_modulus);
        residue.unsigned_abs() as f64
    };
    let step = |layer: &CircuitLayer| {
        let name = layer.name().to_owned();
        match layer.ops() {
            [Op::LinearCombination(sums)] => {
                let outputs = sums.outputs();
                let l1 = outputs.map(|(terms, _)| terms.iter().map(magnitude).sum::<f64>());
                Some(NoiseStep::Linear {
                    name,
                    log2_l1: l1.fold(1.0, f64::max).log2(),
                })
            }
            [Op::Squares, then @ ..] => Some(NoiseStep::Square {
                name,
                relinearize: then.contains(&Op::Relinearize),
            }),
            // The other operations do not occur in a circuit of values.
            _ => None,
        }
    };
    circuit.layers().iter().filter_map(step).collect()
}

/// Computes log2(2^a + 2^b).
fn log2_sum(a: f64, b: f64) -> f64 {
    a.max(b) + (1.0 + (-(a - b).abs()).exp2()).log2()
}

impl NoiseParameters<'_> {
    fn n(&self) -> f64 {
        self.poly_modulus_degree as f64
    }

    fn t(&self) -> f64 {
        self.plain_modulus as f64
    }

    /// Returns log2 of the deviation of rounding a value of `size` polynomials.
    fn log2_rounding(&self, size: u32) -> f64 {
        rules::rounding(self.n(), self.t(), size - 1).log2()
    }

    /// Returns log2 of the largest coefficient after `squares` squares.
    fn log2_largest(&self, log2_v: f64, squares: u32) -> f64 {
        let tail = self.tails.squares.get(squares as usize);
        log2_v + tail.copied().unwrap_or(f64::INFINITY)
    }

    fn budget(&self, primes: usize, log2_largest: f64) -> f64 {
        self.log2_data_primes[..primes].iter().sum::<f64>() - log2_largest - 1.0
    }

    /// Predicts the budget after every step at the highest level, and after dropping to `response_primes` primes.
    pub(super) fn predict(&self, steps: &[NoiseStep], response_primes: usize) -> Vec<LayerNoise> {
        let all = self.log2_data_primes.len();
        let log2_t = self.t().log2();
        let mut log2_v = rules::fresh(self.t()).log2();
        let (mut size, mut squares) = (2, 0);
        let mut noise = vec![LayerNoise {
            name: "fresh".to_owned(),
            budget_bits: self.budget(all, self.log2_largest(log2_v, squares)),
        }];
        for step in steps {
            let name = match step {
                NoiseStep::Linear { name, log2_l1 } => {
                    log2_v = log2_sum(log2_v + log2_l1, log2_t);
                    name
                }
                NoiseStep::Square { name, relinearize } => {
                    let factor = rules::stock_square(self.n(), self.t(), squares);
                    // Base conversion may be off by as many units as there are primes.
                    let conversion = ((1 + 2 * all) as f64).log2() + self.log2_rounding(3);
                    log2_v = log2_sum(factor.log2() + log2_v, conversion);
                    squares += 1;
                    size = 3;
                    if *relinearize {
                        size = 2;
                        log2_v = log2_sum(log2_v, self.log2_key_switch());
                    }
                    name
                }
            };
            noise.push(LayerNoise {
                name: name.clone(),
                budget_bits: self.budget(all, self.log2_largest(log2_v, squares)),
            });
        }
        let rounding = self.log2_rounding(size) + self.tails.roundings[usize::from(size > 2)];
        let mut log2_largest = self.log2_largest(log2_v, squares);
        for dropped in (response_primes..all).rev() {
            log2_largest = log2_sum(log2_largest - self.log2_data_primes[dropped], rounding);
        }
        noise.push(LayerNoise {
            name: "response".to_owned(),
            budget_bits: self.budget(response_primes, log2_largest),
        });
        noise
    }

    fn log2_key_switch(&self) -> f64 {
        let switch = rules::key_switch(
            self.n(),
            self.t(),
            Digits::Unsigned,
            &self.log2_data_primes,
            self.log2_special_prime,
        );
        log2_sum(switch.log2(), self.log2_rounding(2))
    }
}
