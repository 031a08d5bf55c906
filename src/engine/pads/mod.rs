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
mod number;
mod plan;
mod residues;
mod server;
#[cfg(test)]
mod tests;

pub use client::PadSecret;
pub use fingerprint::SpecFingerprint;
pub use number::PadNumber;
pub(super) use plan::PadPlan;
pub(crate) use residues::{check_residues, packed_residues, residue_bytes};
pub use server::PreparedPad;

use super::compact::CompactRequest;

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
