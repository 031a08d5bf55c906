//! The diagonal layout on the server: products with plaintexts, rotations from one decomposition, squares in BGV form.
//!
//! `docs/FAST.md` derives the steps and their noise.

mod prepare;
mod ring;
mod schedule;

pub(super) use schedule::correction;

use self::prepare::{Prepared, Tables, Weights};
use self::ring::{Pair, Ring, Turned, turned_row};
use super::error::{Doing, EngineError};
use super::packed::Masks;
use super::plan::Plan;
use super::stats::{LayerOps, LayerStats, Progress, Stage};
use super::stock::Stock;
use crate::bfv::{Ciphertext, Context, Error, GaloisKeys, RelinKeys};
use crate::kernels::{Backend, LANES, Residues, Row, RowMut, row_of, to_montgomery};
use crate::layout::{Diagonal, Turn};
use rayon::prelude::*;
use std::time::Instant;

/// Vectors of a row that are rotated at a time before they are multiplied: so that they stay in a cache.
const TILE: usize = 32;

/// The evaluator of one plaintext modulus.
#[derive(Debug)]
pub(super) struct Diagonals {
    ring: Ring,
    stock: Stock,
    tables: Tables,
    /// The names of the layers, of which a prefix of the plan has fewer.
    layers: Vec<String>,
    /// Before the last layer nothing is masked: those results are for measuring noise.
    masks: Option<Masks>,
}

/// Nanoseconds of a transform under a context's parameters, on this machine.
pub(super) fn transform_nanoseconds(context: &Context) -> Result<f64, EngineError> {
    Ring::new(context)?.transform_nanoseconds()
}

/// What lies between steps.
enum Value {
    Pairs(Vec<Pair>),
    Squared([Residues; 3]),
    Responses(Vec<[Residues; 3]>),
}

impl Diagonals {
    pub(super) fn new(
        context: &Context,
        plan: &Plan,
        layout: &Diagonal,
        relin_keys: Option<&RelinKeys>,
        galois_keys: Option<&GaloisKeys>,
    ) -> Result<Self, EngineError> {
        let ring = Ring::new(context)?;
        let layers: Vec<String> = plan
            .layers()
            .iter()
            .map(|layer| layer.name.clone())
            .collect();
        let whole = layers.len() + 1 == 2 * layout.stages().len();
        let (_, period) = layout.responses();
        Ok(Self {
            tables: Tables::new(&ring, plan, layout, relin_keys, galois_keys)?,
            masks: whole
                .then(|| Masks::of_chunks(context, period))
                .transpose()?,
            stock: Stock::new(context, None)?,
            layers,
            ring,
        })
    }

    pub(super) const fn set_backend(&mut self, backend: Backend) {
        self.ring.backend = backend;
    }

    /// What [`Diagonals::evaluate`] adds to: the input's transforms, the layers, the response.
    pub(super) fn stats(&self) -> Vec<LayerStats> {
        let layers = self.layers.iter().map(String::as_str);
        LayerStats::named(std::iter::once("input").chain(layers).chain(["response"]))
    }

    /// Evaluates all layers.
    pub(super) fn evaluate(
        &self,
        inputs: &[Ciphertext],
        response_primes: usize,
        suffix: &str,
        stats: &mut [LayerStats],
        progress: &dyn Progress,
    ) -> Result<Vec<Ciphertext>, EngineError> {
        let name = format!("evaluate{suffix}");
        let stage = Stage::new(progress, &name, self.layers.len());
        let mut start = Instant::now();
        let mut clock = |stats: &mut LayerStats, ops: LayerOps| {
            let now = Instant::now();
            stats.seconds += (now - start).as_secs_f64();
            stats.ops += ops;
            start = now;
        };
        let transformed = self.transform(inputs)?;
        let rows = self.rows(inputs, transformed.as_deref());
        clock(&mut stats[0], LayerOps::default());
        let mut value = Value::Pairs(Vec::new());
        for index in 0..self.layers.len() {
            let mut ops = LayerOps::default();
            let keep = self.tables.points.get(index).map_or(1, |point| point.level);
            value = if index % 2 == 0 {
                self.linear(index / 2, value, &rows, keep, &mut ops)?
            } else {
                let is_last = index + 1 == self.tables.points.len();
                self.square(value, keep, is_last, &mut ops)?
            };
            stage.advance();
            clock(&mut stats[index + 1], ops);
        }
        let (response, ops) = self.respond(value, response_primes)?;
        if let Some(last) = stats.last_mut() {
            clock(last, ops);
        }
        Ok(response)
    }

