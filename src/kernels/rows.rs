//! Arithmetic on rows: N residues of one polynomial modulo one prime, in NTT form unless stated otherwise.
//!
//! These are the steps of layers that rotate and relinearise, where coefficients do not stay alone. A weight "in
//! Montgomery form" is multiplied by 2^52 beforehand, because products are divided by 2^52. All results are residues.

use super::backend::{Backend, dispatch};
use super::prime::{Constants, LAZY_PRODUCTS, Prime, RADIX_BITS};
use super::residues::{Row, RowMut};
use super::simd::{LANES, Lane, Simd, prefetch};

/// Number of vectors by which data that is read once is prefetched.
const AHEAD: usize = 8;

/// The effect of a rotation of the slots on residues in NTT form: every eight words come from eight others, in some
/// order.
#[derive(Debug, Clone)]
pub struct Permutation {
    /// Source of each vector of the result, and index of the order of its words.
    sources: Vec<(u32, u32)>,
    orders: Vec<Lane>,
}

impl Permutation {
    /// Makes the permutation of the automorphism x -> x^element, for polynomials with `degree` coefficients; `None`
    /// unless the degree is a power of two of at least 8 and the element is odd.
    ///
    /// In SEAL's order, word i is the value at the root of unity with exponent 2 rev(i) + 1, where rev reverses the
    /// bits of i. The low three bits of i are the high bits of the exponent, so multiplying by the element moves eight
    /// words together.
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

/// A rotation with its key.
#[derive(Clone, Copy)]
pub struct KeyedRotation<'a> {
    /// Permutation of rows.
    pub permutation: &'a Permutation,
    /// Row of the key, interleaved: for each vector, the vectors of both polynomials for each digit, in Montgomery
    /// form.
    pub key: Row<'a>,
    /// Number of the key's vectors for each vector of a row: twice its digits, of which the first are used.
    pub stride: usize,
}

