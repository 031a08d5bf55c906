//! Predictions of the time and operations of a plan with own kernels, layer by layer.

use super::backend::hoisted::transform_nanoseconds;
use super::backend::{fuse, reported, tile_width};
use super::contexts::Contexts;
use super::plan::Plan;
use crate::circuit::{OpCounts, levels};
use crate::kernels::{LANES, Rates};
use crate::params::{
    RESPOND_NANOSECONDS, Scheme, Work, WorkRates, diagonal_work, dropping_nanoseconds,
};

/// The forecast of a layer as own kernels compute it: squares are fused with the sums before and the pool
/// after them.
#[derive(Debug, Clone, PartialEq)]
pub struct LayerForecast {
    /// Name of the layer, as in [`super::LayerStats`].
    pub name: String,
    /// Number of output ciphertexts, for each plaintext modulus.
    pub ciphertexts: usize,
    /// Number of polynomials in each of them.
    pub polynomials: usize,
    /// Operations on ciphertexts for a batch, over all plaintext moduli.
    pub ops: OpCounts,
    /// Noise budget that is left after the layer at least, by the noise model, in bits.
    pub budget_bits: Option<f64>,
    /// Predicted time for a batch on one thread, over all plaintext moduli.
    pub seconds: f64,
    /// Part of that time in which no other thread helps.
    pub serial_seconds: f64,
    /// Number of equal parts of the rest that can be computed at the same time.
    pub parts: usize,
}

impl LayerForecast {
    /// Predicts the time for a batch on `threads` threads, if there is a processor for each. A thread computes one part
    /// after another, so more threads than parts do not help, nor do threads that are left without a part in the last
    /// round.
    pub fn seconds_on(&self, threads: usize) -> f64 {
        let parts = self.parts.max(1);
        let rounds = parts.div_ceil(threads.clamp(1, parts));
        let parallel = self.seconds - self.serial_seconds;
        self.serial_seconds + parallel * rounds as f64 / parts as f64
    }
}

impl Plan {
    /// Predicts the layers in the order of [`super::Evaluation::layers`], with `input` only where a prime of a shared
    /// upload is dropped, because other requests in NTT form need no transforms. Returns nothing for stock SEAL calls, which have no model of time.
    ///
    /// The time is that of each layer's vector operations (`docs/EVALUATION.md`, "Cost") at the measured rates, of
    /// reading the request, and of the response. In the diagonal layout, it is the time of [`diagonal_work`]. Transforms
    /// are timed during the call, in the plan's contexts.
    pub fn forecast(&self, contexts: &Contexts, rates: &Rates) -> Vec<LayerForecast> {
        let selection = self.parameters();
        match selection.scheme() {
            Scheme::Stock => return Vec::new(),
            Scheme::Diagonal | Scheme::FewUploads => {
                return self.forecast_diagonal(contexts, rates);
            }
            Scheme::Batched | Scheme::Crops => {}
        }
        let parts = selection.plain_moduli().len();
        let degree = selection.poly_modulus_degree();
        let primes = selection.layer_primes().len();
        let chunks = (degree / LANES * primes * parts) as f64;
        // Weights are reduced modulo t, which hardly matters here: the first modulus stands for all.
        let t = selection.plain_moduli().first().copied().unwrap_or(2);
        let layers = reported(&fuse(self), self.inputs(), t);
        // Tiles of one prime are computed at the same time; the primes and plaintext moduli one after the other.
        let tiles = degree / tile_width(2 * self.inputs()).min(degree).max(1);
        let mut reading = rates.stream * (2 * self.inputs()) as f64;
        let mut forecast: Vec<LayerForecast> = layers
            .into_iter()
            .map(|layer| {
                let nanoseconds = rates.nanoseconds(layer.work, layer.window_bytes);
                LayerForecast {
                    budget_bits: self.budget_bits(&layer.last),
                    ciphertexts: layer.values,
                    polynomials: layer.size,
                    ops: (0..parts).map(|_| layer.ops).sum(),
                    seconds: chunks * (nanoseconds + std::mem::take(&mut reading)) / 1e9,
                    serial_seconds: 0.0,
                    parts: tiles,
                    name: layer.name,
                }
            })
            .collect();
        if let Some(input) = self.forecast_dropping(contexts, rates) {
            forecast.insert(0, input);
        }
        if let Some(last) = forecast.last() {
            let polynomials = last.ciphertexts * last.polynomials;
            let rows = polynomials * primes * parts;
            let seconds = (rows * degree) as f64 * RESPOND_NANOSECONDS / 1e9;
            // Transforms of polynomials are computed at the same time; SEAL's own operations on ciphertexts are not.
            let transforms = rows as f64 * WorkRates::nominal(degree).transform / 1e9;
            forecast.push(LayerForecast {
                name: "response".to_owned(),
                ciphertexts: last.ciphertexts,
                polynomials: last.polynomials,
                ops: OpCounts {
                    mod_switches: (last.ciphertexts
                        * parts
                        * primes.saturating_sub(self.response_primes()))
                        as u64,
                    ..OpCounts::default()
                },
                budget_bits: self.budget_bits("response"),
                seconds,
                serial_seconds: (seconds - transforms).max(0.0),
                parts: polynomials,
            });
        }
        forecast
    }

