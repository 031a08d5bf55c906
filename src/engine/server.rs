//! The server: evaluates a plan on ciphertexts. No type in this module can hold a secret key.

use super::backend::reference::{Part, ReferencePlan};
use super::backend::{self, Evaluate};
use super::compact::CompactRequestPart;
use super::contexts::Contexts;
use super::error::EngineError;
use super::message::{
    EvaluationKeys, Request, RequestPart, Response, ResponsePart, check_parts, check_shape,
    check_size, suffix,
};
use super::pads::PadPlan;
use super::plan::Plan;
use super::spec::ClientSpec;
use super::stats::{LayerStats, Progress};
use crate::kernels::{Backend, warn_if_unoptimised};
use crate::seal::Ciphertext;

/// The server: evaluates a plan with one client's evaluation keys only. Servers for further clients share what depends on
/// the plan alone, see [`Server::for_client`].
#[derive(Debug)]
pub struct Server {
    /// `None` for the authors' schedule, which has a plan of its own.
    plan: Option<(Plan, Contexts)>,
    pub(super) inputs: usize,
    /// Number of parts of a request.
    pub(super) uploads: usize,
    pub(super) response_primes: usize,
    own_kernels: bool,
    /// False if the calling thread does all the work.
    in_pool: bool,
    /// One for each plain prime.
    pub(super) evaluators: Vec<Box<dyn Evaluate>>,
    /// `None` if the plan takes no pads.
    pub(super) pads: Option<PadPlan>,
}

/// A response, with its cost.
#[derive(Debug)]
pub struct Evaluation {
    /// Encrypted logits.
    pub response: Response,
    /// Layers in order, with `response` last if primes are dropped: times and operations summed over the plain primes.
    pub layers: Vec<LayerStats>,
}

impl Server {
    /// Makes a server for a plan and one client's keys.
    ///
    /// # Errors
    /// [`EngineError::Mismatch`] if the keys were made for another plan, [`EngineError::Contexts`] if the contexts are
    /// those of another plan, [`EngineError::Seal`] if SEAL refuses.
    pub fn new(
        plan: &Plan,
        contexts: &Contexts,
        keys: EvaluationKeys,
    ) -> Result<Self, EngineError> {
        check_keys(plan.client_spec(), contexts, &keys)?;
        Ok(Self {
            inputs: plan.inputs(),
            uploads: plan.client_spec().uploads(),
            response_primes: plan.response_primes(),
            own_kernels: !plan.parameters().scheme().is_stock(),
            in_pool: true,
            pads: PadPlan::of(plan, &keys),
            evaluators: backend::evaluators(plan, contexts, keys)?,
            plan: Some((plan.clone(), contexts.clone())),
        })
    }

    /// Makes a server for another client of the same plan. The weights, which were prepared once, are shared: this takes
    /// the time and the memory of the client's keys alone.
    ///
    /// # Errors
    /// Those of [`Server::new`].
    pub fn for_client(&self, keys: EvaluationKeys) -> Result<Self, EngineError> {
        let Some((plan, contexts)) = &self.plan else {
            return Err(EngineError::Internal(
                "the authors' schedule serves one client",
            ));
        };
        check_keys(plan.client_spec(), contexts, &keys)?;
        Ok(Self {
            plan: self.plan.clone(),
            pads: PadPlan::of(plan, &keys),
            evaluators: backend::for_client(&self.evaluators, (plan, contexts), keys)?,
            ..*self
        })
    }

    /// Makes a server that computes by the authors' schedule, or a part of each layer. It evaluates on the calling
    /// thread.
    ///
    /// # Errors
    /// Those of [`Server::new`].
    pub fn reference(
        plan: &ReferencePlan,
        contexts: &Contexts,
        keys: EvaluationKeys,
        part: Part,
    ) -> Result<Self, EngineError> {
        let spec = plan.client_spec();
        check_keys(spec, contexts, &keys)?;
        Ok(Self {
            inputs: spec.inputs(),
            uploads: spec.uploads(),
            response_primes: spec.coeff_modulus().len().saturating_sub(1),
            own_kernels: false,
            in_pool: false,
            evaluators: backend::reference_evaluators(plan, contexts, keys, part)?,
            pads: None,
            plan: None,
        })
    }

    /// Makes own kernels use other instructions than this processor's fastest ones, for measurements. Call it before
    /// [`Server::for_client`].
    #[must_use]
    pub fn with_backend(mut self, backend: Backend) -> Self {
        for evaluator in &mut self.evaluators {
            evaluator.set_backend(backend);
        }
        self
    }

    /// Evaluates the plan on a request, on all threads of the current rayon pool.
    ///
    /// Logs a warning, once per process, if own kernels were compiled without optimisation.
    ///
    /// # Errors
    /// [`EngineError::Mismatch`] if the request is for another plan; [`EngineError::Seal`] if SEAL refuses a ciphertext
    /// or memory is exhausted.
    pub fn evaluate(
        &self,
        request: &Request,
        progress: &dyn Progress,
    ) -> Result<Evaluation, EngineError> {
        check_shape("request", &request.parts, self.uploads, self.inputs)?;
        let mut layers = self.stats();
        let total = self.evaluators.len() as u64;
        // A part for each plain prime, or one for all.
        let parts = request.parts.iter().cycle().take(self.evaluators.len());
        let parts = parts
            .enumerate()
            .map(|(index, inputs)| {
                progress.part(index as u64, total);
                self.evaluate_for(index, |evaluator, suffix| {
                    let primes = self.response_primes;
                    evaluator.evaluate(inputs, primes, suffix, &mut layers, progress)
                })
            })
            .collect::<Result<_, _>>()?;
        progress.part(total, total);
        Ok(Evaluation {
            response: Response {
                images: request.images,
                parts,
            },
            layers,
        })
    }

