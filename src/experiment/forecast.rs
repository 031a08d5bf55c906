//! Predicts the time of a run with own kernels.

use serde::Serialize;
use std::num::NonZeroUsize;

use crate::engine::{Contexts, LayerForecast, Plan};
use crate::kernels::{Backend, Rates};

/// The predicted time of a run with own kernels on this machine.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ForecastRecord {
    /// Instruction set of the kernels: `ifma`, `avx2` or `portable`.
    pub backend: String,
    /// Measured nanoseconds of a vector operation on one thread, where the first-level cache holds a window.
    pub near_nanoseconds: f64,
    /// Measured nanoseconds of such an operation where the cache does not hold a window.
    pub far_nanoseconds: f64,
    /// Nanoseconds to read eight words from memory.
    pub stream_nanoseconds: f64,
    /// The layers.
    pub layers: Vec<LayerForecastRecord>,
}

/// The prediction for one layer.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LayerForecastRecord {
    /// The layer's name, as in [`super::RunRecord::layers`].
    pub name: String,
    /// Number of output ciphertexts, for each plaintext modulus.
    pub ciphertexts: usize,
    /// Number of polynomials in each of them.
    pub polynomials: usize,
    /// Ciphertext additions in one batch, over all plaintext moduli.
    pub additions: u64,
    /// Products with integers or plaintexts.
    pub products: u64,
    /// Squares.
    pub squares: u64,
    /// Seconds for all batches on the run's threads, as far as threads can help (see [`LayerForecast::seconds_on`]).
    pub seconds: f64,
    /// Smallest noise budget left after it, in bits.
    pub budget_bits: Option<f64>,
}

impl ForecastRecord {
    /// Predicts the time of `batches` batches on `threads` threads; threads for which this machine has no processor are
    /// not counted. Measures this machine, which takes some milliseconds. Returns `None` for stock SEAL calls, whose
    /// time has no model.
    pub fn measure(
        plan: &Plan,
        contexts: &Contexts,
        batches: usize,
        threads: usize,
    ) -> Option<Self> {
        if plan.parameters().scheme().is_stock() {
            return None;
        }
        let backend = Backend::detect();
        let rates = Rates::measure(backend);
        let processors = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
        let threads = threads.clamp(1, processors);
        let layers = plan.forecast(contexts, &rates).into_iter();
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

    /// Sums the seconds of all layers.
    pub fn seconds(&self) -> f64 {
        self.layers.iter().map(|layer| layer.seconds).sum()
    }
}
