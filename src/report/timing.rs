//! One image through the authors' schedule, timed.

use std::{
    path::{Path, PathBuf},
    time::Instant,
};

use num_bigint::BigInt;
use serde::Serialize;
use thiserror::Error;

use crate::{
    engine::{
        EngineError, Progress,
        paper::{PaperClient, PaperLayerTime, PaperPlan, PaperServer, Part},
    },
    file::write_atomically,
    network::{InputError, Network, Twin},
    params::PaperParameters,
};

/// What one network took on one set of parameters. Seconds are wall-clock time of one thread.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TimingRow {
    /// Which row of the comparison it is.
    pub case: String,
    /// The network's name.
    pub network: String,
    /// N.
    pub poly_modulus_degree: usize,
    /// Bits of each prime of q, the special prime of key switching last.
    pub coeff_modulus_bits: Vec<u32>,
    /// t; several if the circuit runs once for each.
    pub plain_moduli: Vec<u64>,
    /// Of each layer at most so many channels were computed, and the rest of the time is extrapolated; nothing if all of
    /// it ran.
    pub channels: Option<usize>,
    /// Making the keys.
    pub keygen_seconds: f64,
    /// Encrypting the image.
    pub encrypt_seconds: f64,
    /// Evaluating what was computed: measured.
    pub evaluate_seconds: f64,
    /// Evaluating the whole network: the same if all of it ran, else extrapolated layer by layer.
    pub whole_seconds: f64,
    /// Decrypting the logits.
    pub decrypt_seconds: f64,
    /// The layers.
    pub layers: Vec<PaperLayerTime>,
    /// How many logits differ from the twin's; nothing where only a part was computed.
    pub twin_mismatches: Option<usize>,
    /// What was left at the end; nothing where only a part was computed.
    pub noise_budget_bits: Option<u32>,
}

/// A comparison, and where it ran.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TimingRecord {
    /// The command line, without the directory of the program.
    pub command: String,
    /// The dataset and the number of the test image.
    pub image: String,
    /// The rows.
    pub rows: Vec<TimingRow>,
    /// SEAL's version.
    pub seal_version: String,
    /// Whether SEAL was compiled with Intel HEXL. Then the times are not the authors'.
    pub hexl: bool,
    /// The processor.
    pub cpu: String,
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
    /// The record could not be written.
    #[error("cannot write {}", path.display())]
    Write {
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
/// [`TimingError::Engine`] if the layout has no place for a layer, the noise budget does not suffice or SEAL refuses;
/// [`TimingError::Input`] if the image does not fit. Logits that differ from the twin's are no error but counted.
pub fn time_paper(
    case: &str,
    network: &Network,
    parameters: PaperParameters,
    image: &[u8],
    part: Part,
    progress: &dyn Progress,
) -> Result<TimingRow, TimingError> {
    let quantized = network.quantize_image(image)?;
    let coeff_modulus_bits = parameters
        .coeff_modulus
        .iter()
        .map(|prime| u64::BITS - prime.leading_zeros())
        .collect();
    let (poly_modulus_degree, plain_moduli) = (
        parameters.poly_modulus_degree,
        parameters.plain_moduli.clone(),
    );
    let plan = PaperPlan::new(network, parameters)?;

    let start = Instant::now();
    let client = PaperClient::new(&plan)?;
    let server = PaperServer::new(&plan, client.evaluation_keys()?)?;
    let keygen_seconds = start.elapsed().as_secs_f64();

    let start = Instant::now();
    let request = client.encrypt(&quantized)?;
    let encrypt_seconds = start.elapsed().as_secs_f64();

    let evaluation = server.evaluate(&request, part, progress)?;
    let layers = evaluation.layers;

    let start = Instant::now();
    let (twin_mismatches, noise_budget_bits) = match part {
        Part::Whole => {
            let (logits, budget) = client.decrypt(&evaluation.response)?;
            let expected: Vec<BigInt> = Twin::new(network).logits(&quantized)?;
            let equal = logits.iter().zip(&expected).filter(|(a, b)| a == b).count();
            (Some(expected.len().max(logits.len()) - equal), Some(budget))
        }
        Part::Channels(_) => (None, None),
    };
    Ok(TimingRow {
        case: case.to_owned(),
        network: network.name().to_owned(),
        poly_modulus_degree,
        coeff_modulus_bits,
        plain_moduli,
        channels: match part {
            Part::Whole => None,
            Part::Channels(channels) => Some(channels),
        },
        keygen_seconds,
        encrypt_seconds,
        evaluate_seconds: layers.iter().map(|layer| layer.seconds).sum(),
        whole_seconds: layers.iter().map(PaperLayerTime::whole_seconds).sum(),
        decrypt_seconds: start.elapsed().as_secs_f64(),
        layers,
        twin_mismatches,
        noise_budget_bits,
    })
}

impl TimingRecord {
    /// Writes the record to a temporary name beside `path` and renames it.
    ///
    /// # Errors
    /// [`TimingError::Write`].
    pub fn save(&self, path: &Path) -> Result<(), TimingError> {
        let write = || {
            let mut text = serde_json::to_vec_pretty(self)?;
            text.push(b'\n');
            write_atomically(path, &text)
        };
        write().map_err(|source: std::io::Error| TimingError::Write {
            path: path.to_owned(),
            source,
        })
    }
}
