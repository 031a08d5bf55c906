//! Kernels on the residues of SEAL's ciphertexts: sums and squares coefficient by coefficient in NTT form.
//!
//! A BFV ciphertext times t is a BGV ciphertext of kappa * m with kappa = -Q mod t. In that form squares are products in
//! NTT form, without base conversion, and square kappa. Nothing is relinearised: squares leave more polynomials. At the
//! end a division by t gives a BFV ciphertext again, of -kappa / Q * y, which the client corrects. The factors t, and
//! those of Montgomery's reduction, are not multiplied out on the way but kept account of, as `scale`.
//! `docs/FAST.md` derives each line.

use super::error::{Doing, EngineError};
use super::packed::{Masks, Plaintexts};
use super::plan::{Plan, Step};
use super::stats::{LayerOps, LayerStats, Progress, Stage};
use super::stock::Stock;
use crate::bfv::{Ciphertext, Context, Error};
use crate::kernels::{Backend, LANES, LayerSpec, Prime, Program, Scratch, Sum};
use crate::layout::Layout;
use crate::network::WeightedSums;
use num_bigint::BigInt;
use rayon::prelude::*;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

/// Bytes of the inputs that a thread reads before it computes: they stay in its second-level cache.
const TILE_BYTES: usize = 400 << 10;
/// Coefficients of an input that are read at once, at most.
const TILE_MAX: usize = 256;

/// Coefficients of every input that a thread reads at once: a power of two, at least those of a vector.
fn tile_width(rows: usize) -> usize {
    let fits = TILE_BYTES / (8 * rows.max(1));
    (1 << fits.max(1).ilog2()).clamp(LANES, TILE_MAX)
}

/// What is reported of a layer.
#[derive(Debug)]
struct Reported {
    name: String,
    ops: LayerOps,
}

/// The evaluator of one plaintext modulus.
#[derive(Debug)]
pub(super) struct Fast {
    context: Context,
    stock: Stock,
    backend: Backend,
    layers: Vec<Reported>,
    /// For each data prime the compiled layers, and what results are multiplied by to be BFV ciphertexts.
    programs: Vec<(Program, u64)>,
    /// In the packed layout, what hides a logit's summands.
    masks: Option<Masks>,
}

/// A layer for the kernels: a square is joined with the sums before it.
enum Fused<'a> {
    Sums {
        name: String,
        /// `None` for the values as they are.
        sums: Option<&'a WeightedSums>,
        square: bool,
    },
    Positions {
        name: String,
        count: usize,
    },
}

/// The layers of a plan, each square joined with the sums before it.
fn fuse(plan: &Plan) -> Vec<Fused<'_>> {
    let mut fused: Vec<Fused<'_>> = Vec::new();
    for layer in plan.layers() {
        let name = layer.name.clone();
        match (&layer.step, fused.last_mut()) {
            (
                Step::Square { .. },
                Some(Fused::Sums {
                    name: before,
                    square: square @ false,
                    ..
                }),
            ) => {
                *square = true;
                *before = format!("{before} + {name}");
            }
            (Step::Square { .. }, _) => fused.push(Fused::Sums {
                name,
                sums: None,
                square: true,
            }),
            (Step::Sums(sums), _) => fused.push(Fused::Sums {
                name,
                sums: Some(sums),
                square: false,
            }),
            (Step::Positions { count }, _) => fused.push(Fused::Positions {
                name,
                count: *count,
            }),
        }
    }
    fused
}

/// -Q mod t for the product Q of the data primes.
fn minus_q(data_primes: &[u64], t: u64) -> u64 {
    let product = data_primes.iter().fold(1u128, |product, &prime| {
        product * u128::from(prime) % u128::from(t)
    });
    ((u128::from(t) - product) % u128::from(t)) as u64
}