    /// Predicts the drop of a prime of the request before the first layer, if there is one.
    fn forecast_dropping(&self, contexts: &Contexts, rates: &Rates) -> Option<LayerForecast> {
        let selection = self.parameters();
        let (primes, degree) = (
            selection.layer_primes().len(),
            selection.poly_modulus_degree(),
        );
        if primes + 1 == selection.coeff_modulus().len() {
            return None;
        }
        let parts = selection.plain_moduli().len();
        let nominal = WorkRates::nominal(degree);
        let context = contexts.contexts().first();
        let measured = context.and_then(|context| transform_nanoseconds(context).ok());
        let at = WorkRates {
            stream: rates.stream,
            transform: measured.unwrap_or(nominal.transform),
            ..nominal
        };
        let nanoseconds = dropping_nanoseconds(self.inputs(), primes, degree, &at);
        Some(LayerForecast {
            name: "input".to_owned(),
            ciphertexts: self.inputs(),
            polynomials: 2,
            ops: OpCounts {
                constant_multiplications: (self.inputs() * parts) as u64,
                mod_switches: (self.inputs() * parts) as u64,
                ..OpCounts::default()
            },
            budget_bits: self.budget_bits("fresh"),
            seconds: parts as f64 * nanoseconds / 1e9,
            serial_seconds: 0.0,
            parts: 2 * self.inputs(),
        })
    }

    /// Returns the predicted noise budget after a layer.
    fn budget_bits(&self, name: &str) -> Option<f64> {
        let mut noise = self.parameters().predicted_noise().iter();
        let layer = noise.find(|noise| noise.name == name)?;
        Some(layer.budget_bits)
    }

    fn forecast_diagonal(&self, contexts: &Contexts, rates: &Rates) -> Vec<LayerForecast> {
        let selection = self.parameters();
        let parts = selection.plain_moduli().len();
        let mut at = WorkRates {
            stream: rates.stream,
            operation: rates.near,
            ..WorkRates::nominal(selection.poly_modulus_degree())
        };
        let context = contexts.contexts().first();
        let measured = context.and_then(|context| transform_nanoseconds(context).ok());
        at.transform = measured.unwrap_or(at.transform);
        let circuit = self.circuit();
        let primes = selection.coeff_modulus().len().saturating_sub(1);
        let levels = levels(primes, selection.drops());
        let seconds = |work: &Work| parts as f64 * work.nanoseconds(&at) / 1e9;
        let work = diagonal_work(circuit, self.client_spec().slot_map(), &levels);
        let walk = circuit.walk(&levels).zip(circuit.counts(&levels));
        let layers = walk.zip(circuit.outputs()).zip(&work);
        let mut forecast: Vec<LayerForecast> = layers
            .map(|((((layer, steps), ops), ciphertexts), work)| {
                let first = steps.first();
                // Rows of residues, one for each prime, are computed at the same time; key switches have one more row
                // for the special prime.
                let extended = ops.relinearizations + ops.rotations > 0;
                LayerForecast {
                    seconds: seconds(work),
                    serial_seconds: 0.0,
                    parts: first.map_or(1, |step| step.level) + usize::from(extended),
                    name: layer.name().to_owned(),
                    ciphertexts,
                    polynomials: steps.last().map_or(2, |step| step.makes().1),
                    ops: (0..parts).map(|_| ops).sum(),
                    budget_bits: self.budget_bits(layer.name()),
                }
            })
            .collect();
        if let (Some(work), Some(level)) = (work.last(), levels.last()) {
            // SEAL drops primes of the response one ciphertext after the other.
            let serial = Work {
                nanoseconds: work.nanoseconds,
                ..Work::default()
            };
            forecast.push(LayerForecast {
                name: "response".to_owned(),
                ciphertexts: self.outputs(),
                polynomials: 3,
                ops: OpCounts::default(),
                budget_bits: self.budget_bits("response"),
                seconds: seconds(work),
                serial_seconds: seconds(&serial),
                parts: level * self.outputs(),
            });
        }
        forecast
    }
}

#[cfg(test)]
#[path = "forecast_tests.rs"]
mod tests;
