//! Kernels on the residues of SEAL's ciphertexts: sums and squares coefficient by coefficient in NTT form.
//!
//! A BFV ciphertext times t is a BGV ciphertext of kappa * m with kappa = -Q mod t. In that form squares are products in
//! NTT form, without base conversion, and square kappa. Nothing is relinearised: squares leave more polynomials. At the
//! end a division by t gives a BFV ciphertext again, of -kappa / Q * y, which the client corrects. The factors t, and
//! those of Montgomery's reduction, are not multiplied out on the way but kept account of, as `scale`.
//! `docs/FAST.md` derives each line.

use super::error::{Doing, EngineError};
use super::plan::{Plan, Step};
use super::stats::{LayerOps, LayerStats, Progress, Stage};
use super::stock::Stock;
use crate::bfv::{Ciphertext, Context, Error};
use crate::kernels::{Backend, LayerSpec, Prime, Program, Scratch, Sum};
use crate::network::WeightedSums;
use num_bigint::BigInt;
use rayon::prelude::*;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

/// Coefficients computed by a thread before it takes the next ones: so many of all inputs stay in the second-level cache.
const TILE: usize = 32;

/// A layer of sums with the square that follows it, if one does.
#[derive(Debug)]
struct Fused {
    name: String,
    ops: LayerOps,
}

/// The evaluator of one plaintext modulus.
#[derive(Debug)]
pub(super) struct Fast {
    context: Context,
    stock: Stock,
    backend: Backend,
    layers: Vec<Fused>,
    /// For each data prime the compiled layers, and what results are multiplied by to be BFV ciphertexts.
    programs: Vec<(Program, u64)>,
}

/// Sums and whether they are squared; `None` stands for the values as they are.
type Pending<'a> = (String, Option<&'a WeightedSums>);

/// The layers of a plan, each square joined with the sums before it.
fn fuse(plan: &Plan) -> Vec<(Pending<'_>, bool)> {
    let mut fused = Vec::new();
    let mut pending: Option<Pending<'_>> = None;
    for layer in plan.layers() {
        match &layer.step {
            Step::Sums(sums) => {
                fused.extend(pending.take().map(|before| (before, false)));
                pending = Some((layer.name.clone(), Some(sums)));
            }
            Step::Square { .. } => {
                let (name, sums) = match pending.take() {
                    Some((name, sums)) => (format!("{name} + {}", layer.name), sums),
                    None => (layer.name.clone(), None),
                };
                fused.push(((name, sums), true));
            }
        }
    }
    fused.extend(pending.map(|last| (last, false)));
    fused
}

/// -Q mod t for the product Q of the data primes.
fn minus_q(data_primes: &[u64], t: u64) -> u64 {
    let product = data_primes.iter().fold(1u128, |product, &prime| {
        product * u128::from(prime) % u128::from(t)
    });
    ((u128::from(t) - product) % u128::from(t)) as u64
}

fn multiply(a: u64, b: u64, t: u64) -> u64 {
    (u128::from(a) * u128::from(b) % u128::from(t)) as u64
}

/// What a client multiplies decrypted slots by: 1 / (-kappa / Q) mod t with kappa = (-Q)^(2^squares).
pub(super) fn correction(plan: &Plan, t: u64) -> u64 {
    let coeff_modulus = plan.selection().coeff_modulus();
    let data = &coeff_modulus[..coeff_modulus.len().saturating_sub(1)];
    let minus_q = minus_q(data, t);
    let mut kappa = minus_q;
    for layer in plan.layers() {
        if matches!(layer.step, Step::Square { .. }) {
            kappa = multiply(kappa, kappa, t);
        }
    }
    // Fermat: t is prime.
    let (mut inverse, mut base, mut exponent) = (1, kappa, t - 2);
    while exponent > 0 {
        if exponent & 1 == 1 {
            inverse = multiply(inverse, base, t);
        }
        base = multiply(base, base, t);
        exponent >>= 1;
    }
    multiply(minus_q, inverse, t)
}

/// The residue around 0.
fn centred(value: i128, t: u64) -> i64 {
    let t = i128::from(t);
    let residue = value.rem_euclid(t);
    (if 2 * residue > t {
        residue - t
    } else {
        residue
    }) as i64
}

fn bias_residue(bias: &BigInt, t: u64) -> u64 {
    let t = BigInt::from(t);
    u64::try_from(((bias % &t) + &t) % &t).unwrap_or_default()
}

