//! The record of one run.

use std::path::{Path, PathBuf};

use serde::Serialize;
use thiserror::Error;

use super::{Host, forecast::ForecastRecord};
use crate::{
    circuit::OpCounts,
    data::FileDigest,
    file::{self, ResultKind},
};

/// Everything that a figure in a report can be traced back to, as one JSON object.
///
/// Seconds and bytes are totals over all images of the run. Nothing in it is secret, but the noise budgets come from
/// the client: do not send them to a server that chooses the ciphertexts.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RunRecord {
    /// The command line, without the program's directory.
    pub command: String,
    /// The server's kernels: this project's `own`, or stock calls of `seal`.
    pub kernels: String,
    /// The client's encryption: this project's `own`, or `seal`'s.
    pub client: String,
    /// Arrangement of images in ciphertexts: `batched` (one ciphertext for each pixel position, one image in each
    /// slot), `crops` (few images, one slot for each logit and position), `diagonal` (one image at a time, with
    /// rotations) or `few-uploads` (the same with rotations in the first layer, too).
    pub layout: String,
    /// The model as named on the command line.
    pub model: String,
    /// The network's own name.
    pub network: String,
    /// The dataset.
    pub dataset: String,
    /// `train` or `test`.
    pub split: String,
    /// The files from which the images and labels were read.
    pub data_files: Vec<FileDigest>,
    /// Index of the run's first image, counted from 0.
    pub first_image: usize,
    /// Number of images classified.
    pub images: usize,
    /// Number of batches; each is encrypted, evaluated and decrypted on its own.
    pub batches: usize,
    /// Number of images classified as their label says.
    pub correct: usize,
    /// Number of images for which exact clear evaluation and the decrypted logits choose different classes or differ in
    /// any logit.
    pub images_with_mismatches: usize,
    /// Number of logits compared with the twin's.
    pub logits: usize,
    /// Number of logits that differ from the twin's: 0 unless something is wrong.
    pub twin_mismatches: usize,
    /// The ring degree N.
    pub poly_modulus_degree: usize,
    /// Bits of each prime of q; the special prime for key switching is last.
    pub coeff_modulus_bits: Vec<u32>,
    /// The plaintext modulus t; several moduli if the logits are computed by the Chinese remainder theorem.
    pub plain_moduli: Vec<u64>,
    /// The security level and the table it comes from.
    pub security: String,
    /// The bound on the logits that t was chosen for.
    pub bound: BoundRecord,
    /// Number of worker threads.
    pub threads: usize,
    /// Rate of the line for which the parameters were chosen, in bits per second in each direction. The run itself has
    /// none.
    pub line_bits_per_second: u64,
    /// Smallest invariant noise budget over all responses as they are decrypted, in bits; the client measures it with the
    /// secret key. A compact response has been rounded, which leaves little more than one bit. (In records whose `noise`
    /// has no `compact response`, it is the budget before that.)
    pub noise_budget_bits: u32,
    /// The noise model's prediction for it, in bits: at least this much is left.
    pub predicted_noise_budget_bits: f64,
    /// Explanation of the choice of parameters.
    pub plan: Vec<String>,
    /// The noise after every layer.
    pub noise: Vec<NoiseRecord>,
    /// Wall-clock time of each stage.
    pub seconds: Seconds,
    /// Seconds of the server's work on a batch: in the diagonal layout, on one image.
    pub evaluate_batch: BatchSeconds,
    /// Server time and operations, layer by layer.
    pub layers: Vec<LayerRecord>,
    /// The prediction for the layers, for own kernels only.
    pub forecast: Option<ForecastRecord>,
    /// Sizes of the messages that a separate client and server would send.
    pub bytes: Sizes,
    /// Largest memory the process used at any time, in bytes, if the system tells it.
    pub peak_memory_bytes: Option<u64>,
    /// The prediction of that memory before the run ([`crate::params::MemoryForecast::peak`]).
    pub predicted_memory_bytes: Option<u64>,
    /// The version of this crate.
    pub sealquant_version: String,
    /// The machine and the program, when the record was made.
    #[serde(flatten)]
    pub host: Host,
}

/// The bound on the logits that the plaintext modulus was chosen for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct BoundRecord {
    /// `proven` (interval arithmetic over the integer network: holds for every image) or `observed`.
    pub rule: String,
    /// The images on which an observed bound was observed.
    pub source: Option<String>,
    /// Smallest number of bits that t needs.
    pub bits: u64,
    /// The largest absolute value of a logit, in decimal.
    pub magnitude: String,
}