    /// Evaluates the plan for one plaintext modulus, like [`Server::evaluate`]: returns the part of the response, and
    /// its cost. If one upload serves all moduli, this is for the first, and [`Server::evaluate_shared`] for any.
    ///
    /// # Errors
    /// The errors of [`Server::evaluate`].
    pub fn evaluate_part(
        &self,
        part: &RequestPart,
        progress: &dyn Progress,
    ) -> Result<(ResponsePart, Vec<LayerStats>), EngineError> {
        self.evaluate_prime(part, part.plain_prime, progress)
    }

    /// Evaluates the plan for the plaintext modulus of index `plain_prime` on an upload that serves all moduli.
    ///
    /// # Errors
    /// The errors of [`Server::evaluate`], and [`EngineError::Mismatch`] if the upload serves another modulus only.
    pub fn evaluate_shared(
        &self,
        part: &RequestPart,
        plain_prime: usize,
        progress: &dyn Progress,
    ) -> Result<(ResponsePart, Vec<LayerStats>), EngineError> {
        if self.uploads > 1 && part.plain_prime != plain_prime {
            check_parts("request", self.uploads, 1)?;
        }
        self.evaluate_prime(part, plain_prime, progress)
    }

    /// Evaluates the plan like [`Server::evaluate_shared`] on an upload in the form in which it travels, which takes less
    /// memory than whole ciphertexts.
    pub(crate) fn evaluate_packed(
        &self,
        part: &CompactRequestPart,
        plain_prime: usize,
        progress: &dyn Progress,
    ) -> Result<(ResponsePart, Vec<LayerStats>), EngineError> {
        let parts = (part.plain_prime, plain_prime);
        self.evaluate_one(part.images, parts, |evaluator, suffix, layers| {
            let primes = self.response_primes;
            evaluator.evaluate_packed(part, primes, suffix, layers, progress)
        })
    }

    fn evaluate_prime(
        &self,
        part: &RequestPart,
        plain_prime: usize,
        progress: &dyn Progress,
    ) -> Result<(ResponsePart, Vec<LayerStats>), EngineError> {
        check_size("part of a request", &part.ciphertexts, self.inputs)?;
        let parts = (part.plain_prime, plain_prime);
        self.evaluate_one(part.images, parts, |evaluator, suffix, layers| {
            let (inputs, primes) = (&part.ciphertexts, self.response_primes);
            evaluator.evaluate(inputs, primes, suffix, layers, progress)
        })
    }

    /// Evaluates the plan for one plaintext modulus on part `part` of a request.
    fn evaluate_one(
        &self,
        images: usize,
        (part, plain_prime): (usize, usize),
        evaluate: impl Fn(
            &dyn Evaluate,
            &str,
            &mut [LayerStats],
        ) -> Result<Vec<Ciphertext>, EngineError>
        + Send
        + Sync,
    ) -> Result<(ResponsePart, Vec<LayerStats>), EngineError> {
        let message = "part of a request";
        if part >= self.uploads {
            check_parts(message, part + 1, self.uploads)?;
        }
        if plain_prime >= self.evaluators.len() {
            check_parts(message, plain_prime + 1, self.evaluators.len())?;
        }
        let mut layers = self.stats();
        let ciphertexts = self.evaluate_for(plain_prime, |evaluator, suffix| {
            evaluate(evaluator, suffix, &mut layers)
        })?;
        let response = ResponsePart {
            images,
            plain_prime,
            ciphertexts,
        };
        Ok((response, layers))
    }

    /// Evaluates the plan for the plaintext modulus of index `index`, which is below the number of moduli.
    fn evaluate_for(
        &self,
        index: usize,
        mut evaluate: impl FnMut(&dyn Evaluate, &str) -> Result<Vec<Ciphertext>, EngineError> + Send,
    ) -> Result<Vec<Ciphertext>, EngineError> {
        if self.own_kernels {
            warn_if_unoptimised();
        }
        let suffix = suffix(index, self.evaluators.len());
        let evaluator = &*self.evaluators[index];
        let mut evaluate = || evaluate(evaluator, &suffix);
        if self.in_pool {
            // Enter the pool once: from a thread outside it, every parallel loop would wake a worker and wait for it.
            rayon::scope(|_| evaluate())
        } else {
            evaluate()
        }
    }

    /// Returns an empty entry for each layer.
    pub(super) fn stats(&self) -> Vec<LayerStats> {
        let first = self.evaluators.first();
        first.map(|evaluator| evaluator.stats()).unwrap_or_default()
    }
}

/// Refuses keys that are not those of a plan.
fn check_keys(
    spec: &ClientSpec,
    contexts: &Contexts,
    keys: &EvaluationKeys,
) -> Result<(), EngineError> {
    let message = "set of evaluation keys";
    contexts.check(spec)?;
    let primes = spec.plain_moduli.len();
    check_parts(message, keys.relin_keys.len(), primes)?;
    check_parts(message, keys.galois_keys.len(), primes)?;
    if let Some(compact) = &keys.compact {
        if compact.fits(contexts) {
            return Ok(());
        }
        return Err(EngineError::Mismatch {
            message,
            what: "keys of this plan",
            expected: spec.needed_keys().map_or(0, |keys| keys.len()),
            actual: 0,
        });
    }
    let needed = if keys.first_for_all && spec.needed_keys().is_some() {
        1
    } else {
        primes
    };
    let relin_keys = keys.relin_keys.iter().take(needed);
    let actual = relin_keys.filter(|keys| keys.is_some()).count();
    if spec.needs_relin_keys && actual < needed {
        return Err(EngineError::Mismatch {
            message,
            what: "relinearisation keys",
            expected: needed,
            actual,
        });
    }
    Ok(())
}
