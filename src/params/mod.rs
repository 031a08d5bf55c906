//! Encryption parameters for a network: from its bounds to t, and from its circuit to N and q.
//!
//! Only the logits must fit the plaintext modulus: BFV computes in a ring, so values that wrap around on the way
//! cancel.

mod diagonal;
mod error;
mod explain;
mod fast;
mod fast_fit;
mod memory;
mod moments;
mod noise;
mod options;
mod paper;
mod plain;
mod rules;
mod scaled;
mod search;
mod security;
mod select;
mod selection;
mod stock_fit;

pub use diagonal::{Work, WorkRates, diagonal_work};
pub use error::ParamsError;
pub use fast_fit::RESPOND_NANOSECONDS;
pub use memory::{MemoryError, MemoryForecast};
pub use noise::LayerNoise;
pub use options::{BoundRule, LayoutKind, Mode, SelectOptions};
pub use paper::PaperParameters;
pub use security::SecurityStandard;
pub use select::select;
pub use selection::{Bound, Selection};

/// Returns log2 of the tails that the models assume, in deviations, for `values` values in ciphertexts of degree `n`:
/// the tail of a phase of degree `degree` in errors, and that of a rounding of `degree` + 1 polynomials.
#[cfg(test)]
pub(crate) fn tail_bits(degree: u32, n: usize, values: usize) -> [f64; 2] {
    use rules::{Powers, tail};
    [Powers::errors(degree), Powers::rounding(degree)]
        .map(|powers| tail(powers, n as f64, values as f64).log2())
}
