//! Seeds into uniformly random polynomials, bit for bit as SEAL 4.0.0: its `Blake2xbPRNG` and `sample_poly_uniform`.
//!
//! SEAL computes one Blake2b block after the other; they do not depend on each other, so that here a vector's lanes
//! take a block each.

mod blake2xb;
mod lanes;

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests;

use super::seeded::Seed;
use blake2xb::Blake2xb;

/// Fills polynomials with residues that are uniform modulo each of the primes in turn: N for each.
pub(super) fn uniform(seed: &Seed, degree: usize, primes: &[u64], residues: &mut [u64]) {
    let mut generator = Blake2xb::new(seed);
    // All polynomials are filled before the first number is rejected: the order of SEAL.
    generator.fill(residues);
    for (residues, &prime) in residues.chunks_mut(degree.max(1)).zip(primes) {
        // SEAL's `max_multiple`: numbers from here on are drawn anew.
        let limit = u64::MAX - u64::MAX % prime - 1;
        let ratio = u64::MAX / prime;
        for residue in residues {
            while *residue >= limit {
                *residue = generator.word();
            }
            *residue = reduce(*residue, prime, ratio);
        }
    }
}

/// A number modulo a prime by Barrett's method: the quotient is too small by one at most.
const fn reduce(number: u64, prime: u64, ratio: u64) -> u64 {
    let quotient = ((number as u128 * ratio as u128) >> 64) as u64;
    let rest = number.wrapping_sub(quotient.wrapping_mul(prime));
    if rest >= prime { rest - prime } else { rest }
}
