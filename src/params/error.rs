//! Errors in the choice of parameters.

use crate::network::Abbreviated;
use num_bigint::BigInt;
use thiserror::Error;

use super::options::Scheme;

/// Reasons why no parameters could be chosen.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ParamsError {
    /// No secure parameters have room for the bound and the noise.
    #[error(
        "no parameters with {security} hold logits up to {} in magnitude ({rule} bound, {bits} bits) through \
         this network: {reason}; {advice}",
        Abbreviated(magnitude)
    )]
    NothingFits {
        /// Required security.
        security: String,
        /// Bound on the logits.
        magnitude: BigInt,
        /// `proven` or `observed`.
        rule: &'static str,
        /// Width, in bits, of a signed integer within the bound.
        bits: u64,
        /// The scheme that was requested, if one was.
        scheme: Option<Scheme>,
        /// Resource that ran out at the largest degree.
        reason: String,
        /// Advice for the user.
        advice: &'static str,
    },
    /// The layout cannot serve the network.
    #[error("the {layout} layout cannot serve this network: {reason}; use another layout")]
    Layout {
        /// Name of the layout.
        layout: &'static str,
        /// Reason why it cannot.
        reason: String,
    },
    /// No layout is predicted to fit the memory.
    #[error(
        "the {layout} layout needs the least memory, about {} MB, and {} MB are available: use a machine with more \
         memory, or ask for this layout to try it all the same",
        needed.div_ceil(1_000_000),
        available / 1_000_000
    )]
    Memory {
        /// Layout that needs the least memory.
        layout: &'static str,
        /// Predicted memory, in bytes.
        needed: u64,
        /// Available memory, in bytes.
        available: u64,
    },
    /// The observed bound is negative.
    #[error(
        "the observed bound is {}: a magnitude cannot be negative; measure it on data with `observed_bounds`",
        Abbreviated(magnitude)
    )]
    NegativeBound {
        /// Bound that was given.
        magnitude: BigInt,
    },
    /// SEAL refused the chosen parameters.
    #[error("choosing encryption parameters")]
    Seal(#[from] crate::seal::Error),
}

impl ParamsError {
    /// The error for a network that a scheme's layout cannot serve.
    pub(super) fn layout(scheme: Scheme, reason: &dyn std::error::Error) -> Self {
        Self::Layout {
            layout: scheme.layout(),
            reason: reason.to_string(),
        }
    }
}
