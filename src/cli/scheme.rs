//! The arguments by which parameters are chosen: among others whose kernels, and how images lie in ciphertexts.

use anyhow::bail;
use clap::ValueEnum;

use super::model::whole;
use crate::{
    experiment::Host,
    params::{BoundRule, Line, Scheme, SecurityStandard, SelectOptions},
};
use std::num::{NonZeroU64, NonZeroUsize};

const BITS_PER_MEGABIT: NonZeroU64 = NonZeroU64::new(1_000_000).unwrap();

/// The table that caps the coefficient modulus.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Security {
    /// 128 bits by the guidelines of 2024.
    #[value(name = "2024")]
    Guidelines2024,
    /// 128 bits by the HE-standard of 2018, which SEAL itself enforces.
    #[value(name = "2018")]
    Standard2018,
}

impl From<Security> for SecurityStandard {
    fn from(security: Security) -> Self {
        match security {
            Security::Guidelines2024 => Self::HeStandard2024,
            Security::Standard2018 => Self::HeStandard2018,
        }
    }
}

/// The kernels that compute.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Kernels {
    /// This project's own, on SEAL's ciphertexts.
    Own,
    /// Stock calls of SEAL; in the batched layout only.
    Seal,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum LayoutArgument {
    /// The least time to the classes over the line, of those that memory holds.
    Auto,
    /// A ciphertext for each pixel position, an image in each slot.
    Batched,
    /// Few images: a slot for each logit and position of the last layer.
    Crops,
    /// One image at a time, with rotations: the least time to an answer.
    Diagonal,
    /// The same with few ciphertexts for the image, often one: the least time to an answer over a line.
    FewUploads,
}

/// Arguments that decide the parameters.
#[derive(Debug, Clone, Copy, clap::Args)]
pub(super) struct ParameterArguments {
    /// The table that caps the coefficient modulus for 128 bits of security
    #[arg(long, value_enum, default_value = "2024")]
    security: Security,
    /// The kernels that compute on the server
    #[arg(long, value_enum, default_value = "own")]
    kernels: Kernels,
    /// Rate of the line between client and server, in Mbit/s in each direction, for which parameters are chosen
    #[arg(long, value_name = "MBITS", default_value = "100", value_parser = whole::<u64>(1..=1_000_000))]
    uplink: u64,
    /// Number of images for which a client's keys serve, for which parameters are chosen
    #[arg(long, value_name = "N", default_value = "100", value_parser = whole::<NonZeroUsize>(1..=usize::MAX))]
    images_per_key: NonZeroUsize,
}

impl ParameterArguments {
    /// Returns the line between client and server.
    pub(super) fn line(self) -> Line {
        Line {
            bits_per_second: BITS_PER_MEGABIT
                .saturating_mul(NonZeroU64::new(self.uplink).unwrap_or(NonZeroU64::MIN)),
            images_per_key: self.images_per_key,
        }
    }

    /// Returns the options for choosing parameters on this machine.
    pub(super) fn options(
        self,
        layout: LayoutArgument,
        bound: BoundRule,
        images: Option<usize>,
    ) -> anyhow::Result<SelectOptions> {
        Ok(SelectOptions {
            bound,
            standard: self.security.into(),
            scheme: scheme(self.kernels, layout)?,
            images,
            memory: Host::available_memory_bytes(),
            line: Some(self.line()),
            ..SelectOptions::default()
        })
    }
}

/// Returns the scheme that was asked for; `None` leaves the choice among own kernels.
fn scheme(kernels: Kernels, layout: LayoutArgument) -> anyhow::Result<Option<Scheme>> {
    Ok(match (kernels, layout) {
        (Kernels::Own, LayoutArgument::Auto) => None,
        (Kernels::Own, LayoutArgument::Batched) => Some(Scheme::Batched),
        (Kernels::Own, LayoutArgument::Crops) => Some(Scheme::Crops),
        (Kernels::Own, LayoutArgument::Diagonal) => Some(Scheme::Diagonal),
        (Kernels::Own, LayoutArgument::FewUploads) => Some(Scheme::FewUploads),
        (Kernels::Seal, LayoutArgument::Auto | LayoutArgument::Batched) => Some(Scheme::Stock),
        (
            Kernels::Seal,
            LayoutArgument::Crops | LayoutArgument::Diagonal | LayoutArgument::FewUploads,
        ) => bail!(
            "SEAL's kernels compute in the batched layout only: leave out --layout, or use --kernels own"
        ),
    })
}
