//! Vectors of eight words in two AVX2 vectors.
//!
//! AVX2's only integer product is of 32 bits. So 52-bit factors are split into halves of 26 bits, and the four products
//! of halves are added up separately, in three sums.

use super::{LANES, Lane, Simd};
use crate::kernels::prime::{LAZY_PRODUCTS, RADIX_MASK};
use std::arch::x86_64::{
    __m256i, _mm_cvtsi64_si128, _mm256_add_epi64, _mm256_and_si256, _mm256_blendv_epi8,
    _mm256_cmpgt_epi64, _mm256_mul_epu32, _mm256_permutevar8x32_epi32, _mm256_set1_epi64x,
    _mm256_slli_epi64, _mm256_srl_epi64, _mm256_srli_epi64, _mm256_sub_epi64, _mm256_xor_si256,
};

/// Number of bits of a factor's lower half.
const HALF_BITS: i32 = 26;
const HALF_MASK: u64 = (1 << HALF_BITS) - 1;

/// AVX2. Products take four instructions each.
#[derive(Debug, Clone, Copy)]
pub struct Avx2(());

// Products of halves are below 2^52. The middle sum takes two of them for each product, and nothing of a folded sum.
const _: () = assert!((LAZY_PRODUCTS as u128 * 2) << (2 * HALF_BITS) <= 1 << 64);
// The low sum takes one for each product, a folded sum's low half, and in `halves` the lower half of the middle sum.
const _: () = assert!((LAZY_PRODUCTS as u128 + 2) << (2 * HALF_BITS) <= 1 << 64);

/// Eight sums of products, as high * 2^52 + middle * 2^26 + low.
#[derive(Clone, Copy)]
pub struct Sums {
    high: [__m256i; 2],
    middle: [__m256i; 2],
    low: [__m256i; 2],
}

// These are macros because functions with closures would not be inlined where the instructions are enabled.

/// Applies an instruction to each of two vectors.
macro_rules! each {
    ($proof:expr, $instruction:path, $a:expr) => {{
        let (Self(()), a): (Self, [__m256i; 2]) = ($proof, $a);
        // SAFETY: a value of this type exists only where `detect` found AVX2.
        unsafe { [$instruction(a[0]), $instruction(a[1])] }
    }};
}

/// Applies an instruction to two pairs of vectors.
macro_rules! both {
    ($proof:expr, $instruction:path, $a:expr, $b:expr) => {{
        let (Self(()), a, b): (Self, [__m256i; 2], [__m256i; 2]) = ($proof, $a, $b);
        // SAFETY: a value of this type exists only where `detect` found AVX2.
        unsafe { [$instruction(a[0], b[0]), $instruction(a[1], b[1])] }
    }};
}

impl Avx2 {
    /// Returns the proof if the processor has AVX2.
    pub fn detect() -> Option<Self> {
        is_x86_feature_detected!("avx2").then_some(Self(()))
    }

    /// Returns the products of the low 32 bits.
    #[inline(always)]
    fn product(self, a: [__m256i; 2], b: [__m256i; 2]) -> [__m256i; 2] {
        both!(self, _mm256_mul_epu32, a, b)
    }

    /// Returns the bits above the low 26 bits, and these low bits.
    #[inline(always)]
    fn split(self, a: [__m256i; 2]) -> ([__m256i; 2], [__m256i; 2]) {
        let high = each!(self, _mm256_srli_epi64::<HALF_BITS>, a);
        (high, self.and(a, self.splat(HALF_MASK)))
    }

    /// Selects `a` where the mask is set, and `b` elsewhere.
    #[inline(always)]
    fn select(self, mask: [__m256i; 2], a: [__m256i; 2], b: [__m256i; 2]) -> [__m256i; 2] {
        let Self(()) = self;
        // SAFETY: as `splat`.
        unsafe {
            [
                _mm256_blendv_epi8(b[0], a[0], mask[0]),
                _mm256_blendv_epi8(b[1], a[1], mask[1]),
            ]
        }
    }

    /// Shifts left by half the bits of a factor.
    #[inline(always)]
    fn shift_half_left(self, a: [__m256i; 2]) -> [__m256i; 2] {
        each!(self, _mm256_slli_epi64::<HALF_BITS>, a)
    }
}

impl Simd for Avx2 {
    type Vector = [__m256i; 2];
    type Wide = Sums;

