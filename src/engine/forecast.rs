//! What a plan in fast mode is predicted to take, layer by layer.

use super::fused::{fuse, reported};
use super::plan::Plan;
use super::stats::LayerOps;
use crate::kernels::{LANES, Rates};
use crate::params::Mode;

/// Nanoseconds for eight words of the request: one thread reads about 8.5 GB/s (`docs/FAST.md`).
const READ_NANOSECONDS: f64 = 7.5;
/// Nanoseconds for a word of the results: put together, transformed, primes dropped.
const RESPOND_NANOSECONDS: f64 = 15.0;

/// A layer as the server computes it, in fast mode: squares joined with the sums before and the pool after them.
#[derive(Debug, Clone, PartialEq)]
pub struct LayerForecast {
    /// As in [`super::LayerStats`].
    pub name: String,
    /// How many ciphertexts come out, for each plaintext modulus.
    pub ciphertexts: usize,
    /// How many polynomials each of them has.
    pub polynomials: usize,
    /// Operations of a batch on ciphertexts, over all plaintext moduli.
    pub ops: LayerOps,
    /// The budget that the noise model leaves at least after it, in bits.
    pub budget_bits: Option<f64>,
    /// What a batch is predicted to take on one thread, over all plaintext moduli.
    pub seconds: f64,
}

impl Plan {
    /// The layers in the order of [`super::Evaluation::layers`], without `input`: requests in NTT form need no
    /// transforms. Nothing in stock mode, which has no model of time.
    ///
    /// The time is that of the vector operations of each layer (`docs/FAST.md`, "Cost") at the measured rates, of reading
    /// the request, and of the response.
    pub fn forecast(&self, rates: &Rates) -> Vec<LayerForecast> {
        let selection = self.selection();
        if selection.mode() != Mode::Fast {
            return Vec::new();
        }
        let channels = selection.plain_moduli().len();
        let degree = selection.poly_modulus_degree();
        let primes = selection.coeff_modulus().len().saturating_sub(1);
        let chunks = (degree / LANES * primes * channels) as f64;
        let budget = |name: &str| {
            let mut noise = selection.predicted_noise().iter();
            noise.find(|noise| noise.name == name)
        };
        // Weights are reduced modulo t, which hardly matters here: the first stands for all.
        let t = selection.plain_moduli().first().copied().unwrap_or(2);
        let layers = reported(&fuse(self), self.inputs(), t);
        let mut reading = READ_NANOSECONDS * (2 * self.inputs()) as f64;
        let mut forecast: Vec<LayerForecast> = layers
            .into_iter()
            .map(|layer| {
                let nanoseconds = rates.nanoseconds(layer.work, layer.window_bytes);
                LayerForecast {
                    budget_bits: budget(&layer.last).map(|noise| noise.budget_bits),
                    ciphertexts: layer.values,
                    polynomials: layer.size,
                    ops: (0..channels).map(|_| layer.ops).sum(),
                    seconds: chunks * (nanoseconds + std::mem::take(&mut reading)) / 1e9,
                    name: layer.name,
                }
            })
            .collect();
        if let Some(last) = forecast.last() {
            let words = last.ciphertexts * last.polynomials * primes * degree * channels;
            forecast.push(LayerForecast {
                name: "response".to_owned(),
                ciphertexts: last.ciphertexts,
                polynomials: last.polynomials,
                ops: LayerOps {
                    mod_switches: (last.ciphertexts
                        * channels
                        * primes.saturating_sub(self.response_primes()))
                        as u64,
                    ..LayerOps::default()
                },
                budget_bits: budget("response").map(|noise| noise.budget_bits),
                seconds: words as f64 * RESPOND_NANOSECONDS / 1e9,
            });
        }
        forecast
    }
}
