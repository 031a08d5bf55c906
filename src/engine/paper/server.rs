//! The server of the authors' schedule: stock SEAL calls, one after the other.

use super::plan::{Diagonals, PaperPlan, PaperStep, Tap};
use crate::bfv::{BatchEncoder, Ciphertext, Context, Error, Evaluator, GaloisKeys, RelinKeys};
use crate::clock;
use crate::engine::EngineError;
use crate::engine::error::Doing;
use crate::engine::message::{check_channels, suffix};
use crate::engine::residue::{bias_residue, centred};
use crate::engine::stats::{LayerOps, Progress, Stage, layer_stage};
use crate::engine::stock::allow_transparent;
use num_bigint::BigInt;
use serde::{Deserialize, Serialize};
use std::time::Instant;

/// What the server needs to compute, and cannot decrypt with, for one plaintext modulus.
#[derive(Debug)]
pub struct PaperKeys {
    /// To bring squares back to size 2.
    pub relin_keys: RelinKeys,
    /// To rotate by powers of two.
    pub galois_keys: GaloisKeys,
}

/// How much of each layer to compute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// All of it: the logits are right.
    Whole,
    /// At most this many output channels of a convolution, square or pooling, and diagonals of so many input channels of
    /// a fully connected layer, for the first plaintext modulus only. The other channels are copies of those: the time
    /// can be extrapolated, the logits are wrong.
    Channels(usize),
}

impl Part {
    fn of(self, units: usize) -> usize {
        match self {
            Self::Whole => units,
            Self::Channels(channels) => units.min(channels.max(1)),
        }
    }
}

/// What one layer cost; summed over the plaintext moduli.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PaperLayerTime {
    /// The layer.
    pub name: String,
    /// Wall time of what was executed, encoding of weights included.
    pub seconds: f64,
    /// The same as processor time, where the system tells it.
    pub cpu_seconds: Option<f64>,
    /// What was executed.
    pub ops: LayerOps,
    /// Units (see [`Part`]) that were executed.
    pub units: u64,
    /// Units there are.
    pub all_units: u64,
    /// Rotations and products of the whole layer: what the time is extrapolated by.
    pub all_work: u64,
    /// The same of what was executed.
    pub work: u64,
}

impl PaperLayerTime {
    /// Seconds of the whole layer, of processor time where it is known, else of wall time: measured if all of it ran, else
    /// in proportion to its work.
    pub fn whole_seconds(&self) -> f64 {
        let seconds = self.cpu_seconds.unwrap_or(self.seconds);
        if self.work == 0 {
            seconds
        } else {
            seconds * self.all_work as f64 / self.work as f64
        }
    }
}

/// A response and what it cost.
#[derive(Debug)]
pub struct PaperEvaluation {
    /// For each plaintext modulus a ciphertext with the logits in its first slots; of a [`Part`] only for the first.
    pub response: Vec<Ciphertext>,
    /// The layers in order.
    pub layers: Vec<PaperLayerTime>,
}

/// Evaluates the authors' schedule with evaluation keys only.
#[derive(Debug)]
pub struct PaperServer {
    plan: PaperPlan,
    channels: Vec<Channel>,
}

#[derive(Debug)]
struct Channel {
    plain_modulus: u64,
    evaluator: Evaluator,
    encoder: BatchEncoder,
    keys: PaperKeys,
}

impl PaperServer {
    /// A server for a plan and one client's keys, one set for each plaintext modulus.
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
                Ok(Channel {
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

    /// The keys, one set for each plaintext modulus.
    pub fn keys(&self) -> impl Iterator<Item = &PaperKeys> {
        self.channels.iter().map(|channel| &channel.keys)
    }

    /// Evaluates the plan on an encrypted image, on the calling thread.
    ///
    /// # Errors
    /// [`EngineError::Mismatch`] for a request to another plan; [`EngineError::Bfv`] if SEAL refuses a ciphertext or
    /// memory is exhausted.
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
        let (moduli, repeats) = match part {
            Part::Whole => (self.channels.len(), 1),
            Part::Channels(_) => (1, self.channels.len() as u64),
        };
        let mut layers: Vec<PaperLayerTime> = Vec::new();
        let mut response = Vec::with_capacity(moduli);
        let planned = self.plan.layers();
        let channels = self.channels.iter().zip(request).take(moduli);
        for (number, (channel, inputs)) in channels.enumerate() {
            progress.part(number as u64, moduli as u64);
            let suffix = suffix(number, moduli);
            let mut values: Option<Vec<Ciphertext>> = None;
            for (index, layer) in planned.iter().enumerate() {
                let (start, cpu) = (Instant::now(), clock::thread_cpu_seconds());
                let mut run = Run {
                    channel,
                    ops: LayerOps::default(),
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
                    all_work: done.all_work * repeats,
                };
                match layers.get_mut(index) {
                    None => layers.push(time),
                    Some(total) => {
                        total.seconds += time.seconds;
                        total.cpu_seconds =
                            total.cpu_seconds.zip(time.cpu_seconds).map(|(a, b)| a + b);
                        total.ops += time.ops;
                        total.work += time.work;
                        total.all_work += time.all_work;
                    }
                }
            }
            response.extend(values.into_iter().flatten());
        }
        progress.part(moduli as u64, moduli as u64);
        Ok(PaperEvaluation { response, layers })
    }
}

/// The outputs of a layer, and how much of it was computed.
struct Done {
    outputs: Vec<Ciphertext>,
    units: usize,
    all_units: usize,
    work: u64,
    all_work: u64,
}

/// One layer at work.
struct Run<'a> {
    channel: &'a Channel,
    ops: LayerOps,
    part: Part,
}

