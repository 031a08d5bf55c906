//! The coefficient modulus for stock SEAL operations.

use super::options::Scheme;
use super::search::{Chain, ChainLimits, Chains, Stop, fewest_response_primes, primes, worst};
use super::stock_noise::{NoiseParameters, NoiseStep, NoiseSteps, Tails};
use crate::circuit::Circuit;
use crate::network::Network;

/// Width of SEAL's largest prime of q, in bits.
const PRIME_BITS_MAX: u32 = 60;
/// Largest number of data primes: more do not fit the largest degree's cap in a useful way.
const DATA_PRIMES_MAX: usize = 24;

/// Stock SEAL operations in the batched layout. The first parameters win: the smallest N in the table, then the fewest
/// plaintext primes, then the fewest and smallest data primes.
pub(super) struct StockChains {
    steps: NoiseSteps,
}

impl StockChains {
    pub(super) fn new(network: &Network) -> Self {
        Self {
            steps: NoiseSteps::new(Circuit::of_values(network, true)),
        }
    }
}

impl Chains for StockChains {
    fn scheme(&self) -> Scheme {
        Scheme::Stock
    }

    fn stop(&self) -> Stop {
        Stop::AtFirst
    }

    /// Finds the fewest, then smallest primes of q.
    fn chain(&mut self, degree: usize, limits: ChainLimits, moduli: &[u64]) -> Option<Chain> {
        let cap = limits.bits;
        let t_bits = moduli.iter().max().map_or(0, |t| t.ilog2() + 1);
        let circuits: Vec<(u64, Vec<NoiseStep>)> = moduli
            .iter()
            .map(|&t| (t, self.steps.under(t).to_vec()))
            .collect();
        let values = self.steps.classes() * moduli.len();
        let (_, first) = circuits.first()?;
        let tails = Tails::new(first, degree, values);
        for count in 1..=DATA_PRIMES_MAX {
            // Data primes larger than t are distinct from it; the special prime has the same width.
            for bits in (t_bits + 1).max(14)..=PRIME_BITS_MAX {
                if bits * (count as u32 + 1) > cap {
                    break;
                }
                // There may be too few primes = 1 mod 2N of this width: try the next one.
                let Some(mut primes) = primes(degree, &vec![bits; count + 1], moduli) else {
                    continue;
                };
                // The largest prime becomes the special prime, because key switching noise is divided by it.
                primes.sort_unstable();
                let (&special, data) = primes.split_last()?;
                let predict = |response| {
                    worst(circuits.iter().map(|(t, steps)| {
                        NoiseParameters {
                            poly_modulus_degree: degree,
                            plain_modulus: *t,
                            tails: &tails,
                            log2_data_primes: data.iter().map(|&p| (p as f64).log2()).collect(),
                            log2_special_prime: (special as f64).log2(),
                        }
                        .predict(steps, response)
                    }))
                };
                if let Some((response_primes, noise)) = fewest_response_primes(count, predict) {
                    return Some(Chain {
                        shared: false,
                        primes,
                        drops: Vec::new(),
                        response_primes,
                        noise,
                        cost: 0.0,
                    });
                }
            }
        }
        None
    }
}
