//! The search for parameters: one walk over degrees and plaintext primes for every way of computing.

use super::error::ParamsError;
use super::options::Scheme;
use super::plain::plain_moduli;
use super::security::SecurityStandard;
use super::stock_noise::LayerNoise;
use crate::seal::coeff_modulus;
use num_bigint::BigUint;
use std::collections::HashMap;
use std::sync::{LazyLock, Mutex, PoisonError};

/// Largest plain modulus, or product of several, that own encryption takes: 22 times it, the size of a small polynomial,
/// fits 62 bits.
const ENCRYPTED_MODULUS_MAX: u64 = 1 << 57;
/// Largest number of plaintext primes that is tried: the circuit runs once for each.
pub(super) const PLAIN_MODULI_MAX: usize = 16;
/// Largest number of primes in a coefficient modulus of SEAL's.
const SEAL_PRIMES_MAX: usize = 64;
/// Noise budget, in bits, that must be left in addition to the noise model's tail of 2^-40 for a whole response.
pub(super) const MARGIN_BITS: f64 = 1.0;

/// A chain of primes that leaves enough noise budget under every plaintext prime.
pub(super) struct Chain {
    /// Primes of q, with the special prime last.
    pub primes: Vec<u64>,
    /// See [`super::Parameters::drops`].
    pub drops: Vec<usize>,
    pub response_primes: usize,
    /// True if one upload serves all plaintext primes.
    pub shared: bool,
    pub noise: Vec<LayerNoise>,
    /// Cost with which chains of one [`Chains`] are compared.
    pub cost: f64,
}

/// The chosen parameters of one scheme.
pub(super) struct Candidate {
    pub scheme: Scheme,
    pub degree: usize,
    pub plain_moduli: Vec<u64>,
    pub chain: Chain,
}

/// The end of a search that has found parameters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stop {
    /// No further: the first parameters are those of the smallest degree.
    AtFirst,
    /// To the end of the degree: a larger one costs more in any case.
    AfterDegree,
    /// Over all degrees.
    Never,
}

/// A way of computing a network: finds primes of q for it.
pub(super) trait Chains {
    fn scheme(&self) -> Scheme;

    fn stop(&self) -> Stop;

    /// Finds the best chain within the limits for a degree and plaintext primes.
    fn chain(&mut self, degree: usize, limits: ChainLimits, moduli: &[u64]) -> Option<Chain>;
}

/// The limits of a chain.
#[derive(Debug, Clone, Copy)]
pub(super) struct ChainLimits {
    /// Largest number of bits of q.
    pub bits: u32,
    /// A chain that costs so much or more need not be found.
    pub cost: f64,
}

/// Finds the cheapest parameters whose plaintext primes have a product of at least `product`; `None` if nothing fits.
///
/// # Errors
/// Those of the search for plaintext primes.
pub(super) fn search(
    chains: &mut impl Chains,
    standard: SecurityStandard,
    product: &BigUint,
) -> Result<Option<Candidate>, ParamsError> {
    let mut best: Option<Candidate> = None;
    for degree in SecurityStandard::degrees() {
        let cap = standard.max_coeff_modulus_bits(degree).unwrap_or_default();
        for count in 1..=PLAIN_MODULI_MAX {
            let Some(moduli) = plain_moduli(degree, count, product)? else {
                continue;
            };
            // More primes do not help once they are as small as batching allows.
            let is_last = moduli[0] < 4 * degree as u64;
            let limits = ChainLimits {
                bits: cap,
                cost: best.as_ref().map_or(f64::INFINITY, |best| best.chain.cost),
            };
            let chain = chains.chain(degree, limits, &moduli);
            if let Some(chain) = chain.filter(|chain| chain.cost < limits.cost) {
                best = Some(Candidate {
                    scheme: chains.scheme(),
                    degree,
                    plain_moduli: moduli,
                    chain,
                });
                if chains.stop() == Stop::AtFirst {
                    return Ok(best);
                }
            }
            if is_last {
                break;
            }
        }
        if best.is_some() && chains.stop() == Stop::AfterDegree {
            break;
        }
    }
    Ok(best)
}