/// Wall-clock seconds of the stages: totals over all batches.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Seconds {
    /// The client generates its keys.
    pub keygen: f64,
    /// Once: plan and contexts are made, the server takes the evaluation keys and prepares the network's constants.
    pub setup: f64,
    /// The client encodes and encrypts.
    pub encrypt: f64,
    /// The server expands the request's seeds to whole ciphertexts.
    pub expand: f64,
    /// The server evaluates the network, from whole ciphertexts to encrypted logits.
    pub evaluate: f64,
    /// The client decrypts and decodes.
    pub decrypt: f64,
    /// Exact clear evaluation, for comparison.
    pub twin: f64,
}

impl Seconds {
    /// Returns the user's clock, without a line and without making keys: from the bytes of the images to their logits.
    pub fn user(&self) -> f64 {
        self.encrypt + self.expand + self.evaluate + self.decrypt
    }
}

/// Wall-clock seconds of the server's work on a batch, over the batches of a run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct BatchSeconds {
    /// Half of the batches took at most this.
    pub median: f64,
    /// 95 % of the batches took at most this.
    pub percentile_95: f64,
}

impl BatchSeconds {
    /// Computes them from the seconds of each batch; zeros if there are no batches.
    pub fn of(batches: &[f64]) -> Self {
        let mut sorted = batches.to_vec();
        sorted.sort_unstable_by(f64::total_cmp);
        let at = |percent: usize| {
            let rank = (percent * sorted.len()).div_ceil(100).max(1);
            sorted.get(rank - 1).copied().unwrap_or_default()
        };
        Self {
            median: at(50),
            percentile_95: at(95),
        }
    }
}

/// One layer on the server: totals over all batches.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LayerRecord {
    /// The layer's name.
    pub name: String,
    /// Wall-clock seconds.
    pub seconds: f64,
    /// Operations on ciphertexts.
    pub ops: OpCounts,
}

/// The noise budget after one layer, in bits.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct NoiseRecord {
    /// The layer's name, or `fresh`, `response` (as the server computes it) or `compact response` (as it travels).
    pub name: String,
    /// The noise model's prediction; at least this much is left.
    pub predicted_bits: f64,
    /// Smallest budget that the client measured, if it did.
    pub measured_bits: Option<u32>,
}

/// Sizes in bytes of whole messages in the wire format (`docs/WIRE.md`): keys once, the rest as totals over all
/// batches.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Sizes {
    /// The evaluation keys, with seeds in place of their random halves.
    pub keys: u64,
    /// The encrypted images, with seeds in place of their random halves.
    pub upload: u64,
    /// The encrypted logits, whole: no part of them can be replaced by a seed.
    pub response: u64,
}

/// A record that could not be written.
#[derive(Debug, Error)]
#[error("cannot write the record {path}", path = path.display())]
pub struct RecordError {
    /// The path of the record.
    path: PathBuf,
    /// The file system's reason.
    #[source]
    source: std::io::Error,
}

impl RecordError {
    fn at(path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self { path, source }
    }
}

/// Checks that a record can be written to `path`, before starting the work it will describe. Leaves nothing behind.
///
/// # Errors
/// [`RecordError`] if the path is a directory, the file is read-only, its directory is not writable, or there is a file
/// that is not a record of an earlier run.
pub fn check_record_path(path: impl AsRef<Path>) -> Result<(), RecordError> {
    let path = path.as_ref();
    file::check_result(path, ResultKind::Record, None).map_err(RecordError::at(path))
}

/// Writes a record as JSON to a temporary file in the same directory, then renames it. Creates missing directories and
/// follows links; writes directly to a device or a pipe.
///
/// # Errors
/// [`RecordError`] with the path.
pub fn write_record(path: impl AsRef<Path>, record: &impl Serialize) -> Result<(), RecordError> {
    let path = path.as_ref();
    file::write_json(path, record).map_err(RecordError::at(path))
}

impl RunRecord {
    /// Returns the number of images classified per second of the server's work.
    pub fn images_per_second(&self) -> f64 {
        self.images as f64 / self.seconds.evaluate
    }

    /// Returns the fraction of images classified as their label says.
    pub fn accuracy(&self) -> f64 {
        self.correct as f64 / self.images as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_values_of_the_run() {
        let descending: Vec<f64> = (1..=40).rev().map(f64::from).collect();
        for (batches, median, percentile_95) in [(&descending[..], 20.0, 38.0), (&[0.5], 0.5, 0.5)]
        {
            let expected = BatchSeconds {
                median,
                percentile_95,
            };
            assert_eq!(BatchSeconds::of(batches), expected);
        }
        assert_eq!(BatchSeconds::of(&[]), BatchSeconds::default());
    }
}
