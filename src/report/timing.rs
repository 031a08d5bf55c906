//! One image through the authors' schedule, timed.

use std::{
    path::{Path, PathBuf},
    time::Instant,
};

use num_bigint::BigInt;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::{
    data::DatasetName,
    engine::{
        EngineError, Progress,
        paper::{PaperClient, PaperLayerTime, PaperPlan, PaperServer, Part},
    },
    file::write_atomically,
    network::{InputError, Network, Twin},
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
    /// Of each layer at most so many channels were computed, for the first plaintext modulus only, and the rest of the time
    /// is extrapolated; nothing if all of it ran.
    pub channels: Option<usize>,
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
    /// How many logits differ from the twin's; nothing where only a part was computed, or the noise hides them.
    pub twin_mismatches: Option<usize>,
    /// The least noise budget left at the end, in bits; of a part what is left there, which is about that of the whole.
    pub noise_budget_bits: u32,
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
    /// A record could not be read or written.
    #[error("cannot {what} {}", path.display())]
    File {
        /// `read` or `write`.
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
}

/// Runs an image of bytes through a network by the authors' schedule, on the calling thread.
///
/// # Errors
/// [`TimingError::Engine`] if the layout has no place for a layer, the noise budget does not suffice (but with
/// [`TimingCase::Masks`], which is to show that) or SEAL refuses; [`TimingError::Input`] if the image does not fit.
/// Logits that differ from the twin's are no error but counted.
pub fn time_paper(
    case: TimingCase,
    network: &Network,
    parameters: PaperParameters,
    image: &[u8],
    part: Part,
    progress: &dyn Progress,
) -> Result<TimingRow, TimingError> {
    let quantized = network.quantize_image(image)?;
    let coeff_modulus_bits = parameters.coeff_modulus_bits();
    let (poly_modulus_degree, plain_moduli, logit_bits) = (
        parameters.poly_modulus_degree,
        parameters.plain_moduli.clone(),
        parameters.logit_bits,
    );
    let plan = match case {
        TimingCase::Masks => PaperPlan::with_masks(network, parameters)?,
        _ => PaperPlan::new(network, parameters)?,
    };

    let start = Instant::now();
    let client = PaperClient::new(&plan)?;
    let server = PaperServer::new(&plan, client.evaluation_keys()?)?;
    let keygen_seconds = start.elapsed().as_secs_f64();

    let start = Instant::now();
    let request = client.encrypt(&quantized)?;
    let encrypt_seconds = start.elapsed().as_secs_f64();

    let evaluation = server.evaluate(&request, part, progress)?;
    let layers = evaluation.layers;

    let noise_budget_bits = client.noise_budget_bits(&evaluation.response)?;
    let start = Instant::now();
    let twin_mismatches = match (part, case) {
        (Part::Channels(_), _) => None,
        (Part::Whole, TimingCase::Masks) if noise_budget_bits == 0 => None,
        (Part::Whole, _) => {
            let (logits, _) = client.decrypt(&evaluation.response)?;
            let expected: Vec<BigInt> = Twin::new(network).logits(&quantized)?;
            let equal = logits.iter().zip(&expected).filter(|(a, b)| a == b).count();
            Some(expected.len().max(logits.len()) - equal)
        }
    };
    Ok(TimingRow {
        case,
        network: network.name().to_owned(),
        poly_modulus_degree,
        coeff_modulus_bits,
        plain_moduli,
        logit_bits,
        channels: match part {
            Part::Whole => None,
            Part::Channels(channels) => Some(channels),
        },
        keygen_seconds,
        encrypt_seconds,
        evaluate_seconds: layers.iter().map(|layer| layer.seconds).sum(),
        evaluate_cpu_seconds: layers.iter().map(|layer| layer.cpu_seconds).sum(),
        whole_seconds: layers.iter().map(PaperLayerTime::whole_seconds).sum(),
        decrypt_seconds: start.elapsed().as_secs_f64(),
        layers,
        twin_mismatches,
        noise_budget_bits,
    })
}

impl TimingRow {
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

impl TimingRecord {
    /// Writes the record to a temporary name beside `path` and renames it.
    ///
    /// # Errors
    /// [`TimingError::File`].
    pub fn save(&self, path: &Path) -> Result<(), TimingError> {
        let write = || {
            let mut text = serde_json::to_vec_pretty(self)?;
            text.push(b'\n');
            write_atomically(path, &text)
        };
        write().map_err(|source: std::io::Error| TimingError::File {
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
