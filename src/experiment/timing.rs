//! One image with the authors' schedule: the rows and the record of a comparison.

use std::{collections::BTreeSet, path::Path};

use serde::{Deserialize, Serialize};

use super::{Host, PrimeLayer, PrimeRun, TimingError};
use crate::{circuit::OpCounts, data::DatasetName, params::ReferenceParameters};

/// A row of the comparison, named for what changes from the row before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "cli", derive(clap::ValueEnum))]
#[serde(rename_all = "kebab-case")]
pub enum TimingCase {
    /// The network without quantised training, at the larger N.
    Baseline,
    /// The network with small integers and the same parameters: products by zero are skipped.
    SmallWeights,
    /// As few plaintext primes as the smaller integers need, so the circuit runs less often.
    FewerPlainPrimes,
    /// At the larger N, with primes of q as small and as few as at the smaller N.
    SmallQ,
    /// The smaller N.
    SmallN,
    /// The smaller N with the masks of the authors' program. Shows what leaving them out saves, and why they are left
    /// out.
    Masks,
}

impl TimingCase {
    /// Returns a few words for a table or a bar.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Baseline => "baseline",
            Self::SmallWeights => "small weights",
            Self::FewerPlainPrimes => "fewer primes of t",
            Self::SmallQ => "small q",
            Self::SmallN => "small N",
            Self::Masks => "with masks",
        }
    }
}

/// Times of one network with one set of parameters, on one thread.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TimingRow {
    /// The row of the comparison.
    pub case: TimingCase,
    /// The network's name.
    pub network: String,
    /// The ring degree N.
    pub poly_modulus_degree: usize,
    /// Bits of each prime of q; the special prime for key switching is last.
    pub coeff_modulus_bits: Vec<u32>,
    /// The plaintext modulus t; several if the circuit runs once for each.
    pub plain_moduli: Vec<u64>,
    /// Bits of a signed integer that can hold every logit of the dataset.
    pub logit_bits: u64,
    /// Largest number of channels computed in each layer, the remaining time being extrapolated; `None` if all were
    /// computed.
    pub channels: Option<usize>,
    /// The plaintext moduli that ran; the times of the others are extrapolated from them.
    pub runs: Vec<PrimeSummary>,
    /// Wall time of generating the keys.
    pub keygen_seconds: f64,
    /// Wall time of encrypting the image.
    pub encrypt_seconds: f64,
    /// Measured wall time of evaluating what was computed.
    pub evaluate_seconds: f64,
    /// Measured processor time of evaluating what was computed, if the system tells it.
    pub evaluate_cpu_seconds: Option<f64>,
    /// Time of evaluating the whole network: processor time if it is known, else wall time. It is measured if the whole
    /// network ran, else extrapolated layer by layer.
    pub whole_seconds: f64,
    /// Wall time of decrypting the logits.
    pub decrypt_seconds: f64,
    /// Times of the layers.
    pub layers: Vec<PrimeLayer>,
    /// Number of logits that differ from the twin's modulo a plaintext modulus that ran; `None` if only a part was
    /// computed or the noise hides them.
    pub twin_mismatches: Option<usize>,
    /// Smallest noise budget left at the end, in bits. For a part it is the part's own, which is about that of the
    /// whole.
    pub noise_budget_bits: u32,
}

/// Summary of the run under one plaintext modulus.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PrimeSummary {
    /// The plaintext modulus t.
    pub plain_modulus: u64,
    /// Seconds of evaluating what was computed: processor time if it is known, else wall time.
    pub seconds: f64,
    /// Noise budget left, in bits.
    pub noise_budget_bits: u32,
    /// The commit, with `-dirty` if files differ from it.
    pub git_commit: String,
    /// Time at which it ended: RFC 3339, UTC.
    pub time: String,
}

/// A comparison and the machine it ran on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TimingRecord {
    /// The command line, without the program's directory.
    pub command: String,
    /// The dataset of the image and the bounds.
    pub dataset: DatasetName,
    /// Index of the test image.
    pub image: usize,
    /// The rows.
    pub rows: Vec<TimingRow>,
    /// Largest memory the process used at any time, in bytes, if the system tells it.
    pub peak_memory_bytes: Option<u64>,
    /// The machine and the program. With HEXL, the times are not comparable with the authors'.
    #[serde(flatten)]
    pub host: Host,
}

