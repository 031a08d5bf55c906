//! What a run in fast mode is predicted to take.

use serde::Serialize;
use std::num::NonZeroUsize;

use crate::engine::{LayerForecast, Plan};
use crate::kernels::{Backend, Rates};
use crate::params::Mode;

/// What fast mode is predicted to take on this machine.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ForecastRecord {
    /// The instructions of the kernels: `ifma`, `avx2` or `portable`.
    pub backend: String,
    /// Nanoseconds of a vector operation on one thread as measured, where the first-level cache holds a window.
    pub near_nanoseconds: f64,
    /// And where it does not.
    pub far_nanoseconds: f64,
    /// Nanoseconds for eight words read from memory.
    pub stream_nanoseconds: f64,
    /// The layers.
    pub layers: Vec<LayerForecastRecord>,
}

/// What one layer is predicted to take.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LayerForecastRecord {
    /// The layer's name, as in [`super::RunRecord::layers`].
    pub name: String,
    /// How many ciphertexts come out, for each plaintext modulus.
    pub ciphertexts: usize,
    /// How many polynomials each of them has.
    pub polynomials: usize,
    /// Additions of ciphertexts, over all plaintext moduli, in one batch.
    pub additions: u64,
    /// Products with integers or plaintexts.
    pub products: u64,
    /// Squares.
    pub squares: u64,
    /// Seconds for all batches on the threads of the run, as far as these can help (see [`LayerForecast::seconds_on`]).
    pub seconds: f64,
    /// The budget that is left after it at least, in bits.
    pub budget_bits: Option<f64>,
}

impl ForecastRecord {
    /// Predicts so many batches on so many threads; those that this machine has no processor for are left out. Measures
    /// this machine, which takes some milliseconds. Nothing in stock mode, whose time has no model.
    pub fn measure(plan: &Plan, batches: usize, threads: usize) -> Option<Self> {
        if plan.selection().mode() != Mode::Fast {
            return None;
        }
        let backend = Backend::detect();
        let rates = Rates::measure(backend);
        let processors = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
        let threads = threads.clamp(1, processors);
        let layers = plan.forecast(&rates).into_iter();
        Some(Self {
            backend: backend.name().to_owned(),
            near_nanoseconds: rates.near,
            far_nanoseconds: rates.far,
            stream_nanoseconds: rates.stream,
            layers: layers
                .map(|layer: LayerForecast| LayerForecastRecord {
                    seconds: layer.seconds_on(threads) * batches as f64,
                    name: layer.name,
                    ciphertexts: layer.ciphertexts,
                    polynomials: layer.polynomials,
                    additions: layer.ops.additions,
                    products: layer.ops.constant_multiplications + layer.ops.plain_multiplications,
                    squares: layer.ops.squares,
                    budget_bits: layer.budget_bits,
                })
                .collect(),
        })
    }

    /// The seconds of all layers.
    pub fn seconds(&self) -> f64 {
        self.layers.iter().map(|layer| layer.seconds).sum()
    }
}