    /// The inputs in NTT form, if they are not. They must all be fresh ciphertexts of this context.
    fn transform(&self, inputs: &[Ciphertext]) -> Result<Option<Vec<Residues>>, EngineError> {
        let (context, degree, primes) = (&self.ring.context, self.ring.degree, self.ring.data());
        let level = context.first_level().parms_id;
        let in_ntt_form = inputs.first().is_some_and(Ciphertext::is_ntt_form);
        let fits = |input: &Ciphertext| {
            input.size() == 2
                && input.parms_id() == level
                && input.is_ntt_form() == in_ntt_form
                && input.limbs().len() == 2 * primes * degree
        };
        if !inputs.iter().all(fits) {
            return Err(Error::ContextMismatch {
                operation: "fast evaluation",
                object: "ciphertext of the request",
            })
            .doing(|| "reading the request".to_owned());
        }
        if in_ntt_form {
            return Ok(None);
        }
        let transformed = inputs
            .par_iter()
            .map(|input| {
                let mut rows = self.ring.take(2 * primes);
                for (index, (row, limb)) in rows
                    .rows_mut()
                    .into_iter()
                    .zip(input.limbs().chunks(degree))
                    .enumerate()
                {
                    row.copy_from_slice(row_of(limb));
                    self.ring.forward(index % primes, row)?;
                }
                Ok(rows)
            })
            .collect::<Result<_, EngineError>>()?;
        Ok(Some(transformed))
    }

