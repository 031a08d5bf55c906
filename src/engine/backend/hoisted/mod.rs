//! The diagonal layout on the server: products with plaintexts, hoisted rotations (all from one decomposition), and
//! squares in BGV form.
//!
//! `docs/EVALUATION.md` derives the steps and their noise.

mod pads;
mod prepare;
mod ring;
mod steps;

pub(super) use self::prepare::KeyTables;
use self::prepare::{Prepared, Tables};
use self::ring::{Pair, Ring};
use crate::circuit::{Circuit, CircuitLayer, Op, OpCounts, Step, levels};
use crate::engine::backend::stock::Stock;
use crate::engine::backend::{Evaluate, PrimeKeys, fresh_in_ntt_form};
use crate::engine::error::{Doing, EngineError};
use crate::engine::masks::Masks;
use crate::engine::plan::Plan;
use crate::engine::stats::{LayerStats, Progress, StageProgress};
use crate::kernels::{Backend, Residues, Row, row_of};
use crate::network::SparseMatrix;
use crate::seal::{Ciphertext, Context, Level};
use rayon::prelude::*;
use std::ops::Deref;
use std::sync::{Arc, OnceLock};
use std::time::Instant;

/// The evaluator of one plaintext modulus, for one client.
#[derive(Debug)]
pub(super) struct Hoisted {
    weights: Arc<PreparedWeights>,
    keys: Arc<KeyTables>,
}

/// The part of an evaluator that serves all clients.
#[derive(Debug)]
pub(super) struct PreparedWeights {
    ring: Ring,
    /// Context under which a request is encrypted: that of this plain prime, or of the first that share an upload.
    upload: Context,
    stock: Stock,
    tables: Tables,
    circuit: Arc<Circuit>,
    /// Numbers of data primes, see [`Circuit::walk`].
    levels: Vec<usize>,
    /// Masks that hide a logit's partial sums in decrypted slots. Results before the last layer are not masked: they
    /// serve to measure noise.
    masks: Option<Masks>,
    /// The factors of T / t, for the product T of all plain primes: see [`Op::FromShared`].
    others: Vec<u64>,
    /// The first layer's matrix modulo t for masked images, made with the first pad.
    first_layer: OnceLock<SparseMatrix>,
}

impl Deref for Hoisted {
    type Target = PreparedWeights;

    fn deref(&self) -> &PreparedWeights {
        &self.weights
    }
}

/// Measures the nanoseconds of a transform under a context's parameters, on this machine.
pub(in crate::engine) fn transform_nanoseconds(context: &Context) -> Result<f64, EngineError> {
    Ring::new(context)?.transform_nanoseconds()
}

/// The ciphertexts between operations: of two polynomials, or of three.
enum Value<'a> {
    Request(&'a [Vec<Row<'a>>]),
    Pairs(Vec<Pair>),
    Triples(Vec<[Residues; 3]>),
}

/// The time of a layer is what has passed since the last one.
struct Clock(Instant);

impl Clock {
    fn start() -> Self {
        Self(Instant::now())
    }

    fn lap(&mut self, stats: &mut LayerStats, ops: OpCounts) {
        let now = Instant::now();
        stats.seconds += (now - self.0).as_secs_f64();
        stats.ops += ops;
        self.0 = now;
    }
}

/// Returns the factors of T / t: the plain primes but this one.
fn others(plain_moduli: &[u64], of: u64) -> Vec<u64> {
    let others = plain_moduli.iter().copied();
    others.filter(|&other| other != of).collect()
}

/// Returns the rows of a ciphertext: those of one polynomial, then those of the other.
fn rows_of(pair: &Pair) -> Vec<Row<'_>> {
    let mut all = Vec::with_capacity(2 * pair[0].rows());
    for polynomial in pair {
        all.extend((0..polynomial.rows()).map(|row| polynomial.row(row)));
    }
    all
}

/// Reports that an operation reads ciphertexts of another kind than the one before it makes.
fn misplaced() -> EngineError {
    EngineError::Internal("an operation reads ciphertexts of another kind")
}

impl Evaluate for Hoisted {
    fn for_client(&self, keys: PrimeKeys) -> Result<Box<dyn Evaluate>, EngineError> {
        Ok(Box::new(Self {
            weights: Arc::clone(&self.weights),
            keys: keys
                .tables
                .ok_or(EngineError::Internal("no tables of keys"))?,
        }))
    }

