//! Pads: most of the work before there is an image.
//!
//! In idle time the client draws r, uniform modulo each plain prime, and sends Enc(r) (a [`Pad`]); the server computes the
//! first linear layer on it (a [`PreparedPad`]). Later the client sends x - r modulo each plain prime in the clear (a
//! [`MaskedImage`]). The server computes the first layer of that in the clear, adds it to the prepared ciphertexts as
//! plaintexts, and evaluates the rest of the circuit: W x + b = W r + (W (x - r) + b).
//!
//! ```text
//! Client::make_pad            -> PadSecret, Pad     before
//! Server::prepare_pad(Pad)    -> PreparedPad        before
//! Client::mask_image          -> MaskedImage        takes the PadSecret
//! Server::evaluate_masked     -> Evaluation         takes the PreparedPad
//! Client::decrypt             -> logits             as always
//! ```
//!
//! **A pad serves one image.** Two images under one pad reveal their difference. The types see to that in memory: neither
//! [`PadSecret`] nor [`PreparedPad`] can be copied, and both are taken by value. On the disk, and among several processes,
//! the stores of [`crate::pads`] do.

mod client;
mod fingerprint;
mod residues;
mod server;
#[cfg(test)]
mod tests;

pub use client::PadSecret;
pub use fingerprint::SpecFingerprint;
use fingerprint::of_first_layer;
pub(crate) use residues::{check_residues, packed_residues, residue_bytes};
pub(super) use server::PadPlan;
pub use server::PreparedPad;

use super::compact::CompactRequest;
use super::error::EngineError;
use std::fmt;

/// The number of a pad: 16 bytes that the client draws, so that no two pads of any client have the same one. It is not
/// secret. It is written as 32 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PadNumber(pub [u8; Self::BYTES]);

impl PadNumber {
    /// Size in bytes.
    pub const BYTES: usize = 16;

    /// Draws a number.
    fn draw() -> Result<Self, EngineError> {
        let mut bytes = [0; Self::BYTES];
        getrandom::fill(&mut bytes)?;
        Ok(Self(bytes))
    }
}

impl fmt::Display for PadNumber {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut bytes = self.0.iter();
        bytes.try_for_each(|byte| write!(formatter, "{byte:02x}"))
    }
}

impl fmt::Debug for PadNumber {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "PadNumber({self})")
    }
}

/// An encrypted pad, in the form in which it travels: that of a [`CompactRequest`] for one image.
#[derive(Debug, Clone)]
pub struct Pad {
    pub(crate) number: PadNumber,
    pub(crate) fingerprint: SpecFingerprint,
    pub(crate) encrypted: CompactRequest,
}

impl Pad {
    /// Returns the pad's number.
    pub const fn number(&self) -> PadNumber {
        self.number
    }

    /// Returns the fingerprint of the specification that it serves.
    pub const fn fingerprint(&self) -> SpecFingerprint {
        self.fingerprint
    }
}

/// An image less a pad, modulo each plain prime, in the clear: uniformly random to whoever does not know the pad.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MaskedImage {
    pub(crate) number: PadNumber,
    pub(crate) fingerprint: SpecFingerprint,
    /// Number of values of an image.
    pub(crate) values: usize,
    /// For each plain prime, the residues, packed to its width.
    pub(crate) parts: Vec<Vec<u8>>,
}

impl MaskedImage {
    /// Returns the number of its pad.
    pub const fn number(&self) -> PadNumber {
        self.number
    }

    /// Returns the fingerprint of the specification for which it was made.
    pub const fn fingerprint(&self) -> SpecFingerprint {
        self.fingerprint
    }
}
