//! Encryption parameters for a network: from its bounds to t, from its circuit to N and q.
//!
//! Only the logits must fit the plaintext modulus: BFV computes in a ring, so what wraps around on the way cancels.

mod diagonal;
mod diagonal_work;
mod error;
mod fast;
mod fast_fit;
mod moments;
mod noise;
mod paper;
mod plain;
mod plaintexts;
mod security;
mod select;

pub use diagonal_work::{Work, WorkRates, diagonal_work};
pub use error::ParamsError;
pub use fast_fit::RESPOND_NANOSECONDS;
pub use noise::LayerNoise;
pub use paper::PaperParameters;
pub use security::SecurityStandard;
pub use select::{Bound, BoundRule, LayoutKind, Mode, SelectOptions, Selection, select};
