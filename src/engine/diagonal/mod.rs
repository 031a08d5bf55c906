//! The diagonal layout on the server: products with plaintexts, rotations from one decomposition, squares in BGV form.
//!
//! `docs/FAST.md` derives the steps and their noise.

mod prepare;
mod ring;
mod schedule;

pub(super) use schedule::correction;

use self::prepare::{Prepared, Tables};
use self::ring::{Key, Pair, Ring};
use super::error::{Doing, EngineError};
use super::packed::Masks;
use super::plan::Plan;
use super::stats::{LayerOps, LayerStats, Progress, Stage};
use super::stock::Stock;
use crate::bfv::{Ciphertext, Context, Error, GaloisKeys, RelinKeys};
use crate::kernels::{Backend, Permutation, Residues, Row, RowMut, row_of, to_montgomery};
use crate::layout::{Diagonal, Turn};
use rayon::prelude::*;
use std::time::Instant;

/// Vectors of a row that are computed at a time where many rows are read: 36 pairs of them stay in the second-level
/// cache.
const TILE: usize = 64;

/// The evaluator of one plaintext modulus.
#[derive(Debug)]
pub(super) struct Diagonals {
    ring: Ring,
    stock: Stock,
    tables: Tables,
    identity: Permutation,
    /// The names of the layers, of which a prefix of the plan has fewer.
    layers: Vec<String>,
    /// Before the last layer nothing is masked: those results are for measuring noise.
    masks: Option<Masks>,
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
            identity: Permutation::new(ring.degree, 1).ok_or(EngineError::EmptyPlan)?,
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
        products: &[(usize, Residues)],
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
                let terms: Vec<(Row<'_>, [Row<'_>; 2])> = products
                    .iter()
                    .filter_map(|(input, weights)| {
                        let input = inputs.get(*input)?;
                        Some((weights.row(row), [input[row], input[primes + row]]))
                    })
                    .collect();
                ring.backend.products(ring.prime(row), &terms, [a, b]);
            });
        let mut sum = ring.divide_pair(sum, false, keep)?;
        ring.add(&mut sum[0], bias, false);
        ops.plain_multiplications += products.len() as u64;
        ops.additions += products.len().saturating_sub(1) as u64;
        ops.plain_additions += 1;
        ops.mod_switches += (primes - keep) as u64;
        Ok(sum)
    }

    /// Two polynomials; what they hold is unspecified.
    fn pair(&self, rows: usize) -> Pair {
        [self.ring.take(rows), self.ring.take(rows)]
    }

    fn zeros(&self, rows: usize) -> Pair {
        let mut pair = self.pair(rows);
        for polynomial in &mut pair {
            polynomial.clear();
        }
        pair
    }

    fn turn(&self, turn: Turn) -> Result<&(Key, Permutation), EngineError> {
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
        let mut total: Option<Pair> = None;
        for &turn in turns {
            let (key, permutation) = self.turn(turn)?;
            let switched = self.ring.switch(&digits, key, permutation, Some(&value[0]));
            if let Some(total) = &mut total {
                for (total, switched) in total.iter_mut().zip(&switched) {
                    self.ring.add(total, switched, true);
                }
            } else {
                total = Some(switched);
            }
        }
        let mut total = total.ok_or(EngineError::EmptyPlan)?;
        for (total, value) in total.iter_mut().zip(value) {
            self.ring.add_special(total, value);
        }
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
        giants: &[(Turn, Vec<(usize, Residues)>)],
        keep: usize,
        ops: &mut LayerOps,
    ) -> Result<Pair, EngineError> {
        let ring = &self.ring;
        let level = value[0].rows();
        let digits = if babies.iter().any(|turn| *turn != Turn::NONE) {
            ring.decompose(&value[1])?
        } else {
            Vec::new()
        };
        // With the special prime in, which is divided out once at the end.
        let rotated: Vec<Pair> = babies
            .iter()
            .map(|&turn| {
                if turn == Turn::NONE {
                    let mut raised = self.zeros(level + 1);
                    for (raised, value) in raised.iter_mut().zip(value) {
                        ring.add_special(raised, value);
                    }
                    return Ok(raised);
                }
                let (key, permutation) = self.turn(turn)?;
                ops.rotations += 1;
                ops.rotation_key_switches += 1;
                Ok(ring.switch(&digits, key, permutation, Some(&value[0])))
            })
            .collect::<Result<_, EngineError>>()?;
        drop(digits);
        let mut total = self.zeros(level + 1);
        for (inner, (turn, products)) in self
            .inner_sums(&rotated, giants, level)
            .into_iter()
            .zip(giants)
        {
            ops.plain_multiplications += products.len() as u64;
            ops.additions += products.len() as u64;
            if *turn == Turn::NONE {
                for (total, inner) in total.iter_mut().zip(&inner) {
                    ring.add(total, inner, true);
                }
                continue;
            }
            let (key, permutation) = self.turn(*turn)?;
            let [first, second] = inner;
            let second = ring.divide(second, true, level)?;
            let digits = ring.decompose(&second)?;
            let switched = ring.switch(&digits, key, permutation, None);
            for (total, switched) in total.iter_mut().zip(&switched) {
                ring.add(total, switched, true);
            }
            ring.add_turned(&mut total[0], &first, permutation);
            ops.rotations += 1;
            ops.rotation_key_switches += 1;
        }
        ring.divide_pair(total, true, keep)
    }

    /// For each giant step the sum of its products, tile by tile: so that the baby steps stay in the cache.
    fn inner_sums(
        &self,
        rotated: &[Pair],
        giants: &[(Turn, Vec<(usize, Residues)>)],
        level: usize,
    ) -> Vec<Pair> {
        let ring = &self.ring;
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
                let prime = ring.extended_prime(level, row);
                let length = sums.first().map_or(0, |[a, _]| a.len());
                for start in (0..length).step_by(TILE) {
                    let end = length.min(start + TILE);
                    for ([a, b], (_, products)) in sums.iter_mut().zip(giants) {
                        let terms: Vec<(Row<'_>, [Row<'_>; 2])> = products
                            .iter()
                            .map(|(baby, weights)| {
                                let [x, y] = &rotated[*baby];
                                (
                                    &weights.row(row)[start..end],
                                    [&x.row(row)[start..end], &y.row(row)[start..end]],
                                )
                            })
                            .collect();
                        ring.backend.products(
                            prime,
                            &terms,
                            [&mut a[start..end], &mut b[start..end]],
                        );
                    }
                }
            });
        sums
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
        let mut switched = ring.switch(&digits, key, &self.identity, None);
        ring.add_special(&mut switched[0], &first);
        ring.add_special(&mut switched[1], &second);
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
                let terms = [(weights.row(row), value)];
                ring.backend.products(ring.prime(row), &terms, [a, b, c]);
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

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
