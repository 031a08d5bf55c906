//! Fused kernels on the residues of SEAL's ciphertexts: sums and squares, coefficient by coefficient, in NTT form.
//!
//! A BFV ciphertext times t is a BGV ciphertext of kappa * m with kappa = -Q mod t. In that form, squares are products
//! in NTT form without base conversion, and they square kappa. Nothing is relinearised, so squares leave more
//! polynomials. At the end, a division by t gives a BFV ciphertext again, of -kappa / Q * y, which the client corrects.
//!
//! The factors t and those of Montgomery's reduction are not multiplied out on the way; `scale` keeps account of them.
//! `docs/EVALUATION.md` derives each line.

use crate::engine::error::{Doing, EngineError};
mod layers;
mod plaintexts;
mod upload;

pub(in crate::engine) use layers::{fuse, reported};

use self::layers::{FusedLayer, Reported, compile};
use self::plaintexts::Plaintexts;
use self::upload::{Dropping, Scale};
use crate::circuit::OpCounts;
use crate::engine::backend::stock::Stock;
use crate::engine::backend::{Evaluate, fresh_in_ntt_form};
use crate::engine::correction::minus_q;
use crate::engine::masks::Masks;
use crate::engine::plan::Plan;
use crate::engine::stats::{LayerStats, Progress, StageProgress};
use crate::kernels::{Backend, Prime, Program, Scratch};
use crate::seal::{Ciphertext, Context};
use rayon::prelude::*;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

/// Bytes of the inputs that a thread reads before it computes, so that they stay in its second-level cache.
const TILE_BYTES: usize = 400 << 10;
/// Largest number of coefficients of an input that are read at once.
const TILE_MAX: usize = 256;
/// Smallest number of coefficients of an input that are read at once: inputs lie far apart, so each read of a single
/// one misses every cache.
const TILE_MIN: usize = 32;

/// Returns the number of coefficients of every input that a thread reads at once: a power of two.
pub(in crate::engine) fn tile_width(rows: usize) -> usize {
    let fits = TILE_BYTES / (8 * rows.max(1));
    (1 << fits.max(1).ilog2()).clamp(TILE_MIN, TILE_MAX)
}

/// The evaluator of one plaintext modulus.
#[derive(Debug)]
pub(super) struct Fused {
    context: Context,
    /// The context of the request: of this plain prime, or the first of those that share it.
    upload: Context,
    dropping: Option<Dropping>,
    stock: Stock,
    backend: Backend,
    layers: Vec<Reported>,
    /// For each data prime that is not dropped first, the compiled layers, and the factor that makes BFV ciphertexts of the results.
    programs: Vec<(Program, u64)>,
    /// In the crop layout, the masks that hide a logit's partial sums in decrypted slots.
    masks: Option<Masks>,
}

impl Evaluate for Fused {
    /// Returns the entries to which [`Fused::evaluate`] adds: the input's transforms, the layers, the response.
    fn stats(&self) -> Vec<LayerStats> {
        let layers = self.layers.iter().map(|layer| layer.name.as_str());
        LayerStats::named(std::iter::once("input").chain(layers).chain(["response"]))
    }