    /// Returns the entries to which [`Hoisted::evaluate`] adds: the input's transforms, the layers, the response.
    fn stats(&self) -> Vec<LayerStats> {
        let layers = self.circuit.layers().iter().map(CircuitLayer::name);
        LayerStats::named(std::iter::once("input").chain(layers).chain(["response"]))
    }

    /// Evaluates all layers.
    fn evaluate(
        &self,
        inputs: &[Ciphertext],
        response_primes: usize,
        suffix: &str,
        stats: &mut [LayerStats],
        progress: &dyn Progress,
    ) -> Result<Vec<Ciphertext>, EngineError> {
        let mut clock = Clock::start();
        let transformed = self.transform(inputs)?;
        let rows = self.rows(inputs, transformed.as_deref());
        clock.lap(&mut stats[0], OpCounts::default());
        let value = Value::Request(&rows);
        let stage = self.stage(suffix, progress);
        self.evaluate_from(0, value, response_primes, (clock, stats), &stage)
    }

    fn prepare_pad(&self, inputs: &[Ciphertext]) -> Result<Vec<Ciphertext>, EngineError> {
        self.before_the_pad_point(inputs)
    }

    fn evaluate_masked(
        &self,
        prepared: &[Ciphertext],
        masked: &[u64],
        response_primes: usize,
        suffix: &str,
        stats: &mut [LayerStats],
        progress: &dyn Progress,
    ) -> Result<Vec<Ciphertext>, EngineError> {
        let mut clock = Clock::start();
        let value = self.at_the_pad_point(prepared, masked)?;
        clock.lap(&mut stats[0], OpCounts::default());
        let stage = self.stage(suffix, progress);
        stage.advance();
        self.evaluate_from(1, value, response_primes, (clock, stats), &stage)
    }

    fn set_backend(&mut self, backend: Backend) {
        if let Some(weights) = Arc::get_mut(&mut self.weights) {
            weights.ring.backend = backend;
        }
    }
}

impl Hoisted {
    /// Prepares the evaluator of a plain prime's context, for requests under the context `upload`.
    pub(super) fn new(
        context: &Context,
        upload: &Context,
        plan: &Plan,
        keys: Arc<KeyTables>,
    ) -> Result<Self, EngineError> {
        let ring = Ring::new(context)?;
        let weights = PreparedWeights {
            tables: Tables::new(&ring, plan)?,
            masks: (!plan.is_prefix())
                .then(|| Masks::new(context, plan.client_spec().slot_map()))
                .transpose()?,
            stock: Stock::new(context, None)?,
            circuit: plan.shared_circuit(),
            levels: levels(ring.data(), plan.parameters().drops()),
            others: others(plan.client_spec().plain_moduli(), ring.plain_modulus),
            first_layer: OnceLock::new(),
            upload: upload.clone(),
            ring,
        };
        Ok(Self {
            weights: Arc::new(weights),
            keys,
        })
    }

    fn level(&self, primes: usize) -> Result<Level, EngineError> {
        let level = self.ring.context.level_of(primes);
        level.ok_or(EngineError::Internal("a level beyond the last prime"))
    }

