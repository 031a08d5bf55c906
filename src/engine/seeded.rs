//! Messages as a client sends them: seeds in place of random polynomials, expanded by the server.

use super::contexts::Contexts;
use super::error::{Doing, EngineError};
use super::message::{EvaluationKeys, Request, RequestPart, check_parts};
use crate::seal::{Ciphertext, Context, SeededCiphertext, SeededGaloisKeys, SeededRelinKeys};
use rayon::prelude::*;

/// Evaluation keys with seeds: half the size of the expanded keys.
#[derive(Debug, Clone)]
pub struct SeededEvaluationKeys {
    /// Relinearisation keys for each plaintext modulus, if the plan needs them.
    pub(crate) relin_keys: Vec<Option<SeededRelinKeys>>,
    /// Galois keys for each plaintext modulus, if the plan rotates.
    pub(crate) galois_keys: Vec<Option<SeededGaloisKeys>>,
}

impl SeededEvaluationKeys {
    /// Takes keys for each plain prime.
    pub(crate) const fn of_seal(
        relin_keys: Vec<Option<SeededRelinKeys>>,
        galois_keys: Vec<Option<SeededGaloisKeys>>,
    ) -> Self {
        Self {
            relin_keys,
            galois_keys,
        }
    }

    /// Expands the seeds to whole keys, for [`super::Server::new`].
    ///
    /// # Errors
    /// [`EngineError::Mismatch`] or [`EngineError::Seal`] if the keys were made for another plan or memory is exhausted.
    pub fn expand(&self, contexts: &Contexts) -> Result<EvaluationKeys, EngineError> {
        check_parts(
            "set of evaluation keys",
            self.relin_keys.len(),
            contexts.contexts().len(),
        )?;
        let relin_keys = self
            .relin_keys
            .iter()
            .zip(contexts.contexts())
            .map(|(keys, context)| keys.as_ref().map(|keys| keys.expand(context)).transpose())
            .collect::<Result<_, _>>()
            .doing(|| "expanding the evaluation keys".to_owned())?;
        let galois_keys = self
            .galois_keys
            .iter()
            .zip(contexts.contexts())
            .map(|(keys, context)| keys.as_ref().map(|keys| keys.expand(context)).transpose())
            .collect::<Result<_, _>>()
            .doing(|| "expanding the evaluation keys".to_owned())?;
        Ok(EvaluationKeys::of_seal(relin_keys, galois_keys))
    }
}

/// A request with seeds: half the size of the expanded request.
#[derive(Debug, Clone)]
pub struct SeededRequest {
    pub(crate) images: usize,
    pub(crate) parts: Vec<Vec<SeededCiphertext>>,
}

impl SeededRequest {
    /// Returns the number of images in it.
    pub const fn images(&self) -> usize {
        self.images
    }

    /// Expands the seeds to a whole request, for [`super::Server::evaluate`], on all threads of the current rayon pool.
    ///
    /// # Errors
    /// [`EngineError::Mismatch`] or [`EngineError::Seal`] if the request was made for another plan or memory is
    /// exhausted.
    pub fn expand(&self, contexts: &Contexts) -> Result<Request, EngineError> {
        check_parts("request", self.parts.len(), contexts.contexts().len())?;
        let parts = self
            .parts
            .iter()
            .zip(contexts.contexts())
            .map(|(plain_prime, context)| expand(plain_prime, context))
            .collect::<Result<_, _>>()?;
        Ok(Request {
            images: self.images,
            parts,
        })
    }
}

/// The part of a [`SeededRequest`] for one plaintext modulus.
#[derive(Debug, Clone)]
pub struct SeededRequestPart {
    pub(crate) images: usize,
    pub(crate) plain_prime: usize,
    pub(crate) ciphertexts: Vec<SeededCiphertext>,
}

impl SeededRequestPart {
    /// Expands the seeds to a whole part, for [`super::Server::evaluate_part`], on all threads of the current rayon
    /// pool.
    ///
    /// # Errors
    /// [`EngineError::Mismatch`] or [`EngineError::Seal`] if the part was made for another plan or memory is exhausted.
    pub fn expand(&self, contexts: &Contexts) -> Result<RequestPart, EngineError> {
        let context = contexts
            .contexts()
            .get(self.plain_prime)
            .ok_or(EngineError::Mismatch {
                message: "part of a request",
                what: "plaintext moduli at least",
                expected: self.plain_prime + 1,
                actual: contexts.contexts().len(),
            })?;
        Ok(RequestPart {
            images: self.images,
            plain_prime: self.plain_prime,
            ciphertexts: expand(&self.ciphertexts, context)?,
        })
    }
}

/// Expands the seeds of the ciphertexts for one plaintext modulus.
fn expand(
    plain_prime: &[SeededCiphertext],
    context: &Context,
) -> Result<Vec<Ciphertext>, EngineError> {
    plain_prime
        .par_iter()
        .map(|encrypted| encrypted.expand(context))
        .collect::<Result<_, _>>()
        .doing(|| "expanding the request".to_owned())
}
