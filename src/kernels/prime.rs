//! A prime below 2^50, with the constants for reduction modulo it.

use super::simd::Simd;
use crate::modular;

/// Largest width of a prime, in bits, so that three times a residue fits the 52 bits of IFMA.
pub const PRIME_BITS_MAX: u32 = 50;
/// Number of bits that a multiply-add takes of each factor.
pub(super) const RADIX_BITS: u32 = 52;
pub(super) const RADIX_MASK: u64 = (1 << RADIX_BITS) - 1;

/// Number of products that can be added up lazily under every backend, to zero or to the result of [`Constants::fold`].
/// One factor of each product is below 2^52, the other below 2^50.
///
/// A product is then below 2^102. So is the result of a fold: its high half is below the prime, and its low half below
/// 2^52. The sum is therefore below (2^11 + 1) * 2^102. Each backend asserts beside its products (`simd`) that its
/// words can hold it. All backends need the following: the sum's high half and carry, below (2^11 + 1) * 2^50, plus the
/// prime are reduced, and [`Constants::reduce`] takes less than 2^63.
pub(super) const LAZY_PRODUCTS: usize = 1 << 11;

const _: () = assert!((LAZY_PRODUCTS as u64 + 2) << PRIME_BITS_MAX <= 1 << 63);

/// An odd prime between 2^12 and 2^50.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Prime {
    value: u64,
    /// Number of bits, less one.
    shift: u32,
    /// The quotient floor(2^(52 + shift) / value), of 52 bits.
    barrett: u64,
    /// The inverse value^-1 mod 2^52.
    inverse: u64,
}

impl Prime {
    /// Computes the constants of a prime; `None` if it is even or lies outside 2^12..2^50. Primality is not checked.
    pub const fn new(value: u64) -> Option<Self> {
        if value.is_multiple_of(2) || value < 1 << 12 || value >> PRIME_BITS_MAX != 0 {
            return None;
        }
        let shift = value.ilog2();
        // Newton's iteration doubles the number of correct bits; it starts with three, because value * value = 1 mod 8.
        let mut inverse = value;
        let mut right = 3;
        while right < RADIX_BITS {
            inverse = inverse.wrapping_mul(2u64.wrapping_sub(value.wrapping_mul(inverse)));
            right *= 2;
        }
        Some(Self {
            value,
            shift,
            barrett: ((1u128 << (RADIX_BITS + shift)) / value as u128) as u64,
            inverse: inverse & RADIX_MASK,
        })
    }

    /// Returns the prime.
    pub const fn value(&self) -> u64 {
        self.value
    }

    /// Computes a * b mod q.
    pub const fn multiply(&self, a: u64, b: u64) -> u64 {
        modular::multiply(a, b, self.value)
    }

    /// Computes the inverse of a value that is not a multiple of q.
    pub const fn invert(&self, value: u64) -> u64 {
        modular::invert(value, self.value)
    }

    /// Multiplies residues by one residue, in place (Shoup's method).
    pub fn multiply_row(&self, row: &mut [u64], factor: u64) {
        let quotient = ((u128::from(factor) << 64) / u128::from(self.value)) as u64;
        for word in row {
            let estimate = ((u128::from(*word) * u128::from(quotient)) >> 64) as u64;
            let rest = word
                .wrapping_mul(factor)
                .wrapping_sub(estimate.wrapping_mul(self.value));
            *word = rest.min(rest.wrapping_sub(self.value));
        }
    }

    /// Returns the residue of a signed integer.
    pub const fn residue(&self, value: i128) -> u64 {
        modular::residue(value, self.value)
    }

    /// Returns 2^52 mod q, the divisor in the reduction of squares.
    pub const fn radix(&self) -> u64 {
        (1 << RADIX_BITS) % self.value
    }

    pub(super) fn constants<S: Simd>(&self, simd: S) -> Constants<S> {
        Constants {
            simd,
            shift: self.shift,
            value: simd.splat(self.value),
            twice: simd.splat(2 * self.value),
            barrett: simd.splat(self.barrett),
            inverse: simd.splat(self.inverse),
            mask: simd.splat(RADIX_MASK),
            zero: simd.splat(0),
        }
    }
}

/// A prime's constants in vectors.
#[derive(Clone, Copy)]
pub(super) struct Constants<S: Simd> {
    pub simd: S,
    shift: u32,
    value: S::Vector,
    twice: S::Vector,
    barrett: S::Vector,
    inverse: S::Vector,
    mask: S::Vector,
    pub zero: S::Vector,
}

impl<S: Simd> Constants<S> {
    /// Returns the prime.
    #[inline(always)]
    pub fn value(&self) -> S::Vector {
        self.value
    }

    /// Returns a number below 3q that is x mod q, for x < 2^63.
    ///
    /// With b = `shift` + 1 the bits of q, the quotient is estimated as floor((x >> (b - 1)) * barrett / 2^52). Three
    /// roundings, each downwards and by less than one, leave the estimate at most 2 below the true quotient. The shift
    /// loses less than barrett / 2^52 <= 1, barrett loses less than (x >> (b - 1)) / 2^52 <= 1 for b >= 12, and the
    /// last rounding loses less than 1. The remainder is therefore below 3q < 2^52, so its low 52 bits are all of it.
    #[inline(always)]
    pub fn reduce_lazily(&self, x: S::Vector) -> S::Vector {
        let simd = self.simd;
        let quotient = simd.mul_high(simd.shift_right(x, self.shift), self.barrett);
        let product = simd.mul_low(quotient, self.value);
        self.low52(simd.sub(x, product))
    }

    /// Computes x mod q for x < 2^63.
    #[inline(always)]
    pub fn reduce(&self, x: S::Vector) -> S::Vector {
        let simd = self.simd;
        let rest = self.reduce_lazily(x);
        // A negative difference wraps around to a number larger than any remainder.
        let rest = simd.min(rest, simd.sub(rest, self.twice));
        simd.min(rest, simd.sub(rest, self.value))
    }

    /// Returns the low 52 bits.
    #[inline(always)]
    pub fn low52(&self, x: S::Vector) -> S::Vector {
        self.simd.and(x, self.mask)
    }

    /// Folds a sum of at most [`LAZY_PRODUCTS`] products: brings its high half below the prime and its low half below
    /// 2^52, so that it takes the room of one product.
    #[inline(always)]
    pub fn fold(&self, sum: S::Wide) -> S::Wide {
        let simd = self.simd;
        let (high, low) = simd.halves(sum);
        let high = self.reduce(simd.add(high, simd.shift_right(low, RADIX_BITS)));
        simd.widen(high, self.low52(low))
    }

    /// Computes (high * 2^52 + low) / 2^52 mod q, not fully reduced: between 1 and high + (low >> 52) + q.
    ///
    /// With m = low / q mod 2^52, the difference high * 2^52 + low - m * q is a multiple of 2^52. The low halves are
    /// equal, so the result is the difference of the high halves.
    #[inline(always)]
    pub fn montgomery(&self, high: S::Vector, low: S::Vector) -> S::Vector {
        let simd = self.simd;
        let high = simd.add(high, simd.shift_right(low, RADIX_BITS));
        let m = simd.mul_low(low, self.inverse);
        let borrowed = simd.mul_high(m, self.value);
        simd.sub(simd.add(high, self.value), borrowed)
    }
}
