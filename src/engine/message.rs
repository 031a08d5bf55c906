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

impl EvaluationKeys {
    /// For each plaintext modulus the relinearisation keys, if the plan needs them.
    pub fn relin_keys(&self) -> &[Option<RelinKeys>] {
        &self.relin_keys
    }
}

impl Request {
    /// For each plaintext modulus a ciphertext for every element of the network's input.
    pub fn channels(&self) -> &[Vec<Ciphertext>] {
        &self.channels
    }

    /// How many images it holds.
    pub const fn images(&self) -> usize {
        self.images
    }

    /// How many ciphertexts it holds, over all channels.
    pub fn ciphertexts(&self) -> usize {
        self.channels.iter().map(Vec::len).sum()
    }
}

/// Encrypted logits: for each channel a ciphertext for every logit.
///
/// Decryption shows the logits, and in the packed and diagonal layouts masked summands of them. The ciphertexts
/// themselves are functions of the request and the weights: no circuit privacy is claimed (see [`super::Plan`]).
#[derive(Debug)]
pub struct Response {
    pub(crate) images: usize,
    pub(crate) channels: Vec<Vec<Ciphertext>>,
}

impl Response {
    /// For each plaintext modulus a ciphertext for every logit.
    pub fn channels(&self) -> &[Vec<Ciphertext>] {
        &self.channels
    }

    /// How many images it answers.
    pub const fn images(&self) -> usize {
        self.images
    }
}

/// What the stages of a part are called after: nothing if it is the only one.
pub(super) fn suffix(channel: usize, channels: usize) -> String {
    if channels == 1 {
        String::new()
    } else {
        format!(" (t {}/{channels})", channel + 1)
    }
}

/// The part of a request for one plaintext modulus: what a batch takes that would not fit memory as a whole.
#[derive(Debug)]
pub struct RequestPart {
    pub(crate) images: usize,
    pub(crate) channel: usize,
    pub(crate) ciphertexts: Vec<Ciphertext>,
}

impl RequestPart {
    /// How many images it holds.
    pub const fn images(&self) -> usize {
        self.images
    }

    /// Which of the plaintext moduli it is for, counted from 0.
    pub const fn channel(&self) -> usize {
        self.channel
    }
}

/// The part of a response for one plaintext modulus.
#[derive(Debug)]
pub struct ResponsePart {
    pub(crate) images: usize,
    pub(crate) channel: usize,
    pub(crate) ciphertexts: Vec<Ciphertext>,
}

impl Response {
    /// The response of its parts, in the order of the plaintext moduli.
    ///
    /// # Errors
    /// [`EngineError::Parts`] if one is missing, doubled, out of order or for other images.
    pub fn from_parts(parts: Vec<ResponsePart>) -> Result<Self, EngineError> {
        let images = parts.first().ok_or(EngineError::Parts)?.images;
        let in_order =
            |(index, part): (usize, &ResponsePart)| part.channel == index && part.images == images;
        if !parts.iter().enumerate().all(in_order) {
            return Err(EngineError::Parts);
        }
        Ok(Self {
            images,
            channels: parts.into_iter().map(|part| part.ciphertexts).collect(),
        })
    }
}

/// Refuses images of another size than `expected` values, and values outside 0 to `max`: the only guard of what is
/// encrypted, through which every client passes.
pub(super) fn check_images<'a>(
    images: impl IntoIterator<Item = &'a [i64]>,
    expected: usize,
    max: i64,
) -> Result<(), EngineError> {
    for (image, values) in images.into_iter().enumerate() {
        if values.len() != expected {
            return Err(EngineError::ImageSize {
                image,
                actual: values.len(),
                expected,
            });
        }
        let outside = values.iter().position(|value| !(0..=max).contains(value));
        if let Some(position) = outside {
            return Err(EngineError::InputRange {
                image,
                position,
                value: values[position],
                max,
            });
        }
    }
    Ok(())
}

/// Refuses a message with another number of channels, or of ciphertexts in one, than the plan's.
pub(super) fn check_shape(
    message: &'static str,
    channels: &[Vec<Ciphertext>],
    expected_channels: usize,
    expected_ciphertexts: usize,
) -> Result<(), EngineError> {
    check_channels(message, channels.len(), expected_channels)?;
    let mut channels = channels.iter();
    channels.try_for_each(|channel| check_size(message, channel, expected_ciphertexts))
}

/// Refuses a part with another number of ciphertexts than the plan's.
pub(super) const fn check_size(
    message: &'static str,
    ciphertexts: &[Ciphertext],
    expected: usize,
) -> Result<(), EngineError> {
    if ciphertexts.len() == expected {
        return Ok(());
    }
    Err(EngineError::Mismatch {
        message,
        what: "ciphertexts for a plaintext modulus",
        expected,
        actual: ciphertexts.len(),
    })
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
