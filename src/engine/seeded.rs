//! Messages as a client sends them: seeds in place of random polynomials, expanded by the server.

use super::client::contexts;
use super::error::{Doing, EngineError};
use super::message::{EvaluationKeys, Request, RequestPart, check_channels};
use super::plan::Plan;
use crate::bfv::{Ciphertext, Context, SeededCiphertext, SeededGaloisKeys, SeededRelinKeys};
use rayon::prelude::*;

/// SEAL's contexts of a plan, one for each plaintext modulus, with the sizes of the plan's messages. Making them takes
/// milliseconds to seconds, so make them once per plan.
#[derive(Debug, Clone)]
pub struct PlanContexts {
    pub(super) contexts: Vec<Context>,
    pub(super) slots: usize,
    pub(super) inputs: usize,
    pub(super) outputs: usize,
    pub(super) needs_relin_keys: bool,
    pub(super) galois_elements: Vec<u32>,
}

impl PlanContexts {
    /// Makes the contexts of a plan.
    ///
    /// # Errors
    /// [`EngineError::Bfv`] if SEAL refuses the parameters.
    pub fn new(plan: &Plan) -> Result<Self, EngineError> {
        Ok(Self {
            contexts: contexts(plan)?,
            slots: plan.slots(),
            inputs: plan.inputs(),
            outputs: plan.outputs(),
            needs_relin_keys: plan.needs_relin_keys(),
            galois_elements: plan.galois_elements(),
        })
    }

    /// Takes contexts that were made elsewhere, in the batched layout: one for each plaintext modulus, with the numbers
    /// of ciphertexts for each. This serves a caller who knows a plan's numbers but not its network.
    ///
    /// # Errors
    /// [`EngineError::Contexts`] if there are none, or if they differ in more than the plaintext modulus.
    pub fn from_contexts(
        contexts: Vec<Context>,
        inputs: usize,
        outputs: usize,
        needs_relin_keys: bool,
    ) -> Result<Self, EngineError> {
        let first = contexts.first().ok_or(EngineError::Contexts)?.parameters();
        let slots = first.poly_modulus_degree();
        let alike = contexts.iter().all(|context| {
            let parameters = context.parameters();
            parameters.poly_modulus_degree() == slots
                && parameters.coeff_modulus() == first.coeff_modulus()
        });
        if !alike {
            return Err(EngineError::Contexts);
        }
        Ok(Self {
            contexts,
            slots,
            inputs,
            outputs,
            needs_relin_keys,
            galois_elements: Vec::new(),
        })
    }

    /// Returns the contexts, one for each plaintext modulus.
    pub fn contexts(&self) -> &[Context] {
        &self.contexts
    }

    /// Returns the number of images in a batch.
    pub const fn slots(&self) -> usize {
        self.slots
    }

    /// Returns the number of ciphertexts in a request, for each plaintext modulus.
    pub const fn inputs(&self) -> usize {
        self.inputs
    }

    /// Returns the number of ciphertexts in a response, for each plaintext modulus.
    pub const fn outputs(&self) -> usize {
        self.outputs
    }

    /// Tells whether the server needs relinearisation keys.
    pub const fn needs_relin_keys(&self) -> bool {
        self.needs_relin_keys
    }

    /// Returns the Galois elements for which the server needs keys, in ascending order.
    pub fn galois_elements(&self) -> &[u32] {
        &self.galois_elements
    }
}

/// Evaluation keys with seeds: half the size of the expanded keys.
#[derive(Debug, Clone)]
pub struct SeededEvaluationKeys {
    /// Relinearisation keys for each plaintext modulus, if the plan needs them.
    pub(crate) relin_keys: Vec<Option<SeededRelinKeys>>,
    /// Galois keys for each plaintext modulus, if the plan rotates.
    pub(crate) galois_keys: Vec<Option<SeededGaloisKeys>>,
}

impl SeededEvaluationKeys {
    /// Expands the seeds to whole keys, for [`super::Server::new`].
    ///
    /// # Errors
    /// [`EngineError::Mismatch`] or [`EngineError::Bfv`] if the keys were made for another plan or memory is exhausted.
    pub fn expand(&self, plan: &PlanContexts) -> Result<EvaluationKeys, EngineError> {
        check_channels(
            "set of evaluation keys",
            self.relin_keys.len(),
            plan.contexts.len(),
        )?;
        let relin_keys = self
            .relin_keys
            .iter()
            .zip(&plan.contexts)
            .map(|(keys, context)| keys.as_ref().map(|keys| keys.expand(context)).transpose())
            .collect::<Result<_, _>>()
            .doing(|| "expanding the evaluation keys".to_owned())?;
        let galois_keys = self
            .galois_keys
            .iter()
            .zip(&plan.contexts)
            .map(|(keys, context)| keys.as_ref().map(|keys| keys.expand(context)).transpose())
            .collect::<Result<_, _>>()
            .doing(|| "expanding the evaluation keys".to_owned())?;
        Ok(EvaluationKeys {
            relin_keys,
            galois_keys,
        })
    }
}

/// A request with seeds: half the size of the expanded request.
#[derive(Debug, Clone)]
pub struct SeededRequest {
    pub(crate) images: usize,
    pub(crate) channels: Vec<Vec<SeededCiphertext>>,
}

impl SeededRequest {
    /// Returns the number of images in it.
    pub const fn images(&self) -> usize {
        self.images
    }

    /// Expands the seeds to a whole request, for [`super::Server::evaluate`], on all threads of the current rayon pool.
    ///
    /// # Errors
    /// [`EngineError::Mismatch`] or [`EngineError::Bfv`] if the request was made for another plan or memory is
    /// exhausted.
    pub fn expand(&self, plan: &PlanContexts) -> Result<Request, EngineError> {
        check_channels("request", self.channels.len(), plan.contexts.len())?;
        let channels = self
            .channels
            .iter()
            .zip(&plan.contexts)
            .map(|(channel, context)| expand(channel, context))
            .collect::<Result<_, _>>()?;
        Ok(Request {
            images: self.images,
            channels,
        })
    }
}

/// The part of a [`SeededRequest`] for one plaintext modulus.
#[derive(Debug, Clone)]
pub struct SeededRequestPart {
    pub(crate) images: usize,
    pub(crate) channel: usize,
    pub(crate) ciphertexts: Vec<SeededCiphertext>,
}

impl SeededRequestPart {
    /// Expands the seeds to a whole part, for [`super::Server::evaluate_part`], on all threads of the current rayon
    /// pool.
    ///
    /// # Errors
    /// [`EngineError::Mismatch`] or [`EngineError::Bfv`] if the part was made for another plan or memory is exhausted.
    pub fn expand(&self, plan: &PlanContexts) -> Result<RequestPart, EngineError> {
        let context = plan
            .contexts
            .get(self.channel)
            .ok_or(EngineError::Mismatch {
                message: "part of a request",
                what: "plaintext moduli at least",
                expected: self.channel + 1,
                actual: plan.contexts.len(),
            })?;
        Ok(RequestPart {
            images: self.images,
            channel: self.channel,
            ciphertexts: expand(&self.ciphertexts, context)?,
        })
    }
}

/// Expands the seeds of the ciphertexts for one plaintext modulus.
fn expand(channel: &[SeededCiphertext], context: &Context) -> Result<Vec<Ciphertext>, EngineError> {
    channel
        .par_iter()
        .map(|encrypted| encrypted.expand(context))
        .collect::<Result<_, _>>()
        .doing(|| "expanding the request".to_owned())
}
