//! Arithmetic on rows: N residues of one polynomial modulo one prime, in NTT form unless said.
//!
//! These are the steps of layers that rotate and relinearise, where a coefficient does not stay alone. A weight that is
//! "in Montgomery form" is multiplied by 2^52 beforehand, as products are divided by 2^52. All results are residues.

use super::backend::Backend;
use super::prime::{Constants, Prime, RADIX_BITS};
use super::residues::{Row, RowMut};
use super::simd::{LANES, Lane, Portable, Simd};

/// So many products of residues below 2^50 (or a residue below 2^52 and one below 2^50) can be added up lazily.
const LAZY_TERMS: usize = 1024;

/// What rotating the slots does to residues in NTT form: every eight words come from eight others, in some order.
#[derive(Debug, Clone)]
pub struct Permutation {
    /// For each vector of the result its source and the order of its words.
    sources: Vec<(u32, u32)>,
    orders: Vec<Lane>,
}

impl Permutation {
    /// Of the automorphism x -> x^element of polynomials with `degree` coefficients; `None` if the degree is not a
    /// power of two of at least 8, or the element not odd.
    ///
    /// In SEAL's order word i is the value at the root of unity with exponent 2 rev(i) + 1, rev reversing its bits. Its
    /// low three bits are the high ones of the exponent: multiplying by the element moves eight words together.
    pub fn new(degree: usize, element: u32) -> Option<Self> {
        if !degree.is_power_of_two() || degree < LANES || element.is_multiple_of(2) {
            return None;
        }
        let bits = degree.ilog2();
        let reverse = |index: usize| index.reverse_bits() >> (usize::BITS - bits);
        let source = |index: usize| {
            let exponent = (2 * reverse(index) + 1).wrapping_mul(element as usize) % (2 * degree);
            reverse(exponent / 2)
        };
        let mut orders: Vec<Lane> = Vec::new();
        let sources = (0..degree / LANES)
            .map(|vector| {
                let from: [usize; LANES] =
                    std::array::from_fn(|lane| source(vector * LANES + lane));
                let order = Lane(from.map(|index| (index % LANES) as u64));
                let known = orders.iter().position(|known| *known == order);
                let known = known.unwrap_or_else(|| {
                    orders.push(order);
                    orders.len() - 1
                });
                ((from[0] / LANES) as u32, known as u32)
            })
            .collect();
        Some(Self { sources, orders })
    }
}

/// Runs a kernel with the instructions of a backend.
macro_rules! dispatch {
    ($backend:expr, $simd:ident => $kernel:expr) => {{
        #[cfg(target_arch = "x86_64")]
        match $backend {
            Backend::Ifma => {
                if let Some($simd) = super::simd::Ifma::detect() {
                    return $simd.vectorize(
                        #[inline(always)]
                        || $kernel,
                    );
                }
            }
            Backend::Avx2 => {
                if let Some($simd) = super::simd::Avx2::detect() {
                    return $simd.vectorize(
                        #[inline(always)]
                        || $kernel,
                    );
                }
            }
            Backend::Portable => {}
        }
        let $simd = Portable;
        $simd.vectorize(|| $kernel)
    }};
}

impl Backend {
    /// For each p: `out[p]` = the sum over terms of `first * second[p]`, the first (or the second) in Montgomery form. All
    /// rows have the length of those of `out`.
    pub fn products<const P: usize>(
        self,
        prime: &Prime,
        terms: &[(Row<'_>, [Row<'_>; P])],
        out: [RowMut<'_>; P],
    ) {
        dispatch!(self, simd => products(&prime.constants(simd), terms, out));
    }

