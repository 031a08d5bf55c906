//! Vectors of eight words: AVX-512 with IFMA, AVX2, or any processor.
//!
//! A value of an implementation is the proof that the processor has the instructions: kernels are generic over it and
//! run inside [`Simd::vectorize`], where the compiler may use them.

use super::prime::RADIX_MASK;

/// Words in a vector.
pub const LANES: usize = 8;

/// Eight words, aligned as a cache line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[repr(C, align(64))]
pub struct Lane(pub [u64; LANES]);

/// Arithmetic on eight words at once. All of it wraps around at 2^64.
pub(super) trait Simd: Copy + Send + Sync {
    /// Eight words.
    type Vector: Copy;
    /// Eight sums of products, of up to 116 bits.
    type Wide: Copy;

    /// The same word eight times.
    fn splat(self, word: u64) -> Self::Vector;
    fn load(self, words: &Lane) -> Self::Vector;
    fn store(self, vector: Self::Vector, words: &mut Lane);
    /// As `load`, of words that need not be aligned.
    fn load_words(self, words: &[u64; LANES]) -> Self::Vector;
    /// As `store`, of words that need not be aligned.
    fn store_words(self, vector: Self::Vector, words: &mut [u64; LANES]);
    /// Word `i` of the result is word `indices[i] % 8`.
    fn permute(self, a: Self::Vector, indices: &Lane) -> Self::Vector;
    fn add(self, a: Self::Vector, b: Self::Vector) -> Self::Vector;
    fn sub(self, a: Self::Vector, b: Self::Vector) -> Self::Vector;
    fn and(self, a: Self::Vector, b: Self::Vector) -> Self::Vector;
    /// The smaller of two unsigned words.
    fn min(self, a: Self::Vector, b: Self::Vector) -> Self::Vector;
    /// Unsigned, by a count below 64.
    fn shift_right(self, a: Self::Vector, count: u32) -> Self::Vector;
    /// The low 64 bits of the product.
    fn mul(self, a: Self::Vector, b: Self::Vector) -> Self::Vector;
    /// `sum` + the low 52 bits of the product of the low 52 bits of `a` and `b`.
    fn mul_add_low(self, sum: Self::Vector, a: Self::Vector, b: Self::Vector) -> Self::Vector;
    /// `sum` + the high 52 bits of the product of the low 52 bits of `a` and `b`.
    fn mul_add_high(self, sum: Self::Vector, a: Self::Vector, b: Self::Vector) -> Self::Vector;
    /// Has words of a row fetched that will be read soon; there need be none with this index.
    fn prefetch(self, row: &[[u64; LANES]], index: usize);
    /// No products yet.
    fn wide(self) -> Self::Wide;
    /// `sum` + the product of `a` and `b`, which are below 2^52.
    fn mul_add(self, sum: Self::Wide, a: Self::Vector, b: Self::Vector) -> Self::Wide;
    /// `sum` as high * 2^52 + low: high first. Both are below 2^64, whatever they are.
    fn halves(self, sum: Self::Wide) -> (Self::Vector, Self::Vector);
    /// Runs `kernel`, inlined, where the instructions may be used.
    fn vectorize<R>(self, kernel: impl FnOnce() -> R) -> R;
}

/// Words one after the other: for any processor.
#[derive(Debug, Clone, Copy)]
pub(super) struct Portable;

#[inline(always)]
fn map2(a: [u64; LANES], b: [u64; LANES], f: impl Fn(u64, u64) -> u64) -> [u64; LANES] {
    std::array::from_fn(|lane| f(a[lane], b[lane]))
}

#[inline(always)]
fn product(a: u64, b: u64) -> u128 {
    u128::from(a & RADIX_MASK) * u128::from(b & RADIX_MASK)
}

