//! The arguments that name a scheme: whose kernels, and how images lie in ciphertexts.

use anyhow::bail;
use clap::ValueEnum;

use crate::params::Scheme;

/// Whose code computes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Kernels {
    /// This project's own, on SEAL's ciphertexts.
    Own,
    /// Stock calls of SEAL; on the server in the batched layout only.
    Seal,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum LayoutArgument {
    /// The fastest for the number of images, of those that memory holds.
    Auto,
    /// A ciphertext for each pixel position, an image in each slot.
    Batched,
    /// Few images: a slot for each logit and position of the last layer.
    Crops,
    /// One image at a time, with rotations: the least time to an answer.
    Diagonal,
}

/// Returns the scheme that was asked for; `None` leaves the choice among own kernels.
pub(super) fn scheme(kernels: Kernels, layout: LayoutArgument) -> anyhow::Result<Option<Scheme>> {
    Ok(match (kernels, layout) {
        (Kernels::Own, LayoutArgument::Auto) => None,
        (Kernels::Own, LayoutArgument::Batched) => Some(Scheme::Batched),
        (Kernels::Own, LayoutArgument::Crops) => Some(Scheme::Crops),
        (Kernels::Own, LayoutArgument::Diagonal) => Some(Scheme::Diagonal),
        (Kernels::Seal, LayoutArgument::Auto | LayoutArgument::Batched) => Some(Scheme::Stock),
        (Kernels::Seal, LayoutArgument::Crops | LayoutArgument::Diagonal) => bail!(
            "SEAL's kernels compute in the batched layout only: leave out --layout, or use --kernels own"
        ),
    })
}
