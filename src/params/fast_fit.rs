//! Parameters for fast mode: the cheapest degree, plaintext primes and data primes for a number of images.

use super::error::ParamsError;
use super::fast::FastNoise;
use super::noise::LayerNoise;
use super::plain::plain_moduli;
use super::security::SecurityStandard;
use crate::bfv::{CIPHERTEXT_SIZES, coeff_modulus};
use crate::kernels::PRIME_BITS_MAX;
use crate::network::{LoweredLayer, LoweredOperation, Network};
use num_bigint::BigUint;

/// The special prime is not used: it is as small as leaves room for the data primes.
const SPECIAL_BITS_MAX: u32 = 30;
/// More data primes than this do not fit the largest degree's cap.
const DATA_PRIMES_MAX: u32 = 24;
/// More plaintext primes than this are not tried: the circuit runs once for each.
const PLAIN_MODULI_MAX: usize = 16;

/// What was chosen.
pub(super) struct FastFit {
    pub degree: usize,
    pub plain_moduli: Vec<u64>,
    /// The special prime last.
    pub coeff_modulus: Vec<u64>,
    pub response_primes: usize,
    pub noise: Vec<LayerNoise>,
    /// Residues that the batches take together: what the time is proportional to.
    cost: f64,
}

/// The cheapest parameters for `images` images (a full batch if `None`) whose plaintext primes have at least this
/// product; `None` if nothing fits.
pub(super) fn fast_fit(
    network: &Network,
    standard: SecurityStandard,
    product: &BigUint,
    images: Option<usize>,
    margin: f64,
) -> Result<Option<FastFit>, ParamsError> {
    let layers = network.lower();
    let squares = layers
        .iter()
        .filter(|layer| matches!(layer.operation, LoweredOperation::Square { .. }))
        .count();
    // A value of degree d in the secret key has d + 1 polynomials.
    if squares >= 8 || (1 << squares) + 1 > *CIPHERTEXT_SIZES.end() {
        return Ok(None);
    }
    let inputs = network.input().shape.len();
    let largest_weight = largest_weight(&layers);
    let mut best: Option<FastFit> = None;
    for degree in SecurityStandard::degrees() {
        let cap = standard.max_coeff_modulus_bits(degree).unwrap_or_default();
        let batches = images.map_or(1, |images| images.div_ceil(degree).max(1));
        let per_image = images.unwrap_or(degree).max(1) as f64;
        let mut base: Option<FastNoise> = None;
        for count in 1..=PLAIN_MODULI_MAX {
            let Some(moduli) = plain_moduli(degree, count, product)? else {
                continue;
            };
            let noises: Vec<FastNoise> = moduli
                .iter()
                .map(|&t| match &base {
                    Some(base) if largest_weight < moduli[0] / 2 => base.scaled(t),
                    _ => FastNoise::new(&layers, inputs, degree, t),
                })
                .collect();
            if let Some((coeff_modulus, response_primes, noise)) =
                fit(&noises, degree, cap, &moduli, margin)
            {
                let primes = coeff_modulus.len() - 1;
                let cost = (batches * degree * count * primes) as f64 / per_image;
                if best.as_ref().is_none_or(|best| cost < best.cost) {
                    best = Some(FastFit {
                        degree,
                        plain_moduli: moduli.clone(),
                        coeff_modulus,
                        response_primes,
                        noise,
                        cost,
                    });
                }
            }
            if largest_weight < moduli[0] / 2 {
                base = base.or_else(|| noises.into_iter().next());
            }
            // More primes do not help once they are as small as batching lets them be.
            if moduli[0] < 4 * degree as u64 {
                break;
            }
        }
    }
    Ok(best)
}

fn largest_weight(layers: &[LoweredLayer]) -> u64 {
    layers
        .iter()
        .filter_map(|layer| match &layer.operation {
            LoweredOperation::Sums(sums) => sums
                .outputs()
                .flat_map(|(terms, _)| terms)
                .map(|term| term.weight.unsigned_abs())
                .max(),
            LoweredOperation::Square { .. } => None,
        })
        .max()
        .unwrap_or(0)
}

type Fit = (Vec<u64>, usize, Vec<LayerNoise>);

/// The fewest, then smallest primes within the cap that leave `margin` bits under every plaintext modulus.
fn fit(noises: &[FastNoise], degree: usize, cap: u32, moduli: &[u64], margin: f64) -> Option<Fit> {
    let needed = noises
        .iter()
        .map(|noise| noise.bits_needed(margin))
        .fold(0.0, f64::max);
    let special_min = (2 * degree).ilog2() + 2;
    if !needed.is_finite() || needed + f64::from(special_min) > f64::from(cap) {
        return None;
    }
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
            let Some(primes) = chain(degree, bits, count, special, moduli) else {
                continue;
            };
            let (_, data) = primes.split_last()?;
            let log2: Vec<f64> = data.iter().map(|&prime| (prime as f64).log2()).collect();
            if log2.iter().sum::<f64>() < needed {
                continue;
            }
            let predict = |response| worst(noises, &log2, response);
            let enough =
                |noise: &Vec<LayerNoise>| noise.iter().all(|layer| layer.budget_bits >= margin);
            let found = (1..=data.len()).find(|&response| enough(&predict(response)));
            if let Some(response) = found {
                return Some((primes, response, predict(response)));
            }
        }
    }
    None
}

/// Distinct primes, none of them a plaintext modulus, the special one last.
fn chain(degree: usize, bits: u32, count: u32, special: u32, moduli: &[u64]) -> Option<Vec<u64>> {
    let mut sizes = vec![bits.cast_signed(); count as usize];
    sizes.push(special.cast_signed());
    let primes: Vec<u64> = coeff_modulus::create(degree, &sizes)
        .ok()?
        .into_iter()
        .map(u64::from)
        .collect();
    (!primes.iter().any(|prime| moduli.contains(prime))).then_some(primes)
}

/// The least budget under any plaintext modulus.
fn worst(noises: &[FastNoise], log2_primes: &[f64], response: usize) -> Vec<LayerNoise> {
    noises
        .iter()
        .map(|noise| noise.predict(log2_primes, response))
        .reduce(|mut worst, other| {
            for (a, b) in worst.iter_mut().zip(other) {
                a.budget_bits = a.budget_bits.min(b.budget_bits);
            }
            worst
        })
        .unwrap_or_default()
}
