//! Encryption parameters for a network: from its bounds to t, from its circuit to N and q.
//!
//! Only the logits must fit the plaintext modulus: BFV computes in a ring, so what wraps around on the way cancels.

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
