//! One line of the tables: a network, its accuracy and its integers.

use serde::{Deserialize, Serialize};

use crate::{data::DatasetName, quant::WeightRule};

/// The way a network was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Method {
    /// Floating point.
    Float,
    /// A float network rounded to integers.
    Ptq,
    /// Quantised training from a float parent, for one width of weights; [`AccuracyRow::recipe`] describes it.
    Qat,
    /// Quantised training for a budget of logit bits; designed after the other rows were seen.
    Front,
}

impl Method {
    /// Returns a description in words.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Float => "float",
            Self::Ptq => "PTQ",
            Self::Qat => "QAT",
            Self::Front => "QAT, budget",
        }
    }
}

/// A network of the tables.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AccuracyRow {
    /// The dataset that it classifies.
    pub dataset: DatasetName,
    /// The way it was made.
    pub method: Method,
    /// Its name: the directory of its run.
    pub name: String,
    /// Description of how its weights were made.
    #[serde(default)]
    pub recipe: String,
    /// The rule by which its weights were rounded, for a rounded network.
    #[serde(default)]
    pub rounding: Option<WeightRule>,
    /// Bits of a weight in the widest layer, for a quantised network.
    pub weight_bits: Option<u32>,
    /// Bits of a weight in the narrowest layer.
    #[serde(default)]
    pub narrowest_weight_bits: Option<u32>,
    /// Number of channels of each convolution.
    #[serde(default)]
    pub channels: Vec<usize>,
    /// Number of integers that an input can be; 256 for plain pixels.
    pub input_levels: i64,
    /// True if the client first encodes the image by contrast.
    pub encoded: bool,
    /// Seed of the run, for a trained network.
    pub seed: Option<u64>,
    /// Number of epochs of the run, for a trained network.
    pub epochs: Option<usize>,
    /// Share of the validation images classified correctly, for a trained network.
    pub validation_accuracy: Option<f64>,
    /// Number of images in the test split.
    pub test_images: usize,
    /// Number of test images classified correctly.
    pub test_correct: usize,
    /// Share of the test images classified correctly.
    pub test_accuracy: f64,
    /// Hash of the float tensors that it was made from.
    pub weights_sha256: String,
    /// The widths of its integers; `None` for a float network.
    pub widths: Option<Widths>,
}

/// Groups values by their keys, in the order in which the keys first appear.
pub(super) fn grouped<K: PartialEq, V>(
    pairs: impl IntoIterator<Item = (K, V)>,
) -> Vec<(K, Vec<V>)> {
    let mut groups: Vec<(K, Vec<V>)> = Vec::new();
    for (key, value) in pairs {
        match groups.iter_mut().find(|(known, _)| *known == key) {
            Some((_, of)) => of.push(value),
            None => groups.push((key, vec![value])),
        }
    }
    groups
}

impl AccuracyRow {
    /// Tells whether it is a rounded network made by the rule of least error, not by the paper's rule.
    pub fn is_rounded_by_min_error(&self) -> bool {
        self.rounding == Some(WeightRule::MinError)
    }
}

/// Widths of a network's integers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Widths {
    /// Widths at the input and after each layer.
    pub layers: Vec<LayerWidth>,
    /// Description of the images on which the observed bits were measured.
    pub observed_on: String,
    /// Parameters for the bound that holds for every input.
    pub proven: Choice,
    /// Parameters for the bound observed on those images.
    pub observed: Choice,
}

/// The integers at one place of a network, in bits: `log2(2 * largest magnitude + 1)`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LayerWidth {
    /// The layer's name, or `input`.
    pub name: String,
    /// Bits that no input can exceed.
    pub proven_bits: f64,
    /// Bits that the images reach.
    pub observed_bits: f64,
}

/// Encryption parameters that follow from a bound.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Choice {
    /// Bits of the logits.
    pub logit_bits: f64,
    /// Bits of the widest integers anywhere.
    pub widest_bits: f64,
    /// The plaintext modulus t, or the CRT primes; empty if nothing fits.
    pub plain_moduli: Vec<u64>,
    /// The ring degree N; 0 if nothing fits.
    pub poly_modulus_degree: usize,
    /// Bits of q, including the special prime; 0 if nothing fits.
    pub coeff_modulus_bits: u32,
}