    fn stage<'a>(&self, suffix: &str, progress: &'a dyn Progress) -> StageProgress<'a> {
        let name = format!("evaluate{suffix}");
        StageProgress::new(progress, &name, self.circuit.layers().len())
    }

    /// Evaluates all layers but the first few, and makes the response.
    fn evaluate_from(
        &self,
        first: usize,
        mut value: Value<'_>,
        response_primes: usize,
        (mut clock, stats): (Clock, &mut [LayerStats]),
        stage: &StageProgress<'_>,
    ) -> Result<Vec<Ciphertext>, EngineError> {
        let counts = self.circuit.counts(&self.levels);
        let walk = self.circuit.walk(&self.levels).zip(counts);
        let layers = walk.zip(&self.tables.layers).zip(&mut stats[1..]);
        for ((((_, steps), ops), prepared), stats) in layers.skip(first) {
            for (step, prepared) in steps.iter().zip(prepared) {
                value = self.execute(step, prepared, value)?;
            }
            stage.advance();
            clock.lap(stats, ops);
        }
        let (response, ops) = self.respond(value, response_primes)?;
        if let Some(last) = stats.last_mut() {
            clock.lap(last, ops);
        }
        Ok(response)
    }

    /// Returns the inputs in NTT form, unless they are in it already.
    fn transform(&self, inputs: &[Ciphertext]) -> Result<Option<Vec<Residues>>, EngineError> {
        let (degree, primes) = (self.ring.degree, self.ring.data());
        if fresh_in_ntt_form(&self.upload, inputs)? {
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

    /// Executes an operation. An [`Op::ModSwitch`] is part of the division at the end of the operation before it.
    fn execute<'a>(
        &self,
        step: &Step<'_>,
        prepared: &Prepared,
        value: Value<'a>,
    ) -> Result<Value<'a>, EngineError> {
        let value = match (step.op, value) {
            (Op::LinearTransform { .. }, Value::Request(inputs)) => {
                Value::Pairs(inputs.iter().map(|rows| self.ring.pair(rows)).collect())
            }
            (_, value) => value,
        };
        Ok(match (step.op, prepared, value) {
            (Op::FromShared, _, Value::Request(inputs)) => {
                let made = inputs.iter();
                let made = made.map(|rows| self.of_shared(rows, step.keep));
                Value::Pairs(made.collect::<Result<_, _>>()?)
            }
            (Op::PlainProducts(_), Prepared::Products(sums), Value::Request(inputs)) => {
                Value::Pairs(self.plain_products(sums, inputs, step.keep)?)
            }
            (Op::PlainProducts(_), Prepared::Products(sums), Value::Pairs(pairs)) => {
                let inputs: Vec<Vec<Row<'_>>> = pairs.iter().map(rows_of).collect();
                Value::Pairs(self.plain_products(sums, &inputs, step.keep)?)
            }
            (Op::PlainProducts(_), Prepared::Products(sums), Value::Triples(values)) => {
                let sums = sums.iter();
                Value::Triples(
                    sums.map(|products| self.of_triples(products, &values))
                        .collect(),
                )
            }
            (
                Op::LinearTransform { babies, giants },
                Prepared::Products(sums),
                Value::Pairs(pairs),
            ) => {
                let pairs = pairs.iter();
                let made = pairs
                    .map(|value| self.linear_transform(value, babies, giants, sums, step.keep));
                Value::Pairs(made.collect::<Result<_, _>>()?)
            }
            (Op::RotateAndSum(rotations), _, Value::Pairs(pairs)) => {
                let pairs = pairs.iter();
                let made = pairs.map(|value| self.rotate_and_sum(value, rotations, step.keep));
                Value::Pairs(made.collect::<Result<_, _>>()?)
            }
            (Op::AddPlain(_), Prepared::Biases(biases), Value::Pairs(mut pairs)) => {
                for (value, bias) in pairs.iter_mut().zip(biases) {
                    self.ring.add(&mut value[0], bias, false);
                }
                Value::Pairs(pairs)
            }
            (Op::AddPlain(_), Prepared::Biases(biases), Value::Triples(mut triples)) => {
                for (value, bias) in triples.iter_mut().zip(biases) {
                    self.ring.add(&mut value[0], bias, false);
                }
                Value::Triples(triples)
            }
            (Op::SumOfSquares, _, Value::Pairs(pairs)) => {
                Value::Triples(vec![self.sum_of_squares(&pairs)])
            }
            (Op::Relinearize, _, Value::Triples(triples)) => {
                let relinearized = triples.into_iter();
                let relinearized = relinearized.map(|value| self.relinearize(value, step.keep));
                Value::Pairs(relinearized.collect::<Result<_, _>>()?)
            }
            (Op::ModSwitch, _, value) => value,
            _ => return Err(misplaced()),
        })
    }

    /// Makes the response's ciphertexts of the results: in coefficient form, with as few primes as the client needs,
    /// polynomial 0 masked.
    fn respond(
        &self,
        value: Value<'_>,
        response_primes: usize,
    ) -> Result<(Vec<Ciphertext>, OpCounts), EngineError> {
        let response = match value {
            Value::Request(_) => return Err(misplaced()),
            Value::Pairs(pairs) => self.ciphertexts(pairs),
            Value::Triples(triples) => self.ciphertexts(triples),
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
                let level = self.level(level)?;
                Ciphertext::from_checked_limbs(&ring.context, level, SIZE, false, &limbs)
                    .doing(|| "building the response".to_owned())
            })
            .collect()
    }
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
