//! The backends: ways of computing a circuit's ciphertexts.

mod fused;
pub(super) mod hoisted;
pub mod reference;
mod stock;

pub(super) use fused::{fuse, reported, tile_width};

use self::hoisted::KeyTables;
use self::reference::{Part, ReferenceEvaluator, ReferencePlan};
use super::compact::CompactRequestPart;
use super::contexts::Contexts;
use super::error::{Doing, EngineError};
use super::message::EvaluationKeys;
use super::plan::Plan;
use super::stats::{LayerStats, Progress};
use crate::kernels::Backend;
use crate::params::Scheme;
use crate::seal::{Ciphertext, Context, Error, RelinKeys};
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

    /// Evaluates the first layer without its biases on a pad, up to the circuit's [`crate::circuit::PadPoint`].
    fn prepare_pad(&self, _inputs: &[Ciphertext]) -> Result<Vec<Ciphertext>, EngineError> {
        Err(EngineError::NoPads)
    }

    /// Evaluates the rest of the circuit, like [`Evaluate::evaluate`]: from a prepared pad, and the residues of an image
    /// less the pad.
    fn evaluate_masked(
        &self,
        _prepared: &[Ciphertext],
        _masked: &[u64],
        _response_primes: usize,
        _suffix: &str,
        _stats: &mut [LayerStats],
        _progress: &dyn Progress,
    ) -> Result<Vec<Ciphertext>, EngineError> {
        Err(EngineError::NoPads)
    }

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

    /// Makes the same backend for another client's keys. What depends on the plan alone is shared.
    fn for_client(&self, _keys: PrimeKeys) -> Result<Box<dyn Evaluate>, EngineError> {
        Err(EngineError::Internal(
            "the authors' schedule serves one client",
        ))
    }

    /// Makes own kernels use these instructions, unless the backend serves several clients.
    fn set_backend(&mut self, _backend: Backend) {}
}

/// A client's keys for one plain prime, as its backend takes them.
pub(super) struct PrimeKeys {
    relin: Option<RelinKeys>,
    /// For the layouts that rotate.
    tables: Option<Arc<KeyTables>>,
}

/// Sorts a client's keys by plain prime.
fn keys_of_primes(
    plan: &Plan,
    contexts: &Contexts,
    keys: EvaluationKeys,
) -> Result<Vec<PrimeKeys>, EngineError> {
    let rotates = plan.parameters().scheme().rotates();
    let shared = match (&keys.compact, contexts.contexts().first()) {
        // One set of keys for all plain primes.
        (Some(compact), Some(context)) if rotates => {
            Some(KeyTables::expand(context, plan, compact)?)
        }
        (None, Some(context)) if rotates && keys.first_for_all => {
            let relin = keys.relin_keys.first().and_then(Option::as_ref);
            let galois = keys.galois_keys.first().and_then(Option::as_ref);
            Some(KeyTables::of_seal(context, plan, relin, galois)?)
        }
        _ => None,
    };
    let keys = keys.relin_keys.into_iter().zip(keys.galois_keys);
    let of_primes = contexts.contexts().iter().zip(keys);
    of_primes
        .map(|(context, (relin, galois))| {
            let of_seal = || KeyTables::of_seal(context, plan, relin.as_ref(), galois.as_ref());
            let tables = match &shared {
                Some(shared) => Some(Arc::clone(shared)),
                None => rotates.then(of_seal).transpose()?,
            };
            Ok(PrimeKeys { relin, tables })
        })
        .collect()
}

/// Makes the backend of a plan, once for each plain prime.
pub(super) fn evaluators(
    plan: &Plan,
    contexts: &Contexts,
    keys: EvaluationKeys,
) -> Result<Vec<Box<dyn Evaluate>>, EngineError> {
    let keys = keys_of_primes(plan, contexts, keys)?;
    let of_primes = contexts.contexts().iter().enumerate().zip(keys);
    of_primes
        .map(|((index, context), PrimeKeys { relin, tables })| {
            let upload = contexts.of_upload(index);
            Ok(match plan.parameters().scheme() {
                Scheme::Stock => {
                    Box::new(stock::StockEvaluator::new(context, plan, relin)?) as Box<dyn Evaluate>
                }
                Scheme::Batched | Scheme::Crops => {
                    Box::new(Arc::new(fused::Fused::new(context, upload, plan)?))
                }
                Scheme::Diagonal | Scheme::FewUploads => {
                    let tables = tables.ok_or(EngineError::Internal("no tables of keys"))?;
                    let first = upload.first().ok_or(EngineError::Contexts)?;
                    Box::new(hoisted::Hoisted::new(context, first, plan, tables)?)
                }
            })
        })
        .collect()
}

/// Makes the same backends for another client's keys.
pub(super) fn for_client(
    evaluators: &[Box<dyn Evaluate>],
    (plan, contexts): (&Plan, &Contexts),
    keys: EvaluationKeys,
) -> Result<Vec<Box<dyn Evaluate>>, EngineError> {
    let keys = keys_of_primes(plan, contexts, keys)?;
    let evaluators = evaluators.iter().zip(keys);
    evaluators
        .map(|(evaluator, keys)| evaluator.for_client(keys))
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
