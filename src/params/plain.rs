//! Plaintext moduli: the smallest primes that hold a bound and allow batching.

use super::error::ParamsError;
use crate::seal::Modulus;
use num_bigint::BigUint;
use num_traits::{One, ToPrimitive};

/// Width of SEAL's largest plaintext modulus, in bits.
const PLAIN_MODULUS_BITS_MAX: u32 = 60;

/// Finds `count` distinct primes = 1 mod 2N whose product is at least `product` and whose largest member is as small as
/// possible, in ascending order; `None` if they would exceed SEAL's 60 bits.
///
/// One prime is the usual case. Several primes work together by the Chinese remainder theorem: the circuit runs once
/// for each.
pub(super) fn plain_moduli(
    poly_modulus_degree: usize,
    count: usize,
    product: &BigUint,
) -> Result<Option<Vec<u64>>, ParamsError> {
    let step = 2 * poly_modulus_degree as u64;
    // The largest prime is at least the root; the others may lie below it. Start a little below the root, so that the
    // search sees the window of consecutive primes that just suffices.
    let root = product.nth_root(count as u32);
    let Some(root) = root
        .to_u64()
        .filter(|root| root.checked_ilog2().unwrap_or(0) < PLAIN_MODULUS_BITS_MAX)
    else {
        return Ok(None);
    };
    let mut primes: Vec<u64> = Vec::new();
    let mut below = root - root % step + 1;
    while below > 1 && primes.len() < count {
        if Modulus::new(below)?.is_prime()? {
            primes.insert(0, below);
        }
        below = below.saturating_sub(step);
    }
    let mut next = root - root % step + 1;
    loop {
        if let Some(window) = smallest_window(&primes, count, product) {
            return Ok(Some(window));
        }
        next += step;
        if next >> PLAIN_MODULUS_BITS_MAX != 0 {
            return Ok(None);
        }
        if Modulus::new(next)?.is_prime()? {
            primes.push(next);
        }
    }
}

/// Fixes the last prime as the largest, takes the largest possible others, then makes the smallest one as small as
/// possible.
fn smallest_window(primes: &[u64], count: usize, product: &BigUint) -> Option<Vec<u64>> {
    let window = primes.get(primes.len().checked_sub(count)?..)?;
    let rest = window[1..]
        .iter()
        .fold(BigUint::one(), |total, &prime| total * prime);
    if &rest * window[0] < *product {
        return None;
    }
    let smallest = primes
        .iter()
        .copied()
        .take_while(|&prime| prime <= window[0])
        .find(|&prime| &rest * prime >= *product)?;
    let mut result = vec![smallest];
    result.extend_from_slice(&window[1..]);
    Some(result)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_modulus_is_the_smallest_prime_that_holds_the_bound() {
        let two_n = 16_384;
        for (product, expected) in [(2u64, 65_537), (65_537, 65_537), (65_538, 114_689)] {
            let moduli = plain_moduli(two_n / 2, 1, &BigUint::from(product))
                .unwrap()
                .unwrap();
            assert_eq!(moduli, [expected], "product {product}");
        }
    }

    #[test]
    fn several_moduli_are_distinct_batching_primes_and_just_suffice() {
        for bits in [20u32, 34, 40, 51, 68, 100, 150] {
            for count in 1..=5usize {
                let product = BigUint::one() << bits;
                let Some(moduli) = plain_moduli(4096, count, &product).unwrap() else {
                    assert!(bits as usize > 59 * count, "{bits} bits in {count} primes");
                    continue;
                };
                assert_eq!(moduli.len(), count);
                assert!(moduli.windows(2).all(|pair| pair[0] < pair[1]));
                assert!(moduli.iter().all(|prime| prime % 8192 == 1));
                let total = moduli.iter().fold(BigUint::one(), |t, &p| t * p);
                assert!(total >= product);
            }
        }
    }

    #[test]
    fn a_bound_beyond_sixty_bits_a_prime_is_refused() {
        assert_eq!(
            plain_moduli(4096, 1, &(BigUint::one() << 61u32)).unwrap(),
            None
        );
    }
}
