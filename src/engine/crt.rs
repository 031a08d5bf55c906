//! Reconstruction of an integer from its residues modulo the plaintext primes (CRT).

use super::residue::{multiply, power};
use num_bigint::BigInt;

/// Garner's algorithm for fixed primes.
#[derive(Debug, Clone)]
pub(super) struct Crt {
    primes: Vec<u64>,
    /// `inverses[i][j]` = primes[j]^-1 mod primes[i], for j < i.
    inverses: Vec<Vec<u64>>,
    product: BigInt,
}

impl Crt {
    /// Prepares the algorithm for distinct primes.
    pub(super) fn new(primes: &[u64]) -> Self {
        let inverses = primes
            .iter()
            .enumerate()
            .map(|(i, &p)| {
                primes[..i]
                    .iter()
                    .map(|&other| power(other % p, p - 2, p))
                    .collect()
            })
            .collect();
        Self {
            primes: primes.to_vec(),
            inverses,
            product: primes.iter().fold(BigInt::from(1), |total, &p| total * p),
        }
    }

    /// Returns the integer of least magnitude with these residues, one for each prime.
    pub(super) fn centred(&self, residues: &[u64]) -> BigInt {
        let mut digits: Vec<u64> = Vec::with_capacity(residues.len());
        for (i, (&p, &residue)) in self.primes.iter().zip(residues).enumerate() {
            let digit = digits
                .iter()
                .zip(&self.inverses[i])
                .fold(residue % p, |value, (&digit, &inverse)| {
                    multiply((value + p - digit % p) % p, inverse, p)
                });
            digits.push(digit);
        }
        let value = digits
            .iter()
            .zip(&self.primes)
            .rev()
            .fold(BigInt::ZERO, |value, (&digit, &p)| value * p + digit);
        if BigInt::from(2) * &value > self.product {
            value - &self.product
        } else {
            value
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn every_integer_within_half_the_product_comes_back(
            count in 1..6usize,
            numerator in -1_000_000i64..=1_000_000,
        ) {
            let primes = &[65_537u64, 114_689, 147_457, 1_152_921_504_606_830_593, 163_841][..count];
            let crt = Crt::new(primes);
            let half = (&crt.product - 1) / 2;
            let value = half * numerator / 1_000_000;
            let residues: Vec<u64> = primes
                .iter()
                .map(|&p| {
                    let p = BigInt::from(p);
                    u64::try_from(((&value % &p) + &p) % &p).unwrap_or_default()
                })
                .collect();
            prop_assert_eq!(crt.centred(&residues), value);
        }
    }
}
