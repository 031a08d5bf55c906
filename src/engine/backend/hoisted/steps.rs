//! The steps of the diagonal layout: sums of products, rotated sums, and squares.

use super::EngineError;
use super::Hoisted;
use super::prepare::Weights;
use super::ring::{Pair, RotationKey, rotation_row};
use crate::circuit::{Giant, SlotRotation};
use crate::kernels::{LANES, Residues, Row, RowMut, to_montgomery};
use rayon::prelude::*;

/// Number of vectors of a row that are rotated at a time before they are multiplied, so that they stay in a cache.
const TILE: usize = 32;

impl Hoisted {
    /// Makes a ciphertext under this plain prime of one of a request that serves several: multiplies it by T / t, with
    /// `keep` primes left.
    pub(super) fn of_shared(&self, rows: &[Row<'_>], keep: usize) -> Result<Pair, EngineError> {
        let ring = &self.ring;
        let mut pair = ring.pair(rows);
        for polynomial in &mut pair {
            let rows = polynomial.rows_mut().into_par_iter().enumerate();
            rows.for_each(|(row, words)| {
                let prime = ring.prime(row);
                let others = self.others.iter();
                let factor = others.fold(1, |factor, other| {
                    prime.multiply(factor, other % prime.value())
                });
                prime.multiply_row(words.as_flattened_mut(), factor);
            });
        }
        ring.divide_pair(pair, false, keep)
    }

    /// Computes sums of products of ciphertexts and plaintexts, each with `keep` primes left.
    pub(super) fn plain_products(
        &self,
        sums: &[Weights],
        inputs: &[Vec<Row<'_>>],
        keep: usize,
    ) -> Result<Vec<Pair>, EngineError> {
        let sums = sums.iter();
        sums.map(|products| self.of_pairs(products, inputs, keep))
            .collect()
    }

    /// Computes a sum of products of ciphertexts of two polynomials and plaintexts, divided by t, with `keep` primes left.
    fn of_pairs(
        &self,
        products: &Weights,
        inputs: &[Vec<Row<'_>>],
        keep: usize,
    ) -> Result<Pair, EngineError> {
        let ring = &self.ring;
        let primes = inputs.first().map_or(0, |rows| rows.len() / 2);
        let mut sum = self.pair(primes);
        let [a, b] = &mut sum;
        a.rows_mut()
            .into_par_iter()
            .zip(b.rows_mut())
            .enumerate()
            .for_each(|(row, (a, b))| {
                let terms: Vec<[Row<'_>; 2]> = products
                    .of
                    .iter()
                    .map(|&input| [inputs[input][row], inputs[input][primes + row]])
                    .collect();
                let weights = products.rows.row(row);
                ring.backend
                    .products(ring.prime(row), weights, &terms, [a, b]);
            });
        ring.divide_pair(sum, false, keep)
    }

    /// Takes two polynomials from the pool; their content is unspecified.
    fn pair(&self, rows: usize) -> Pair {
        [self.ring.take(rows), self.ring.take(rows)]
    }

    fn rotation(&self, rotation: SlotRotation) -> Result<&RotationKey, EngineError> {
        self.keys
            .rotations
            .get(&rotation)
            .ok_or(EngineError::Internal("a rotation without a key"))
    }

    /// Computes a rotate-and-sum: a ciphertext plus its rotations, with `keep` primes left. Cost: one decomposition
    /// (the rotations are hoisted), and for each rotation the products with its key.
    pub(super) fn rotate_and_sum(
        &self,
        value: &Pair,
        rotations: &[SlotRotation],
        keep: usize,
    ) -> Result<Pair, EngineError> {
        let digits = self.ring.decompose(&value[1])?;
        let rotations: Vec<&RotationKey> = rotations
            .iter()
            .map(|&rotation| self.rotation(rotation))
            .collect::<Result<_, EngineError>>()?;
        let [first, second] = value;
        let itself = Some([first, second]);
        let total = self.ring.switch(&digits, &rotations, Some(first), itself);
        self.ring.divide_pair(total, true, keep)
    }

    /// Computes a sum over baby steps of plaintext * rotated value for each giant step, adds it to the total and rotates
    /// that, with `keep` primes left at the end. `weights` are the plaintexts of each giant step.
    pub(super) fn linear_transform(
        &self,
        value: &Pair,
        babies: &[SlotRotation],
        giants: &[Giant],
        weights: &[Weights],
        keep: usize,
    ) -> Result<Pair, EngineError> {
        let ring = &self.ring;
        let level = value[0].rows();
        // The sums are multiplied by the special prime, which is divided out once at the end.
        let sums = self.inner_sums(value, babies, weights)?;
        let mut total: Option<Pair> = None;
        for (inner, giant) in sums.into_iter().zip(giants) {
            let mut sum = inner;
            if let Some(total) = total {
                for (sum, total) in sum.iter_mut().zip(&total) {
                    ring.add(sum, total, true);
                }
            }
            if giant.rotation != SlotRotation::NONE {
                let rotation_key = self.rotation(giant.rotation)?;
                let [first, second] = sum;
                let second = ring.divide(second, true, level)?;
                let digits = ring.decompose(&second)?;
                sum = ring.switch(&digits, &[rotation_key], None, None);
                ring.add_rotated(&mut sum[0], &first, &rotation_key.1);
            }
            total = Some(sum);
        }
        ring.divide_pair(
            total.ok_or(EngineError::Internal("a rotated sum without terms"))?,
            true,
            keep,
        )
    }

    /// Computes, for each giant step, the sum of its products with rotated values, tile by tile, so that the rotated
    /// values are not stored.
    fn inner_sums(
        &self,
        value: &Pair,
        babies: &[SlotRotation],
        giants: &[Weights],
    ) -> Result<Vec<Pair>, EngineError> {
        let ring = &self.ring;
        let [first, second] = value;
        let level = first.rows();
        // A value that is not rotated is only multiplied by the special prime.
        let rotations: Vec<Option<&RotationKey>> = babies
            .iter()
            .map(|&rotation| match rotation {
                SlotRotation::NONE => Ok(None),
                rotation => self.rotation(rotation).map(Some),
            })
            .collect::<Result<_, EngineError>>()?;
        let digits = ring.decompose(second)?;
        let mut sums: Vec<Pair> = giants.iter().map(|_| self.pair(level + 1)).collect();
        let mut rows: Vec<Vec<[RowMut<'_>; 2]>> = (0..=level).map(|_| Vec::new()).collect();
        for [a, b] in &mut sums {
            for (rows, (a, b)) in rows
                .iter_mut()
                .zip(a.rows_mut().into_iter().zip(b.rows_mut()))
            {
                rows.push([a, b]);
            }
        }
        rows.into_par_iter()
            .enumerate()
            .for_each(|(row, mut sums)| {
                let length = sums.first().map_or(0, |[a, _]| a.len());
                let mut tiles = ring.pool.take(2 * babies.len(), TILE * LANES);
                let itself = Some([first, second]);
                for start in (0..length).step_by(TILE) {
                    let size = TILE.min(length - start);
                    for (rotation, [a, b]) in rotations.iter().zip(pairs(&mut tiles)) {
                        let out = [&mut a[..size], &mut b[..size]];
                        match rotation {
                            Some(rotation_key) => {
                                ring.with_row(&digits, row, Some(first), None, |prime, source| {
                                    let rotation = [rotation_row(rotation_key, level, row)];
                                    ring.backend.switches(prime, &rotation, source, start, out);
                                });
                            }
                            None => ring.with_row(&digits, row, None, itself, |prime, source| {
                                ring.backend.switches(prime, &[], source, start, out);
                            }),
                        }
                    }
                    let prime = ring.extended_prime(level, row);
                    for ([a, b], weights) in sums.iter_mut().zip(giants) {
                        let tile = |&baby: &usize| {
                            [2 * baby, 2 * baby + 1].map(|row| &tiles.row(row)[..size])
                        };
                        let terms: Vec<[Row<'_>; 2]> = weights.of.iter().map(tile).collect();
                        let range = start..start + size;
                        let of_tile = start * terms.len()..range.end * terms.len();
                        let out = [&mut a[range.clone()], &mut b[range]];
                        let weights = &weights.rows.row(row)[of_tile];
                        ring.backend.products(prime, weights, &terms, out);
                    }
                }
            });
        Ok(sums)
    }

    /// Computes the sum of the squares of ciphertexts.
    pub(super) fn sum_of_squares(&self, pairs: &[Pair]) -> [Residues; 3] {
        let ring = &self.ring;
        let level = pairs.first().map_or(0, |pair| pair[0].rows());
        let mut squared = [(); 3].map(|()| ring.take(level));
        let [a, b, c] = &mut squared;
        let rows = a.rows_mut().into_par_iter().zip(b.rows_mut());
        rows.zip(c.rows_mut())
            .enumerate()
            .for_each(|(row, ((a, b), c))| {
                let prime = ring.prime(row);
                let factor = to_montgomery(prime, to_montgomery(prime, ring.plain_modulus));
                let pairs: Vec<[Row<'_>; 2]> = pairs
                    .iter()
                    .map(|[x, y]| [x.row(row), y.row(row)])
                    .collect();
                ring.backend.squares(prime, &pairs, factor, [a, b, c]);
            });
        squared
    }

    /// Brings a ciphertext of three polynomials back to two, with `keep` primes left. Cost: one key switch.
    pub(super) fn relinearize(
        &self,
        value: [Residues; 3],
        keep: usize,
    ) -> Result<Pair, EngineError> {
        let ring = &self.ring;
        let key = self.keys.relin.as_ref().ok_or(EngineError::Internal(
            "a square without relinearisation keys",
        ))?;
        let [first, second, third] = value;
        let digits = ring.decompose(&third)?;
        let switched = ring.switch(&digits, &[key], None, Some([&first, &second]));
        ring.divide_pair(switched, true, keep)
    }

    /// Computes a sum of products of ciphertexts of three polynomials and plaintexts.
    pub(super) fn of_triples(&self, products: &Weights, values: &[[Residues; 3]]) -> [Residues; 3] {
        let ring = &self.ring;
        let level = values.first().map_or(0, |[first, ..]| first.rows());
        let mut sum = [(); 3].map(|()| ring.take(level));
        let [a, b, c] = &mut sum;
        let rows = a.rows_mut().into_par_iter().zip(b.rows_mut());
        rows.zip(c.rows_mut())
            .enumerate()
            .for_each(|(row, ((a, b), c))| {
                let of = |&index: &usize| values[index].each_ref().map(|value| value.row(row));
                let terms: Vec<[Row<'_>; 3]> = products.of.iter().map(of).collect();
                let weights = products.rows.row(row);
                ring.backend
                    .products(ring.prime(row), weights, &terms, [a, b, c]);
            });
        sum
    }
}

/// Iterates over the rows two by two.
fn pairs(rows: &mut Residues) -> impl Iterator<Item = [RowMut<'_>; 2]> {
    let mut rows = rows.rows_mut().into_iter();
    std::iter::from_fn(move || Some([rows.next()?, rows.next()?]))
}
