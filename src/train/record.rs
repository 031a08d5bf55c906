//! The record of a training run, stored beside the model that it made.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::{EpochRecord, TrainConfig, TrainError, read};
use crate::{data::FileDigest, file_kind::Own};

/// Everything known about a finished training run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TrainRecord {
    /// The configuration, including the seed.
    pub config: TrainConfig,
    /// The files of the training and test images, with their SHA-256.
    pub data: Vec<FileDigest>,
    /// Number of images trained on.
    pub train_images: usize,
    /// Number of images held out.
    pub validation_images: usize,
    /// Number of images in the test split.
    pub test_images: usize,
    /// Results of every epoch.
    pub epochs: Vec<EpochRecord>,
    /// The epoch whose weights were kept: the best on the validation images; the first one wins a tie.
    pub best_epoch: usize,
    /// Share of the validation images classified correctly after that epoch.
    pub validation_accuracy: f64,
    /// Number of test images classified correctly; the test split is read once, at the end.
    pub test_correct: usize,
    /// Share of the test images classified correctly.
    pub test_accuracy: f64,
    /// Wall time of all epochs in seconds.
    pub seconds: f64,
    /// SHA-256 of the names, shapes and values of the float tensors that were kept.
    pub weights_sha256: String,
    /// Hash of the weights of the float network that quantised training started from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent_sha256: Option<String>,
    /// Hash of the teacher's weights.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub teacher_sha256: Option<String>,
    /// Comparison of the integer network with the trained one, for a quantised run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agreement: Option<Agreement>,
    /// The comparison of the logits with the plaintext modulus that the configuration asks for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fit: Option<Fit>,
    /// Versions of the programs.
    pub versions: Versions,
}

/// Tells whether the logits of a network fit a plaintext modulus (or the product of several): `2 * magnitude <
/// product`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Fit {
    /// The modulus or moduli.
    pub plain_moduli: Vec<u64>,
    /// `log2` of their product.
    pub available_bits: f64,
    /// `log2(2 * magnitude + 1)` for the magnitude that no input can exceed.
    pub proven_bits: f64,
    /// True if the proven bound fits: then no input at all can wrap around.
    pub proven: bool,
    /// `log2(2 * magnitude + 1)` for the largest observed magnitude.
    pub observed_bits: f64,
    /// Description of the images observed.
    pub observed_on: String,
    /// Number of observed images with a logit that does not fit.
    pub exceeding: usize,
    /// `available_bits - observed_bits`: the room left for images that were not observed, if the fit is not proven.
    pub margin_bits: f64,
}

/// Comparison of the exported integer network, evaluated exactly, with the network that burn evaluates in single
/// precision with fake quantisation.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Agreement {
    /// Number of images compared.
    pub images: usize,
    /// Number of images whose largest logit is at another class: 0, or the export fails.
    pub argmax_differs: usize,
    /// Number of images for which burn prefers another class because of its rounding: the two logits differ by less
    /// than twice the largest error. These are not counted in `argmax_differs`.
    #[serde(default)]
    pub ties: usize,
    /// Largest difference between burn's logit and the integer logit times the output scale.
    pub max_error: f64,
    /// Largest logit of the integer network, times the output scale.
    pub max_logit: f64,
    /// `max_error / max_logit`: a few units of single precision (6e-8) times the roots of the sums' lengths.
    pub relative_error: f64,
    /// Largest integer logit.
    pub max_integer_logit: f64,
    /// `log2(2 * max_integer_logit + 1)`.
    pub observed_bits: f64,
    /// Share of weights that are zero.
    pub zero_fraction: f64,
}

/// Rounds a number to ten significant digits. A measurement needs no more, and a decimal this short is read back from
/// JSON to the same bits.
pub(super) fn short(x: f64) -> f64 {
    format!("{x:.9e}").parse().unwrap_or(x)
}

/// Versions of the programs that made a model.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Versions {
    /// Version of this crate.
    pub sealquant: String,
    /// Version of burn, whose single-precision arithmetic decides the weights.
    pub burn: String,
    /// Processor architecture and operating system.
    pub target: String,
    /// The processor's instruction sets that decide how matrix products are rounded, in alphabetical order. Only the
    /// same sets give the same weights, bit for bit. Empty in older records and on processors with only one choice.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub cpu_features: String,
}

impl Versions {
    /// Returns the versions compiled in.
    pub(super) fn current() -> Self {
        Self {
            sealquant: env!("CARGO_PKG_VERSION").to_owned(),
            burn: "0.22.1 (flex)".to_owned(),
            target: format!("{}-{}", std::env::consts::ARCH, std::env::consts::OS),
            cpu_features: cpu_features().join(" "),
        }
    }
}

/// Lists the instruction sets among which the matrix-product code chooses at run time.
fn cpu_features() -> Vec<&'static str> {
    #[cfg(target_arch = "x86_64")]
    let sets = [
        ("avx2", std::is_x86_feature_detected!("avx2")),
        ("avx512bw", std::is_x86_feature_detected!("avx512bw")),
        ("avx512cd", std::is_x86_feature_detected!("avx512cd")),
        ("avx512dq", std::is_x86_feature_detected!("avx512dq")),
        ("avx512f", std::is_x86_feature_detected!("avx512f")),
        ("avx512vl", std::is_x86_feature_detected!("avx512vl")),
        ("fma", std::is_x86_feature_detected!("fma")),
    ];
    #[cfg(not(target_arch = "x86_64"))]
    let sets: [(&str, bool); 0] = [];
    sets.into_iter()
        .filter_map(|(name, found)| found.then_some(name))
        .collect()
}

impl TrainRecord {
    /// Reads the record of a model directory (`record.json`).
    ///
    /// # Errors
    /// [`TrainError::Io`] or [`TrainError::Json`].
    pub fn load(dir: &Path) -> Result<Self, TrainError> {
        read::json(
            &dir.join(super::RECORD_FILE),
            "training record",
            Own::TrainRecord,
        )
    }
}
