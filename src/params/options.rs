//! What the choice of parameters may depend on.

use num_bigint::BigInt;

use super::security::SecurityStandard;

/// Which bound on the logits decides the plaintext modulus.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum BoundRule {
    /// Interval arithmetic over the exact integer network: holds for every input.
    #[default]
    Proven,
    /// The largest magnitude seen on data: **other inputs may wrap around without notice**.
    Observed {
        /// The largest magnitude of a logit.
        magnitude: BigInt,
        /// The data, in words.
        source: String,
    },
}

impl BoundRule {
    /// `proven` or `observed`.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Proven => "proven",
            Self::Observed { .. } => "observed",
        }
    }
}

/// How the server computes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Mode {
    /// Stock SEAL calls.
    #[default]
    Stock,
    /// Kernels of this project on SEAL's ciphertexts: squares without base conversion, nothing relinearised.
    Fast,
}

impl Mode {
    /// `stock` or `fast`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Stock => "stock",
            Self::Fast => "fast",
        }
    }
}

/// How images lie in slots.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LayoutKind {
    /// A ciphertext for each pixel position, an image in each slot.
    #[default]
    Batched,
    /// A ciphertext for each pixel of the crop that one position of the last linear layer depends on; an image takes a
    /// slot for each position and logit. For few images at a time. Fast mode only.
    Packed,
    /// One image in the slots of few ciphertexts, with rotations: for the least time to an answer. Fast mode only.
    Diagonal,
}

impl LayoutKind {
    /// `batched`, `packed` or `diagonal`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Batched => "batched",
            Self::Packed => "packed",
            Self::Diagonal => "diagonal",
        }
    }
}

/// What the choice may depend on.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SelectOptions {
    /// Which bound decides t.
    pub bound: BoundRule,
    /// Which table caps q.
    pub standard: SecurityStandard,
    /// How the server computes.
    pub mode: Mode,
    /// How images lie in slots; `None` for the layout that is cheapest in fast mode, among those that `memory` holds.
    pub layout: Option<LayoutKind>,
    /// How many images there are, for [`Mode::Fast`], which chooses the cheapest parameters for them; `None` for full
    /// batches.
    pub images: Option<usize>,
    /// Bytes that client and server together may hold ([`super::MemoryForecast::peak`]): without a given `layout`, none
    /// that is predicted to need more is chosen. `None` for no limit; then the choice depends on the network alone, and
    /// client and server make the same.
    pub memory: Option<u64>,
}
