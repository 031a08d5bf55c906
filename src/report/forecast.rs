//! What a run in fast mode is predicted to take.

use serde::Serialize;

use crate::engine::Plan;
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
    /// Seconds for all batches on the threads of the run, if they share the work evenly.
    pub seconds: f64,
    /// The budget that is left after it at least, in bits.
    pub budget_bits: Option<f64>,
}

impl ForecastRecord {
    /// Of so many batches on so many threads. Measures this machine, which takes some milliseconds. Nothing in stock mode,
    /// whose time has no model.
    pub fn measure(plan: &Plan, batches: usize, threads: usize) -> Option<Self> {
        if plan.selection().mode() != Mode::Fast {
            return None;
        }
        let backend = Backend::detect();
        let rates = Rates::measure(backend);
        let factor = batches as f64 / threads.max(1) as f64;
        let layers = plan.forecast(&rates).into_iter();
        Some(Self {
            backend: backend.name().to_owned(),
            near_nanoseconds: rates.near,
            far_nanoseconds: rates.far,
            stream_nanoseconds: rates.stream,
            layers: layers
                .map(|layer| LayerForecastRecord {
                    name: layer.name,
                    ciphertexts: layer.ciphertexts,
                    polynomials: layer.polynomials,
                    additions: layer.ops.additions,
                    products: layer.ops.constant_multiplications + layer.ops.plain_multiplications,
                    squares: layer.ops.squares,
                    seconds: layer.seconds * factor,
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