pub(super) fn multiply(a: u64, b: u64, t: u64) -> u64 {
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
pub(super) fn centred(value: i128, t: u64) -> i64 {
    let t = i128::from(t);
    let residue = value.rem_euclid(t);
    (if 2 * residue > t {
        residue - t
    } else {
        residue
    }) as i64
}

pub(super) fn bias_residue(bias: &BigInt, t: u64) -> u64 {
    let t = BigInt::from(t);
    u64::try_from(((bias % &t) + &t) % &t).unwrap_or_default()
}

impl Fast {
    pub(super) fn new(context: &Context, plan: &Plan) -> Result<Self, EngineError> {
        let t = context.parameters().plain_modulus().value();
        let data = context.first_level().coeff_modulus_size;
        let primes = &context.primes()[..data];
        let fused = fuse(plan);
        let (plaintexts, masks) = match (plan.layout(), fused.last()) {
            (Layout::Packed(packed), Some(Fused::Positions { .. })) => (
                Some(Plaintexts::new(context, packed)?),
                Some(Masks::new(context, packed)?),
            ),
            _ => (None, None),
        };
        let programs = (0..data)
            .map(|index| {
                let (specs, factor) = compile(
                    context,
                    plan.inputs(),
                    &fused,
                    index,
                    minus_q(primes, t),
                    plaintexts.as_ref(),
                )?;
                let prime = primes[index];
                Prime::new(prime)
                    .and_then(|prime| Program::new(prime, plan.inputs(), 2, specs))
                    .map(|program| (program, factor))
                    .ok_or(EngineError::Kernel { prime })
            })
            .collect::<Result<_, _>>()?;
        Ok(Self {
            context: context.clone(),
            stock: Stock::new(context, None)?,
            backend: Backend::detect(),
            layers: reported(&fused, plan.inputs(), t),
            programs,
            masks,
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
        let tile = tile_width(2 * inputs.len()).min(degree);
        let stage = Stage::new(progress, &name, primes * (degree / tile));
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
        let (mut response, mut ops) = self.stock.shrink(response, response_primes)?;
        if let Some(masks) = &self.masks {
            for encrypted in &mut response {
                self.stock.add_plain(encrypted, &masks.draw()?)?;
                ops.plain_additions += 1;
            }
        }
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

/// The layers for one prime of the context, and what their results are multiplied by at the end.
fn compile(
    context: &Context,
    inputs: usize,
    layers: &[Fused<'_>],
    index: usize,
    minus_q: u64,
    plaintexts: Option<&Plaintexts>,
) -> Result<(Vec<LayerSpec>, u64), EngineError> {
    let t = context.parameters().plain_modulus().value();
    let value = context.primes()[index];
    let prime = Prime::new(value).ok_or(EngineError::Kernel { prime: value })?;
    let over_t = prime.invert(t % value);
    // The residues at hand are `scale` times those of the BGV ciphertext.
    let (mut scale, mut kappa) = (over_t, minus_q);
    let mut count = inputs;
    let mut specs = Vec::with_capacity(layers.len());
    for layer in layers {
        let Fused::Sums { sums, square, .. } = layer else {
            let plaintexts = plaintexts.ok_or(EngineError::EmptyPlan)?;
            specs.push(plaintexts.layer(context, index, &prime, kappa, scale)?);
            count = 1;
            continue;
        };
        let (sums, order): (Vec<Sum>, Vec<u32>) = if let Some(weighted) = sums {
            let sums = weighted.outputs().map(|(terms, bias)| {
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
            });
            (sums.collect(), by_window(weighted))
        } else {
            let identity = |input| Sum {
                terms: vec![(input, 1)],
                constant: 0,
            };
            let count = count as u32;
            ((0..count).map(identity).collect(), (0..count).collect())
        };
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
    Ok((specs, prime.multiply(prime.invert(scale), over_t)))
}

/// The outputs ordered so that those that read the same window of the input follow each other.
fn by_window(sums: &WeightedSums) -> Vec<u32> {
    let windows = sums.windows().max(1);
    let channels = sums.len() / windows;
    (0..windows)
        .flat_map(|window| (0..channels).map(move |channel| (channel * windows + window) as u32))
        .collect()
}

/// The names of the layers and what each executes.
fn reported(layers: &[Fused<'_>], inputs: usize, t: u64) -> Vec<Reported> {
    let mut values = inputs;
    layers
        .iter()
        .map(|layer| {
            let mut ops = LayerOps::default();
            let name = match layer {
                Fused::Positions { name, count } => {
                    ops.additions = count.saturating_sub(1) as u64;
                    ops.plain_multiplications = *count as u64;
                    ops.plain_additions = 1;
                    name
                }
                Fused::Sums { name, sums, square } => {
                    for (terms, bias) in sums.iter().flat_map(|sums| sums.outputs()) {
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
                    values = sums.map_or(values, WeightedSums::len);
                    if *square {
                        ops.squares = values as u64;
                    }
                    name
                }
            };
            Reported {
                name: name.clone(),
                ops,
            }
        })
        .collect()
}

#[cfg(test)]
#[path = "fast_tests.rs"]
mod tests;
