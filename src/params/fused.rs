//! Parameters for fused kernels: the cheapest degree, plain primes and data primes for a number of images.

use super::fused_circuit::{FusedCircuit, dropping_nanoseconds};
use super::fused_noise::FusedNoise;
use super::hoisted::WorkRates;
use super::line::Line;
use super::options::{Scheme, SelectOptions};
use super::scaled::Noises;
use super::search::{
    Chain, ChainLimits, Chains, MARGIN_BITS, Stop, encrypted_product, fewest_response_primes,
    primes, worst,
};
use super::traffic::Traffic;
use crate::kernels::PRIME_BITS_MAX;
use crate::seal::CIPHERTEXT_SIZES;

/// Largest width of the special prime, in bits. It is unused here, so it is small to leave room for the data primes.
const SPECIAL_BITS_MAX: u32 = 30;
/// Smallest part of the power of two of its width that a dropped prime may be; the noise model counts on it.
const DROPPED_MIN: f64 = 0.95;
/// Largest number of data primes: more do not fit the largest degree's cap.
const DATA_PRIMES_MAX: u32 = 24;

/// Own kernels in the batched or crop layout, for a number of images (a full batch if `None`).
pub(super) struct FusedChains<'a> {
    pub noises: Noises<'a>,
    pub images: Option<usize>,
    pub line: Option<Line>,
    /// Allows shared uploads.
    pub shared_upload: bool,
}

impl<'a> FusedChains<'a> {
    pub(super) fn new(circuit: &'a FusedCircuit, options: &SelectOptions) -> Self {
        Self {
            noises: Noises::new(circuit),
            images: options.images,
            line: options.line,
            shared_upload: options.shared_upload,
        }
    }

    /// Returns the predicted nanoseconds for all images: of evaluation on one thread, at nominal rates, and of what
    /// travels; if the number of images is not known, per image of a full batch.
    fn cost(&self, degree: usize, chain: &Chain, moduli: &[u64]) -> f64 {
        let circuit = self.noises.circuit;
        let batch = degree / circuit.slots;
        let images = self.images.unwrap_or(batch);
        let batches = images.div_ceil(batch).max(1) as f64;
        let dropped = chain.drops.first().copied().unwrap_or(0);
        let primes = chain.primes.len() - 1 - dropped;
        let mut cost = circuit.nanoseconds(degree, primes, moduli.len());
        if dropped > 0 {
            let inputs = circuit.circuit.inputs();
            let rates = WorkRates::nominal(degree);
            let nanoseconds = dropping_nanoseconds(inputs, primes, degree, &rates);
            cost += moduli.len() as f64 * nanoseconds;
        }
        cost *= batches;
        if let Some(line) = &self.line {
            let sent = (&circuit.circuit, circuit.outputs(), degree);
            let traffic = Traffic::of(sent, degree, chain, moduli);
            cost += traffic.nanoseconds(line, batches, images as f64);
        }
        // Full batches of different sizes are compared by the time per image.
        if self.images.is_none() {
            cost /= batch as f64;
        }
        cost
    }

    /// Finds the cheapest chain with one upload for all plaintext moduli, modulo their product T, and one prime that is
    /// dropped before the first layer, of about the size of T / t for the smallest t. (Without a drop, the noise would be
    /// that of a single modulus T, which takes one evaluation.) `needed` bits are those that separate uploads need;
    /// their noise is smaller.
    fn shared(&mut self, degree: usize, cap: u32, moduli: &[u64], needed: f64) -> Option<Chain> {
        let (product, &smallest) = (encrypted_product(moduli)?, moduli.iter().min()?);
        let largest = (product as f64 / smallest as f64).log2().ceil() as u32;
        let widths = largest.saturating_sub(2)..=largest + 2;
        let widths =
            widths.filter(|width| (least_prime_bits(degree)..=PRIME_BITS_MAX).contains(width));
        let mut best: Option<Chain> = None;
        for dropped in widths {
            let taken = dropped + least_prime_bits(degree);
            if needed + f64::from(taken) > f64::from(cap) {
                continue;
            }
            let least = DROPPED_MIN * f64::from(dropped).exp2();
            let noises: Vec<FusedNoise> = moduli
                .iter()
                .map(|&t| {
                    let others = product as f64 / t as f64;
                    let noise = self.noises.shared(degree, t, (others, least));
                    noise.under_all(moduli.len())
                })
                .collect();
            let Some(mut chain) = fit(&noises, degree, (cap, Some(dropped)), moduli) else {
                continue;
            };
            chain.shared = true;
            chain.cost = self.cost(degree, &chain, moduli);
            if best.as_ref().is_none_or(|best| chain.cost < best.cost) {
                best = Some(chain);
            }
        }
        best
    }
}

