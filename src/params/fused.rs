//! Parameters for fused kernels: the cheapest degree, plain primes and data primes for a number of images.

use super::fused_circuit::FusedCircuit;
use super::fused_noise::FusedNoise;
use super::line::{Line, Traffic};
use super::options::{Scheme, SelectOptions};
use super::scaled::Noises;
use super::search::{Chain, Chains, MARGIN_BITS, Stop, fewest_response_primes, primes, worst};
use crate::kernels::PRIME_BITS_MAX;
use crate::seal::CIPHERTEXT_SIZES;

/// Largest width of the special prime, in bits. It is unused here, so it is small to leave room for the data primes.
const SPECIAL_BITS_MAX: u32 = 30;
/// Largest number of data primes: more do not fit the largest degree's cap.
const DATA_PRIMES_MAX: u32 = 24;

/// Own kernels in the batched or crop layout, for a number of images (a full batch if `None`).
pub(super) struct FusedChains<'a> {
    pub noises: Noises<'a>,
    pub images: Option<usize>,
    pub line: Option<Line>,
}

impl<'a> FusedChains<'a> {
    pub(super) fn new(circuit: &'a FusedCircuit, options: &SelectOptions) -> Self {
        Self {
            noises: Noises::new(circuit),
            images: options.images,
            line: options.line,
        }
    }
}

impl Chains for FusedChains<'_> {
    fn scheme(&self) -> Scheme {
        self.noises.circuit.scheme
    }

    fn stop(&self) -> Stop {
        Stop::Never
    }

    /// Finds the fewest, then smallest primes. Its cost is the predicted nanoseconds for all images: of evaluation on one
    /// thread, at nominal rates, and of what travels; if their number is not known, per image of a full batch.
    fn chain(&mut self, degree: usize, cap: u32, moduli: &[u64], _most: f64) -> Option<Chain> {
        let circuit = self.noises.circuit;
        let squares = circuit.circuit.squares();
        // A value of degree d in the secret key has d + 1 polynomials.
        if squares >= 8 || (1 << squares) + 1 > *CIPHERTEXT_SIZES.end() {
            return None;
        }
        let batch = degree / circuit.slots;
        if batch == 0 {
            return None;
        }
        let mut chain = fit_under(&mut self.noises, degree, cap, moduli)?;
        let images = self.images.unwrap_or(batch);
        let batches = images.div_ceil(batch).max(1) as f64;
        chain.cost = batches * circuit.nanoseconds(degree, chain.primes.len() - 1, moduli.len());
        if let Some(line) = &self.line {
            let sent = (&circuit.circuit, circuit.outputs(), degree);
            let traffic = Traffic::of(sent, degree, &chain, moduli);
            chain.cost += traffic.nanoseconds(line, batches, images as f64);
        }
        // Full batches of different sizes are compared by the time per image.
        if self.images.is_none() {
            chain.cost /= batch as f64;
        }
        Some(chain)
    }
}

/// Runs [`fit`] for these plaintext moduli. The noise itself is not computed if even a lower bound on it does not fit.
fn fit_under(noises: &mut Noises<'_>, degree: usize, cap: u32, moduli: &[u64]) -> Option<Chain> {
    let least: Vec<FusedNoise> = moduli
        .iter()
        .filter_map(|&t| noises.least(degree, t))
        .collect();
    needed(&least, degree, cap)?;
    let of_moduli: Vec<FusedNoise> = moduli
        .iter()
        .map(|&t| noises.under(degree, t).under_all(moduli.len()))
        .collect();
    fit(&of_moduli, degree, cap, moduli)
}

/// Returns the smallest width, in bits, of a prime of q: at that width there must be primes = 1 mod 2N.
fn least_prime_bits(degree: usize) -> u32 {
    (2 * degree).ilog2() + 2
}

/// Returns the bits that q must have without the special prime; `None` if the cap does not allow them.
fn needed(noises: &[FusedNoise], degree: usize, cap: u32) -> Option<f64> {
    let needed = noises
        .iter()
        .map(|noise| noise.bits_needed(MARGIN_BITS))
        .fold(0.0, f64::max);
    let fits = needed + f64::from(least_prime_bits(degree)) <= f64::from(cap);
    (needed.is_finite() && fits).then_some(needed)
}

/// Finds the fewest, then smallest primes within the cap that leave the margin under every plaintext modulus.
fn fit(noises: &[FusedNoise], degree: usize, cap: u32, moduli: &[u64]) -> Option<Chain> {
    let needed = needed(noises, degree, cap)?;
    let special_min = least_prime_bits(degree);
    for count in 1..=DATA_PRIMES_MAX {
        let smallest = (needed / f64::from(count)).ceil() as u32;
        for bits in smallest.max(special_min)..=PRIME_BITS_MAX {
            let Some(room) = cap.checked_sub(bits * count) else {
                break;
            };
            let special = room.min(SPECIAL_BITS_MAX).min(bits);
            if special < special_min {
                break;
            }
            let mut sizes = vec![bits; count as usize];
            sizes.push(special);
            let Some(primes) = primes(degree, &sizes, moduli) else {
                continue;
            };
            let (_, data) = primes.split_last()?;
            let log2: Vec<f64> = data.iter().map(|&prime| (prime as f64).log2()).collect();
            if log2.iter().sum::<f64>() < needed {
                continue;
            }
            let predict =
                |response| worst(noises.iter().map(|noise| noise.predict(&log2, response)));
            if let Some((response_primes, noise)) = fewest_response_primes(data.len(), predict) {
                return Some(Chain {
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
