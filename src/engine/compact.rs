//! Requests with one seed, packed as they travel.

use super::contexts::Contexts;
use super::error::{Doing, EngineError};
use super::fresh::{self, ExpandError, SEED_BYTES};
use super::message::{Request, RequestPart, check_parts};
use crate::seal::{Ciphertext, Context, Error, ParmsId};
use rayon::prelude::*;

/// The first polynomials of the ciphertexts for one plain prime, in NTT form, packed to the width of their primes.
#[derive(Debug, Clone)]
pub(crate) struct PackedPart {
    /// Identifies the parameters.
    pub(crate) parms_id: ParmsId,
    pub(crate) bytes: Vec<u8>,
}

impl PackedPart {
    /// Makes room for this many ciphertexts.
    pub(super) fn new(context: &Context, count: usize) -> Self {
        Self {
            parms_id: context.first_level().parms_id,
            bytes: vec![0; count * fresh::ciphertext_bytes(context)],
        }
    }

    /// Tells whether it has this many ciphertexts of the context.
    pub(crate) fn fits(&self, context: &Context, count: usize) -> bool {
        self.parms_id == context.first_level().parms_id
            && self.bytes.len() == count * fresh::ciphertext_bytes(context)
    }
}

/// A request with one seed for all random polynomials, in the form in which it travels: for each plain prime, or once
/// for all of them, the first polynomials of all ciphertexts in NTT form, packed to the width of their primes.
///
/// The seed is public, and drawn anew for each request. The random polynomials are BLAKE3's output for it, taken as a
/// random oracle.
#[derive(Debug, Clone)]
pub struct CompactRequest {
    pub(crate) images: usize,
    pub(crate) seed: [u8; SEED_BYTES],
    pub(crate) parts: Vec<PackedPart>,
}

impl CompactRequest {
    /// Returns the number of images in it.
    pub const fn images(&self) -> usize {
        self.images
    }

    /// Expands it to a whole request, for [`super::Server::evaluate`], on all threads of the current rayon pool.
    /// [`Request::read_compact`] does the same while the message arrives.
    ///
    /// # Errors
    /// [`EngineError::Mismatch`] or [`EngineError::Seal`] if the request was made for another plan or memory is
    /// exhausted.
    pub fn expand(&self, contexts: &Contexts) -> Result<Request, EngineError> {
        check_parts("request", self.parts.len(), contexts.uploads().len())?;
        let parts = self.parts.iter().enumerate();
        let parts = parts.map(|(part, packed)| expand(contexts, part, &self.seed, packed));
        Ok(Request {
            images: self.images,
            parts: parts.collect::<Result<_, _>>()?,
        })
    }
}

/// The part of a compact request for one plain prime, with a seed of its own.
#[derive(Debug, Clone)]
pub struct CompactRequestPart {
    pub(super) images: usize,
    pub(super) plain_prime: usize,
    pub(super) seed: [u8; SEED_BYTES],
    pub(super) packed: PackedPart,
}

impl CompactRequestPart {
    /// Expands it to a whole part, for [`super::Server::evaluate_part`], on all threads of the current rayon pool.
    ///
    /// # Errors
    /// Those of [`CompactRequest::expand`].
    pub fn expand(&self, contexts: &Contexts) -> Result<RequestPart, EngineError> {
        let parts = contexts.uploads().len();
        if self.plain_prime >= parts {
            check_parts("part of a request", self.plain_prime + 1, parts)?;
        }
        Ok(RequestPart {
            images: self.images,
            plain_prime: self.plain_prime,
            ciphertexts: expand(contexts, self.plain_prime, &self.seed, &self.packed)?,
        })
    }
}

/// Expands the ciphertexts of one part. The contexts have an upload of this index.
fn expand(
    contexts: &Contexts,
    part: usize,
    seed: &[u8; SEED_BYTES],
    packed: &PackedPart,
) -> Result<Vec<Ciphertext>, EngineError> {
    let context = &contexts.uploads()[part];
    let seal = |source| Err(source).doing(|| "expanding the request".to_owned());
    if !packed.fits(context, contexts.inputs()) {
        return seal(Error::ContextMismatch {
            operation: "CompactRequest::expand",
            object: "request",
        });
    }
    let key = fresh::uniform_key(contexts.of_upload(part), seed);
    let size = fresh::ciphertext_bytes(context);
    let packed = packed.bytes.par_chunks_exact(size).enumerate();
    let expanded = packed.map_init(Vec::new, |bytes, (index, packed)| {
        let mut encrypted = Ciphertext::new().map_err(ExpandError::Seal)?;
        fresh::expand(context, &key, [part, index], packed, bytes, &mut encrypted)?;
        Ok(encrypted)
    });
    expanded
        .collect::<Result<_, ExpandError>>()
        .or_else(|error| match error {
            ExpandError::Seal(source) => seal(source),
            ExpandError::Invalid(..) => Err(EngineError::Internal(
                "a compact request whose residues were not checked",
            )),
        })
}