impl Fast {
    pub(super) fn new(context: &Context, plan: &Plan) -> Result<Self, EngineError> {
        let t = context.parameters().plain_modulus().value();
        let data = context.first_level().coeff_modulus_size;
        let primes = &context.primes()[..data];
        let fused = fuse(plan);
        let programs = primes
            .iter()
            .map(|&prime| {
                compile(plan.inputs(), &fused, prime, minus_q(primes, t), t)
                    .ok_or(EngineError::Kernel { prime })
            })
            .collect::<Result<_, _>>()?;
        Ok(Self {
            context: context.clone(),
            stock: Stock::new(context, None)?,
            backend: Backend::detect(),
            layers: fused
                .into_iter()
                .zip(counts(plan, t))
                .map(|(((name, _), _), ops)| Fused { name, ops })
                .collect(),
            programs,
        })
    }

    /// What [`Fast::evaluate`] adds to: the input's transforms, the layers, the response.
    pub(super) fn stats(&self) -> Vec<LayerStats> {
        std::iter::once("input")
            .chain(self.layers.iter().map(|layer| layer.name.as_str()))
            .chain(["response"])
            .map(|name| LayerStats {
                name: name.to_owned(),
                seconds: 0.0,
                ops: LayerOps::default(),
            })
            .collect()
    }

    /// Evaluates all layers. Memory: one prime's residues of all inputs, unless they come in NTT form.
    pub(super) fn evaluate(
        &self,
        inputs: &[Ciphertext],
        response_primes: usize,
        suffix: &str,
        stats: &mut [LayerStats],
        progress: &dyn Progress,
    ) -> Result<Vec<Ciphertext>, EngineError> {
        let level = self.context.first_level();
        let degree = self.context.parameters().poly_modulus_degree();
        let in_ntt_form = inputs.first().is_some_and(Ciphertext::is_ntt_form);
        let fits = |input: &Ciphertext| {
            input.size() == 2
                && input.parms_id() == level.parms_id
                && input.is_ntt_form() == in_ntt_form
        };
        if !inputs.iter().all(fits) {
            return Err(Error::ContextMismatch {
                operation: "fast evaluation",
                object: "ciphertext of the request",
            })
            .doing(|| "reading the request".to_owned());
        }
        let (outputs, size) = self
            .programs
            .first()
            .and_then(|(program, _)| program.shape())
            .ok_or(EngineError::EmptyPlan)?;
        let primes = self.programs.len();
        let name = format!("evaluate{suffix}");
        let stage = Stage::new(progress, &name, primes * degree.div_ceil(TILE));
        let polynomials = outputs * size;
        // The output ciphertexts' residues: polynomial after polynomial, in each one prime after the other.
        let mut results = vec![0; polynomials * primes * degree];
        let mut transformed = Vec::new();
        for (index, (program, factor)) in self.programs.iter().enumerate() {
            let start = Instant::now();
            let limb = |input: &'_ Ciphertext, polynomial: usize| {
                let from = (polynomial * primes + index) * degree;
                from..from + degree.min(input.limbs().len())
            };
            if !in_ntt_form {
                transformed.resize(inputs.len() * 2 * degree, 0);
                transformed
                    .par_chunks_mut(2 * degree)
                    .zip(inputs)
                    .try_for_each(|(rows, input)| {
                        for (polynomial, row) in rows.chunks_mut(degree).enumerate() {
                            row.copy_from_slice(&input.limbs()[limb(input, polynomial)]);
                        }
                        self.context.ntt_forward(index, rows)
                    })
                    .doing(|| "transforming the request".to_owned())?;
            }
            let rows: Vec<&[u64]> = if in_ntt_form {
                inputs
                    .iter()
                    .flat_map(|input| [0, 1].map(|p| &input.limbs()[limb(input, p)]))
                    .collect()
            } else {
                transformed.chunks(degree).collect()
            };
            stats[0].seconds += start.elapsed().as_secs_f64();

            let start = Instant::now();
            let nanoseconds: Vec<AtomicU64> =
                self.layers.iter().map(|_| AtomicU64::new(0)).collect();
            let tile = TILE.min(degree);
            let tiles: Vec<Vec<u64>> = (0..degree / tile)
                .into_par_iter()
                .map_init(Scratch::default, |scratch, number| {
                    let mut output = vec![0; polynomials * tile];
                    self.backend
                        .run(program, &rows, number * tile, scratch, &mut output);
                    for (total, spent) in nanoseconds.iter().zip(&mut scratch.nanoseconds) {
                        total.fetch_add(std::mem::take(spent), Ordering::Relaxed);
                    }
                    stage.advance();
                    output
                })
                .collect();
            let nanoseconds: Vec<f64> = nanoseconds
                .into_iter()
                .map(|total| total.into_inner() as f64)
                .collect();
            // The wall time is shared out by the threads' times.
            let share =
                start.elapsed().as_secs_f64() / nanoseconds.iter().sum::<f64>().max(f64::EPSILON);
            for (stats, spent) in stats[1..].iter_mut().zip(nanoseconds) {
                stats.seconds += spent * share;
            }

            let start = Instant::now();
            results
                .par_chunks_mut(primes * degree)
                .enumerate()
                .try_for_each(|(polynomial, rows)| {
                    let row = &mut rows[index * degree..(index + 1) * degree];
                    for (row, words) in row.chunks_mut(tile).zip(&tiles) {
                        row.copy_from_slice(&words[polynomial * tile..(polynomial + 1) * tile]);
                    }
                    program.prime().multiply_row(row, *factor);
                    self.context.ntt_inverse(index, row)
                })
                .doing(|| "transforming the response".to_owned())?;
            if let Some(last) = stats.last_mut() {
                last.seconds += start.elapsed().as_secs_f64();
            }
        }
        let start = Instant::now();
        let response = results
            .chunks(size * primes * degree)
            .map(|limbs| {
                Ciphertext::from_checked_limbs(&self.context, level, size, false, limbs)
                    .doing(|| "building the response".to_owned())
            })
            .collect::<Result<_, _>>()?;
        let (response, ops) = self.stock.shrink(response, response_primes)?;
        for (stats, layer) in stats[1..].iter_mut().zip(&self.layers) {
            stats.ops += layer.ops;
        }
        if let Some(last) = stats.last_mut() {
            last.ops += ops;
            last.seconds += start.elapsed().as_secs_f64();
        }
        Ok(response)
    }
}

