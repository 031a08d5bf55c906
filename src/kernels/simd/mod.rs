//! Vectors of eight words: AVX-512 with IFMA, AVX2, or any processor.
//!
//! A value of an implementation proves that the processor has the instructions. Kernels are generic over it and run
//! inside [`Simd::vectorize`], where the compiler may use these instructions.

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod ifma;
#[cfg(test)]
mod model;
mod portable;

#[cfg(target_arch = "x86_64")]
pub(super) use avx2::Avx2;
#[cfg(target_arch = "x86_64")]
pub(super) use ifma::Ifma;
#[cfg(test)]
pub(super) use model::IfmaModel;
pub(super) use portable::Portable;

/// Number of words in a vector.
pub const LANES: usize = 8;

/// Eight words, aligned to a cache line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[repr(C, align(64))]
pub struct Lane(pub [u64; LANES]);

/// Arithmetic on eight words at once, which wraps around at 2^64.
pub(super) trait Simd: Copy + Send + Sync {
    /// Eight words.
    type Vector: Copy;
    /// Eight sums of products, of at most [`LAZY_PRODUCTS`](super::prime::LAZY_PRODUCTS) each.
    type Wide: Copy;

    /// Returns a vector with the same word eight times.
    fn splat(self, word: u64) -> Self::Vector;
    fn load(self, words: &[u64; LANES]) -> Self::Vector;
    fn store(self, vector: Self::Vector, words: &mut [u64; LANES]);
    /// Permutes words: word `i` of the result is word `indices[i] % 8`.
    fn permute(self, a: Self::Vector, indices: &Lane) -> Self::Vector;
    fn add(self, a: Self::Vector, b: Self::Vector) -> Self::Vector;
    fn sub(self, a: Self::Vector, b: Self::Vector) -> Self::Vector;
    fn and(self, a: Self::Vector, b: Self::Vector) -> Self::Vector;
    /// Returns the smaller of two unsigned words.
    fn min(self, a: Self::Vector, b: Self::Vector) -> Self::Vector;
    /// Shifts unsigned words by a count below 64.
    fn shift_right(self, a: Self::Vector, count: u32) -> Self::Vector;
    /// Returns the low 64 bits of the product.
    fn mul(self, a: Self::Vector, b: Self::Vector) -> Self::Vector;
    /// Returns the low 52 bits of the product of the low 52 bits of `a` and `b`.
    fn mul_low(self, a: Self::Vector, b: Self::Vector) -> Self::Vector;
    /// Returns the part above the low 52 bits of the product of `a` and `b`, which are below 2^52.
    fn mul_high(self, a: Self::Vector, b: Self::Vector) -> Self::Vector;
    /// Returns an empty sum of products.
    fn wide(self) -> Self::Wide;
    /// Computes `sum` + the product of `a` and `b`, which are below 2^52.
    fn mul_add(self, sum: Self::Wide, a: Self::Vector, b: Self::Vector) -> Self::Wide;
    /// Computes high * 2^52 + low.
    fn widen(self, high: Self::Vector, low: Self::Vector) -> Self::Wide;
    /// Splits `sum` into high * 2^52 + low, returned in this order. Both halves are always below 2^64.
    fn halves(self, sum: Self::Wide) -> (Self::Vector, Self::Vector);
    /// Runs `kernel`, inlined where the instructions may be used.
    fn vectorize<R>(self, kernel: impl FnOnce() -> R) -> R;
}

/// Prefetches words of a row that will be read soon; the row need not have this index.
#[inline(always)]
pub(super) fn prefetch(row: &[[u64; LANES]], index: usize) {
    #[cfg(target_arch = "x86_64")]
    {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        let address = row.as_ptr().wrapping_add(index);
        // SAFETY: SSE is part of x86-64, and the instruction does not fault, whatever the address is.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(address.cast()) };
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = (row, index);
}
