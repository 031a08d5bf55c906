//! Vectors of eight words, computed one after the other.

use super::{LANES, Lane, Simd};
use crate::kernels::prime::{LAZY_PRODUCTS, PRIME_BITS_MAX, RADIX_BITS, RADIX_MASK};

// The high half of a sum of products and of a folded sum fits a word.
const _: () = assert!((LAZY_PRODUCTS as u128 + 1) << PRIME_BITS_MAX <= 1 << 64);
const _: () = assert!(RADIX_BITS == 52);

/// Eight words, computed one after the other: for any processor.
#[derive(Debug, Clone, Copy)]
pub struct Portable;

#[inline(always)]
fn map2(a: [u64; LANES], b: [u64; LANES], f: impl Fn(u64, u64) -> u64) -> [u64; LANES] {
    std::array::from_fn(|lane| f(a[lane], b[lane]))
}

#[inline(always)]
fn product(a: u64, b: u64) -> u128 {
    u128::from(a & RADIX_MASK) * u128::from(b & RADIX_MASK)
}

impl Simd for Portable {
    type Vector = [u64; LANES];
    type Wide = [u128; LANES];

    #[inline(always)]
    fn splat(self, word: u64) -> Self::Vector {
        [word; LANES]
    }
    #[inline(always)]
    fn load(self, words: &[u64; LANES]) -> Self::Vector {
        *words
    }
    #[inline(always)]
    fn store(self, vector: Self::Vector, words: &mut [u64; LANES]) {
        *words = vector;
    }
    #[inline(always)]
    fn permute(self, a: Self::Vector, indices: &Lane) -> Self::Vector {
        indices.0.map(|index| a[index as usize % LANES])
    }
    #[inline(always)]
    fn add(self, a: Self::Vector, b: Self::Vector) -> Self::Vector {
        map2(a, b, u64::wrapping_add)
    }
    #[inline(always)]
    fn sub(self, a: Self::Vector, b: Self::Vector) -> Self::Vector {
        map2(a, b, u64::wrapping_sub)
    }
    #[inline(always)]
    fn and(self, a: Self::Vector, b: Self::Vector) -> Self::Vector {
        map2(a, b, |a, b| a & b)
    }
    #[inline(always)]
    fn min(self, a: Self::Vector, b: Self::Vector) -> Self::Vector {
        map2(a, b, u64::min)
    }
    #[inline(always)]
    fn shift_right(self, a: Self::Vector, count: u32) -> Self::Vector {
        a.map(|word| word >> (count % u64::BITS))
    }
    #[inline(always)]
    fn mul(self, a: Self::Vector, b: Self::Vector) -> Self::Vector {
        map2(a, b, u64::wrapping_mul)
    }
    #[inline(always)]
    fn mul_low(self, a: Self::Vector, b: Self::Vector) -> Self::Vector {
        map2(a, b, |a, b| product(a, b) as u64 & RADIX_MASK)
    }
    #[inline(always)]
    fn mul_high(self, a: Self::Vector, b: Self::Vector) -> Self::Vector {
        map2(a, b, |a, b| (product(a, b) >> 52) as u64)
    }
    #[inline(always)]
    fn wide(self) -> Self::Wide {
        [0; LANES]
    }
    #[inline(always)]
    fn mul_add(self, sum: Self::Wide, a: Self::Vector, b: Self::Vector) -> Self::Wide {
        std::array::from_fn(|lane| {
            sum[lane].wrapping_add(u128::from(a[lane]) * u128::from(b[lane]))
        })
    }
    #[inline(always)]
    fn widen(self, high: Self::Vector, low: Self::Vector) -> Self::Wide {
        std::array::from_fn(|lane| {
            (u128::from(high[lane]) << 52).wrapping_add(u128::from(low[lane]))
        })
    }
    #[inline(always)]
    fn halves(self, sum: Self::Wide) -> (Self::Vector, Self::Vector) {
        (
            sum.map(|sum| (sum >> 52) as u64),
            sum.map(|sum| sum as u64 & RADIX_MASK),
        )
    }

    fn vectorize<R>(self, kernel: impl FnOnce() -> R) -> R {
        kernel()
    }
}
