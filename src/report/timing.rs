//! One image through the authors' schedule: the rows and the record of a comparison.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::PrimeRun;
use crate::{
    data::DatasetName,
    engine::{EngineError, paper::PaperLayerTime},
    file::write_json,
    network::InputError,
    params::PaperParameters,
};

/// A row of the comparison: what changes against the row before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TimingCase {
    /// The network without quantised training at the larger N.
    Baseline,
    /// The network of small integers with the same parameters: products by zero are skipped.
    SmallWeights,
    /// As few plaintext primes as its smaller integers need: the circuit runs less often.
    FewerPlainPrimes,
    /// At the larger N, primes of q as small and as few as those of the smaller N.
    SmallQ,
    /// The smaller N.
    SmallN,
    /// The same with the masks of the authors' program: shows what leaving them out saves, and why they are left out.
    Masks,
}

impl TimingCase {
    /// All of them, in the order of the comparison.
    pub const ALL: [Self; 6] = [
        Self::Baseline,
        Self::SmallWeights,
        Self::FewerPlainPrimes,
        Self::SmallQ,
        Self::SmallN,
        Self::Masks,
    ];

    /// Its name in records and on the command line.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Baseline => "baseline",
            Self::SmallWeights => "small-weights",
            Self::FewerPlainPrimes => "fewer-plain-primes",
            Self::SmallQ => "small-q",
            Self::SmallN => "small-n",
            Self::Masks => "masks",
        }
    }

    /// A few words for a table or a bar.
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

/// What one network took on one set of parameters, on one thread.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TimingRow {
    /// Which row of the comparison it is.
    pub case: TimingCase,
    /// The network's name.
    pub network: String,
    /// N.
    pub poly_modulus_degree: usize,
    /// Bits of each prime of q, the special prime of key switching last.
    pub coeff_modulus_bits: Vec<u32>,
    /// t; several if the circuit runs once for each.
    pub plain_moduli: Vec<u64>,
    /// Bits of a signed integer that holds every logit of the dataset.
    pub logit_bits: u64,
    /// Of each layer at most so many channels were computed, and the rest of the time is extrapolated; nothing if all were.
    pub channels: Option<usize>,
    /// The plaintext moduli that ran; the time of the others is extrapolated from them.
    pub runs: Vec<PrimeSummary>,
    /// Making the keys: wall time.
    pub keygen_seconds: f64,
    /// Encrypting the image: wall time.
    pub encrypt_seconds: f64,
    /// Evaluating what was computed: measured wall time.
    pub evaluate_seconds: f64,
    /// The same as processor time, where the system tells it.
    pub evaluate_cpu_seconds: Option<f64>,
    /// Evaluating the whole network, of processor time where it is known, else of wall time: measured if all of it ran, else
    /// extrapolated layer by layer.
    pub whole_seconds: f64,
    /// Decrypting the logits: wall time.
    pub decrypt_seconds: f64,
    /// The layers.
    pub layers: Vec<PaperLayerTime>,
    /// How many logits differ from the twin's, modulo a plaintext modulus that ran; nothing where only a part was computed, or
    /// the noise hides them.
    pub twin_mismatches: Option<usize>,
    /// The least noise budget left at the end, in bits; of a part what is left there, which is about that of the whole.
    pub noise_budget_bits: u32,
}

/// The run of one plaintext modulus, in short.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PrimeSummary {
    /// t.
    pub plain_modulus: u64,
    /// Evaluating what was computed: processor time where it is known, else wall time.
    pub seconds: f64,
    /// The noise budget left, in bits.
    pub noise_budget_bits: u32,
    /// The commit, `-dirty` if files differ from it.
    pub git_commit: String,
    /// When it ended: RFC 3339, UTC.
    pub time: String,
}

/// A comparison, and where it ran.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TimingRecord {
    /// The command line, without the directory of the program.
    pub command: String,
    /// Where the image and the bounds come from.
    pub dataset: DatasetName,
    /// The number of the test image.
    pub image: usize,
    /// The rows.
    pub rows: Vec<TimingRow>,
    /// SEAL's version.
    pub seal_version: String,
    /// Whether SEAL was compiled with Intel HEXL. Then the times are not the authors'.
    pub hexl: bool,
    /// The processor.
    pub cpu: String,
    /// The most memory the process ever held, in bytes, where the system tells.
    pub peak_memory_bytes: Option<u64>,
    /// The commit, `-dirty` if files differ from it.
    pub git_commit: String,
    /// When: RFC 3339, UTC.
    pub time: String,
}