impl Chains for FusedChains<'_> {
    fn scheme(&self) -> Scheme {
        self.noises.circuit.scheme
    }

    fn stop(&self) -> Stop {
        Stop::Never
    }

    /// Finds the fewest, then smallest primes, with an upload for each plaintext modulus or one for all, whichever costs
    /// less. The cost is the predicted nanoseconds for all images: of evaluation on one thread, at nominal rates, and of
    /// what travels; if their number is not known, per image of a full batch.
    fn chain(&mut self, degree: usize, limits: ChainLimits, moduli: &[u64]) -> Option<Chain> {
        let cap = limits.bits;
        let circuit = self.noises.circuit;
        let squares = circuit.circuit.squares();
        // A value of degree d in the secret key has d + 1 polynomials.
        if squares >= 8 || (1 << squares) + 1 > *CIPHERTEXT_SIZES.end() {
            return None;
        }
        if degree / circuit.slots == 0 {
            return None;
        }
        let noises = noises_under(&mut self.noises, degree, cap, moduli)?;
        let needed = needed(&noises, degree, cap)?;
        let separate = fit(&noises, degree, (cap, None), moduli);
        let separate = separate.map(|chain| Chain {
            cost: self.cost(degree, &chain, moduli),
            ..chain
        });
        let shared = (moduli.len() > 1 && self.shared_upload)
            .then(|| self.shared(degree, cap, moduli, needed))
            .flatten();
        let chains = separate.into_iter().chain(shared);
        chains.min_by(|one, other| one.cost.total_cmp(&other.cost))
    }
}

/// Returns the noise under each of these plaintext moduli. It is not computed if even a lower bound on it does not fit.
fn noises_under(
    noises: &mut Noises<'_>,
    degree: usize,
    cap: u32,
    moduli: &[u64],
) -> Option<Vec<FusedNoise>> {
    let least: Vec<FusedNoise> = moduli
        .iter()
        .filter_map(|&t| noises.least(degree, t))
        .collect();
    needed(&least, degree, cap)?;
    let of_moduli = moduli.iter();
    Some(
        of_moduli
            .map(|&t| noises.under(degree, t).under_all(moduli.len()))
            .collect(),
    )
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

/// Finds the fewest, then smallest primes within the cap that leave the margin under every plaintext modulus, beside a
/// prime of `dropped` bits, which is dropped before the first layer.
fn fit(
    noises: &[FusedNoise],
    degree: usize,
    (cap, dropped): (u32, Option<u32>),
    moduli: &[u64],
) -> Option<Chain> {
    let cap = cap.checked_sub(dropped.unwrap_or(0))?;
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
            sizes.extend(dropped);
            sizes.push(special);
            let Some(primes) = primes(degree, &sizes, moduli) else {
                continue;
            };
            let (_, mut data) = primes.split_last()?;
            if let Some(bits) = dropped {
                let (&last, others) = data.split_last()?;
                if (last as f64) < DROPPED_MIN * f64::from(bits).exp2() {
                    continue;
                }
                data = others;
            }
            let log2: Vec<f64> = data.iter().map(|&prime| (prime as f64).log2()).collect();
            if log2.iter().sum::<f64>() < needed {
                continue;
            }
            let predict =
                |response| worst(noises.iter().map(|noise| noise.predict(&log2, response)));
            if let Some((response_primes, noise)) = fewest_response_primes(data.len(), predict) {
                return Some(Chain {
                    drops: dropped.map(|_| 1).into_iter().collect(),
                    shared: false,
                    response_primes,
                    noise,
                    primes,
                    cost: 0.0,
                });
            }
        }
    }
    None
}
