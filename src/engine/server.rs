//! The server: evaluates a plan on ciphertexts. No type in this module can hold a secret key.

use super::client::contexts;
use super::diagonal::Diagonals;
use super::error::EngineError;
use super::fast::Fast;
use super::message::{
    EvaluationKeys, Request, RequestPart, Response, ResponsePart, check_channels, check_shape,
    check_size, suffix,
};
use super::plan::Plan;
use super::stats::{LayerStats, Progress};
use super::stock::StockEvaluator;
use crate::bfv::Ciphertext;
use crate::kernels::{Backend, warn_if_unoptimised};
use crate::layout::Layout;
use crate::params::Mode;
use std::fmt;

/// A way of computing a circuit's ciphertexts under one plaintext prime.
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

    /// Makes own kernels use these instructions.
    fn set_backend(&mut self, backend: Backend);
}

/// The server: evaluates a plan with evaluation keys only.
#[derive(Debug)]
pub struct Server {
    plan: Plan,
    /// One for each plaintext prime.
    evaluators: Vec<Box<dyn Evaluate>>,
}

/// A response, with its cost.
#[derive(Debug)]
pub struct Evaluation {
    /// Encrypted logits.
    pub response: Response,
    /// Layers in order, with `response` last: times and operations summed over the plaintext moduli.
    pub layers: Vec<LayerStats>,
}

impl Server {
    /// Makes a server for a plan and one client's keys.
    ///
    /// # Errors
    /// [`EngineError::Mismatch`] if the keys were made for another plan, [`EngineError::Bfv`] if SEAL refuses.
    pub fn new(plan: &Plan, keys: EvaluationKeys) -> Result<Self, EngineError> {
        let contexts = contexts(plan)?;
        check_channels(
            "set of evaluation keys",
            keys.relin_keys.len(),
            contexts.len(),
        )?;
        let missing = keys.relin_keys.iter().filter(|keys| keys.is_none()).count();
        if plan.needs_relin_keys() && missing > 0 {
            return Err(EngineError::Mismatch {
                message: "set of evaluation keys",
                what: "relinearisation keys",
                expected: contexts.len(),
                actual: contexts.len() - missing,
            });
        }
        check_channels(
            "set of evaluation keys",
            keys.galois_keys.len(),
            contexts.len(),
        )?;
        let keys = keys.relin_keys.into_iter().zip(&keys.galois_keys);
        let evaluators = contexts.iter().zip(keys).map(|(context, (relin, galois))| {
            Ok(match (plan.selection().mode(), plan.layout()) {
                (Mode::Stock, _) => {
                    Box::new(StockEvaluator::new(context, plan, relin)?) as Box<dyn Evaluate>
                }
                (Mode::Fast, Layout::Diagonal(layout)) => Box::new(Diagonals::new(
                    context,
                    plan,
                    layout,
                    relin.as_ref(),
                    galois.as_ref(),
                )?),
                (Mode::Fast, _) => Box::new(Fast::new(context, plan)?),
            })
        });
        Ok(Self {
            evaluators: evaluators.collect::<Result<_, EngineError>>()?,
            plan: plan.clone(),
        })
    }

    /// Makes fast mode use other instructions than this processor's fastest ones, for measurements.
    #[must_use]
    pub fn with_backend(mut self, backend: Backend) -> Self {
        for evaluator in &mut self.evaluators {
            evaluator.set_backend(backend);
        }
        self
    }

    /// Evaluates the plan on a request, on all threads of the current rayon pool.
    ///
    /// Logs a warning, once per process, if fast mode was compiled without optimisation.
    ///
    /// # Errors
    /// [`EngineError::Mismatch`] if the request is for another plan; [`EngineError::Bfv`] if SEAL refuses a ciphertext
    /// or memory is exhausted.
    pub fn evaluate(
        &self,
        request: &Request,
        progress: &dyn Progress,
    ) -> Result<Evaluation, EngineError> {
        check_shape(
            "request",
            &request.channels,
            self.evaluators.len(),
            self.plan.inputs(),
        )?;
        let mut layers = self.stats();
        let parts = request.channels.len() as u64;
        let channels = request.channels.iter().enumerate();
        let channels = channels
            .map(|(index, inputs)| {
                progress.part(index as u64, parts);
                self.evaluate_channel(index, inputs, &mut layers, progress)
            })
            .collect::<Result<_, _>>()?;
        progress.part(parts, parts);
        Ok(Evaluation {
            response: Response {
                images: request.images,
                channels,
            },
            layers,
        })
    }

    /// Evaluates the plan for one plaintext modulus, like [`Server::evaluate`]: returns the part of the response, and
    /// its cost.
    ///
    /// # Errors
    /// The errors of [`Server::evaluate`].
    pub fn evaluate_part(
        &self,
        part: &RequestPart,
        progress: &dyn Progress,
    ) -> Result<(ResponsePart, Vec<LayerStats>), EngineError> {
        let message = "part of a request";
        check_size(message, &part.ciphertexts, self.plan.inputs())?;
        if part.channel >= self.evaluators.len() {
            check_channels(message, part.channel + 1, self.evaluators.len())?;
        }
        let mut layers = self.stats();
        let ciphertexts =
            self.evaluate_channel(part.channel, &part.ciphertexts, &mut layers, progress)?;
        let response = ResponsePart {
            images: part.images,
            channel: part.channel,
            ciphertexts,
        };
        Ok((response, layers))
    }

    /// Evaluates the plan for the plaintext modulus of index `index`, which is below the number of moduli.
    fn evaluate_channel(
        &self,
        index: usize,
        inputs: &[Ciphertext],
        layers: &mut [LayerStats],
        progress: &dyn Progress,
    ) -> Result<Vec<Ciphertext>, EngineError> {
        if self.plan.selection().mode() == Mode::Fast {
            warn_if_unoptimised();
        }
        let suffix = suffix(index, self.evaluators.len());
        let primes = self.plan.response_primes();
        // Enter the pool once: from a thread outside it, every parallel loop would wake a worker and wait for it.
        rayon::scope(|_| self.evaluators[index].evaluate(inputs, primes, &suffix, layers, progress))
    }

    /// Returns an empty entry for each layer.
    fn stats(&self) -> Vec<LayerStats> {
        let first = self.evaluators.first();
        first.map(|evaluator| evaluator.stats()).unwrap_or_default()
    }
}
