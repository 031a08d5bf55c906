//! How much noise a network's circuit makes under stock BFV.
//!
//! Notation: N the degree, t the plaintext modulus, q the product of the data primes, P the special prime, s the secret
//! (ternary, variance 2/3). For a ciphertext c let V be the standard deviation of a coefficient of [t * c(s)]_q: SEAL's
//! noise budget is log2(q) - log2(max coefficient) - 1, and decryption is right while that is positive.
//!
//! | step | V afterwards |
//! | --- | --- |
//! | fresh, symmetric | t * sqrt(10.5 + 1/12): SEAL's centred binomial error has variance 10.5, rounding q*m/t adds 1/12 |
//! | sum of w_i * c_i | V * sum of abs(w_i): the errors may be the same, so nothing is gained by averaging |
//! | add a plaintext | V + t |
//! | square | 2 * t * sqrt(N) * K * V + t * N: K = sqrt(2N/9) bounds the deviation of c(s)/q |
//! | relinearise | V + t * (sqrt(L * N * 3.5) * max(q_i) / P + sqrt(1/12 + N/18)) |
//! | drop a prime p | V/p + t * rounding, with sqrt(1/12 + N/18), or N/5 for size 3 |
//!
//! The largest of all coefficients exceeds V * 2^TAIL_BITS with a probability below 2^-40.

use crate::network::{Layer, Network};
use serde::Serialize;

/// 2^3.3 = 9.8 standard deviations: below 2^-40 for any of 2^23 Gaussian coefficients.
const TAIL_BITS: f64 = 3.3;

/// The predicted noise budget after a layer.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LayerNoise {
    /// The layer, `fresh` for the input and `response` for what the client receives.
    pub name: String,
    /// log2 of what is left between noise and failure, in bits: a lower bound on SEAL's noise budget.
    pub budget_bits: f64,
}

/// One step of the circuit as noise sees it.
#[derive(Debug, Clone)]
pub(super) enum NoiseStep {
    /// Weighted sums; `log2_l1` is the largest sum of absolute weights of an output.
    Linear { name: String, log2_l1: f64 },
    /// Squares, brought back to size 2 unless `relinearize` is false.
    Square { name: String, relinearize: bool },
}

/// What the noise depends on beside the circuit.
#[derive(Debug, Clone)]
pub(super) struct NoiseParameters {
    pub poly_modulus_degree: usize,
    pub plain_modulus: u64,
    /// log2 of each data prime, highest level first.
    pub log2_data_primes: Vec<f64>,
    pub log2_special_prime: f64,
}

/// The network's steps under a plaintext modulus: weights count as their centred residues.
pub(super) fn noise_steps(network: &Network, plain_modulus: u64) -> Vec<NoiseStep> {
    let last_square = network
        .layers()
        .iter()
        .rposition(|named| matches!(named.layer, Layer::Square));
    network
        .layers()
        .iter()
        .enumerate()
        .filter_map(|(index, named)| {
            let name = named.name.clone();
            match &named.layer {
                Layer::Square => Some(NoiseStep::Square {
                    name,
                    relinearize: Some(index) != last_square,
                }),
                Layer::SumPool { kernel, .. } => Some(NoiseStep::Linear {
                    name,
                    log2_l1: ((kernel[0] * kernel[1]) as f64).log2(),
                }),
                layer => {
                    let outputs = layer.bias()?.len().max(1);
                    let weight = layer.weight()?;
                    let l1 = weight
                        .chunks((weight.len() / outputs).max(1))
                        .map(|row| {
                            row.iter()
                                .map(|&w| centred_magnitude(w, plain_modulus) as f64)
                                .sum::<f64>()
                        })
                        .fold(1.0, f64::max);
                    Some(NoiseStep::Linear {
                        name,
                        log2_l1: l1.log2(),
                    })
                }
            }
        })
        .collect()
}

fn centred_magnitude(weight: i64, modulus: u64) -> u64 {
    let residue = weight.unsigned_abs() % modulus;
    residue.min(modulus - residue)
}

/// log2(2^a + 2^b).
fn log2_sum(a: f64, b: f64) -> f64 {
    a.max(b) + (1.0 + (-(a - b).abs()).exp2()).log2()
}

impl NoiseParameters {
    fn log2_n(&self) -> f64 {
        (self.poly_modulus_degree as f64).log2()
    }

    fn log2_t(&self) -> f64 {
        (self.plain_modulus as f64).log2()
    }

    fn log2_rounding(&self, size: usize) -> f64 {
        let n = self.poly_modulus_degree as f64;
        if size == 2 {
            (1.0 / 12.0 + n / 18.0).log2() / 2.0
        } else {
            (n / 5.0).log2()
        }
    }

    fn budget(&self, primes: usize, log2_v: f64) -> f64 {
        self.log2_data_primes[..primes].iter().sum::<f64>() - log2_v - TAIL_BITS - 1.0
    }

    /// The predicted budget after every step at the highest level, and after dropping to `response_primes` primes.
    pub(super) fn predict(&self, steps: &[NoiseStep], response_primes: usize) -> Vec<LayerNoise> {
        let all = self.log2_data_primes.len();
        let mut log2_v = self.log2_t() + 10.6f64.log2() / 2.0;
        let mut size = 2;
        let mut noise = vec![LayerNoise {
            name: "fresh".to_owned(),
            budget_bits: self.budget(all, log2_v),
        }];
        for step in steps {
            let name = match step {
                NoiseStep::Linear { name, log2_l1 } => {
                    log2_v = log2_sum(log2_v + log2_l1, self.log2_t());
                    name
                }
                NoiseStep::Square { name, relinearize } => {
                    let log2_k = f64::midpoint(self.log2_n(), (2.0f64 / 9.0).log2());
                    log2_v = log2_sum(
                        1.0 + self.log2_t() + self.log2_n() / 2.0 + log2_k + log2_v,
                        self.log2_t() + self.log2_n(),
                    );
                    size = 3;
                    if *relinearize {
                        size = 2;
                        log2_v = log2_sum(log2_v, self.log2_t() + self.log2_key_switch());
                    }
                    name
                }
            };
            noise.push(LayerNoise {
                name: name.clone(),
                budget_bits: self.budget(all, log2_v),
            });
        }
        for dropped in (response_primes..all).rev() {
            log2_v = log2_sum(
                log2_v - self.log2_data_primes[dropped],
                self.log2_t() + self.log2_rounding(size),
            );
        }
        noise.push(LayerNoise {
            name: "response".to_owned(),
            budget_bits: self.budget(response_primes, log2_v),
        });
        noise
    }

    fn log2_key_switch(&self) -> f64 {
        let largest = self.log2_data_primes.iter().copied().fold(0.0, f64::max);
        let digits = self.log2_data_primes.len() as f64;
        let error =
            f64::midpoint((digits * 3.5).log2(), self.log2_n()) + largest - self.log2_special_prime;
        log2_sum(error, self.log2_rounding(2))
    }
}