    /// Evaluates all layers. It holds one prime's residues of all inputs in memory, unless they come in NTT form.
    fn evaluate(
        &self,
        inputs: &[Ciphertext],
        response_primes: usize,
        suffix: &str,
        stats: &mut [LayerStats],
        progress: &dyn Progress,
    ) -> Result<Vec<Ciphertext>, EngineError> {
        let in_ntt_form = fresh_in_ntt_form(&self.upload, inputs)?;
        let degree = self.degree();
        let (outputs, size) = self
            .programs
            .first()
            .and_then(|(program, _)| program.shape())
            .ok_or(EngineError::Internal(
                "a program of kernels without a shape",
            ))?;
        let primes = self.programs.len();
        let tile = tile_width(2 * inputs.len()).min(degree);
        let name = format!("evaluate{suffix}");
        let stage = StageProgress::new(progress, &name, primes * (degree / tile));
        // Residues of the output ciphertexts: polynomial after polynomial, and in each, one prime after the other.
        let mut results = vec![0; outputs * size * primes * degree];
        let (mut transformed, mut remainders) = (Vec::new(), Vec::new());
        if let Some(dropping) = &self.dropping {
            let start = Instant::now();
            let rows: Vec<&[u64]> = self.rows(inputs, dropping.index()).collect();
            remainders.resize(rows.len() * degree, 0);
            dropping.remainders(&rows, in_ntt_form, &mut remainders)?;
            stats[0].seconds += start.elapsed().as_secs_f64();
        }
        for index in 0..primes {
            let start = Instant::now();
            let rows: Vec<&[u64]> = if let Some(dropping) = &self.dropping {
                let rows: Vec<&[u64]> = self.rows(inputs, index).collect();
                transformed.resize(rows.len() * degree, 0);
                let rows = (&*rows, in_ntt_form);
                dropping.rows(index, rows, &remainders, self.backend, &mut transformed)?;
                transformed.chunks(degree).collect()
            } else if in_ntt_form {
                self.rows(inputs, index).collect()
            } else {
                transformed.resize(inputs.len() * 2 * degree, 0);
                self.transform(inputs, index, &mut transformed)?;
                transformed.chunks(degree).collect()
            };
            stats[0].seconds += start.elapsed().as_secs_f64();

            let start = Instant::now();
            let (tiles, nanoseconds) = self.compute(&self.programs[index].0, &rows, tile, &stage);
            // The wall time is divided among the layers in proportion to the threads' times.
            let total = nanoseconds.iter().sum::<f64>().max(f64::EPSILON);
            let share = start.elapsed().as_secs_f64() / total;
            for (stats, spent) in stats[1..].iter_mut().zip(nanoseconds) {
                stats.seconds += spent * share;
            }

            let start = Instant::now();
            self.collect(index, &tiles, tile, &mut results)?;
            if let Some(last) = stats.last_mut() {
                last.seconds += start.elapsed().as_secs_f64();
            }
        }
        let start = Instant::now();
        let (response, ops) = self.respond(&results, size, response_primes)?;
        for (stats, layer) in stats[1..].iter_mut().zip(&self.layers) {
            stats.ops += layer.ops;
        }
        if let Some(last) = stats.last_mut() {
            last.ops += ops;
            last.seconds += start.elapsed().as_secs_f64();
        }
        Ok(response)
    }

    fn set_backend(&mut self, backend: Backend) {
        self.backend = backend;
    }
}

