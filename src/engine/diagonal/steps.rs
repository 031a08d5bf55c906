//! The steps of the diagonal layout: sums of products, rotated sums, and squares.

use super::Diagonals;
use super::prepare::Weights;
use super::ring::{Pair, Turned, turned_row};
use super::{EngineError, LayerOps, Value};
use crate::kernels::{LANES, Residues, Row, RowMut, to_montgomery};
use crate::layout::Turn;
use rayon::prelude::*;

/// Number of vectors of a row that are rotated at a time before they are multiplied, so that they stay in a cache.
const TILE: usize = 32;

impl Diagonals {
    /// Computes one ciphertext before the first square.
    pub(super) fn first(
        &self,
        products: &Weights,
        bias: &Residues,
        inputs: &[Vec<Row<'_>>],
        keep: usize,
        ops: &mut LayerOps,
    ) -> Result<Pair, EngineError> {
        let ring = &self.ring;
        let primes = ring.data();
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
        let mut sum = ring.divide_pair(sum, false, keep)?;
        ring.add(&mut sum[0], bias, false);
        ops.plain_multiplications += products.of.len() as u64;
        ops.additions += products.of.len().saturating_sub(1) as u64;
        ops.plain_additions += 1;
        ops.mod_switches += (primes - keep) as u64;
        Ok(sum)
    }

    /// Takes two polynomials from the pool; their content is unspecified.
    fn pair(&self, rows: usize) -> Pair {
        [self.ring.take(rows), self.ring.take(rows)]
    }

    fn turn(&self, turn: Turn) -> Result<&Turned, EngineError> {
        self.tables
            .turns
            .get(&turn)
            .ok_or(EngineError::Internal("a rotation without a key"))
    }

    /// Computes a rotate-and-sum: a ciphertext plus its rotations, with `keep` primes left. Cost: one decomposition
    /// (the rotations are hoisted), and for each rotation the products with its key.
    pub(super) fn fold(
        &self,
        value: &Pair,
        turns: &[Turn],
        keep: usize,
        ops: &mut LayerOps,
    ) -> Result<Pair, EngineError> {
        let digits = self.ring.decompose(&value[1])?;
        let rotations: Vec<&Turned> = turns
            .iter()
            .map(|&turn| self.turn(turn))
            .collect::<Result<_, EngineError>>()?;
        let [first, second] = value;
        let itself = Some([first, second]);
        let total = self.ring.switch(&digits, &rotations, Some(first), itself);
        let count = turns.len() as u64;
        ops.rotations += count;
        ops.rotation_key_switches += count;
        ops.additions += count;
        self.ring.divide_pair(total, true, keep)
    }

    /// Computes the sum over giant steps of the rotated sums over baby steps of plaintext * rotated value.
    pub(super) fn rotated(
        &self,
        value: &Pair,
        babies: &[Turn],
        giants: &[(Turn, Weights)],
        keep: usize,
        ops: &mut LayerOps,
    ) -> Result<Pair, EngineError> {
        let ring = &self.ring;
        let level = value[0].rows();
        // The sums are multiplied by the special prime, which is divided out once at the end.
        let sums = self.inner_sums(value, babies, giants)?;
        let moved = babies.iter().filter(|turn| **turn != Turn::NONE).count() as u64;
        ops.rotations += moved;
        ops.rotation_key_switches += moved;
        let mut total: Option<Pair> = None;
        for (inner, (turn, weights)) in sums.into_iter().zip(giants) {
            ops.plain_multiplications += weights.of.len() as u64;
            ops.additions += weights.of.len() as u64;
            let summand = if *turn == Turn::NONE {
                inner
            } else {
                let turned = self.turn(*turn)?;
                let [first, second] = inner;
                let second = ring.divide(second, true, level)?;
                let digits = ring.decompose(&second)?;
                let mut switched = ring.switch(&digits, &[turned], None, None);
                ring.add_turned(&mut switched[0], &first, &turned.1);
                ops.rotations += 1;
                ops.rotation_key_switches += 1;
                switched
            };
            match &mut total {
                None => total = Some(summand),
                Some(total) => {
                    for (total, summand) in total.iter_mut().zip(&summand) {
                        ring.add(total, summand, true);
                    }
                }
            }
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
        babies: &[Turn],
        giants: &[(Turn, Weights)],
    ) -> Result<Vec<Pair>, EngineError> {
        let ring = &self.ring;
        let [first, second] = value;
        let level = first.rows();
        // A value that is not rotated is only multiplied by the special prime.
        let rotations: Vec<Option<&Turned>> = babies
            .iter()
            .map(|&turn| match turn {
                Turn::NONE => Ok(None),
                turn => self.turn(turn).map(Some),
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
                            Some(turned) => {
                                ring.with_row(&digits, row, Some(first), None, |prime, source| {
                                    let rotation = [turned_row(turned, level, row)];
                                    ring.backend.switches(prime, &rotation, source, start, out);
                                });
                            }
                            None => ring.with_row(&digits, row, None, itself, |prime, source| {
                                ring.backend.switches(prime, &[], source, start, out);
                            }),
                        }
                    }
                    let prime = ring.extended_prime(level, row);
                    for ([a, b], (_, weights)) in sums.iter_mut().zip(giants) {
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

    pub(super) fn square(
        &self,
        value: Value,
        keep: usize,
        is_last: bool,
        ops: &mut LayerOps,
    ) -> Result<Value, EngineError> {
        let Value::Pairs(pairs) = value else {
            return Err(EngineError::Internal(
                "a square reads a value of another kind",
            ));
        };
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
        ops.squares += pairs.len() as u64;
        ops.additions += pairs.len().saturating_sub(1) as u64;
        if is_last {
            return Ok(Value::Squared(squared));
        }
        let key = self.tables.relin.as_ref().ok_or(EngineError::Internal(
            "a square without relinearisation keys",
        ))?;
        let [first, second, third] = squared;
        let digits = ring.decompose(&third)?;
        let switched = ring.switch(&digits, &[key], None, Some([&first, &second]));
        ops.relinearizations += 1;
        ops.mod_switches += (level - keep) as u64;
        Ok(Value::Pairs(vec![ring.divide_pair(switched, true, keep)?]))
    }

    /// Computes one ciphertext of the response.
    pub(super) fn last(
        &self,
        value: &[Residues; 3],
        weights: &Residues,
        bias: &Residues,
    ) -> [Residues; 3] {
        let ring = &self.ring;
        let level = value[0].rows();
        let mut product = [(); 3].map(|()| ring.take(level));
        let [a, b, c] = &mut product;
        let rows = a.rows_mut().into_par_iter().zip(b.rows_mut());
        rows.zip(c.rows_mut())
            .enumerate()
            .for_each(|(row, ((a, b), c))| {
                let value = [value[0].row(row), value[1].row(row), value[2].row(row)];
                ring.backend
                    .products(ring.prime(row), weights.row(row), &[value], [a, b, c]);
            });
        ring.add(&mut product[0], bias, false);
        product
    }
}

/// Iterates over the rows two by two.
fn pairs(rows: &mut Residues) -> impl Iterator<Item = [RowMut<'_>; 2]> {
    let mut rows = rows.rows_mut().into_iter();
    std::iter::from_fn(move || Some([rows.next()?, rows.next()?]))
}
