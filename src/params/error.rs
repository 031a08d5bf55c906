//! Why no parameters could be chosen.

use crate::network::Abbreviated;
use num_bigint::BigInt;
use thiserror::Error;

use super::options::Mode;

/// Why no parameters could be chosen.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ParamsError {
    /// Nothing secure has room for the bound and the noise.
    #[error(
        "no parameters with {security} hold logits up to {} in magnitude ({rule} bound, {bits} bits) through \
         this network: {reason}; {advice}",
        Abbreviated(magnitude)
    )]
    NothingFits {
        /// The security demanded.
        security: String,
        /// The bound on the logits.
        magnitude: BigInt,
        /// `proven` or `observed`.
        rule: &'static str,
        /// Bits of a signed integer within the bound.
        bits: u64,
        /// How the server would compute.
        mode: Mode,
        /// What ran out at the largest degree.
        reason: String,
        /// What the user can do.
        advice: &'static str,
    },
    /// The layout cannot serve the network.
    #[error("the {layout} layout cannot serve this network: {reason}; use another layout")]
    Layout {
        /// The layout.
        layout: &'static str,
        /// Why not.
        reason: String,
    },
    /// Stock calls know one layout.
    #[error(
        "stock mode computes in the batched layout only, not in the {layout} one: use fast mode, or the batched layout"
    )]
    StockLayout {
        /// The layout that was asked for.
        layout: &'static str,
    },
    /// No layout is predicted to fit the memory.
    #[error(
        "the {layout} layout needs the least memory, about {} MB, and {} MB are available: use a machine with more \
         memory, or ask for this layout to try it all the same",
        needed.div_ceil(1_000_000),
        available / 1_000_000
    )]
    Memory {
        /// The layout.
        layout: &'static str,
        /// The bytes that it is predicted to need.
        needed: u64,
        /// The bytes that there are.
        available: u64,
    },
    /// The observed bound is below the magnitude of nothing at all.
    #[error(
        "the observed bound is {}: a magnitude cannot be negative; measure it on data with `observed_bounds`",
        Abbreviated(magnitude)
    )]
    NegativeBound {
        /// The bound given.
        magnitude: BigInt,
    },
    /// SEAL refused what was chosen.
    #[error("choosing encryption parameters")]
    Bfv(#[from] crate::bfv::Error),
}