    /// The rotated digits of a polynomial times a key: `out[p]` = the sum over digits d of `permuted(d) * key[p]`, keys in
    /// Montgomery form. With `first`, permuted(row) * weight is added to `out[0]`, the weight in Montgomery form.
    pub fn switch(
        self,
        prime: &Prime,
        permutation: &Permutation,
        terms: &[(Row<'_>, [Row<'_>; 2])],
        first: Option<(Row<'_>, u64)>,
        out: [RowMut<'_>; 2],
    ) {
        dispatch!(self, simd => switch(&prime.constants(simd), permutation, terms, first, out));
    }

    /// The sum of the squares of pairs (polynomials a + b s) times `factor`, which is multiplied by 2^104 beforehand:
    /// three rows, for a^2, 2 a b and b^2.
    pub fn squares(self, prime: &Prime, pairs: &[[Row<'_>; 2]], factor: u64, out: [RowMut<'_>; 3]) {
        dispatch!(self, simd => squares(&prime.constants(simd), pairs, factor, out));
    }

    /// From residues modulo one prime, taken around 0, to residues modulo another. In coefficient form.
    pub fn lift(self, from: &Prime, to: &Prime, row: Row<'_>, out: RowMut<'_>) {
        let half = from.value() / 2;
        let (from, offset) = (from.value(), half % to.value());
        dispatch!(self, simd => lift(&to.constants(simd), from, half, offset, row, out));
    }

    /// target + row * weight, the weight in Montgomery form.
    pub fn multiply_add(self, prime: &Prime, target: RowMut<'_>, row: Row<'_>, weight: u64) {
        dispatch!(self, simd => {
            let constants = prime.constants(simd);
            let weight = simd.splat(weight);
            update(&constants, target, row, |target, value| {
                constants.wrap_twice(simd.add(target, constants.multiply(value, weight)))
            });
        });
    }

    /// (target - row) * weight, the weight in Montgomery form.
    pub fn subtract_multiply(self, prime: &Prime, target: RowMut<'_>, row: Row<'_>, weight: u64) {
        dispatch!(self, simd => {
            let constants = prime.constants(simd);
            let weight = simd.splat(weight);
            update(&constants, target, row, |target, value| {
                let difference = simd.sub(simd.add(target, constants.value()), value);
                constants.wrap(constants.multiply(difference, weight))
            });
        });
    }

    /// target + row.
    pub fn add(self, prime: &Prime, target: RowMut<'_>, row: Row<'_>) {
        dispatch!(self, simd => {
            let constants = prime.constants(simd);
            update(&constants, target, row, |target, value| {
                constants.wrap(simd.add(target, value))
            });
        });
    }

    /// target + permuted(row).
    pub fn permute_add(
        self,
        prime: &Prime,
        permutation: &Permutation,
        target: RowMut<'_>,
        row: Row<'_>,
    ) {
        dispatch!(self, simd => {
            let constants = prime.constants(simd);
            for (at, words) in target.iter_mut().enumerate() {
                let value = permuted(simd, permutation, at, row);
                let sum = constants.wrap(simd.add(simd.load_words(words), value));
                simd.store_words(sum, words);
            }
        });
    }
}

impl<S: Simd> Constants<S> {
    /// A product divided by 2^52, below twice the prime; the factors are below 2^52, one of them below 2^50.
    #[inline(always)]
    fn multiply(&self, a: S::Vector, b: S::Vector) -> S::Vector {
        let high = self.simd.mul_add_high(self.zero, a, b);
        let low = self.simd.mul_add_low(self.zero, a, b);
        self.montgomery(high, low)
    }

    /// The residue of what is below twice the prime.
    #[inline(always)]
    fn wrap(&self, x: S::Vector) -> S::Vector {
        self.simd.min(x, self.simd.sub(x, self.value()))
    }

    /// The residue of what is below four times the prime.
    #[inline(always)]
    fn wrap_twice(&self, x: S::Vector) -> S::Vector {
        let value = self.value();
        let simd = self.simd;
        self.wrap(simd.min(x, simd.sub(x, simd.add(value, value))))
    }

    /// The residue of a sum of at most [`LAZY_TERMS`] products, divided by 2^52.
    ///
    /// High halves are below 2^50: with the carry of the low ones they add up to less than 2^61, and stay there after
    /// Montgomery's reduction adds the prime.
    #[inline(always)]
    fn finish(&self, high: S::Vector, low: S::Vector) -> S::Vector {
        self.reduce(self.montgomery(high, low))
    }
}

#[inline(always)]
fn update<S: Simd>(
    constants: &Constants<S>,
    target: RowMut<'_>,
    row: Row<'_>,
    f: impl Fn(S::Vector, S::Vector) -> S::Vector,
) {
    let simd = constants.simd;
    for (words, value) in target.iter_mut().zip(row) {
        let result = f(simd.load_words(words), simd.load_words(value));
        simd.store_words(result, words);
    }
}

#[inline(always)]
fn permuted<S: Simd>(simd: S, permutation: &Permutation, at: usize, row: Row<'_>) -> S::Vector {
    let (source, order) = permutation.sources[at];
    simd.permute(
        simd.load_words(&row[source as usize]),
        &permutation.orders[order as usize],
    )
}

#[inline(always)]
fn products<S: Simd, const P: usize>(
    constants: &Constants<S>,
    terms: &[(Row<'_>, [Row<'_>; P])],
    mut out: [RowMut<'_>; P],
) {
    /// Vectors at a time: rows lie far apart.
    const BLOCK: usize = 4;
    let simd = constants.simd;
    let length = out.first().map_or(0, |row| row.len());
    for start in (0..length).step_by(BLOCK) {
        let block = BLOCK.min(length - start);
        let mut sums = [[constants.zero; BLOCK]; P];
        for terms in terms.chunks(LAZY_TERMS) {
            let mut high = [[constants.zero; BLOCK]; P];
            let mut low = [[constants.zero; BLOCK]; P];
            for (first, second) in terms {
                let first = &first[start..start + block];
                for p in 0..P {
                    let second = &second[p][start..start + block];
                    for (at, (a, b)) in first.iter().zip(second).enumerate() {
                        let (a, b) = (simd.load_words(a), simd.load_words(b));
                        high[p][at] = simd.mul_add_high(high[p][at], a, b);
                        low[p][at] = simd.mul_add_low(low[p][at], a, b);
                    }
                }
            }
            for p in 0..P {
                for at in 0..block {
                    let sum = constants.finish(high[p][at], low[p][at]);
                    sums[p][at] = constants.wrap(simd.add(sums[p][at], sum));
                }
            }
        }
        for (out, sums) in out.iter_mut().zip(&sums) {
            for (words, sum) in out[start..start + block].iter_mut().zip(sums) {
                simd.store_words(*sum, words);
            }
        }
    }
}

#[inline(always)]
fn switch<S: Simd>(
    constants: &Constants<S>,
    permutation: &Permutation,
    terms: &[(Row<'_>, [Row<'_>; 2])],
    first: Option<(Row<'_>, u64)>,
    out: [RowMut<'_>; 2],
) {
    let simd = constants.simd;
    let [out0, out1] = out;
    let (row, weight) = match first {
        Some((row, weight)) => (Some(row), simd.splat(weight)),
        None => (None, constants.zero),
    };
    for (at, (words0, words1)) in out0.iter_mut().zip(out1.iter_mut()).enumerate() {
        let (source, order) = permutation.sources[at];
        let order = &permutation.orders[order as usize];
        let mut high = [constants.zero; 2];
        let mut low = [constants.zero; 2];
        for (digit, keys) in terms {
            let digit = simd.permute(simd.load_words(&digit[source as usize]), order);
            for p in 0..2 {
                let key = simd.load_words(&keys[p][at]);
                high[p] = simd.mul_add_high(high[p], digit, key);
                low[p] = simd.mul_add_low(low[p], digit, key);
            }
        }
        if let Some(row) = row {
            let value = simd.permute(simd.load_words(&row[source as usize]), order);
            high[0] = simd.mul_add_high(high[0], value, weight);
            low[0] = simd.mul_add_low(low[0], value, weight);
        }
        simd.store_words(constants.finish(high[0], low[0]), words0);
        simd.store_words(constants.finish(high[1], low[1]), words1);
    }
}

#[inline(always)]
fn squares<S: Simd>(
    constants: &Constants<S>,
    pairs: &[[Row<'_>; 2]],
    factor: u64,
    out: [RowMut<'_>; 3],
) {
    let simd = constants.simd;
    let factor = simd.splat(factor);
    let length = out[0].len();
    let [out0, out1, out2] = out;
    for at in 0..length {
        let mut high = [constants.zero; 3];
        let mut low = [constants.zero; 3];
        for [a, b] in pairs {
            let (a, b) = (simd.load_words(&a[at]), simd.load_words(&b[at]));
            let (fa, fb) = (constants.multiply(a, factor), constants.multiply(b, factor));
            for (power, (x, y)) in [(fa, a), (fa, simd.add(b, b)), (fb, b)]
                .into_iter()
                .enumerate()
            {
                high[power] = simd.mul_add_high(high[power], x, y);
                low[power] = simd.mul_add_low(low[power], x, y);
            }
        }
        simd.store_words(constants.finish(high[0], low[0]), &mut out0[at]);
        simd.store_words(constants.finish(high[1], low[1]), &mut out1[at]);
        simd.store_words(constants.finish(high[2], low[2]), &mut out2[at]);
    }
}

/// With `half` the half of `from`: (x + half mod from) - half is x around 0.
#[inline(always)]
fn lift<S: Simd>(
    to: &Constants<S>,
    from: u64,
    half: u64,
    offset: u64,
    row: Row<'_>,
    out: RowMut<'_>,
) {
    let simd = to.simd;
    let (from, half, offset) = (simd.splat(from), simd.splat(half), simd.splat(offset));
    for (words, out) in row.iter().zip(out) {
        let raised = simd.add(simd.load_words(words), half);
        let raised = simd.min(raised, simd.sub(raised, from));
        let residue = to.reduce(raised);
        let lowered = simd.sub(simd.add(residue, to.value()), offset);
        simd.store_words(to.wrap(lowered), out);
    }
}

/// 2^52 times a residue: what a weight is in Montgomery form.
pub fn to_montgomery(prime: &Prime, weight: u64) -> u64 {
    const { assert!(RADIX_BITS == 52) };
    prime.multiply(weight % prime.value(), prime.radix())
}

#[cfg(test)]
#[path = "rows_tests.rs"]
mod tests;