#[inline(always)]
fn prefetch(row: &[[u64; LANES]], index: usize) {
    #[cfg(target_arch = "x86_64")]
    {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        let address = row.as_ptr().wrapping_add(index);
        // SAFETY: SSE is part of x86-64, and the instruction does not fault, wherever an address points to.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(address.cast()) };
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = (row, index);
}

/// The arithmetic of [`Portable`]; `vectorize` is left to the caller.
macro_rules! words {
    () => {
        type Vector = [u64; LANES];
        type Wide = [u128; LANES];

        #[inline(always)]
        fn splat(self, word: u64) -> Self::Vector {
            [word; LANES]
        }
        #[inline(always)]
        fn load(self, words: &Lane) -> Self::Vector {
            words.0
        }
        #[inline(always)]
        fn store(self, vector: Self::Vector, words: &mut Lane) {
            words.0 = vector;
        }
        #[inline(always)]
        fn load_words(self, words: &[u64; LANES]) -> Self::Vector {
            *words
        }
        #[inline(always)]
        fn store_words(self, vector: Self::Vector, words: &mut [u64; LANES]) {
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
        fn mul_add_low(self, sum: Self::Vector, a: Self::Vector, b: Self::Vector) -> Self::Vector {
            let low = map2(a, b, |a, b| product(a, b) as u64 & RADIX_MASK);
            map2(sum, low, u64::wrapping_add)
        }
        #[inline(always)]
        fn mul_add_high(self, sum: Self::Vector, a: Self::Vector, b: Self::Vector) -> Self::Vector {
            let high = map2(a, b, |a, b| (product(a, b) >> 52) as u64);
            map2(sum, high, u64::wrapping_add)
        }
        #[inline(always)]
        fn prefetch(self, row: &[[u64; LANES]], index: usize) {
            prefetch(row, index);
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
        fn halves(self, sum: Self::Wide) -> (Self::Vector, Self::Vector) {
            (
                sum.map(|sum| (sum >> 52) as u64),
                sum.map(|sum| sum as u64 & RADIX_MASK),
            )
        }
    };
}

impl Simd for Portable {
    words!();

    fn vectorize<R>(self, kernel: impl FnOnce() -> R) -> R {
        kernel()
    }
}

#[cfg(target_arch = "x86_64")]
pub(super) use x86::{Avx2, Ifma};

#[cfg(target_arch = "x86_64")]
mod x86 {
    use super::{LANES, Lane, RADIX_MASK, Simd, map2, prefetch, product};
    use std::arch::x86_64::{
        __m512i, _mm_cvtsi64_si128, _mm512_add_epi64, _mm512_and_si512, _mm512_load_si512,
        _mm512_madd52hi_epu64, _mm512_madd52lo_epu64, _mm512_min_epu64, _mm512_mullo_epi64,
        _mm512_permutexvar_epi64, _mm512_set1_epi64, _mm512_srl_epi64, _mm512_store_si512,
        _mm512_sub_epi64,
    };

    /// As [`super::Portable`], compiled for AVX2: sums become vectors of four, products stay scalar.
    #[derive(Debug, Clone, Copy)]
    pub struct Avx2(());

    impl Avx2 {
        /// Where the processor has it.
        pub fn detect() -> Option<Self> {
            (is_x86_feature_detected!("avx2") && is_x86_feature_detected!("bmi2"))
                .then_some(Self(()))
        }
    }

    impl Simd for Avx2 {
        words!();

        fn vectorize<R>(self, kernel: impl FnOnce() -> R) -> R {
            #[target_feature(enable = "avx2,bmi2")]
            fn with_avx2<R>(kernel: impl FnOnce() -> R) -> R {
                kernel()
            }
            // SAFETY: a value of this type exists only where `detect` found these features.
            unsafe { with_avx2(kernel) }
        }
    }

    /// AVX-512 with the 52-bit multiply-add.
    #[derive(Debug, Clone, Copy)]
    pub struct Ifma(());

    impl Ifma {
        /// Where the processor has it.
        pub fn detect() -> Option<Self> {
            (is_x86_feature_detected!("avx512f")
                && is_x86_feature_detected!("avx512dq")
                && is_x86_feature_detected!("avx512ifma"))
            .then_some(Self(()))
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
        fn load(self, words: &Lane) -> __m512i {
            // SAFETY: as `splat`; a `Lane` is 64 bytes, aligned to 64.
            unsafe { _mm512_load_si512(words.0.as_ptr().cast()) }
        }
        #[inline(always)]
        fn store(self, vector: __m512i, words: &mut Lane) {
            // SAFETY: as `load`; the reference is exclusive.
            unsafe { _mm512_store_si512(words.0.as_mut_ptr().cast(), vector) }
        }
        #[inline(always)]
        fn load_words(self, words: &[u64; LANES]) -> __m512i {
            // SAFETY: both are 64 bytes, and any words make a vector. (`_mm512_loadu_si512` would check its pointer on the
            // way, with debug assertions.)
            unsafe { std::mem::transmute::<[u64; LANES], __m512i>(*words) }
        }
        #[inline(always)]
        fn store_words(self, vector: __m512i, words: &mut [u64; LANES]) {
            // SAFETY: as `load_words`.
            *words = unsafe { std::mem::transmute::<__m512i, [u64; LANES]>(vector) };
        }
        #[inline(always)]
        fn permute(self, a: __m512i, indices: &Lane) -> __m512i {
            // SAFETY: as `splat`; the instruction takes the low three bits of each index.
            unsafe { _mm512_permutexvar_epi64(self.load(indices), a) }
        }
        #[inline(always)]
        fn add(self, a: __m512i, b: __m512i) -> __m512i {
            // SAFETY: as `splat`.
            unsafe { _mm512_add_epi64(a, b) }
        }
        #[inline(always)]
        fn sub(self, a: __m512i, b: __m512i) -> __m512i {
            // SAFETY: as `splat`.
            unsafe { _mm512_sub_epi64(a, b) }
        }
        #[inline(always)]
        fn and(self, a: __m512i, b: __m512i) -> __m512i {
            // SAFETY: as `splat`.
            unsafe { _mm512_and_si512(a, b) }
        }
        #[inline(always)]
        fn min(self, a: __m512i, b: __m512i) -> __m512i {
            // SAFETY: as `splat`.
            unsafe { _mm512_min_epu64(a, b) }
        }
        #[inline(always)]
        fn shift_right(self, a: __m512i, count: u32) -> __m512i {
            // SAFETY: as `splat`; SSE2 is part of x86-64.
            unsafe { _mm512_srl_epi64(a, _mm_cvtsi64_si128(i64::from(count))) }
        }
        #[inline(always)]
        fn mul(self, a: __m512i, b: __m512i) -> __m512i {
            // SAFETY: as `splat`.
            unsafe { _mm512_mullo_epi64(a, b) }
        }
        #[inline(always)]
        fn mul_add_low(self, sum: __m512i, a: __m512i, b: __m512i) -> __m512i {
            // SAFETY: as `splat`.
            unsafe { _mm512_madd52lo_epu64(sum, a, b) }
        }
        #[inline(always)]
        fn mul_add_high(self, sum: __m512i, a: __m512i, b: __m512i) -> __m512i {
            // SAFETY: as `splat`.
            unsafe { _mm512_madd52hi_epu64(sum, a, b) }
        }
        #[inline(always)]
        fn prefetch(self, row: &[[u64; LANES]], index: usize) {
            prefetch(row, index);
        }
        #[inline(always)]
        fn wide(self) -> [__m512i; 2] {
            [self.splat(0); 2]
        }
        #[inline(always)]
        fn mul_add(self, [high, low]: [__m512i; 2], a: __m512i, b: __m512i) -> [__m512i; 2] {
            [self.mul_add_high(high, a, b), self.mul_add_low(low, a, b)]
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
}
