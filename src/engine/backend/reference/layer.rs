//! The execution of one layer of the authors' schedule: rotations, products and sums, one after the other.

use super::plan::{ReferenceDiagonals, ReferenceStep, Tap};
use crate::circuit::OpCounts;
use crate::engine::backend::stock::allow_transparent;
use crate::engine::stats::{Progress, Share, StageProgress};
use crate::modular::{centred, residue, wide_residue};
use crate::seal::{BatchEncoder, Ciphertext, Error, Evaluator, GaloisKeys, RelinKeys};
use num_bigint::BigInt;

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

/// The objects that compute under one plain prime.
#[derive(Debug)]
pub(super) struct Objects {
    pub(super) plain_modulus: u64,
    pub(super) evaluator: Evaluator,
    pub(super) encoder: BatchEncoder,
    pub(super) relin_keys: RelinKeys,
    pub(super) galois_keys: GaloisKeys,
}

/// The execution of one layer.
pub(super) struct ScheduleRun<'a> {
    pub(super) objects: &'a Objects,
    pub(super) ops: OpCounts,
    pub(super) part: Part,
}

impl ScheduleRun<'_> {
    /// Computes the layer, or the requested part of it: its outputs, and how much of it ran.
    pub(super) fn step(
        &mut self,
        stage: &str,
        step: &ReferenceStep,
        inputs: &[Ciphertext],
        progress: &dyn Progress,
    ) -> Result<(Vec<Ciphertext>, Share), Error> {
        let all_units = match step {
            ReferenceStep::Convolution { channels, .. } => channels.len(),
            ReferenceStep::Square(channels) | ReferenceStep::SumPool { channels, .. } => *channels,
            ReferenceStep::Linear(linear) => linear.diagonals.len(),
        };
        let units = self.part.of(all_units);
        let stage = StageProgress::new(progress, stage, units);
        let (outputs, work): (Vec<Ciphertext>, Vec<u64>) = match step {
            ReferenceStep::Convolution { channels, mask } => {
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
            ReferenceStep::Square(_) => {
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
            ReferenceStep::SumPool { rotations, .. } => {
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
            ReferenceStep::Linear(linear) => {
                let output = self.linear(linear, &inputs[..units], &stage)?;
                let work = linear
                    .diagonals
                    .iter()
                    .map(|diagonals| diagonals.len() as u64)
                    .collect();
                (vec![output], work)
            }
        };
        // Copies stand in for the channels that were left out.
        let width = match step {
            ReferenceStep::Linear(_) => 1,
            _ => all_units,
        };
        let mut outputs = outputs;
        while outputs.len() < width {
            outputs.push(outputs[outputs.len() % units].try_clone()?);
        }
        let share = Share {
            units: units as u64,
            all_units: all_units as u64,
            work: work[..units].iter().sum(),
            all_work: work.iter().sum(),
        };
        Ok((outputs, share))
    }

    fn convolve(
        &mut self,
        taps: &[Tap],
        bias: &BigInt,
        mask: Option<&[u64]>,
        inputs: &[Ciphertext],
    ) -> Result<Ciphertext, Error> {
        let evaluator = &self.objects.evaluator;
        let mut total = self.zero(&inputs[0])?;
        let mut term = Ciphertext::new()?;
        for tap in taps {
            let weight = centred(i128::from(tap.weight), self.objects.plain_modulus);
            if weight == 0 {
                continue;
            }
            term.assign(&inputs[tap.input])?;
            self.rotate(&mut term, tap.rotation)?;
            // The weight in every slot is a constant; it is encoded anew each time.
            let encoder = &self.objects.encoder;
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
            vec![wide_residue(bias, self.objects.plain_modulus); slots]
        })?;
        if let Some(mask) = mask {
            let encoder = &self.objects.encoder;
            let slots = mask.iter().copied().cycle().take(encoder.slot_count());
            let mask = encoder.encode_u64(&slots.collect::<Vec<_>>())?;
            let evaluator = &self.objects.evaluator;
            allow_transparent(evaluator.multiply_plain_inplace(&mut total, &mask))?;
            self.ops.plain_multiplications += 1;
        }
        Ok(total)
    }

    fn square(&mut self, input: &Ciphertext) -> Result<Ciphertext, Error> {
        let evaluator = &self.objects.evaluator;
        let mut value = input.try_clone()?;
        allow_transparent(evaluator.square_inplace(&mut value))?;
        allow_transparent(evaluator.relinearize_inplace(&mut value, &self.objects.relin_keys))?;
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
            allow_transparent(self.objects.evaluator.add_inplace(&mut total, &term))?;
            self.ops.additions += 1;
        }
        Ok(total)
    }

    fn linear(
        &mut self,
        linear: &ReferenceDiagonals,
        inputs: &[Ciphertext],
        stage: &StageProgress<'_>,
    ) -> Result<Ciphertext, Error> {
        let evaluator = &self.objects.evaluator;
        let t = self.objects.plain_modulus;
        let slots = self.objects.encoder.slot_count();
        let mut total = self.zero(&inputs[0])?;
        let mut term = Ciphertext::new()?;
        for (input, diagonals) in inputs.iter().zip(&linear.diagonals) {
            for (rotation, factors) in diagonals {
                term.assign(input)?;
                self.rotate(&mut term, *rotation)?;
                let residues = factors.iter().map(|&factor| residue(i128::from(factor), t));
                let repeated: Vec<u64> = residues.cycle().take(slots).collect();
                let factor = self.objects.encoder.encode_u64(&repeated)?;
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
            let biases = linear.biases.iter().map(|bias| wide_residue(bias, t));
            let row: Vec<u64> = biases.chain(zeros).collect();
            row.into_iter().cycle().take(slots).collect()
        })?;
        Ok(total)
    }

    /// Makes a ciphertext of zero.
    fn zero(&mut self, like: &Ciphertext) -> Result<Ciphertext, Error> {
        let mut zero = like.try_clone()?;
        allow_transparent(self.objects.evaluator.sub_inplace(&mut zero, like))?;
        self.ops.additions += 1;
        Ok(zero)
    }

    fn add_bias(
        &mut self,
        total: &mut Ciphertext,
        slots: impl FnOnce(usize) -> Vec<u64>,
    ) -> Result<(), Error> {
        let encoder = &self.objects.encoder;
        let bias = encoder.encode_u64(&slots(encoder.slot_count()))?;
        if !bias.is_zero() {
            allow_transparent(self.objects.evaluator.add_plain_inplace(total, &bias))?;
            self.ops.plain_additions += 1;
        }
        Ok(())
    }

    fn rotate(&mut self, value: &mut Ciphertext, slots: usize) -> Result<(), Error> {
        if slots == 0 {
            return Ok(());
        }
        let steps = i32::try_from(slots).unwrap_or(i32::MAX);
        allow_transparent(self.objects.evaluator.rotate_rows_inplace(
            value,
            steps,
            &self.objects.galois_keys,
        ))?;
        self.ops.rotations += 1;
        self.ops.rotation_key_switches += key_switches(slots);
        Ok(())
    }
}

/// Counts the key switches of a rotation: the non-zero digits of the signed binary form without adjacent non-zero
/// digits, by which SEAL composes a rotation of powers of two.
fn key_switches(slots: usize) -> u64 {
    u64::from((slots ^ (3 * slots)).count_ones())
}

/// Estimates the work of an output channel, to which its time is about proportional: key switches, and a little for
/// each product.
fn work_of(taps: &[Tap]) -> u64 {
    taps.iter()
        .map(|tap| 10 * key_switches(tap.rotation) + 1)
        .sum()
}
