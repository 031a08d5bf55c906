//! Why no parameters could be chosen.

use crate::network::Abbreviated;
use num_bigint::BigInt;
use thiserror::Error;

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