/// Why a timing could not be taken.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum TimingError {
    /// The engine failed.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// The image does not fit the network.
    #[error(transparent)]
    Input(#[from] InputError),
    /// A row needs a run.
    #[error("no plaintext modulus has run; run one at least")]
    NoRuns,
    /// A record could not be read or written.
    #[error("cannot {what} {}", path.display())]
    File {
        /// `read`, `write` or `name`.
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
}

impl TimingRow {
    /// A row of finished runs, at least one: of the parameters' first plaintext moduli, each once.
    ///
    /// # Errors
    /// [`TimingError::NoRuns`].
    pub fn new(
        case: TimingCase,
        parameters: &PaperParameters,
        runs: &[PrimeRun],
    ) -> Result<Self, TimingError> {
        let (Some(first), Some(noise_budget_bits)) = (
            runs.first(),
            runs.iter().map(|run| run.noise_budget_bits).min(),
        ) else {
            return Err(TimingError::NoRuns);
        };
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
            runs: runs.iter().map(PrimeSummary::of).collect(),
            keygen_seconds: sum(|run| run.keygen_seconds),
            encrypt_seconds: sum(|run| run.encrypt_seconds),
            evaluate_seconds: layers.iter().map(|layer| layer.seconds).sum(),
            evaluate_cpu_seconds: layers.iter().map(|layer| layer.cpu_seconds).sum(),
            whole_seconds: layers.iter().map(PaperLayerTime::whole_seconds).sum(),
            decrypt_seconds: sum(|run| run.decrypt_seconds),
            layers,
            twin_mismatches: wrong
                .map(|wrong| wrong.into_iter().flatten().collect::<BTreeSet<_>>().len()),
            noise_budget_bits,
        })
    }

    /// Whether all of the network ran under each plaintext modulus.
    pub const fn is_measured(&self) -> bool {
        self.channels.is_none() && self.runs.len() == self.plain_moduli.len()
    }

    /// The time of the whole network, to two significant digits where it is extrapolated.
    pub fn estimated_seconds(&self) -> f64 {
        let seconds = self.whole_seconds;
        if self.is_measured() {
            seconds
        } else {
            format!("{seconds:.1e}").parse().unwrap_or(seconds)
        }
    }

    /// Operations of what was computed, over all layers.
    pub fn ops(&self) -> crate::engine::LayerOps {
        self.layers.iter().map(|layer| layer.ops).sum()
    }

    /// Whether the row takes part in the comparison: without the authors' masks, and with noise budget left. A part that
    /// leaves none shows that the whole would not compute right.
    pub fn is_compared(&self) -> bool {
        self.case != TimingCase::Masks && self.noise_budget_bits > 0
    }

    /// Whether what ran gave the twin's logits; true for a part, which gives none, and for the masks, whose noise may hide
    /// them.
    pub fn is_right(&self) -> bool {
        self.twin_mismatches
            .is_none_or(|mismatches| mismatches == 0)
    }
}

impl PrimeSummary {
    fn of(run: &PrimeRun) -> Self {
        Self {
            plain_modulus: run.setting.plain_modulus,
            seconds: run.seconds(),
            noise_budget_bits: run.noise_budget_bits,
            git_commit: run.git_commit.clone(),
            time: run.time.clone(),
        }
    }
}

/// The layers of all runs together, as a part of what `moduli` such runs would be.
fn total(runs: &[PrimeRun], moduli: usize) -> Vec<PaperLayerTime> {
    let mut layers: Vec<PaperLayerTime> = Vec::new();
    for run in runs {
        for (index, layer) in run.layers.iter().enumerate() {
            // The circuit does not depend on the modulus.
            let all_work = layer.all_work * moduli as u64;
            match layers.get_mut(index) {
                Some(total) => {
                    total.add(layer);
                    total.all_work = all_work;
                }
                None => layers.push(PaperLayerTime {
                    all_work,
                    ..layer.clone()
                }),
            }
        }
    }
    layers
}

impl TimingRecord {
    /// Writes the record to a temporary name beside `path` and renames it.
    ///
    /// # Errors
    /// [`TimingError::File`].
    pub fn save(&self, path: &Path) -> Result<(), TimingError> {
        write_json(path, self).map_err(|source| TimingError::File {
            what: "write",
            path: path.to_owned(),
            source,
        })
    }

    /// Reads what [`save`](Self::save) wrote.
    ///
    /// # Errors
    /// [`TimingError::File`].
    pub fn load(path: &Path) -> Result<Self, TimingError> {
        let read = || Ok(serde_json::from_slice(&std::fs::read(path)?)?);
        read().map_err(|source: std::io::Error| TimingError::File {
            what: "read",
            path: path.to_owned(),
            source,
        })
    }
}
