//! The server of the authors' schedule: stock SEAL calls, one after the other.

use super::layer::ScheduleRun;
use super::plan::PaperPlan;
use crate::bfv::{BatchEncoder, Ciphertext, Context, Error, Evaluator, GaloisKeys, RelinKeys};
use crate::circuit::OpCounts;
use crate::clock;
use crate::engine::EngineError;
use crate::engine::error::Doing;
use crate::engine::message::{check_channels, suffix};
use crate::engine::stats::{Progress, layer_stage};
use serde::{Deserialize, Serialize};
use std::time::Instant;

/// The keys for one plaintext modulus with which the server computes, and cannot decrypt.
#[derive(Debug)]
pub struct PaperKeys {
    /// Keys that bring squares back to size 2.
    pub relin_keys: RelinKeys,
    /// Keys for rotations by powers of two.
    pub galois_keys: GaloisKeys,
}

/// The part of each layer to compute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// The whole layer: the logits are correct.
    Whole,
    /// At most this many output channels of a convolution, square or pooling, and the diagonals of at most this many
    /// input channels of a fully connected layer. The other channels are copies of those: the time can be extrapolated,
    /// but the logits are wrong.
    Channels(usize),
}

impl Part {
    pub(super) fn of(self, units: usize) -> usize {
        match self {
            Self::Whole => units,
            Self::Channels(channels) => units.min(channels.max(1)),
        }
    }
}

/// The cost of one layer, summed over the plaintext moduli.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PaperLayerTime {
    /// Name of the layer.
    pub name: String,
    /// Wall time of the executed part, with the encoding of weights.
    pub seconds: f64,
    /// Processor time of the executed part, if the system reports it.
    pub cpu_seconds: Option<f64>,
    /// Operations that were executed.
    pub ops: OpCounts,
    /// Number of units (see [`Part`]) that were executed.
    pub units: u64,
    /// Number of units of the whole layer.
    pub all_units: u64,
    /// Rotations and products of the whole layer, by which the time is extrapolated.
    pub all_work: u64,
    /// Rotations and products that were executed.
    pub work: u64,
}

impl PaperLayerTime {
    /// Returns the seconds of the executed part: processor time where it is known, otherwise wall time.
    pub fn measured_seconds(&self) -> f64 {
        self.cpu_seconds.unwrap_or(self.seconds)
    }

    /// Adds the same layer under another plaintext modulus.
    pub(crate) fn add(&mut self, other: &Self) {
        self.seconds += other.seconds;
        self.cpu_seconds = self.cpu_seconds.zip(other.cpu_seconds).map(|(a, b)| a + b);
        self.ops += other.ops;
        self.work += other.work;
        self.all_work += other.all_work;
    }

    /// Returns the seconds of the whole layer: processor time where it is known, otherwise wall time. They are measured
    /// if all of the layer ran, and otherwise extrapolated in proportion to its work.
    pub fn whole_seconds(&self) -> f64 {
        let seconds = self.measured_seconds();
        if self.work == 0 {
            seconds
        } else {
            seconds * self.all_work as f64 / self.work as f64
        }
    }
}

/// A response, with its cost.
#[derive(Debug)]
pub struct PaperEvaluation {
    /// One ciphertext for each plaintext modulus, with the logits in its first slots.
    pub response: Vec<Ciphertext>,
    /// Layers, in order.
    pub layers: Vec<PaperLayerTime>,
}

/// The server: evaluates the authors' schedule with evaluation keys only.
#[derive(Debug)]
pub struct PaperServer {
    plan: PaperPlan,
    channels: Vec<ServerPrime>,
}

/// The objects that compute under one plaintext modulus.
#[derive(Debug)]
pub(super) struct ServerPrime {
    pub(super) plain_modulus: u64,
    pub(super) evaluator: Evaluator,
    pub(super) encoder: BatchEncoder,
    pub(super) keys: PaperKeys,
}

impl PaperServer {
    /// Makes a server for a plan and one client's keys, one set for each plaintext modulus.
    ///
    /// # Errors
    /// [`EngineError::Mismatch`] if the keys were made for another plan, [`EngineError::Bfv`] if SEAL refuses.
    pub fn new(plan: &PaperPlan, keys: Vec<PaperKeys>) -> Result<Self, EngineError> {
        check_channels(
            "set of evaluation keys",
            keys.len(),
            plan.parameters().plain_moduli.len(),
        )?;
        let channels = plan
            .literals()
            .zip(keys)
            .map(|(literal, keys)| {
                let context = Context::from_literal(&literal)?;
                Ok(ServerPrime {
                    evaluator: Evaluator::new(&context)?,
                    encoder: BatchEncoder::new(&context)?,
                    plain_modulus: literal.plain_modulus,
                    keys,
                })
            })
            .collect::<Result<_, Error>>()
            .doing(|| "setting up the server".to_owned())?;
        Ok(Self {
            plan: plan.clone(),
            channels,
        })
    }

    /// Returns the keys, one set for each plaintext modulus.
    pub fn keys(&self) -> impl Iterator<Item = &PaperKeys> {
        self.channels.iter().map(|channel| &channel.keys)
    }

    /// Evaluates the plan on an encrypted image, on the calling thread.
    ///
    /// # Errors
    /// [`EngineError::Mismatch`] if the request is for another plan; [`EngineError::Bfv`] if SEAL refuses a ciphertext
    /// or memory is exhausted.
    pub fn evaluate(
        &self,
        request: &[Vec<Ciphertext>],
        part: Part,
        progress: &dyn Progress,
    ) -> Result<PaperEvaluation, EngineError> {
        crate::engine::message::check_shape(
            "request",
            request,
            self.channels.len(),
            self.plan.input().shape().channels,
        )?;
        let moduli = self.channels.len();
        let mut layers: Vec<PaperLayerTime> = Vec::new();
        let mut response = Vec::with_capacity(moduli);
        let planned = self.plan.layers();
        let channels = self.channels.iter().zip(request);
        for (number, (channel, inputs)) in channels.enumerate() {
            progress.part(number as u64, moduli as u64);
            let suffix = suffix(number, moduli);
            let mut values: Option<Vec<Ciphertext>> = None;
            for (index, layer) in planned.iter().enumerate() {
                let (start, cpu) = (Instant::now(), clock::thread_cpu_seconds());
                let mut run = ScheduleRun {
                    channel,
                    ops: OpCounts::default(),
                    part,
                };
                let given = values.as_deref().unwrap_or(inputs);
                let stage = layer_stage(index, planned.len(), &layer.name, &suffix);
                let done = run
                    .step(&stage, &layer.step, given, progress)
                    .doing(|| format!("computing layer {}", layer.name))?;
                values = Some(done.outputs);
                let time = PaperLayerTime {
                    name: layer.name.clone(),
                    seconds: start.elapsed().as_secs_f64(),
                    cpu_seconds: clock::between(cpu, clock::thread_cpu_seconds()),
                    ops: run.ops,
                    units: done.units as u64,
                    all_units: done.all_units as u64,
                    work: done.work,
                    all_work: done.all_work,
                };
                match layers.get_mut(index) {
                    None => layers.push(time),
                    Some(total) => total.add(&time),
                }
            }
            response.extend(values.into_iter().flatten());
        }
        progress.part(moduli as u64, moduli as u64);
        Ok(PaperEvaluation { response, layers })
    }
}