    #[inline(always)]
    fn splat(self, word: u64) -> [__m256i; 2] {
        // SAFETY: a value of this type exists only where `detect` found AVX2.
        [unsafe { _mm256_set1_epi64x(word.cast_signed()) }; 2]
    }
    #[inline(always)]
    fn load(self, words: &[u64; LANES]) -> [__m256i; 2] {
        // SAFETY: both are 64 bytes, and any words make vectors. (With debug assertions, `_mm256_loadu_si256` would
        // check its pointer on the way.)
        unsafe { std::mem::transmute::<[u64; LANES], [__m256i; 2]>(*words) }
    }
    #[inline(always)]
    fn store(self, vector: [__m256i; 2], words: &mut [u64; LANES]) {
        // SAFETY: as `load`.
        *words = unsafe { std::mem::transmute::<[__m256i; 2], [u64; LANES]>(vector) };
    }
    #[inline(always)]
    fn permute(self, a: [__m256i; 2], indices: &Lane) -> [__m256i; 2] {
        // The instruction moves 32-bit words: word i of four consists of the words 2 i and 2 i + 1. It uses the low
        // three bits of each index.
        let index = self.load(&indices.0);
        let doubled = self.add(index, index);
        let pairs = self.add(doubled, each!(self, _mm256_slli_epi64::<32>, doubled));
        let pairs = self.add(pairs, self.splat(1 << 32));
        let first = both!(self, _mm256_permutevar8x32_epi32, [a[0]; 2], pairs);
        let second = both!(self, _mm256_permutevar8x32_epi32, [a[1]; 2], pairs);
        // All bits of the words whose index has the bit of value 4.
        let third_bit = each!(self, _mm256_slli_epi64::<61>, index);
        let from_second = both!(self, _mm256_cmpgt_epi64, self.splat(0), third_bit);
        self.select(from_second, second, first)
    }
    #[inline(always)]
    fn add(self, a: [__m256i; 2], b: [__m256i; 2]) -> [__m256i; 2] {
        both!(self, _mm256_add_epi64, a, b)
    }
    #[inline(always)]
    fn sub(self, a: [__m256i; 2], b: [__m256i; 2]) -> [__m256i; 2] {
        both!(self, _mm256_sub_epi64, a, b)
    }
    #[inline(always)]
    fn and(self, a: [__m256i; 2], b: [__m256i; 2]) -> [__m256i; 2] {
        both!(self, _mm256_and_si256, a, b)
    }
    #[inline(always)]
    fn min(self, a: [__m256i; 2], b: [__m256i; 2]) -> [__m256i; 2] {
        // The comparison takes words as signed.
        let sign = self.splat(1 << 63);
        let (flipped_a, flipped_b) = (
            both!(self, _mm256_xor_si256, a, sign),
            both!(self, _mm256_xor_si256, b, sign),
        );
        let greater = both!(self, _mm256_cmpgt_epi64, flipped_a, flipped_b);
        self.select(greater, b, a)
    }
    #[inline(always)]
    fn shift_right(self, a: [__m256i; 2], count: u32) -> [__m256i; 2] {
        // SAFETY: as `splat`; SSE2 is part of x86-64.
        unsafe {
            let count = _mm_cvtsi64_si128(i64::from(count));
            [_mm256_srl_epi64(a[0], count), _mm256_srl_epi64(a[1], count)]
        }
    }
    #[inline(always)]
    fn mul(self, a: [__m256i; 2], b: [__m256i; 2]) -> [__m256i; 2] {
        let (high_a, high_b) = (self.shift_right(a, 32), self.shift_right(b, 32));
        let cross = self.add(self.product(high_a, b), self.product(a, high_b));
        self.add(
            self.product(a, b),
            each!(self, _mm256_slli_epi64::<32>, cross),
        )
    }
    #[inline(always)]
    fn mul_low(self, a: [__m256i; 2], b: [__m256i; 2]) -> [__m256i; 2] {
        // The parts lost of larger words have weights of 2^52 and more.
        let ((high_a, low_a), (high_b, low_b)) = (self.split(a), self.split(b));
        let cross = self.add(self.product(high_a, low_b), self.product(low_a, high_b));
        let product = self.add(self.product(low_a, low_b), self.shift_half_left(cross));
        self.and(product, self.splat(RADIX_MASK))
    }
    #[inline(always)]
    fn mul_high(self, a: [__m256i; 2], b: [__m256i; 2]) -> [__m256i; 2] {
        let product = self.mul_add(self.wide(), a, b);
        let carried = each!(self, _mm256_srli_epi64::<HALF_BITS>, product.low);
        let middle = self.add(product.middle, carried);
        let above = each!(self, _mm256_srli_epi64::<HALF_BITS>, middle);
        self.add(product.high, above)
    }
    #[inline(always)]
    fn wide(self) -> Sums {
        let zero = self.splat(0);
        Sums {
            high: zero,
            middle: zero,
            low: zero,
        }
    }
    #[inline(always)]
    fn mul_add(self, sum: Sums, a: [__m256i; 2], b: [__m256i; 2]) -> Sums {
        let ((high_a, low_a), (high_b, low_b)) = (self.split(a), self.split(b));
        let middle = self.add(sum.middle, self.product(high_a, low_b));
        Sums {
            high: self.add(sum.high, self.product(high_a, high_b)),
            middle: self.add(middle, self.product(low_a, high_b)),
            low: self.add(sum.low, self.product(low_a, low_b)),
        }
    }
    #[inline(always)]
    fn widen(self, high: [__m256i; 2], low: [__m256i; 2]) -> Sums {
        Sums {
            high,
            low,
            ..self.wide()
        }
    }
    #[inline(always)]
    fn halves(self, sum: Sums) -> ([__m256i; 2], [__m256i; 2]) {
        let (above, below) = self.split(sum.middle);
        (
            self.add(sum.high, above),
            self.add(sum.low, self.shift_half_left(below)),
        )
    }

    fn vectorize<R>(self, kernel: impl FnOnce() -> R) -> R {
        #[target_feature(enable = "avx2")]
        fn with_avx2<R>(kernel: impl FnOnce() -> R) -> R {
            kernel()
        }
        // SAFETY: a value of this type exists only where `detect` found AVX2.
        unsafe { with_avx2(kernel) }
    }
}