/// The sources of a ciphertext that is rotated.
#[derive(Clone, Copy)]
pub struct RowSource<'a> {
    /// Digits of the second polynomial.
    pub digits: &'a [Row<'a>],
    /// First polynomial, and a weight in Montgomery form.
    pub first: Option<(Row<'a>, u64)>,
    /// Polynomials that are added without a rotation, and a weight in Montgomery form.
    pub second: Option<([Row<'a>; 2], u64)>,
}

impl Backend {
    /// Runs a plain loop, which should be an inlined function, where the compiler may use the backend's instructions.
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "the loop is compiled for its caller")]
    pub fn compiled<R>(self, work: impl FnOnce() -> R) -> R {
        dispatch!(self, simd => work())
    }

    /// Computes, for each p, `out[p]` = the sum over terms of `weight * term[p]`. The weights are in Montgomery form
    /// and interleaved: for each vector, the weights of all terms. Terms are as long as the rows of `out`.
    pub fn products<const P: usize>(
        self,
        prime: &Prime,
        weights: Row<'_>,
        terms: &[[Row<'_>; P]],
        out: [RowMut<'_>; P],
    ) {
        dispatch!(self, simd => products(&prime.constants(simd), weights, terms, out));
    }

    /// Multiplies the digits of a polynomial, rotated in several ways, by a key for each rotation: `out[p]` = the sum
    /// over rotations and digits d of `permuted(d) * key[p]`.
    ///
    /// `first` is rotated as well, multiplied by a weight, and added to `out[0]`; `second` is multiplied by a weight
    /// and added to `out` without a rotation. Keys and weights are in Montgomery form. Computes the vectors of `out`
    /// that begin at `start`; all other rows are whole.
    pub fn switches(
        self,
        prime: &Prime,
        rotations: &[KeyedRotation<'_>],
        source: &RowSource<'_>,
        start: usize,
        out: [RowMut<'_>; 2],
    ) {
        dispatch!(self, simd => switches(&prime.constants(simd), rotations, source, start, out));
    }

    /// Computes the sum of the squares of pairs (polynomials a + b s) times `factor`, which is multiplied by 2^104
    /// beforehand: three rows, for a^2, 2 a b and b^2.
    pub fn squares(self, prime: &Prime, pairs: &[[Row<'_>; 2]], factor: u64, out: [RowMut<'_>; 3]) {
        dispatch!(self, simd => squares(&prime.constants(simd), pairs, factor, out));
    }

    /// Converts residues modulo one prime, centred around 0, to residues modulo another, in coefficient form.
    pub fn lift(self, from: &Prime, to: &Prime, row: Row<'_>, out: RowMut<'_>) {
        let half = from.value() / 2;
        let (from, offset) = (from.value(), half % to.value());
        dispatch!(self, simd => lift(&to.constants(simd), from, half, offset, row, out));
    }

    /// Computes target + row * weight, with the weight in Montgomery form.
    pub fn multiply_add(self, prime: &Prime, target: RowMut<'_>, row: Row<'_>, weight: u64) {
        dispatch!(self, simd => {
            let constants = prime.constants(simd);
            let weight = simd.splat(weight);
            update(&constants, target, row, |target, value| {
                constants.wrap_twice(simd.add(target, constants.multiply(value, weight)))
            });
        });
    }

    /// Computes (target - row) * weight, with the weight in Montgomery form.
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

    /// Computes target + row.
    pub fn add(self, prime: &Prime, target: RowMut<'_>, row: Row<'_>) {
        dispatch!(self, simd => {
            let constants = prime.constants(simd);
            update(&constants, target, row, |target, value| {
                constants.wrap(simd.add(target, value))
            });
        });
    }

    /// Computes target + permuted(row).
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
                let sum = constants.wrap(simd.add(simd.load(words), value));
                simd.store(sum, words);
            }
        });
    }
}

impl<S: Simd> Constants<S> {
    /// Computes a product divided by 2^52, below twice the prime; the factors are below 2^52, one of them below 2^50.
    #[inline(always)]
    pub(super) fn multiply(&self, a: S::Vector, b: S::Vector) -> S::Vector {
        let simd = self.simd;
        let (high, low) = simd.halves(simd.mul_add(simd.wide(), a, b));
        self.montgomery(high, low)
    }

    /// Returns the residue of a number below twice the prime.
    #[inline(always)]
    fn wrap(&self, x: S::Vector) -> S::Vector {
        self.simd.min(x, self.simd.sub(x, self.value()))
    }

    /// Returns the residue of a number below four times the prime.
    #[inline(always)]
    fn wrap_twice(&self, x: S::Vector) -> S::Vector {
        let value = self.value();
        let simd = self.simd;
        self.wrap(simd.min(x, simd.sub(x, simd.add(value, value))))
    }

    /// Returns the residue of a sum of at most [`LAZY_PRODUCTS`] products and a folded sum, divided by 2^52.
    #[inline(always)]
    fn finish(&self, high: S::Vector, low: S::Vector) -> S::Vector {
        self.reduce(self.montgomery(high, low))
    }
}

/// Makes room for `count` products, at most [`LAZY_PRODUCTS`], in each sum: folds the sums if their products, which
/// `held` counts, and the new ones are too many. Any number of products can therefore be added up.
#[inline(always)]
fn make_room<S: Simd, const P: usize>(
    constants: &Constants<S>,
    sums: &mut [S::Wide; P],
    held: &mut usize,
    count: usize,
) {
    *held += count;
    if *held > LAZY_PRODUCTS {
        for sum in sums {
            *sum = constants.fold(*sum);
        }
        *held = count;
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
        let result = f(simd.load(words), simd.load(value));
        simd.store(result, words);
    }
}

#[inline(always)]
fn permuted<S: Simd>(simd: S, permutation: &Permutation, at: usize, row: Row<'_>) -> S::Vector {
    let (source, order) = permutation.sources[at];
    simd.permute(
        simd.load(&row[source as usize]),
        &permutation.orders[order as usize],
    )
}

#[inline(always)]
pub(super) fn products<S: Simd, const P: usize>(
    constants: &Constants<S>,
    weights: Row<'_>,
    terms: &[[Row<'_>; P]],
    mut out: [RowMut<'_>; P],
) {
    /// Number of vectors at a time, whose sums stay in the first-level cache; and number of terms at a time, because a
    /// processor foresees few streams of reads.
    const TILE: usize = 32;
    const GROUP: usize = 6;
    let simd = constants.simd;
    if terms.is_empty() {
        for row in out {
            row.fill([0; LANES]);
        }
        return;
    }
    let length = out.first().map_or(0, |row| row.len());
    for start in (0..length).step_by(TILE) {
        let tile = start..length.min(start + TILE);
        let mut done = 0;
        for lazy in terms.chunks(LAZY_PRODUCTS) {
            let mut sums = [[simd.wide(); P]; TILE];
            for group in lazy.chunks(GROUP) {
                for (at, sums) in tile.clone().zip(&mut sums) {
                    let base = at * terms.len() + done;
                    let next = base + AHEAD * terms.len();
                    for (index, term) in group.iter().enumerate() {
                        prefetch(weights, next + index);
                        let weight = simd.load(&weights[base + index]);
                        for (sum, term) in sums.iter_mut().zip(term) {
                            prefetch(term, at + AHEAD);
                            *sum = simd.mul_add(*sum, simd.load(&term[at]), weight);
                        }
                    }
                }
                done += group.len();
            }
            let first = done == lazy.len();
            for (at, sums) in tile.clone().zip(&sums) {
                for (out, sum) in out.iter_mut().zip(sums) {
                    let (high, low) = simd.halves(*sum);
                    let mut sum = constants.finish(high, low);
                    if !first {
                        sum = constants.wrap(simd.add(sum, simd.load(&out[at])));
                    }
                    simd.store(sum, &mut out[at]);
                }
            }
        }
    }
}

#[inline(always)]
pub(super) fn switches<S: Simd>(
    constants: &Constants<S>,
    rotations: &[KeyedRotation<'_>],
    source: &RowSource<'_>,
    start: usize,
    out: [RowMut<'_>; 2],
) {
    let simd = constants.simd;
    let [out0, out1] = out;
    let first = source.first.map(|(row, weight)| (row, simd.splat(weight)));
    let second = source
        .second
        .map(|(rows, weight)| (rows, simd.splat(weight)));
    let digits = source.digits;
    for (at, (words0, words1)) in (start..).zip(out0.iter_mut().zip(out1.iter_mut())) {
        let (mut sums, mut held) = ([simd.wide(); 2], 0);
        for rotation in rotations {
            let (from, order) = rotation.permutation.sources[at];
            let order = &rotation.permutation.orders[order as usize];
            let base = at * rotation.stride;
            let next = base + AHEAD * rotation.stride;
            let key = &rotation.key[base..base + 2 * digits.len()];
            let key = key.as_chunks::<2>().0.chunks(LAZY_PRODUCTS);
            for (group, (digits, key)) in digits.chunks(LAZY_PRODUCTS).zip(key).enumerate() {
                make_room(constants, &mut sums, &mut held, digits.len());
                let next = next + group * 2 * LAZY_PRODUCTS;
                for (index, (digit, key)) in digits.iter().zip(key).enumerate() {
                    prefetch(rotation.key, next + 2 * index);
                    prefetch(rotation.key, next + 2 * index + 1);
                    let digit = simd.permute(simd.load(&digit[from as usize]), order);
                    for (sum, key) in sums.iter_mut().zip(key) {
                        *sum = simd.mul_add(*sum, digit, simd.load(key));
                    }
                }
            }
            if let Some((row, weight)) = first {
                make_room(constants, &mut sums, &mut held, 1);
                let value = simd.permute(simd.load(&row[from as usize]), order);
                sums[0] = simd.mul_add(sums[0], value, weight);
            }
        }
        if let Some((rows, weight)) = second {
            make_room(constants, &mut sums, &mut held, 1);
            for (sum, row) in sums.iter_mut().zip(rows) {
                *sum = simd.mul_add(*sum, simd.load(&row[at]), weight);
            }
        }
        for (sum, words) in sums.into_iter().zip([words0, words1]) {
            let (high, low) = simd.halves(sum);
            simd.store(constants.finish(high, low), words);
        }
    }
}

#[inline(always)]
pub(super) fn squares<S: Simd>(
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
        let (mut sums, mut held) = ([simd.wide(); 3], 0);
        for [a, b] in pairs {
            make_room(constants, &mut sums, &mut held, 1);
            let (a, b) = (simd.load(&a[at]), simd.load(&b[at]));
            let (fa, fb) = (constants.multiply(a, factor), constants.multiply(b, factor));
            for (power, (x, y)) in [(fa, a), (fa, simd.add(b, b)), (fb, b)]
                .into_iter()
                .enumerate()
            {
                sums[power] = simd.mul_add(sums[power], x, y);
            }
        }
        for (sum, words) in sums
            .into_iter()
            .zip([&mut out0[at], &mut out1[at], &mut out2[at]])
        {
            let (high, low) = simd.halves(sum);
            simd.store(constants.finish(high, low), words);
        }
    }
}

/// Lifts residues: with `half` half of `from`, (x + half mod from) - half is x centred around 0.
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
        let raised = simd.add(simd.load(words), half);
        let raised = simd.min(raised, simd.sub(raised, from));
        let residue = to.reduce(raised);
        let lowered = simd.sub(simd.add(residue, to.value()), offset);
        simd.store(to.wrap(lowered), out);
    }
}

/// Converts a weight to Montgomery form: 2^52 times its residue.
pub fn to_montgomery(prime: &Prime, weight: u64) -> u64 {
    const { assert!(RADIX_BITS == 52) };
    prime.multiply(weight % prime.value(), prime.radix())
}

#[cfg(test)]
#[path = "rows_tests.rs"]
mod tests;