/// The layers for one prime, and what their results are multiplied by at the end.
fn compile(
    inputs: usize,
    layers: &[(Pending<'_>, bool)],
    prime: u64,
    minus_q: u64,
    t: u64,
) -> Option<(Program, u64)> {
    let prime = Prime::new(prime)?;
    let over_t = prime.invert(t % prime.value());
    // The residues at hand are `scale` times those of the BGV ciphertext.
    let (mut scale, mut kappa) = (over_t, minus_q);
    let mut count = inputs;
    let mut specs = Vec::with_capacity(layers.len());
    for ((_, sums), square) in layers {
        let (sums, order) = match sums {
            Some(weighted) => {
                let sums = weighted
                    .outputs()
                    .map(|(terms, bias)| {
                        let bias = multiply(kappa, bias_residue(bias, t), t);
                        let bias = prime.residue(i128::from(centred(i128::from(bias), t)));
                        Sum {
                            terms: terms
                                .iter()
                                .map(|term| (term.input, centred(i128::from(term.weight), t)))
                                .filter(|(_, weight)| *weight != 0)
                                .collect(),
                            constant: prime.multiply(scale, bias),
                        }
                    })
                    .collect();
                (sums, by_window(weighted))
            }
            None => {
                let identity = |input| Sum {
                    terms: vec![(input, 1)],
                    constant: 0,
                };
                let count = count as u32;
                ((0..count).map(identity).collect(), (0..count).collect())
            }
        };
        let sums: Vec<Sum> = sums;
        count = sums.len();
        specs.push(LayerSpec::Sums {
            sums,
            order,
            square: *square,
        });
        if *square {
            let squared = prime.multiply(scale, scale);
            scale = prime.multiply(squared, prime.invert(prime.radix()));
            kappa = multiply(kappa, kappa, t);
        }
    }
    let factor = prime.multiply(prime.invert(scale), over_t);
    Program::new(prime, inputs, 2, specs).map(|program| (program, factor))
}

/// The outputs ordered so that those that read the same window of the input follow each other.
fn by_window(sums: &WeightedSums) -> Vec<u32> {
    let windows = sums.windows().max(1);
    let channels = sums.len() / windows;
    (0..windows)
        .flat_map(|window| (0..channels).map(move |channel| (channel * windows + window) as u32))
        .collect()
}

/// What each fused layer executes.
fn counts(plan: &Plan, t: u64) -> Vec<LayerOps> {
    fuse(plan)
        .into_iter()
        .map(|((_, sums), square)| {
            let mut ops = LayerOps::default();
            let mut outputs = plan.inputs();
            if let Some(sums) = sums {
                outputs = sums.len();
                for (terms, bias) in sums.outputs() {
                    let weights: Vec<i64> = terms
                        .iter()
                        .map(|term| centred(i128::from(term.weight), t))
                        .filter(|&weight| weight != 0)
                        .collect();
                    ops.additions += weights.len().saturating_sub(1) as u64;
                    ops.constant_multiplications +=
                        weights.iter().filter(|weight| weight.abs() != 1).count() as u64;
                    ops.plain_additions += u64::from(bias_residue(bias, t) != 0);
                }
            }
            if square {
                ops.squares = outputs as u64;
            }
            ops
        })
        .collect()
}

#[cfg(test)]
#[path = "fast_tests.rs"]
mod tests;
