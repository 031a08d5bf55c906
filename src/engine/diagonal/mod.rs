//! The diagonal layout on the server: products with plaintexts, hoisted rotations (all from one decomposition), and
//! squares in BGV form.
//!
//! `docs/EVALUATION.md` derives the steps and their noise.

mod prepare;
mod ring;
mod schedule;
mod steps;

pub(super) use schedule::correction;

use self::prepare::{Prepared, Tables};
use self::ring::{Pair, Ring};
use super::error::{Doing, EngineError};
use super::packed::Masks;
use super::plan::Plan;
use super::stats::{LayerOps, LayerStats, Progress, Stage};
use super::stock::Stock;
use crate::bfv::{Ciphertext, Context, Error, GaloisKeys, RelinKeys};
use crate::kernels::{Backend, Residues, Row, row_of};
use crate::layout::Diagonal;
use rayon::prelude::*;
use std::time::Instant;

/// The evaluator of one plaintext modulus.
#[derive(Debug)]
pub(super) struct Diagonals {
    ring: Ring,
    stock: Stock,
    tables: Tables,
    /// Names of the layers; a prefix of the plan has fewer.
    layers: Vec<String>,
    /// Masks that hide a logit's partial sums in decrypted slots. Results before the last layer are not masked: they
    /// serve to measure noise.
    masks: Option<Masks>,
}

/// Measures the nanoseconds of a transform under a context's parameters, on this machine.
pub(super) fn transform_nanoseconds(context: &Context) -> Result<f64, EngineError> {
    Ring::new(context)?.transform_nanoseconds()
}

/// A value between steps.
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

    /// Returns the entries to which [`Diagonals::evaluate`] adds: the input's transforms, the layers, the response.
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

    /// Returns the inputs in NTT form, unless they are in it already. They must all be fresh ciphertexts of this
    /// context.
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

    /// Returns the rows of each input: those of one polynomial, then those of the other.
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
            .ok_or(EngineError::Internal("a stage that is not prepared"))?;
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
                let mut value = pairs
                    .into_iter()
                    .next()
                    .ok_or(EngineError::Internal("a stage reads no ciphertext"))?;
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
            _ => Err(EngineError::Internal(
                "a stage reads a value of another kind",
            )),
        }
    }

    /// Makes the response's ciphertexts of the results: in coefficient form, with as few primes as the client needs,
    /// polynomial 0 masked.
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
                    .ok_or(EngineError::Internal("a level beyond the last prime"))?;
                Ciphertext::from_checked_limbs(&ring.context, of_level, SIZE, false, &limbs)
                    .doing(|| "building the response".to_owned())
            })
            .collect()
    }
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
