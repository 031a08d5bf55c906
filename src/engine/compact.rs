//! Requests with one seed, packed as they travel.

use super::contexts::Contexts;
use super::error::{Doing, EngineError};
use super::fresh::{self, SEED_BYTES};
use super::message::{Request, RequestPart, check_parts};
use crate::seal::Ciphertext;
use rayon::prelude::*;

/// A request with one seed for all random polynomials, in the form in which it travels: for each plain prime, the first
/// polynomials of all ciphertexts in NTT form, packed to the width of their primes.
///
/// The seed is public, and drawn anew for each request. The random polynomials are BLAKE3's output for it, taken as a
/// random oracle.
#[derive(Debug, Clone, Default)]
pub struct CompactRequest {
    pub(crate) images: usize,
    pub(crate) seed: [u8; SEED_BYTES],
    pub(crate) parts: Vec<Vec<u8>>,
}

impl CompactRequest {
    /// Returns the number of images in it.
    pub const fn images(&self) -> usize {
        self.images
    }

    /// Expands it to a whole request, for [`super::Server::evaluate`], on all threads of the current rayon pool.
    ///
    /// # Errors
    /// [`EngineError::Mismatch`] or [`EngineError::Seal`] if the request was made for another plan or memory is
    /// exhausted.
    pub fn expand(&self, contexts: &Contexts) -> Result<Request, EngineError> {
        let mut request = Request::default();
        self.expand_into(contexts, &mut request)?;
        Ok(request)
    }

    /// Expands like [`CompactRequest::expand`], and reuses the memory of an earlier request.
    ///
    /// # Errors
    /// Those of [`CompactRequest::expand`].
    pub fn expand_into(
        &self,
        contexts: &Contexts,
        request: &mut Request,
    ) -> Result<(), EngineError> {
        check_parts("request", self.parts.len(), contexts.contexts().len())?;
        request.images = self.images;
        request.parts.resize_with(self.parts.len(), Vec::new);
        for (index, (packed, out)) in self.parts.iter().zip(&mut request.parts).enumerate() {
            expand(contexts, index, &self.seed, packed, out)?;
        }
        Ok(())
    }
}

/// The part of a compact request for one plain prime, with a seed of its own.
#[derive(Debug, Clone)]
pub struct CompactRequestPart {
    pub(super) images: usize,
    pub(super) plain_prime: usize,
    pub(super) seed: [u8; SEED_BYTES],
    pub(super) packed: Vec<u8>,
}

impl CompactRequestPart {
    /// Expands it to a whole part, for [`super::Server::evaluate_part`], on all threads of the current rayon pool.
    ///
    /// # Errors
    /// Those of [`CompactRequest::expand`].
    pub fn expand(&self, contexts: &Contexts) -> Result<RequestPart, EngineError> {
        let parts = contexts.contexts().len();
        if self.plain_prime >= parts {
            check_parts("part of a request", self.plain_prime + 1, parts)?;
        }
        let mut ciphertexts = Vec::new();
        expand(
            contexts,
            self.plain_prime,
            &self.seed,
            &self.packed,
            &mut ciphertexts,
        )?;
        Ok(RequestPart {
            images: self.images,
            plain_prime: self.plain_prime,
            ciphertexts,
        })
    }
}

/// Expands the ciphertexts for one plain prime.
fn expand(
    contexts: &Contexts,
    part: usize,
    seed: &[u8; SEED_BYTES],
    packed: &[u8],
    out: &mut Vec<Ciphertext>,
) -> Result<(), EngineError> {
    let context = &contexts.contexts()[part];
    let size = fresh::ciphertext_bytes(context);
    let count = packed.len() / size;
    if packed.len() != count * size || count != contexts.inputs() {
        return Err(EngineError::Mismatch {
            message: "request",
            what: "ciphertexts for a plaintext modulus",
            expected: contexts.inputs(),
            actual: count,
        });
    }
    out.truncate(count);
    while out.len() < count {
        out.push(Ciphertext::new().doing(|| "expanding the request".to_owned())?);
    }
    let key = fresh::uniform_key(context, seed);
    out.par_iter_mut()
        .zip(packed.par_chunks_exact(size))
        .enumerate()
        .try_for_each_init(Vec::new, |bytes, (index, (encrypted, packed))| {
            fresh::expand(context, &key, [part, index], packed, bytes, encrypted)
        })
}
