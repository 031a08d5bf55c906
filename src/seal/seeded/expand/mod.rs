//! Expands seeds to uniformly random polynomials, bit for bit like SEAL 4.0.0's `Blake2xbPRNG` and
//! `sample_poly_uniform`.
//!
//! SEAL computes one Blake2b block after the other. The blocks do not depend on each other, so this implementation
//! computes one in each lane of a vector.

mod blake2xb;
mod lanes;

#[cfg(test)]
mod tests;

use super::Seed;
use blake2xb::Blake2xb;

/// Fills polynomials with uniform residues: N residues modulo each prime, one prime after the other.
pub(in crate::seal) fn uniform(seed: &Seed, degree: usize, primes: &[u64], residues: &mut [u64]) {
    let mut generator = Blake2xb::new(seed);
    // Like SEAL, fill all polynomials before rejecting the first number.
    generator.fill(residues);
    for (residues, &prime) in residues.chunks_mut(degree.max(1)).zip(primes) {
        // SEAL's `max_multiple`: numbers from here on are redrawn.
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

/// Reduces a number modulo a prime by Barrett's method; the estimated quotient is at most one too small.
const fn reduce(number: u64, prime: u64, ratio: u64) -> u64 {
    let quotient = ((number as u128 * ratio as u128) >> 64) as u64;
    let rest = number.wrapping_sub(quotient.wrapping_mul(prime));
    if rest >= prime { rest - prime } else { rest }
}
