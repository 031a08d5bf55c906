//! Vectors of eight words in one AVX-512 vector.

use super::{LANES, Lane, Simd};
use crate::kernels::prime::{LAZY_PRODUCTS, RADIX_BITS};
use std::arch::x86_64::{
    __m512i, _mm_cvtsi64_si128, _mm512_add_epi64, _mm512_and_si512, _mm512_madd52hi_epu64,
    _mm512_madd52lo_epu64, _mm512_min_epu64, _mm512_mullo_epi64, _mm512_permutexvar_epi64,
    _mm512_set1_epi64, _mm512_srl_epi64, _mm512_sub_epi64,
};

// The low half of a sum takes less than 2^52 for each product and for a folded sum; the high half takes less.
const _: () = assert!((LAZY_PRODUCTS as u128 + 1) << RADIX_BITS <= 1 << 64);

/// AVX-512 with the 52-bit multiply-add.
#[derive(Debug, Clone, Copy)]
pub struct Ifma(());

impl Ifma {
    /// Returns the proof if the processor has AVX-512 F, DQ and IFMA.
    pub fn detect() -> Option<Self> {
        (is_x86_feature_detected!("avx512f")
            && is_x86_feature_detected!("avx512dq")
            && is_x86_feature_detected!("avx512ifma"))
        .then_some(Self(()))
    }
}

/// Defines methods that are one instruction each.
macro_rules! instructions {
    ($(fn $name:ident($($argument:ident),*) = $instruction:ident;)*) => {$(
        #[inline(always)]
        fn $name(self, $($argument: __m512i),*) -> __m512i {
            // SAFETY: a value of this type exists only where `detect` found AVX-512 F, DQ and IFMA.
            unsafe { $instruction($($argument),*) }
        }
    )*};
}

impl Ifma {
    instructions! {
        fn add_product_low(sum, a, b) = _mm512_madd52lo_epu64;
        fn add_product_high(sum, a, b) = _mm512_madd52hi_epu64;
    }
}

impl Simd for Ifma {
    type Vector = __m512i;
    type Wide = [__m512i; 2];

    #[inline(always)]
    fn splat(self, word: u64) -> __m512i {
        // SAFETY: a value of this type exists only where `detect` found AVX-512 F, DQ and IFMA.
        unsafe { _mm512_set1_epi64(word.cast_signed()) }
    }
    #[inline(always)]
    fn load(self, words: &[u64; LANES]) -> __m512i {
        // SAFETY: both are 64 bytes, and any words make a vector. (With debug assertions, `_mm512_loadu_si512` would
        // check its pointer on the way.)
        unsafe { std::mem::transmute::<[u64; LANES], __m512i>(*words) }
    }
    #[inline(always)]
    fn store(self, vector: __m512i, words: &mut [u64; LANES]) {
        // SAFETY: as `load`.
        *words = unsafe { std::mem::transmute::<__m512i, [u64; LANES]>(vector) };
    }
    #[inline(always)]
    fn permute(self, a: __m512i, indices: &Lane) -> __m512i {
        // SAFETY: as `splat`; the instruction takes the low three bits of each index.
        unsafe { _mm512_permutexvar_epi64(self.load(&indices.0), a) }
    }
    instructions! {
        fn add(a, b) = _mm512_add_epi64;
        fn sub(a, b) = _mm512_sub_epi64;
        fn and(a, b) = _mm512_and_si512;
        fn min(a, b) = _mm512_min_epu64;
        fn mul(a, b) = _mm512_mullo_epi64;
    }
    #[inline(always)]
    fn mul_low(self, a: __m512i, b: __m512i) -> __m512i {
        self.add_product_low(self.splat(0), a, b)
    }
    #[inline(always)]
    fn mul_high(self, a: __m512i, b: __m512i) -> __m512i {
        self.add_product_high(self.splat(0), a, b)
    }
    #[inline(always)]
    fn shift_right(self, a: __m512i, count: u32) -> __m512i {
        // SAFETY: as `splat`; SSE2 is part of x86-64.
        unsafe { _mm512_srl_epi64(a, _mm_cvtsi64_si128(i64::from(count))) }
    }
    #[inline(always)]
    fn wide(self) -> [__m512i; 2] {
        [self.splat(0); 2]
    }
    #[inline(always)]
    fn mul_add(self, [high, low]: [__m512i; 2], a: __m512i, b: __m512i) -> [__m512i; 2] {
        [
            self.add_product_high(high, a, b),
            self.add_product_low(low, a, b),
        ]
    }
    #[inline(always)]
    fn widen(self, high: __m512i, low: __m512i) -> [__m512i; 2] {
        [high, low]
    }
    #[inline(always)]
    fn halves(self, [high, low]: [__m512i; 2]) -> (__m512i, __m512i) {
        (high, low)
    }

    fn vectorize<R>(self, kernel: impl FnOnce() -> R) -> R {
        #[target_feature(enable = "avx512f,avx512dq,avx512ifma")]
        fn with_ifma<R>(kernel: impl FnOnce() -> R) -> R {
            kernel()
        }
        // SAFETY: a value of this type exists only where `detect` found these features.
        unsafe { with_ifma(kernel) }
    }
}
