//! One line of the tables: a network, its accuracy and its integers.

use serde::{Deserialize, Serialize};

use crate::{data::DatasetName, quant::WeightRule};

/// How a network came about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Method {
    /// Floating point.
    Float,
    /// A float network rounded to integers.
    Ptq,
    /// Quantised training from a float parent, for one width of weights: [`Row::recipe`] says how.
    Qat,
    /// Quantised training for a budget of bits of the logits; designed after the other rows were seen.
    Front,
}

impl Method {
    /// In words.
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
pub struct Row {
    /// What it classifies.
    pub dataset: DatasetName,
    /// How it came about.
    pub method: Method,
    /// Its name: the directory of its run.
    pub name: String,
    /// How its weights were made, in words.
    #[serde(default)]
    pub recipe: String,
    /// How its weights were rounded, for a rounded one.
    #[serde(default)]
    pub rounding: Option<WeightRule>,
    /// Bits of a weight, for a quantised one: of the widest layer.
    pub weight_bits: Option<u32>,
    /// Those of the narrowest layer.
    #[serde(default)]
    pub narrowest_weight_bits: Option<u32>,
    /// Channels of the convolutions.
    #[serde(default)]
    pub channels: Vec<usize>,
    /// How many integers an input can be; 256 for plain pixels.
    pub input_levels: i64,
    /// Whether the client encodes the image by contrast first.
    pub encoded: bool,
    /// Seed of the run, for a trained one.
    pub seed: Option<u64>,
    /// Epochs of the run, for a trained one.
    pub epochs: Option<usize>,
    /// Share of the validation images classified correctly, for a trained one.
    pub validation_accuracy: Option<f64>,
    /// Images of the test split.
    pub test_images: usize,
    /// Test images classified correctly.
    pub test_correct: usize,
    /// Share of the test images classified correctly.
    pub test_accuracy: f64,
    /// Hash of the float tensors that it was made of.
    pub weights_sha256: String,
    /// Its integers; none for a float network.
    pub widths: Option<Widths>,
}

impl Row {
    /// Whether it is a rounded network, and not by the paper's rule but by that of least error.
    pub fn is_rounded_by_min_error(&self) -> bool {
        self.rounding == Some(WeightRule::MinError)
    }
}

/// How wide the integers of a network are.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Widths {
    /// At the input and after each layer.
    pub layers: Vec<LayerWidth>,
    /// The images that the observed bits are of, in words.
    pub observed_on: String,
    /// What follows from the bound that holds for every input.
    pub proven: Choice,
    /// What follows from the bound observed on those images.
    pub observed: Choice,
}

/// The integers at one place of a network, in bits: `log2(2 * largest magnitude + 1)`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LayerWidth {
    /// The layer, or `input`.
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
    /// t, or the CRT primes; empty if nothing fits.
    pub plain_moduli: Vec<u64>,
    /// N; 0 if nothing fits.
    pub poly_modulus_degree: usize,
    /// Bits of q with the special prime; 0 if nothing fits.
    pub coeff_modulus_bits: u32,
}
