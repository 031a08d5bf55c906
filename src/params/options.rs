//! Options for the choice of parameters.

use num_bigint::BigInt;
use serde::{Deserialize, Serialize};
use std::fmt;

use super::line::Line;
use super::security::SecurityStandard;

/// The bound on the logits that decides the plaintext modulus.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum BoundRule {
    /// Proven by interval arithmetic over the exact integer network: holds for every input.
    #[default]
    Proven,
    /// Largest magnitude seen on data: **other inputs may wrap around without notice**.
    Observed {
        /// Largest magnitude of a logit.
        magnitude: BigInt,
        /// Description of the data, in words.
        source: String,
    },
}

impl BoundRule {
    /// Returns `proven` or `observed`.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Proven => "proven",
            Self::Observed { .. } => "observed",
        }
    }
}

/// A way to compute on encrypted images: the backend of the server, and where images lie in slots.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Scheme {
    /// Calls of stock SEAL functions. One ciphertext per pixel position, one image per slot.
    Stock,
    /// This project's own kernels on SEAL's ciphertexts: sums and squares are fused, without base conversion and
    /// without relinearisation. Images lie as in [`Scheme::Stock`]. For many images.
    Batched,
    /// The same kernels on crops: one ciphertext per pixel of the crop on which one position of the last linear layer
    /// depends. An image takes one slot per position and logit. For a few images at a time.
    Crops,
    /// Own kernels with hoisted rotations: one image in the slots of a few ciphertexts. For the shortest time to an
    /// answer.
    Diagonal,
    /// The same with few ciphertexts for the image, often one: the first layer rotates, too. For the shortest time to an
    /// answer over a line. Serves networks that begin with a convolution.
    FewUploads,
}

impl Scheme {
    /// All schemes.
    pub const ALL: [Self; 5] = [
        Self::Stock,
        Self::Batched,
        Self::Crops,
        Self::Diagonal,
        Self::FewUploads,
    ];

    /// Returns the name of the arrangement of images in slots: `batched`, `crops`, `diagonal` or `few-uploads`.
    pub const fn layout(self) -> &'static str {
        match self {
            Self::Stock | Self::Batched => "batched",
            Self::Crops => "crops",
            Self::Diagonal => "diagonal",
            Self::FewUploads => "few-uploads",
        }
    }

    /// Returns whose kernels compute: `seal` or `own`.
    pub const fn kernels(self) -> &'static str {
        if self.is_stock() { "seal" } else { "own" }
    }

    /// True if own kernels rotate: one image at a time, with keys.
    pub const fn rotates(self) -> bool {
        matches!(self, Self::Diagonal | Self::FewUploads)
    }

    /// True if the server calls stock SEAL functions.
    pub const fn is_stock(self) -> bool {
        matches!(self, Self::Stock)
    }
}

impl fmt::Display for Scheme {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kernels = if self.is_stock() { "SEAL's" } else { "own" };
        write!(f, "the {} layout with {kernels} kernels", self.layout())
    }
}

/// The options for the choice of parameters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SelectOptions {
    /// Bound that decides t.
    pub bound: BoundRule,
    /// Table that caps q.
    pub standard: SecurityStandard,
    /// The scheme. `None` chooses, among those with own kernels, the cheapest one that fits in `memory`.
    pub scheme: Option<Scheme>,
    /// Number of images, for which own kernels get the cheapest parameters; `None` stands for full batches.
    pub images: Option<usize>,
    /// Bytes that client and server together may hold ([`super::MemoryForecast::peak`]). Without a given `scheme`, none
    /// with a larger predicted need is chosen. `None` sets no limit; the choice then depends on the network
    /// alone, and client and server make the same one.
    pub memory: Option<u64>,
    /// The line over which messages travel, so that own kernels get the parameters of the shortest time from images to
    /// classes. With `None`, that of evaluation alone counts. Client and server must use the same, or they choose other
    /// parameters. (The widths of compact responses follow from floating-point arithmetic: if it differed between two
    /// machines, a message would be refused, not read wrongly.)
    pub line: Option<Line>,
    /// Allows one upload for all plain primes, where it is predicted to take less time. It needs this project's own
    /// encryption: SEAL's serves one plain prime.
    pub shared_upload: bool,
}

impl Default for SelectOptions {
    /// A proven bound, any scheme with own kernels, full batches, any memory, and a line of [`Line::default`], and shared
    /// uploads.
    fn default() -> Self {
        Self {
            bound: BoundRule::default(),
            standard: SecurityStandard::default(),
            scheme: None,
            images: None,
            memory: None,
            line: Some(Line::default()),
            shared_upload: true,
        }
    }
}