/// Returns the product of plaintext moduli, if own encryption serves it.
pub(crate) fn encrypted_product(moduli: &[u64]) -> Option<u64> {
    let mut moduli = moduli.iter();
    let product = moduli.try_fold(1_u64, |product, &t| product.checked_mul(t))?;
    (product <= ENCRYPTED_MODULUS_MAX).then_some(product)
}

/// Makes distinct primes of these widths, in bits; `None` if there are not enough, or one of them is a plaintext prime.
pub(super) fn primes(degree: usize, bits: &[u32], moduli: &[u64]) -> Option<Vec<u64>> {
    if bits.len() > SEAL_PRIMES_MAX {
        return None;
    }
    let mut of_width = HashMap::new();
    for &width in bits {
        *of_width.entry(width).or_insert(0) += 1;
    }
    let mut of_width: HashMap<u32, _> = of_width
        .into_iter()
        .map(|(width, count)| Some((width, largest_primes(degree, width, count)?.into_iter())))
        .collect::<Option<_>>()?;
    let primes = bits.iter().map(|width| of_width.get_mut(width)?.next());
    let primes: Vec<u64> = primes.collect::<Option<_>>()?;
    (!primes.iter().any(|prime| moduli.contains(prime))).then_some(primes)
}

/// Returns the largest primes of a width in SEAL's order. A search asks for the same ones thousands of times, and SEAL tests
/// each number anew, so what it answered is kept.
fn largest_primes(degree: usize, width: u32, count: usize) -> Option<Vec<u64>> {
    type Known = HashMap<(usize, u32, usize), Option<Vec<u64>>>;
    static KNOWN: LazyLock<Mutex<Known>> = LazyLock::new(Mutex::default);
    let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    let made = known.entry((degree, width, count)).or_insert_with(|| {
        let primes = coeff_modulus::create(degree, &vec![width.cast_signed(); count]).ok()?;
        Some(primes.into_iter().map(u64::from).collect())
    });
    made.clone()
}

/// Returns the smallest budget after each layer over the predictions under several plaintext primes.
pub(super) fn worst(predictions: impl Iterator<Item = Vec<LayerNoise>>) -> Vec<LayerNoise> {
    predictions
        .reduce(|mut worst, other| {
            for (a, b) in worst.iter_mut().zip(other) {
                a.budget_bits = a.budget_bits.min(b.budget_bits);
            }
            worst
        })
        .unwrap_or_default()
}

/// Finds the fewest of `most` primes with which the response and all layers keep the margin; also returns the noise.
pub(super) fn fewest_response_primes(
    most: usize,
    predict: impl Fn(usize) -> Vec<LayerNoise>,
) -> Option<(usize, Vec<LayerNoise>)> {
    let enough = |response: usize| {
        let noise = predict(response);
        let enough = noise.iter().all(|layer| layer.budget_bits >= MARGIN_BITS);
        enough.then_some((response, noise))
    };
    // Each prime that is dropped takes budget, so if all primes are too few, fewer are, too.
    enough(most)?;
    (1..=most).find_map(enough)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a failed test may panic")]

    use super::*;

    #[test]
    fn primes_are_those_that_seal_makes_together() {
        for (degree, bits) in [
            (4096, &[36, 36, 37][..]),
            (8192, &[42, 28, 42, 31, 28, 50, 42]),
            (8192, &[]),
            (1024, &[27]),
        ] {
            let signed: Vec<i32> = bits.iter().map(|bits: &u32| bits.cast_signed()).collect();
            let together = coeff_modulus::create(degree, &signed).unwrap();
            let together: Vec<u64> = together.into_iter().map(u64::from).collect();
            // Made, and then known.
            for _ in 0..2 {
                assert_eq!(primes(degree, bits, &[]).unwrap(), together);
            }
            if let Some(&first) = together.first() {
                assert_eq!(primes(degree, bits, &[first]), None);
            }
        }
        // There are not so many, or SEAL makes none of this width.
        assert_eq!(primes(32768, &[17, 17], &[]), None);
        assert_eq!(primes(8192, &[61], &[]), None);
        assert_eq!(primes(8192, &[40; 65], &[]), None);
    }
}