impl Fused {
    /// Prepares the plan under the plain prime of a context. The request is one of the context `upload`.
    pub(super) fn new(
        context: &Context,
        upload: &Context,
        plan: &Plan,
    ) -> Result<Self, EngineError> {
        let t = context.parameters().plain_modulus().value();
        let primes = plan.parameters().layer_primes();
        let scale = Scale::new(context, plan);
        let fused = fuse(plan);
        let slot_map = plan.client_spec().slot_map();
        let (plaintexts, masks) = match fused.last() {
            Some(FusedLayer::Products { layer, .. }) => (
                Some(Plaintexts::new(context, layer, slot_map)?),
                Some(Masks::new(context, slot_map)?),
            ),
            _ => (None, None),
        };
        let programs = (0..primes.len())
            .map(|index| {
                let (specs, factor) = compile(
                    context,
                    plan.inputs(),
                    &fused,
                    index,
                    (&scale, minus_q(primes, t)),
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
            upload: upload.clone(),
            dropping: Dropping::new(context, plan)?,
            stock: Stock::new(context, None)?,
            backend: Backend::detect(),
            layers: reported(&fused, plan.inputs(), t),
            programs,
            masks,
        })
    }

    fn degree(&self) -> usize {
        self.context.parameters().poly_modulus_degree()
    }

    /// Returns the residues of both polynomials of every input modulo the prime of this index.
    fn rows<'a>(&self, inputs: &'a [Ciphertext], index: usize) -> impl Iterator<Item = &'a [u64]> {
        let degree = self.degree();
        let primes = self.upload.first_level().coeff_modulus_size;
        inputs.iter().flat_map(move |input| {
            let rows = input.limbs().chunks(degree);
            rows.skip(index).step_by(primes)
        })
    }

    /// Transforms the rows of every input to NTT form.
    fn transform(
        &self,
        inputs: &[Ciphertext],
        index: usize,
        transformed: &mut [u64],
    ) -> Result<(), EngineError> {
        let rows: Vec<&[u64]> = self.rows(inputs, index).collect();
        transformed
            .par_chunks_mut(self.degree())
            .zip(rows)
            .try_for_each(|(transformed, row)| {
                transformed.copy_from_slice(row);
                self.context.ntt_forward(index, transformed)
            })
            .doing(|| "transforming the request".to_owned())
    }

    /// Runs a program on all tiles; also returns the nanoseconds that the threads spent in each layer.
    fn compute(
        &self,
        program: &Program,
        rows: &[&[u64]],
        tile: usize,
        stage: &StageProgress<'_>,
    ) -> (Vec<Vec<u64>>, Vec<f64>) {
        let (outputs, size) = program.shape().unwrap_or_default();
        let nanoseconds: Vec<AtomicU64> = self.layers.iter().map(|_| AtomicU64::new(0)).collect();
        let tiles = (0..self.degree() / tile)
            .into_par_iter()
            .map_init(Scratch::default, |scratch, number| {
                let mut output = vec![0; outputs * size * tile];
                self.backend
                    .run(program, rows, number * tile, scratch, &mut output);
                for (total, spent) in nanoseconds.iter().zip(&mut scratch.nanoseconds) {
                    total.fetch_add(std::mem::take(spent), Ordering::Relaxed);
                }
                stage.advance();
                output
            })
            .collect();
        let nanoseconds = nanoseconds
            .into_iter()
            .map(|total| total.into_inner() as f64)
            .collect();
        (tiles, nanoseconds)
    }

    /// Assembles the tiles of one prime as residues of BFV ciphertexts in coefficient form.
    fn collect(
        &self,
        index: usize,
        tiles: &[Vec<u64>],
        tile: usize,
        results: &mut [u64],
    ) -> Result<(), EngineError> {
        let (degree, primes) = (self.degree(), self.programs.len());
        let (program, factor) = &self.programs[index];
        results
            .par_chunks_mut(primes * degree)
            .enumerate()
            .try_for_each(|(polynomial, rows)| {
                let row = &mut rows[index * degree..(index + 1) * degree];
                for (row, words) in row.chunks_mut(tile).zip(tiles) {
                    row.copy_from_slice(&words[polynomial * tile..(polynomial + 1) * tile]);
                }
                program.prime().multiply_row(row, *factor);
                self.context.ntt_inverse(index, row)
            })
            .doing(|| "transforming the response".to_owned())
    }

    /// Makes the response's ciphertexts of the results, with as few primes as the client needs; in the crop layout,
    /// polynomial 0 is masked.
    fn respond(
        &self,
        results: &[u64],
        size: usize,
        response_primes: usize,
    ) -> Result<(Vec<Ciphertext>, OpCounts), EngineError> {
        let mut levels = self.context.data_levels().iter();
        let level = levels.find(|level| level.coeff_modulus_size == self.programs.len());
        let level = *level.ok_or(EngineError::Internal("no level of the layers' primes"))?;
        let response = results
            .chunks(size * self.programs.len() * self.degree())
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
        Ok((response, ops))
    }
}

#[cfg(test)]
mod tests;
