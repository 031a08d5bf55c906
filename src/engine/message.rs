//! The messages between client and server. Each has one part for each plaintext modulus.

use super::compact_keys::CompactKeys;
use super::contexts::Contexts;
use super::error::EngineError;
use crate::seal::{Ciphertext, GaloisKeys, RelinKeys};
use std::sync::Arc;

/// The keys with which the server computes, and cannot decrypt.
#[derive(Debug)]
pub struct EvaluationKeys {
    /// Relinearisation keys for each plaintext modulus, if the plan needs them.
    pub(crate) relin_keys: Vec<Option<RelinKeys>>,
    /// Galois keys for each plaintext modulus, if the plan rotates.
    pub(crate) galois_keys: Vec<Option<GaloisKeys>>,
    /// The keys of own kernels, in place of SEAL's.
    pub(crate) compact: Option<Arc<CompactKeys>>,
    /// True if SEAL's keys of the first plain prime serve all, for own kernels.
    pub(super) first_for_all: bool,
}

/// Encrypted images. For each plaintext modulus, or once for all of them, the batched layout has one ciphertext per
/// element of the network's input that is read.
#[derive(Debug, Default)]
pub struct Request {
    pub(crate) images: usize,
    pub(crate) parts: Vec<Vec<Ciphertext>>,
}

impl EvaluationKeys {
    /// Takes SEAL's keys for each plain prime.
    pub(crate) const fn of_seal(
        relin_keys: Vec<Option<RelinKeys>>,
        galois_keys: Vec<Option<GaloisKeys>>,
    ) -> Self {
        Self {
            relin_keys,
            galois_keys,
            compact: None,
            first_for_all: false,
        }
    }

    /// Takes SEAL's keys for the first of this many plain primes, which serve all of them: keys do not depend on it. For
    /// own kernels.
    pub(crate) fn of_seal_for_all(
        relin_keys: Option<RelinKeys>,
        galois_keys: Option<GaloisKeys>,
        plain_primes: usize,
    ) -> Self {
        let mut keys = Self::empty(plain_primes);
        if let (Some(relin), Some(galois)) =
            (keys.relin_keys.first_mut(), keys.galois_keys.first_mut())
        {
            (*relin, *galois) = (relin_keys, galois_keys);
        }
        Self {
            first_for_all: true,
            ..keys
        }
    }

    /// Makes the empty set, for a plan that needs no keys.
    pub fn none(contexts: &Contexts) -> Self {
        Self::empty(contexts.contexts().len())
    }

    /// Takes the keys of own kernels, for this many plain primes.
    pub(super) fn compact(keys: Arc<CompactKeys>, plain_primes: usize) -> Self {
        Self {
            compact: Some(keys),
            ..Self::empty(plain_primes)
        }
    }

    fn empty(plain_primes: usize) -> Self {
        Self {
            relin_keys: (0..plain_primes).map(|_| None).collect(),
            galois_keys: (0..plain_primes).map(|_| None).collect(),
            compact: None,
            first_for_all: false,
        }
    }

    /// Returns SEAL's relinearisation keys for each plaintext modulus, if the plan needs them.
    pub fn relin_keys(&self) -> &[Option<RelinKeys>] {
        &self.relin_keys
    }

    /// Returns SEAL's Galois keys for each plain prime, if the plan rotates.
    pub fn galois_keys(&self) -> &[Option<GaloisKeys>] {
        &self.galois_keys
    }
}

impl CompactKeys {
    /// Returns the keys for [`super::Server::new`], which expands them.
    pub fn into_keys(self, contexts: &Contexts) -> EvaluationKeys {
        EvaluationKeys::compact(Arc::new(self), contexts.contexts().len())
    }
}

impl Request {
    /// Returns the ciphertexts for each plaintext modulus, or once those for all: in the batched layout, one per element
    /// of the network's input that is read.
    pub fn parts(&self) -> &[Vec<Ciphertext>] {
        &self.parts
    }

    /// Returns the number of images in it.
    pub const fn images(&self) -> usize {
        self.images
    }

    /// Returns the number of ciphertexts in it, over all plaintext moduli.
    pub fn ciphertexts(&self) -> usize {
        self.parts.iter().map(Vec::len).sum()
    }
}

/// Encrypted logits. For each plaintext modulus, the batched layout has one ciphertext per logit.
///
/// Decryption reveals the logits and, in the crop and diagonal layouts, masked partial sums of them. The ciphertexts
/// themselves are functions of the request and the weights: no circuit privacy is claimed (see [`super::Plan`]).
#[derive(Debug)]
pub struct Response {
    pub(crate) images: usize,
    pub(crate) parts: Vec<Vec<Ciphertext>>,
}

impl Response {
    /// Returns the ciphertexts for each plaintext modulus: in the batched layout, one per logit.
    pub fn parts(&self) -> &[Vec<Ciphertext>] {
        &self.parts
    }

    /// Returns the number of images that it answers.
    pub const fn images(&self) -> usize {
        self.images
    }
}

/// Returns the suffix for the stage names of a part: empty if it is the only part.
pub(super) fn suffix(plain_prime: usize, parts: usize) -> String {
    if parts == 1 {
        String::new()
    } else {
        format!(" (t {}/{parts})", plain_prime + 1)
    }
}

/// The part of a request for one plaintext modulus: for a batch whose whole request would not fit in memory.
#[derive(Debug)]
pub struct RequestPart {
    pub(crate) images: usize,
    pub(crate) plain_prime: usize,
    pub(crate) ciphertexts: Vec<Ciphertext>,
}

impl RequestPart {
    /// Returns the number of images in it.
    pub const fn images(&self) -> usize {
        self.images
    }

    /// Returns the index of its plaintext modulus, counted from 0; 0 if it serves all moduli.
    pub const fn plain_prime(&self) -> usize {
        self.plain_prime
    }
}

/// The part of a response for one plaintext modulus.
#[derive(Debug)]
pub struct ResponsePart {
    pub(crate) images: usize,
    pub(crate) plain_prime: usize,
    pub(crate) ciphertexts: Vec<Ciphertext>,
}

impl Response {
    /// Assembles a response from its parts, in the order of the plaintext moduli.
    ///
    /// # Errors
    /// [`EngineError::Parts`] if one is missing, doubled, out of order or for other images.
    pub fn from_parts(parts: Vec<ResponsePart>) -> Result<Self, EngineError> {
        let images = parts.first().ok_or(EngineError::Parts)?.images;
        let in_order = |(index, part): (usize, &ResponsePart)| {
            part.plain_prime == index && part.images == images
        };
        if !parts.iter().enumerate().all(in_order) {
            return Err(EngineError::Parts);
        }
        Ok(Self {
            images,
            parts: parts.into_iter().map(|part| part.ciphertexts).collect(),
        })
    }
}

/// Refuses images whose size is not `expected` values, and values outside 0 to `max`. This is the only check of what is
/// encrypted, and every client passes through it.
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

/// Refuses a message whose number of plaintext moduli, or of ciphertexts for one of them, is not the plan's.
pub(super) fn check_shape(
    message: &'static str,
    parts: &[Vec<Ciphertext>],
    expected_parts: usize,
    expected_ciphertexts: usize,
) -> Result<(), EngineError> {
    check_parts(message, parts.len(), expected_parts)?;
    let mut parts = parts.iter();
    parts.try_for_each(|plain_prime| check_size(message, plain_prime, expected_ciphertexts))
}

/// Refuses a part whose number of ciphertexts is not the plan's.
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

/// Refuses a message whose number of plaintext moduli is not the plan's.
pub(super) const fn check_parts(
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
