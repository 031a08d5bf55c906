//! The server: evaluates a plan on ciphertexts. No type in this module can hold a secret key.

use super::client::contexts;
use super::diagonal::Diagonals;
use super::error::{Doing, EngineError};
use super::fast::Fast;
use super::message::{
    EvaluationKeys, Request, RequestPart, Response, ResponsePart, check_channels, check_shape,
    check_size, suffix,
};
use super::plan::Plan;
use super::stats::{LayerStats, Progress, Stage, layer_stage};
use super::stock::Stock;
use crate::bfv::Ciphertext;
use crate::circuit::{CircuitLayer, Op};
use crate::kernels::{Backend, warn_if_unoptimised};
use crate::layout::Layout;
use crate::params::Mode;
use std::time::Instant;

/// The server: evaluates a plan with evaluation keys only.
#[derive(Debug)]
pub struct Server {
    plan: Plan,
    channels: Channels,
}

/// The kernels for each plaintext modulus.
#[derive(Debug)]
enum Channels {
    Stock(Vec<Stock>),
    Fast(Vec<Fast>),
    Diagonal(Vec<Diagonals>),
}

impl Channels {
    fn len(&self) -> usize {
        match self {
            Self::Stock(channels) => channels.len(),
            Self::Fast(channels) => channels.len(),
            Self::Diagonal(channels) => channels.len(),
        }
    }
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
        let channels = match (plan.selection().mode(), plan.layout()) {
            (Mode::Stock, _) => Channels::Stock(
                contexts
                    .iter()
                    .zip(keys.relin_keys)
                    .map(|(context, relin_keys)| Stock::new(context, relin_keys))
                    .collect::<Result<_, _>>()?,
            ),
            (Mode::Fast, Layout::Diagonal(layout)) => Channels::Diagonal(
                contexts
                    .iter()
                    .zip(&keys.relin_keys)
                    .zip(&keys.galois_keys)
                    .map(|((context, relin), galois)| {
                        Diagonals::new(context, plan, layout, relin.as_ref(), galois.as_ref())
                    })
                    .collect::<Result<_, _>>()?,
            ),
            (Mode::Fast, _) => Channels::Fast(
                contexts
                    .iter()
                    .map(|context| Fast::new(context, plan))
                    .collect::<Result<_, _>>()?,
            ),
        };
        Ok(Self {
            channels,
            plan: plan.clone(),
        })
    }

    /// Makes fast mode use other instructions than this processor's fastest ones, for measurements.
    #[must_use]
    pub fn with_backend(mut self, backend: Backend) -> Self {
        match &mut self.channels {
            Channels::Stock(_) => {}
            Channels::Fast(channels) => {
                for channel in channels {
                    channel.set_backend(backend);
                }
            }
            Channels::Diagonal(channels) => {
                for channel in channels {
                    channel.set_backend(backend);
                }
            }
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
            self.channels.len(),
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
        if part.channel >= self.channels.len() {
            check_channels(message, part.channel + 1, self.channels.len())?;
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
        if !matches!(self.channels, Channels::Stock(_)) {
            warn_if_unoptimised();
        }
        let suffix = suffix(index, self.channels.len());
        // Enter the pool once: from a thread outside it, every parallel loop would wake a worker and wait for it.
        rayon::scope(|_| match &self.channels {
            Channels::Stock(channels) => {
                self.evaluate_stock(&channels[index], inputs, &suffix, layers, progress)
            }
            Channels::Fast(channels) => {
                let primes = self.plan.response_primes();
                channels[index].evaluate(inputs, primes, &suffix, layers, progress)
            }
            Channels::Diagonal(channels) => {
                let primes = self.plan.response_primes();
                channels[index].evaluate(inputs, primes, &suffix, layers, progress)
            }
        })
    }

    /// Returns an empty entry for each layer.
    fn stats(&self) -> Vec<LayerStats> {
        if let Channels::Fast(channels) = &self.channels {
            return channels.first().map(Fast::stats).unwrap_or_default();
        }
        if let Channels::Diagonal(channels) = &self.channels {
            return channels.first().map(Diagonals::stats).unwrap_or_default();
        }
        let layers = self.plan.layers().iter().map(CircuitLayer::name);
        LayerStats::named(layers.chain(["response"]))
    }

    fn evaluate_stock(
        &self,
        stock: &Stock,
        inputs: &[Ciphertext],
        suffix: &str,
        layers: &mut [LayerStats],
        progress: &dyn Progress,
    ) -> Result<Vec<Ciphertext>, EngineError> {
        if inputs.iter().any(Ciphertext::is_ntt_form) {
            return Err(crate::bfv::Error::WrongForm {
                operation: "stock evaluation",
                object: "ciphertext of the request",
                expected: "coefficient form: encrypt it for stock mode",
            })
            .doing(|| "reading the request".to_owned());
        }
        // The request is only borrowed; the results of a layer are consumed by the next layer.
        let mut values: Option<Vec<Ciphertext>> = None;
        let circuit = self.plan.circuit();
        let all = circuit.layers().len();
        let planned = circuit.layers().iter().zip(circuit.outputs());
        for (index, ((layer, count), stats)) in planned.zip(layers.iter_mut()).enumerate() {
            let start = Instant::now();
            let name = layer_stage(index, all, layer.name(), suffix);
            let stage = Stage::new(progress, &name, count);
            let (outputs, ops) = match layer.ops() {
                [Op::LinearCombination(sums)] => {
                    let inputs = values.as_deref().unwrap_or(inputs);
                    stock.sums(layer.name(), sums, inputs, &stage)?
                }
                [Op::Squares, then @ ..] => {
                    let relinearize = then.contains(&Op::Relinearize);
                    stock.squares(layer.name(), owned(values, inputs)?, relinearize, &stage)?
                }
                _ => {
                    return Err(EngineError::Internal(
                        "the circuit has operations that stock mode does not compute",
                    ));
                }
            };
            values = Some(outputs);
            stats.ops += ops;
            stats.seconds += start.elapsed().as_secs_f64();
        }
        let start = Instant::now();
        let primes = self.plan.response_primes();
        let (response, ops) = stock.shrink(owned(values, inputs)?, primes)?;
        if let Some(stats) = layers.last_mut() {
            stats.ops += ops;
            stats.seconds += start.elapsed().as_secs_f64();
        }
        Ok(response)
    }
}

/// Returns the results of the previous layer, or copies of the request's ciphertexts.
fn owned(
    values: Option<Vec<Ciphertext>>,
    inputs: &[Ciphertext],
) -> Result<Vec<Ciphertext>, EngineError> {
    match values {
        Some(values) => Ok(values),
        None => inputs
            .iter()
            .map(Ciphertext::try_clone)
            .collect::<Result<_, _>>()
            .doing(|| "copying the request".to_owned()),
    }
}
