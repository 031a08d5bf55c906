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
use self::upload::{PrimeDrop, RequestRows, UploadScale};
use crate::circuit::OpCounts;
use crate::engine::backend::stock::Stock;
use crate::engine::backend::{Evaluate, PrimeKeys};
use crate::engine::compact::CompactRequestPart;
use crate::engine::correction::minus_q;
use crate::engine::masks::Masks;
use crate::engine::plan::Plan;
use crate::engine::stats::{LayerStats, Progress, StageProgress};
use crate::kernels::{Backend, Prime, Program, Scratch};
use crate::seal::{Ciphertext, Context};
use rayon::prelude::*;
use std::sync::Arc;
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
    /// The contexts of the request: of this plain prime, or of those that share it.
    upload: Vec<Context>,
    /// Number of ciphertexts of the request.
    inputs: usize,
    dropping: Option<PrimeDrop>,
    stock: Stock,
    backend: Backend,
    layers: Vec<Reported>,
    /// For each data prime that is not dropped first, the compiled layers, and the factor that makes BFV ciphertexts of the results.
    programs: Vec<(Program, u64)>,
    /// In the crop layout, the masks that hide a logit's partial sums in decrypted slots.
    masks: Option<Masks>,
}

impl Evaluate for Arc<Fused> {
    /// Needs no keys.
    fn for_client(&self, _keys: PrimeKeys) -> Result<Box<dyn Evaluate>, EngineError> {
        Ok(Box::new(Self::clone(self)))
    }

    /// Returns the entries to which [`Fused::evaluate`] adds: the input's transforms, the layers, the response.
    fn stats(&self) -> Vec<LayerStats> {
        let layers = self.layers.iter().map(|layer| layer.name.as_str());
        LayerStats::named(std::iter::once("input").chain(layers).chain(["response"]))
    }

    fn evaluate(
        &self,
        inputs: &[Ciphertext],
        response_primes: usize,
        suffix: &str,
        stats: &mut [LayerStats],
        progress: &dyn Progress,
    ) -> Result<Vec<Ciphertext>, EngineError> {
        let source = RequestRows::whole(self.uploaded()?, inputs)?;
        self.evaluate_from(&source, response_primes, suffix, stats, progress)
    }

    fn evaluate_packed(
        &self,
        part: &CompactRequestPart,
        response_primes: usize,
        suffix: &str,
        stats: &mut [LayerStats],
        progress: &dyn Progress,
    ) -> Result<Vec<Ciphertext>, EngineError> {
        let source = RequestRows::packed(&self.upload, self.inputs, part)?;
        self.evaluate_from(&source, response_primes, suffix, stats, progress)
    }

    fn set_backend(&mut self, backend: Backend) {
        if let Some(fused) = Self::get_mut(self) {
            fused.backend = backend;
        }
    }
}

impl Fused {
    /// Evaluates all layers. It holds one prime's residues of all inputs in memory, unless they come whole in NTT form and
    /// no prime is dropped.
    fn evaluate_from(
        &self,
        source: &RequestRows<'_>,
        response_primes: usize,
        suffix: &str,
        stats: &mut [LayerStats],
        progress: &dyn Progress,
    ) -> Result<Vec<Ciphertext>, EngineError> {
        let (uploaded, in_ntt_form) = (self.uploaded()?, source.in_ntt_form());
        let count = 2 * self.inputs;
        let degree = self.degree();
        let (outputs, size) = self
            .programs
            .first()
            .and_then(|(program, _)| program.shape())
            .ok_or(EngineError::Internal(
                "a program of kernels without a shape",
            ))?;
        let primes = self.programs.len();
        let tile = tile_width(count).min(degree);
        let name = format!("evaluate{suffix}");
        let stage = StageProgress::new(progress, &name, primes * (degree / tile));
        // Residues of the output ciphertexts: polynomial after polynomial, and in each, one prime after the other.
        let mut results = vec![0; outputs * size * primes * degree];
        let (mut transformed, mut remainders) = (Vec::new(), Vec::new());
        if let Some(dropping) = &self.dropping {
            let start = Instant::now();
            remainders.resize(count * degree, 0);
            source.fill(uploaded, dropping.index(), &mut remainders)?;
            dropping.remainders(in_ntt_form, &mut remainders)?;
            stats[0].ops += OpCounts {
                constant_multiplications: self.inputs as u64,
                mod_switches: self.inputs as u64,
                ..OpCounts::default()
            };
            stats[0].seconds += start.elapsed().as_secs_f64();
        }
        for index in 0..primes {
            let start = Instant::now();
            let in_memory = source.rows(uploaded, index);
            let in_memory = in_memory.filter(|_| in_ntt_form && self.dropping.is_none());
            let rows: Vec<&[u64]> = if let Some(rows) = in_memory {
                rows
            } else {
                transformed.resize(count * degree, 0);
                source.fill(uploaded, index, &mut transformed)?;
                if let Some(dropping) = &self.dropping {
                    let backend = self.backend;
                    dropping.subtract(
                        index,
                        in_ntt_form,
                        &remainders,
                        backend,
                        &mut transformed,
                    )?;
                } else if !in_ntt_form {
                    self.transform(index, &mut transformed)?;
                }
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

    /// Returns the context under which the request was encrypted, but for its message.
    fn uploaded(&self) -> Result<&Context, EngineError> {
        self.upload.first().ok_or(EngineError::Contexts)
    }

    /// Prepares the plan under the plain prime of a context. The request was encrypted under the contexts `upload`:
    /// this one, or those that share it.
    pub(super) fn new(
        context: &Context,
        upload: &[Context],
        plan: &Plan,
    ) -> Result<Self, EngineError> {
        let t = context.parameters().plain_modulus().value();
        let primes = plan.parameters().layer_primes();
        let scale = UploadScale::new(context, plan);
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
            upload: upload.to_vec(),
            inputs: plan.inputs(),
            dropping: PrimeDrop::new(context, plan)?,
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

    /// Transforms the rows of every input to NTT form.
    fn transform(&self, index: usize, rows: &mut [u64]) -> Result<(), EngineError> {
        rows.par_chunks_mut(self.degree())
            .try_for_each(|row| self.context.ntt_forward(index, row))
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
        let level = self.context.level_of(self.programs.len());
        let level = level.ok_or(EngineError::Internal("no level of the layers' primes"))?;
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
