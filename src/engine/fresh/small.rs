//! Small integers modulo primes, without branches that depend on them.

/// Multiplies by a constant modulo a modulus below 2^63 (Shoup's method).
pub(super) struct Shoup {
    factor: u64,
    quotient: u64,
    modulus: u64,
}

impl Shoup {
    /// Prepares the factor, which is below the modulus.
    pub(super) const fn new(factor: u64, modulus: u64) -> Self {
        Self {
            factor,
            quotient: (((factor as u128) << 64) / modulus as u128) as u64,
            modulus,
        }
    }

    /// Multiplies non-negative integers.
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "the loop is compiled for its caller")]
    pub(super) fn multiply(&self, values: &[i64], products: &mut [u64]) {
        for (product, &value) in products.iter_mut().zip(values) {
            let value = value.cast_unsigned();
            let quotient = high(value, self.quotient);
            let difference = value.wrapping_mul(self.factor);
            let difference = difference.wrapping_sub(quotient.wrapping_mul(self.modulus));
            *product = below(difference, self.modulus);
        }
    }
}

/// Computes the negatives of residues.
pub(super) fn negate(residues: &[u64], prime: u64, negatives: &mut [u64]) {
    for (negative, &residue) in negatives.iter_mut().zip(residues) {
        *negative = below(prime - residue, prime);
    }
}

/// Computes the residues of noise, which is smaller than the prime.
pub(super) fn residues_of_noise(noise: &[i8], prime: u64, row: &mut [u64]) {
    for (residue, &value) in row.iter_mut().zip(noise) {
        let value = i64::from(value);
        *residue = (value + ((value >> 63) & prime.cast_signed())).cast_unsigned();
    }
}

/// Computes t e - [m]_t for noise e and the residues m of a polynomial, whose last coefficients may be missing.
#[inline(always)]
#[expect(clippy::inline_always, reason = "the loop is compiled for its caller")]
pub(super) fn sums(noise: &[i8], message: &[u64], t: u64, sums: &mut [i64]) {
    let (half, whole) = ((t / 2).cast_signed(), t.cast_signed());
    for (sum, &noise) in sums.iter_mut().zip(noise) {
        *sum = whole * i64::from(noise);
    }
    for (sum, &message) in sums.iter_mut().zip(message) {
        let message = message.cast_signed();
        // All ones if the message lies above half of t.
        let above = (half - message) >> 63;
        *sum -= message - (whole & above);
    }
}

/// Adds the residues of a polynomial modulo a plain prime, each times the product of the `other` plain primes, to those
/// modulo the product of all.
#[inline(always)]
#[expect(clippy::inline_always, reason = "the loop is compiled for its caller")]
pub(super) fn join(residues: &[u64], others: u64, product: u64, joined: &mut [u64]) {
    for (joined, &residue) in joined.iter_mut().zip(residues) {
        *joined = below(*joined + residue * others, product);
    }
}

/// Returns the upper half of a product.
#[inline(always)]
#[expect(
    clippy::inline_always,
    reason = "a part of loops that are compiled for their callers"
)]
const fn high(a: u64, b: u64) -> u64 {
    ((a as u128 * b as u128) >> 64) as u64
}

/// Reduces a value below twice the modulus.
#[inline(always)]
#[expect(
    clippy::inline_always,
    reason = "a part of loops that are compiled for their callers"
)]
fn below(value: u64, modulus: u64) -> u64 {
    value.min(value.wrapping_sub(modulus))
}

/// Reduces integers of bounded size modulo a prime.
pub(super) struct Small {
    prime: u64,
    /// True if the integers are smaller than the prime.
    fits: bool,
    /// A multiple of the prime that makes the integers positive.
    offset: u64,
    /// 2^64 over the prime, rounded down.
    ratio: u64,
}

impl Small {
    /// Prepares for integers whose size is at most `bound`, which is below 2^62. The prime is at most of 50 bits.
    pub(super) const fn new(prime: u64, bound: u64) -> Self {
        Self {
            prime,
            fits: bound < prime,
            offset: bound.div_ceil(prime) * prime,
            ratio: ((1_u128 << 64) / prime as u128) as u64,
        }
    }

    /// Computes the residues.
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "the loop is compiled for its caller")]
    pub(super) fn residues(&self, small: &[i64], row: &mut [u64]) {
        let prime = self.prime;
        if self.fits {
            for (residue, &value) in row.iter_mut().zip(small) {
                *residue = (value + ((value >> 63) & prime.cast_signed())).cast_unsigned();
            }
        } else {
            for (residue, &value) in row.iter_mut().zip(small) {
                // Below 2^63: the estimated quotient is at most one too small.
                let value = value.wrapping_add_unsigned(self.offset).cast_unsigned();
                let quotient = high(value, self.ratio);
                *residue = below(value.wrapping_sub(quotient.wrapping_mul(prime)), prime);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn residues_are_those_of_division(
            prime_bits in 2_u32..50,
            offset: u64,
            bound in 1_u64..(1 << 62),
            shift in 0_u32..61,
            values: [u64; 8],
        ) {
            let prime = (1 << prime_bits) + (offset & ((1 << prime_bits) - 1) | 1);
            let bound = (bound >> shift).max(1);
            let sized = |value: u64| (value % (2 * bound + 1)).cast_signed() - bound.cast_signed();
            let mut values = values.map(sized).to_vec();
            values.extend([bound.cast_signed(), -bound.cast_signed(), 0, 1, -1]);
            let mut row = vec![0; values.len()];
            Small::new(prime, bound).residues(&values, &mut row);
            let expected = values.iter().map(|value| value.rem_euclid(prime.cast_signed()).cast_unsigned());
            prop_assert_eq!(&row, &expected.collect::<Vec<_>>());
        }

        #[test]
        fn products_are_those_of_division(modulus in 2_u64..(1 << 63), factor: u64, value: u64) {
            let factor = factor % modulus;
            let expected = u128::from(factor) * u128::from(value >> 1) % u128::from(modulus);
            let mut product = [0];
            Shoup::new(factor, modulus).multiply(&[(value >> 1).cast_signed()], &mut product);
            prop_assert_eq!(u128::from(product[0]), expected);
        }

        #[test]
        fn joined_residues_are_those_of_the_value(value: u64) {
            let primes = [12_289_u64, 40_961, 65_537];
            let product: u64 = primes.iter().product();
            let value = value % product;
            let mut joined = [0];
            for t in primes {
                let others = product / t;
                let scaled = crate::modular::multiply(value % t, crate::modular::invert(others % t, t), t);
                join(&[scaled], others, product, &mut joined);
            }
            prop_assert_eq!(joined, [value]);
        }

        #[test]
        fn sums_hold_the_residue_around_zero(t in 2_u64..(1 << 57), message: u64, e in -21_i8..=21) {
            let message = message % t;
            let mut sum = [0; 2];
            sums(&[e; 2], &[message], t, &mut sum);
            let centred = i128::from(message) - if message > t / 2 { i128::from(t) } else { 0 };
            let noise = i128::from(t) * i128::from(e);
            prop_assert_eq!(sum.map(i128::from), [noise - centred, noise]);
        }
    }
}