impl TimingRow {
    /// Builds a row from finished runs, at least one. They must be of the parameters' first plaintext moduli, each
    /// once.
    ///
    /// # Errors
    /// [`TimingError::NoRuns`].
    pub fn new(
        case: TimingCase,
        parameters: &ReferenceParameters,
        runs: &[PrimeRun],
    ) -> Result<Self, TimingError> {
        let first = runs.first().ok_or(TimingError::NoRuns)?;
        let summary = |run: &PrimeRun| PrimeSummary {
            plain_modulus: run.setting.plain_modulus,
            seconds: run.seconds(),
            noise_budget_bits: run.noise_budget_bits,
            git_commit: run.git_commit.clone(),
            time: run.time.clone(),
        };
        let budgets = runs.iter().map(|run| run.noise_budget_bits);
        let sum = |seconds: fn(&PrimeRun) -> f64| runs.iter().map(seconds).sum();
        let layers = total(runs, parameters.plain_moduli.len());
        let wrong: Option<Vec<&Vec<usize>>> =
            runs.iter().map(|run| run.wrong_logits.as_ref()).collect();
        Ok(Self {
            case,
            network: first.setting.network.clone(),
            poly_modulus_degree: parameters.poly_modulus_degree,
            coeff_modulus_bits: parameters.coeff_modulus_bits(),
            plain_moduli: parameters.plain_moduli.clone(),
            logit_bits: parameters.logit_bits,
            channels: first.setting.channels,
            runs: runs.iter().map(summary).collect(),
            keygen_seconds: sum(|run| run.keygen_seconds),
            encrypt_seconds: sum(|run| run.encrypt_seconds),
            evaluate_seconds: layers.iter().map(|layer| layer.seconds).sum(),
            evaluate_cpu_seconds: layers.iter().map(|layer| layer.cpu_seconds).sum(),
            whole_seconds: layers.iter().map(PrimeLayer::whole_seconds).sum(),
            decrypt_seconds: sum(|run| run.decrypt_seconds),
            layers,
            twin_mismatches: wrong
                .map(|wrong| wrong.into_iter().flatten().collect::<BTreeSet<_>>().len()),
            noise_budget_bits: budgets.fold(u32::MAX, u32::min),
        })
    }

    /// Tells whether the whole network ran under each plaintext modulus.
    pub const fn is_measured(&self) -> bool {
        self.channels.is_none() && self.runs.len() == self.plain_moduli.len()
    }

    /// Sums the operations of what was computed, over all layers.
    pub fn ops(&self) -> OpCounts {
        self.layers.iter().map(|layer| layer.ops).sum()
    }

    /// Tells whether the row takes part in the comparison: it is without the authors' masks and has noise budget left.
    /// If a part leaves no budget, the whole network would not compute correctly.
    pub fn is_compared(&self) -> bool {
        self.case != TimingCase::Masks && self.noise_budget_bits > 0
    }

    /// Tells whether the computed logits are the twin's. Also true for a part, which has no logits, and for the masks,
    /// whose noise may hide them.
    pub fn is_right(&self) -> bool {
        self.twin_mismatches
            .is_none_or(|mismatches| mismatches == 0)
    }
}

/// Adds up the layers of all runs, as a part of the work of `moduli` such runs.
fn total(runs: &[PrimeRun], moduli: usize) -> Vec<PrimeLayer> {
    let mut runs = runs.iter();
    let mut layers = runs.next().map_or(Vec::new(), |run| run.layers.clone());
    for layer in &mut layers {
        // The circuit does not depend on the modulus.
        layer.all_work *= moduli as u64;
    }
    for run in runs {
        for (total, layer) in layers.iter_mut().zip(&run.layers) {
            total.add(layer);
        }
    }
    layers
}

impl TimingRecord {
    /// Reads a record that [`write_record`](super::write_record) wrote.
    ///
    /// # Errors
    /// [`TimingError::File`].
    pub fn load(path: &Path) -> Result<Self, TimingError> {
        let read = || Ok(serde_json::from_slice(&std::fs::read(path)?)?);
        read().map_err(TimingError::file("read", path))
    }
}
