//! What client and server exchange. One part for each plaintext modulus ("channel").

use super::error::EngineError;
use crate::bfv::{Ciphertext, GaloisKeys, RelinKeys};

/// What the server needs to compute, and cannot decrypt with.
#[derive(Debug)]
pub struct EvaluationKeys {
    /// For each channel the relinearisation keys, if the plan needs them.
    pub(crate) relin_keys: Vec<Option<RelinKeys>>,
    /// For each channel the Galois keys, if the plan rotates.
    pub(crate) galois_keys: Vec<Option<GaloisKeys>>,
}

/// Encrypted images: for each channel a ciphertext for every element of the network's input.
#[derive(Debug)]
pub struct Request {
    pub(crate) images: usize,
    pub(crate) channels: Vec<Vec<Ciphertext>>,
}

impl Request {
    /// How many images it holds.
    pub const fn images(&self) -> usize {
        self.images
    }

    /// How many ciphertexts it holds, over all channels.
    pub fn ciphertexts(&self) -> usize {
        self.channels.iter().map(Vec::len).sum()
    }
}

/// Encrypted logits: for each channel a ciphertext for every logit. It carries nothing else of the computation.
#[derive(Debug)]
pub struct Response {
    pub(crate) images: usize,
    pub(crate) channels: Vec<Vec<Ciphertext>>,
}

impl Response {
    /// How many images it answers.
    pub const fn images(&self) -> usize {
        self.images
    }
}

/// Refuses a message with another number of channels, or of ciphertexts in one, than the plan's.
pub(super) fn check_shape(
    message: &'static str,
    channels: &[Vec<Ciphertext>],
    expected_channels: usize,
    expected_ciphertexts: usize,
) -> Result<(), EngineError> {
    check_channels(message, channels.len(), expected_channels)?;
    match channels
        .iter()
        .find(|channel| channel.len() != expected_ciphertexts)
    {
        None => Ok(()),
        Some(channel) => Err(EngineError::Mismatch {
            message,
            what: "ciphertexts for a plaintext modulus",
            expected: expected_ciphertexts,
            actual: channel.len(),
        }),
    }
}

/// Refuses a message with another number of channels than the plan's.
pub(super) const fn check_channels(
    message: &'static str,
    actual: usize,
    expected: usize,
) -> Result<(), EngineError> {
    if actual == expected {
        return Ok(());
    }
    Err(EngineError::Mismatch {
        message,
        what: "plaintext moduli",
        expected,
        actual,
    })
}
