//! A model of AVX-512's 52-bit multiply-adds in plain words: it shows their limits on any processor.

use super::{LANES, Lane, Portable, Simd};

/// Sums of products in the form of [`super::Ifma`]: two words, each of which wraps around at 2^64. Everything else
/// comes from [`Portable`].
#[derive(Debug, Clone, Copy)]
pub struct IfmaModel;

macro_rules! as_portable {
    ($(fn $name:ident($($argument:ident: $type:ty),*) -> $result:ty;)*) => {$(
        fn $name(self, $($argument: $type),*) -> $result {
            Portable.$name($($argument),*)
        }
    )*};
}

impl Simd for IfmaModel {
    type Vector = [u64; LANES];
    type Wide = [[u64; LANES]; 2];

    as_portable! {
        fn splat(word: u64) -> [u64; LANES];
        fn load(words: &[u64; LANES]) -> [u64; LANES];
        fn permute(a: [u64; LANES], indices: &Lane) -> [u64; LANES];
        fn add(a: [u64; LANES], b: [u64; LANES]) -> [u64; LANES];
        fn sub(a: [u64; LANES], b: [u64; LANES]) -> [u64; LANES];
        fn and(a: [u64; LANES], b: [u64; LANES]) -> [u64; LANES];
        fn min(a: [u64; LANES], b: [u64; LANES]) -> [u64; LANES];
        fn shift_right(a: [u64; LANES], count: u32) -> [u64; LANES];
        fn mul(a: [u64; LANES], b: [u64; LANES]) -> [u64; LANES];
        fn mul_low(a: [u64; LANES], b: [u64; LANES]) -> [u64; LANES];
        fn mul_high(a: [u64; LANES], b: [u64; LANES]) -> [u64; LANES];
    }

    fn store(self, vector: [u64; LANES], words: &mut [u64; LANES]) {
        Portable.store(vector, words);
    }

    fn wide(self) -> Self::Wide {
        [[0; LANES]; 2]
    }

    fn mul_add(self, [high, low]: Self::Wide, a: [u64; LANES], b: [u64; LANES]) -> Self::Wide {
        [
            self.add(high, self.mul_high(a, b)),
            self.add(low, self.mul_low(a, b)),
        ]
    }

    fn widen(self, high: [u64; LANES], low: [u64; LANES]) -> Self::Wide {
        [high, low]
    }

    fn halves(self, [high, low]: Self::Wide) -> ([u64; LANES], [u64; LANES]) {
        (high, low)
    }

    fn vectorize<R>(self, kernel: impl FnOnce() -> R) -> R {
        kernel()
    }
}