    /// For each input its rows: those of one polynomial, then those of the other.
    fn rows<'a>(
        &self,
        inputs: &'a [Ciphertext],
        transformed: Option<&'a [Residues]>,
    ) -> Vec<Vec<Row<'a>>> {
        let rows = 2 * self.ring.data();
        match transformed {
            Some(inputs) => inputs
                .iter()
                .map(|input| (0..rows).map(|row| input.row(row)).collect())
                .collect(),
            None => inputs
                .iter()
                .map(|input| input.limbs().chunks(self.ring.degree).map(row_of).collect())
                .collect(),
        }
    }

    fn linear(
        &self,
        stage: usize,
        value: Value,
        inputs: &[Vec<Row<'_>>],
        keep: usize,
        ops: &mut LayerOps,
    ) -> Result<Value, EngineError> {
        let prepared = self
            .tables
            .stages
            .get(stage)
            .ok_or(EngineError::EmptyPlan)?;
        match (prepared, value) {
            (Prepared::First(outputs), _) => outputs
                .iter()
                .map(|(products, bias)| self.first(products, bias, inputs, keep, ops))
                .collect::<Result<_, _>>()
                .map(Value::Pairs),
            (
                Prepared::Rotated {
                    pool,
                    babies,
                    giants,
                    folds,
                    bias,
                },
                Value::Pairs(pairs),
            ) => {
                let mut value = pairs.into_iter().next().ok_or(EngineError::EmptyPlan)?;
                let level = value[0].rows();
                for turns in pool {
                    value = self.fold(&value, turns, level, ops)?;
                }
                let before_folds = if folds.is_empty() { keep } else { level };
                let mut value = self.rotated(&value, babies, giants, before_folds, ops)?;
                for (index, turns) in folds.iter().enumerate() {
                    let keep = if index + 1 == folds.len() {
                        keep
                    } else {
                        level
                    };
                    value = self.fold(&value, turns, keep, ops)?;
                }
                ops.mod_switches += (level - keep) as u64;
                self.ring.add(&mut value[0], bias, false);
                ops.plain_additions += 1;
                Ok(Value::Pairs(vec![value]))
            }
            (Prepared::Last(responses), Value::Squared(value)) => {
                ops.plain_multiplications += responses.len() as u64;
                ops.plain_additions += responses.len() as u64;
                Ok(Value::Responses(
                    responses
                        .iter()
                        .map(|[weights, bias]| self.last(&value, weights, bias))
                        .collect(),
                ))
            }
            _ => Err(EngineError::EmptyPlan),
        }
    }

    /// One ciphertext before the first square.
    fn first(
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

    /// Two polynomials; what they hold is unspecified.
    fn pair(&self, rows: usize) -> Pair {
        [self.ring.take(rows), self.ring.take(rows)]
    }

    fn turn(&self, turn: Turn) -> Result<&Turned, EngineError> {
        self.tables.turns.get(&turn).ok_or(EngineError::EmptyPlan)
    }

    /// A ciphertext plus itself rotated, with `keep` primes left. Cost: a decomposition, and for each rotation the
    /// products with its key.
    fn fold(
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

    /// The sum over giant steps of the rotated sums over baby steps of plaintext * rotated value.
    fn rotated(
        &self,
        value: &Pair,
        babies: &[Turn],
        giants: &[(Turn, Weights)],
        keep: usize,
        ops: &mut LayerOps,
    ) -> Result<Pair, EngineError> {
        let ring = &self.ring;
        let level = value[0].rows();
        // With the special prime in, which is divided out once at the end.
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
        ring.divide_pair(total.ok_or(EngineError::EmptyPlan)?, true, keep)
    }

    /// For each giant step the sum of its products with rotated values, tile by tile: rotated values are not stored.
    fn inner_sums(
        &self,
        value: &Pair,
        babies: &[Turn],
        giants: &[(Turn, Weights)],
    ) -> Result<Vec<Pair>, EngineError> {
        let ring = &self.ring;
        let [first, second] = value;
        let level = first.rows();
        // What is not rotated is only multiplied by the special prime.
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

    fn square(
        &self,
        value: Value,
        keep: usize,
        is_last: bool,
        ops: &mut LayerOps,
    ) -> Result<Value, EngineError> {
        let Value::Pairs(pairs) = value else {
            return Err(EngineError::EmptyPlan);
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
        let key = self.tables.relin.as_ref().ok_or(EngineError::EmptyPlan)?;
        let [first, second, third] = squared;
        let digits = ring.decompose(&third)?;
        let switched = ring.switch(&digits, &[key], None, Some([&first, &second]));
        ops.relinearizations += 1;
        ops.mod_switches += (level - keep) as u64;
        Ok(Value::Pairs(vec![ring.divide_pair(switched, true, keep)?]))
    }

    /// One ciphertext of the response.
    fn last(&self, value: &[Residues; 3], weights: &Residues, bias: &Residues) -> [Residues; 3] {
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

    /// Ciphertexts of the results in coefficient form, with as few primes as the client needs, masked.
    fn respond(
        &self,
        value: Value,
        response_primes: usize,
    ) -> Result<(Vec<Ciphertext>, LayerOps), EngineError> {
        let response = match value {
            Value::Pairs(pairs) => self.ciphertexts(pairs),
            Value::Squared(squared) => self.ciphertexts(vec![squared]),
            Value::Responses(responses) => self.ciphertexts(responses),
        }?;
        let (mut response, mut ops) = self.stock.shrink(response, response_primes)?;
        if let Some(masks) = &self.masks {
            response
                .par_iter_mut()
                .try_for_each(|encrypted| self.stock.add_plain(encrypted, &masks.draw()?))?;
            ops.plain_additions += response.len() as u64;
        }
        Ok((response, ops))
    }

    fn ciphertexts<const SIZE: usize>(
        &self,
        values: Vec<[Residues; SIZE]>,
    ) -> Result<Vec<Ciphertext>, EngineError> {
        let ring = &self.ring;
        values
            .into_par_iter()
            .map(|mut polynomials| {
                let level = polynomials.first().map_or(0, Residues::rows);
                let mut limbs = Vec::with_capacity(SIZE * level * ring.degree);
                for polynomial in &mut polynomials {
                    polynomial
                        .rows_mut()
                        .into_par_iter()
                        .enumerate()
                        .try_for_each(|(prime, row)| ring.inverse(prime, row))?;
                    for row in 0..level {
                        limbs.extend_from_slice(polynomial.row(row).as_flattened());
                    }
                }
                let levels = ring.context.data_levels();
                let of_level = levels
                    .get(ring.data() - level)
                    .copied()
                    .ok_or(EngineError::EmptyPlan)?;
                Ciphertext::from_checked_limbs(&ring.context, of_level, SIZE, false, &limbs)
                    .doing(|| "building the response".to_owned())
            })
            .collect()
    }
}

/// Rows two by two.
fn pairs(rows: &mut Residues) -> impl Iterator<Item = [RowMut<'_>; 2]> {
    let mut rows = rows.rows_mut().into_iter();
    std::iter::from_fn(move || Some([rows.next()?, rows.next()?]))
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
