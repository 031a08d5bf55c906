//! Arithmetic modulo a prime, and the Chinese remainder theorem.

use num_bigint::BigInt;
use num_traits::ToPrimitive as _;

/// Returns a * b mod `modulus`.
pub(crate) const fn multiply(a: u64, b: u64, modulus: u64) -> u64 {
    (a as u128 * b as u128 % modulus as u128) as u64
}

/// Returns base^exponent mod `modulus`.
pub(crate) const fn power(base: u64, mut exponent: u64, modulus: u64) -> u64 {
    let (mut base, mut result) = (base % modulus, 1 % modulus);
    while exponent > 0 {
        if exponent & 1 == 1 {
            result = multiply(result, base, modulus);
        }
        base = multiply(base, base, modulus);
        exponent >>= 1;
    }
    result
}

/// Returns the inverse of a value that is not a multiple of the prime.
pub(crate) const fn invert(value: u64, prime: u64) -> u64 {
    power(value, prime - 2, prime)
}

/// Returns the residue of a signed integer, in 0..modulus.
pub(crate) const fn residue(value: i128, modulus: u64) -> u64 {
    value.rem_euclid(modulus as i128) as u64
}

/// Returns the residue of an integer of any width, in 0..modulus.
pub(crate) fn wide_residue(value: &BigInt, modulus: u64) -> u64 {
    // The remainder has the sign of the value and a magnitude below the modulus.
    (value % modulus)
        .to_i128()
        .map_or(0, |rest| residue(rest, modulus))
}

/// Returns the residue of least magnitude; of two, the positive one.
pub(crate) const fn centred(value: i128, modulus: u64) -> i64 {
    let residue = residue(value, modulus) as i128;
    (if 2 * residue > modulus as i128 {
        residue - modulus as i128
    } else {
        residue
    }) as i64
}

/// Garner's algorithm for fixed primes.
#[derive(Debug, Clone)]
pub(crate) struct Crt {
    primes: Vec<u64>,
    /// `inverses[i][j]` = primes[j]^-1 mod primes[i], for j < i.
    inverses: Vec<Vec<u64>>,
    product: BigInt,
}

impl Crt {
    /// For distinct primes.
    pub(crate) fn new(primes: &[u64]) -> Self {
        let inverses = primes
            .iter()
            .enumerate()
            .map(|(i, &p)| {
                primes[..i]
                    .iter()
                    .map(|&other| invert(other % p, p))
                    .collect()
            })
            .collect();
        Self {
            primes: primes.to_vec(),
            inverses,
            product: primes.iter().fold(BigInt::from(1), |total, &p| total * p),
        }
    }

    /// The integer of least magnitude with these residues, one for each prime.
    pub(crate) fn centred(&self, residues: &[u64]) -> BigInt {
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
            let residues: Vec<u64> = primes.iter().map(|&p| wide_residue(&value, p)).collect();
            prop_assert_eq!(crt.centred(&residues), value);
        }
    }

    /// The powers of 3 modulo 17 by hand, and the ends of the range.
    #[test]
    fn residues_are_those_of_the_definition() {
        let powers = [1, 3, 9, 10, 13, 5, 15, 11, 16, 14, 8, 7, 4, 12, 2, 6, 1];
        for (exponent, expected) in powers.into_iter().enumerate() {
            assert_eq!(power(3 + 17, exponent as u64, 17), expected);
            assert_eq!(multiply(expected, invert(expected, 17), 17), 1);
        }
        assert_eq!(power(5, 0, 1), 0);
        for (value, from_zero, around_zero) in
            [(8, 8, 8), (9, 9, -8), (-1, 16, -1), (-9, 8, 8), (34, 0, 0)]
        {
            assert_eq!(residue(value, 17), from_zero);
            assert_eq!(centred(value, 17), around_zero);
            assert_eq!(wide_residue(&BigInt::from(value), 17), from_zero);
        }
        // Of an even modulus the half is positive.
        assert_eq!([centred(2, 4), centred(-2, 4)], [2, 2]);
        let large = (1 << 61) - 1;
        assert_eq!(
            centred(i128::from(large / 2), large),
            (large / 2).cast_signed()
        );
        assert_eq!(
            residue(i128::MIN, large),
            wide_residue(&BigInt::from(i128::MIN), large)
        );
        assert_eq!(multiply(large - 1, large - 1, large), 1);
    }
}
