//! The backends: ways of computing a circuit's ciphertexts.

mod fused;
pub(super) mod hoisted;
pub mod reference;
mod stock;

pub(super) use fused::{fuse, reported, tile_width};

use self::reference::{Part, ReferenceEvaluator, ReferencePlan};
use super::compact::CompactRequestPart;
use super::contexts::Contexts;
use super::error::{Doing, EngineError};
use super::message::EvaluationKeys;
use super::plan::Plan;
use super::stats::{LayerStats, Progress};
use crate::kernels::Backend;
use crate::params::Scheme;
use crate::seal::{Ciphertext, Context, Error};
use std::fmt;
use std::sync::Arc;

/// A way of computing a circuit's ciphertexts under one plain prime.
pub(super) trait Evaluate: fmt::Debug + Send + Sync {
    /// Returns the entries to which [`Evaluate::evaluate`] adds: one for each part of the work that it tells apart.
    fn stats(&self) -> Vec<LayerStats>;

    /// Evaluates the circuit and drops primes until the response has `response_primes`.
    fn evaluate(
        &self,
        inputs: &[Ciphertext],
        response_primes: usize,
        suffix: &str,
        stats: &mut [LayerStats],
        progress: &dyn Progress,
    ) -> Result<Vec<Ciphertext>, EngineError>;

    /// Evaluates the circuit on a part of a request in the form in which it travels, without expanding it whole. Only the
    /// kernels that shared uploads are for do that.
    fn evaluate_packed(
        &self,
        _part: &CompactRequestPart,
        _response_primes: usize,
        _suffix: &str,
        _stats: &mut [LayerStats],
        _progress: &dyn Progress,
    ) -> Result<Vec<Ciphertext>, EngineError> {
        Err(EngineError::Internal("a request that must be expanded"))
    }

    /// Makes own kernels use these instructions.
    fn set_backend(&mut self, _backend: Backend) {}
}

/// Makes the backend of a plan, once for each plain prime.
pub(super) fn evaluators(
    plan: &Plan,
    contexts: &Contexts,
    keys: EvaluationKeys,
) -> Result<Vec<Box<dyn Evaluate>>, EngineError> {
    let scheme = plan.parameters().scheme();
    let shared = match (&keys.compact, contexts.contexts().first()) {
        // One set of keys for all plain primes.
        (Some(compact), Some(context)) if scheme.rotates() => {
            Some(hoisted::KeyTables::expand(context, plan, compact)?)
        }
        _ => None,
    };
    let keys = keys.relin_keys.into_iter().zip(keys.galois_keys);
    let of_primes = contexts.contexts().iter().enumerate().zip(keys);
    of_primes
        .map(|((index, context), (relin, galois))| {
            let upload = contexts.of_upload(index);
            Ok(match scheme {
                Scheme::Stock => {
                    Box::new(stock::StockEvaluator::new(context, plan, relin)?) as Box<dyn Evaluate>
                }
                Scheme::Batched | Scheme::Crops => {
                    Box::new(fused::Fused::new(context, upload, plan)?)
                }
                Scheme::Diagonal | Scheme::FewUploads => {
                    let keys = match &shared {
                        Some(shared) => Arc::clone(shared),
                        None => hoisted::KeyTables::of_seal(
                            context,
                            plan,
                            relin.as_ref(),
                            galois.as_ref(),
                        )?,
                    };
                    Box::new(hoisted::Hoisted::new(context, plan, keys)?)
                }
            })
        })
        .collect()
}

/// Makes the backend of the authors' schedule, once for each plain prime.
pub(super) fn reference_evaluators(
    plan: &ReferencePlan,
    contexts: &Contexts,
    keys: EvaluationKeys,
    part: Part,
) -> Result<Vec<Box<dyn Evaluate>>, EngineError> {
    let missing = |what| EngineError::Mismatch {
        message: "set of evaluation keys",
        what,
        expected: contexts.contexts().len(),
        actual: 0,
    };
    let keys = keys.relin_keys.into_iter().zip(keys.galois_keys);
    let of_primes = contexts.contexts().iter().zip(keys);
    of_primes
        .map(|(context, (relin, galois))| {
            let relin = relin.ok_or_else(|| missing("relinearisation keys"))?;
            let galois = galois.ok_or_else(|| missing("Galois keys"))?;
            let evaluator = ReferenceEvaluator::new(context, plan, part, relin, galois)?;
            Ok(Box::new(evaluator) as Box<dyn Evaluate>)
        })
        .collect()
}

/// Tells whether ciphertexts, which must all be fresh ones of this context, are in NTT form.
fn fresh_in_ntt_form(context: &Context, inputs: &[Ciphertext]) -> Result<bool, EngineError> {
    let level = context.first_level();
    let residues = 2 * level.coeff_modulus_size * context.parameters().poly_modulus_degree();
    let in_ntt_form = inputs.first().is_some_and(Ciphertext::is_ntt_form);
    let fits = |input: &Ciphertext| {
        input.size() == 2
            && input.parms_id() == level.parms_id
            && input.is_ntt_form() == in_ntt_form
            && input.limbs().len() == residues
    };
    if inputs.iter().all(fits) {
        return Ok(in_ntt_form);
    }
    Err(Error::ContextMismatch {
        operation: "evaluation with own kernels",
        object: "ciphertext of the request",
    })
    .doing(|| "reading the request".to_owned())
}