impl Run<'_> {
    fn step(
        &mut self,
        stage: &str,
        step: &PaperStep,
        inputs: &[Ciphertext],
        progress: &dyn Progress,
    ) -> Result<Done, Error> {
        let all_units = match step {
            PaperStep::Convolution { channels, .. } => channels.len(),
            PaperStep::Square(channels) | PaperStep::SumPool { channels, .. } => *channels,
            PaperStep::Linear(linear) => linear.diagonals.len(),
        };
        let units = self.part.of(all_units);
        let stage = Stage::new(progress, stage, units);
        let (outputs, work): (Vec<Ciphertext>, Vec<u64>) = match step {
            PaperStep::Convolution { channels, mask } => {
                let outputs = channels[..units]
                    .iter()
                    .map(|(taps, bias)| {
                        let output = self.convolve(taps, bias, mask.as_deref(), inputs)?;
                        stage.advance();
                        Ok(output)
                    })
                    .collect::<Result<_, Error>>()?;
                let work = channels.iter().map(|(taps, _)| work_of(taps)).collect();
                (outputs, work)
            }
            PaperStep::Square(_) => {
                let outputs = inputs[..units]
                    .iter()
                    .map(|input| {
                        let output = self.square(input)?;
                        stage.advance();
                        Ok(output)
                    })
                    .collect::<Result<_, Error>>()?;
                (outputs, vec![1; all_units])
            }
            PaperStep::SumPool { rotations, .. } => {
                let outputs = inputs[..units]
                    .iter()
                    .map(|input| {
                        let output = self.pool(input, rotations)?;
                        stage.advance();
                        Ok(output)
                    })
                    .collect::<Result<_, Error>>()?;
                (outputs, vec![1; all_units])
            }
            PaperStep::Linear(linear) => {
                let output = self.linear(linear, &inputs[..units], &stage)?;
                let work = linear
                    .diagonals
                    .iter()
                    .map(|diagonals| diagonals.len() as u64)
                    .collect();
                (vec![output], work)
            }
        };
        // The channels that were left out.
        let width = match step {
            PaperStep::Linear(_) => 1,
            _ => all_units,
        };
        let mut outputs = outputs;
        while outputs.len() < width {
            outputs.push(outputs[outputs.len() % units].try_clone()?);
        }
        Ok(Done {
            outputs,
            units,
            all_units,
            work: work[..units].iter().sum(),
            all_work: work.iter().sum(),
        })
    }

    fn convolve(
        &mut self,
        taps: &[Tap],
        bias: &BigInt,
        mask: Option<&[u64]>,
        inputs: &[Ciphertext],
    ) -> Result<Ciphertext, Error> {
        let evaluator = &self.channel.evaluator;
        let mut total = self.zero(&inputs[0])?;
        let mut term = Ciphertext::new()?;
        for tap in taps {
            let weight = centred(i128::from(tap.weight), self.channel.plain_modulus);
            if weight == 0 {
                continue;
            }
            term.assign(&inputs[tap.input])?;
            self.rotate(&mut term, tap.rotation)?;
            // The weight in every slot, encoded anew each time: a constant.
            let encoder = &self.channel.encoder;
            let factor = encoder.encode_u64(&vec![weight.unsigned_abs(); encoder.slot_count()])?;
            allow_transparent(evaluator.multiply_plain_inplace(&mut term, &factor))?;
            self.ops.constant_multiplications += 1;
            allow_transparent(if weight > 0 {
                evaluator.add_inplace(&mut total, &term)
            } else {
                evaluator.sub_inplace(&mut total, &term)
            })?;
            self.ops.additions += 1;
        }
        self.add_bias(&mut total, |slots| {
            vec![bias_residue(bias, self.channel.plain_modulus); slots]
        })?;
        if let Some(mask) = mask {
            let encoder = &self.channel.encoder;
            let slots = mask.iter().copied().cycle().take(encoder.slot_count());
            let mask = encoder.encode_u64(&slots.collect::<Vec<_>>())?;
            let evaluator = &self.channel.evaluator;
            allow_transparent(evaluator.multiply_plain_inplace(&mut total, &mask))?;
            self.ops.plain_multiplications += 1;
        }
        Ok(total)
    }

    fn square(&mut self, input: &Ciphertext) -> Result<Ciphertext, Error> {
        let evaluator = &self.channel.evaluator;
        let mut value = input.try_clone()?;
        allow_transparent(evaluator.square_inplace(&mut value))?;
        allow_transparent(
            evaluator.relinearize_inplace(&mut value, &self.channel.keys.relin_keys),
        )?;
        self.ops.squares += 1;
        self.ops.relinearizations += 1;
        Ok(value)
    }

    fn pool(&mut self, input: &Ciphertext, rotations: &[usize]) -> Result<Ciphertext, Error> {
        let mut total = input.try_clone()?;
        let mut term = Ciphertext::new()?;
        for &rotation in rotations {
            term.assign(input)?;
            self.rotate(&mut term, rotation)?;
            allow_transparent(self.channel.evaluator.add_inplace(&mut total, &term))?;
            self.ops.additions += 1;
        }
        Ok(total)
    }

    fn linear(
        &mut self,
        linear: &Diagonals,
        inputs: &[Ciphertext],
        stage: &Stage<'_>,
    ) -> Result<Ciphertext, Error> {
        let evaluator = &self.channel.evaluator;
        let t = self.channel.plain_modulus;
        let slots = self.channel.encoder.slot_count();
        let mut total = self.zero(&inputs[0])?;
        let mut term = Ciphertext::new()?;
        for (input, diagonals) in inputs.iter().zip(&linear.diagonals) {
            for (rotation, factors) in diagonals {
                term.assign(input)?;
                self.rotate(&mut term, *rotation)?;
                let residues = factors
                    .iter()
                    .map(|&factor| i128::from(factor).rem_euclid(i128::from(t)) as u64);
                let repeated: Vec<u64> = residues.cycle().take(slots).collect();
                let factor = self.channel.encoder.encode_u64(&repeated)?;
                if !factor.is_zero() {
                    allow_transparent(evaluator.multiply_plain_inplace(&mut term, &factor))?;
                    self.ops.plain_multiplications += 1;
                    allow_transparent(evaluator.add_inplace(&mut total, &term))?;
                    self.ops.additions += 1;
                }
            }
            stage.advance();
        }
        let mut fold = linear.rows;
        while fold < linear.period {
            term.assign(&total)?;
            self.rotate(&mut term, fold)?;
            allow_transparent(evaluator.add_inplace(&mut total, &term))?;
            self.ops.additions += 1;
            fold *= 2;
        }
        self.add_bias(&mut total, |slots| {
            let zeros = std::iter::repeat_n(0, linear.rows - linear.biases.len());
            let biases = linear.biases.iter().map(|bias| bias_residue(bias, t));
            let row: Vec<u64> = biases.chain(zeros).collect();
            row.into_iter().cycle().take(slots).collect()
        })?;
        Ok(total)
    }

    /// A ciphertext of zero.
    fn zero(&mut self, like: &Ciphertext) -> Result<Ciphertext, Error> {
        let mut zero = like.try_clone()?;
        allow_transparent(self.channel.evaluator.sub_inplace(&mut zero, like))?;
        self.ops.additions += 1;
        Ok(zero)
    }

    fn add_bias(
        &mut self,
        total: &mut Ciphertext,
        slots: impl FnOnce(usize) -> Vec<u64>,
    ) -> Result<(), Error> {
        let encoder = &self.channel.encoder;
        let bias = encoder.encode_u64(&slots(encoder.slot_count()))?;
        if !bias.is_zero() {
            allow_transparent(self.channel.evaluator.add_plain_inplace(total, &bias))?;
            self.ops.plain_additions += 1;
        }
        Ok(())
    }

    fn rotate(&mut self, value: &mut Ciphertext, slots: usize) -> Result<(), Error> {
        if slots == 0 {
            return Ok(());
        }
        let steps = i32::try_from(slots).unwrap_or(i32::MAX);
        allow_transparent(self.channel.evaluator.rotate_rows_inplace(
            value,
            steps,
            &self.channel.keys.galois_keys,
        ))?;
        self.ops.rotations += 1;
        self.ops.rotation_key_switches += key_switches(slots);
        Ok(())
    }
}

/// The nonzero digits of the signed binary form without adjacent ones, by which SEAL composes a rotation of powers of
/// two.
fn key_switches(slots: usize) -> u64 {
    u64::from((slots ^ (3 * slots)).count_ones())
}

/// What the time of an output channel is about proportional to: key switches, and a little for each product.
fn work_of(taps: &[Tap]) -> u64 {
    taps.iter()
        .map(|tap| 10 * key_switches(tap.rotation) + 1)
        .sum()
}
