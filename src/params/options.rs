//! Options for the choice of parameters.

use num_bigint::BigInt;

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

/// The way the server computes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Mode {
    /// Calls of stock SEAL functions.
    #[default]
    Stock,
    /// This project's own kernels on SEAL's ciphertexts: squares without base conversion and, except in the diagonal
    /// layout, without relinearisation.
    Fast,
}

impl Mode {
    /// Returns `stock` or `fast`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Stock => "stock",
            Self::Fast => "fast",
        }
    }
}

/// The arrangement of images in slots.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LayoutKind {
    /// One ciphertext per pixel position, one image per slot.
    #[default]
    Batched,
    /// One ciphertext per pixel of the crop on which one position of the last linear layer depends. An image takes one
    /// slot per position and logit. For a few images at a time. Fast mode only.
    Packed,
    /// One image in the slots of a few ciphertexts, with rotations: for the shortest time to an answer. Fast mode only.
    Diagonal,
}

impl LayoutKind {
    /// Returns `batched`, `packed` or `diagonal`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Batched => "batched",
            Self::Packed => "packed",
            Self::Diagonal => "diagonal",
        }
    }
}

/// The options for the choice of parameters.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SelectOptions {
    /// Bound that decides t.
    pub bound: BoundRule,
    /// Table that caps q.
    pub standard: SecurityStandard,
    /// Way the server computes.
    pub mode: Mode,
    /// Arrangement of images in slots. `None` chooses, in fast mode, the cheapest layout among those that fit in
    /// `memory`.
    pub layout: Option<LayoutKind>,
    /// Number of images. [`Mode::Fast`] chooses the cheapest parameters for it; `None` stands for full batches.
    pub images: Option<usize>,
    /// Bytes that client and server together may hold ([`super::MemoryForecast::peak`]). Without a given `layout`, no
    /// layout with a larger predicted need is chosen. `None` sets no limit; the choice then depends on the network
    /// alone, and client and server make the same one.
    pub memory: Option<u64>,
}
