//! The configuration of a training run. It decides the result, together with the data and this program.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::{NetworkSpec, TrainError, files::write_json, read};
use crate::{
    data::DatasetName,
    file_kind::Own,
    network::{InputEncoding, InputQuantizer},
    quant::WeightRule,
    seal::Modulus,
};

/// Largest number of epochs in a run: steps are counted over the whole run.
const MAX_EPOCHS: usize = 1_000_000;
/// SEAL's largest plaintext modulus, in bits.
const MAX_PLAIN_MODULUS_BITS: u32 = 60;
/// Twice the smallest degree N: plain primes that are 1 modulo it support batching at that N.
const SMALLEST_BATCHING_STEP: u64 = 2 * 1024;

/// A training run. Stored as JSON beside the model it made.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct TrainConfig {
    /// Name of the model, which its files carry. At most 128 bytes.
    #[cfg_attr(test, schemars(length(min = 1, max = 128)))]
    pub name: String,
    /// The dataset to train and test on.
    pub dataset: DatasetName,
    /// Seed of initial weights, order of images and augmentation.
    pub seed: u64,
    /// The input and the layers.
    pub network: NetworkSpec,
    /// Thresholds that turn pixels into numbers: a pixel's integer is the number of thresholds that it reaches, and its
    /// real value that integer divided by the number of thresholds. They increase strictly, from 1 on. The paper's
    /// two bits are `[85, 170, 255]`. Must be given unless there is an `input_encoding`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(test, schemars(inner(range(min = 1))))]
    pub input_thresholds: Vec<u8>,
    /// An encoding by contrast in place of thresholds on pixels; the client computes it before it encrypts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input_encoding: Option<InputEncoding>,
    /// Number of training images, the last ones, that are held out to choose the best epoch.
    #[cfg_attr(test, schemars(range(min = 1)))]
    pub validation_images: usize,
    /// Passes over the training images.
    #[cfg_attr(test, schemars(range(min = 1, max = 1_000_000)))]
    pub epochs: usize,
    /// Images in a step. As many at least must be left when the validation images are held out.
    #[cfg_attr(test, schemars(range(min = 2)))]
    pub batch_size: usize,
    /// The optimiser of the weights.
    pub optimizer: OptimizerConfig,
    /// Normalise over the batch before each activation (folded into the weights at the end). Not for quantised
    /// training, which starts from folded weights.
    #[serde(default)]
    pub batch_norm: bool,
    /// First value of the factors of the batch norms. Below 1 keeps the values behind several squares small.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    #[cfg_attr(test, schemars(extend("exclusiveMinimum" = 0, "default" = 1.0)))]
    pub norm_gamma: f64,
    /// Share of the target probability spread evenly over all classes.
    #[serde(default)]
    #[cfg_attr(test, schemars(extend("minimum" = 0, "maximum" = 1)))]
    pub label_smoothing: f64,
    /// Random affine changes of the training images.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub augmentation: Option<AugmentConfig>,
    /// Learning from another network's outputs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub distillation: Option<DistillConfig>,
    /// Quantised training; without it the network is trained in floating point.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quantization: Option<QatConfig>,
}

/// Adam and its learning rate.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct OptimizerConfig {
    /// Highest learning rate.
    #[cfg_attr(test, schemars(extend("exclusiveMinimum" = 0)))]
    pub learning_rate: f64,
    /// The decrease of the learning rate.
    #[serde(default)]
    pub schedule: Schedule,
    /// Steps over which the learning rate rises from zero, linearly.
    #[serde(default)]
    pub warmup_steps: usize,
    /// Gradients are scaled down together to this Euclidean norm.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, schemars(extend("exclusiveMinimum" = 0)))]
    pub clip_norm: Option<f64>,
    /// Decay of weights (not of biases, factors or scales), decoupled from the gradient as in AdamW: each step takes
    /// this times the learning rate off a weight.
    #[serde(default, skip_serializing_if = "is_default")]
    #[cfg_attr(test, schemars(extend("minimum" = 0, "default" = 0.0)))]
    pub weight_decay: f64,
    /// Factor of the learning rate for the first layer's weights.
    #[serde(default = "one")]
    #[cfg_attr(test, schemars(extend("minimum" = 0)))]
    pub first_layer_factor: f64,
    /// Factor of the learning rate for biases.
    #[serde(default = "one")]
    #[cfg_attr(test, schemars(extend("minimum" = 0)))]
    pub bias_factor: f64,
    /// Factor of the learning rate for trained scales (which are trained as logarithms).
    #[serde(default = "one")]
    #[cfg_attr(test, schemars(extend("minimum" = 0)))]
    pub scale_factor: f64,
}

fn one() -> f64 {
    1.0
}

/// Tells whether a factor is 1, its default.
fn is_one<T: PartialEq + From<u8>>(value: &T) -> bool {
    *value == T::from(1)
}

/// Tells whether a value is the default of its type.
fn is_default<T: PartialEq + Default>(value: &T) -> bool {
    *value == T::default()
}

/// The decrease of the learning rate after warming up.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Schedule {
    /// Not at all.
    #[default]
    Constant,
    /// Along half a cosine, to zero at the last step.
    Cosine,
}

/// Random changes of training images. The bounds of the affine ones are those of a uniform draw within plus and minus
/// the bound; all channels of an image change alike.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct AugmentConfig {
    /// Rotation, in degrees.
    #[serde(default)]
    #[cfg_attr(test, schemars(extend("minimum" = 0)))]
    pub rotation: f64,
    /// Relative change of size: 0.1 is a tenth smaller to a tenth larger.
    #[serde(default)]
    #[cfg_attr(test, schemars(extend("minimum" = 0, "exclusiveMaximum" = 1)))]
    pub scale: f64,
    /// Shift, in pixels, in each direction.
    #[serde(default)]
    #[cfg_attr(test, schemars(extend("minimum" = 0)))]
    pub shift: f64,
    /// Horizontal shear, pixels per pixel.
    #[serde(default)]
    #[cfg_attr(test, schemars(extend("minimum" = 0)))]
    pub shear: f64,
    /// Mirror every second image, left to right.
    #[serde(default, skip_serializing_if = "is_default")]
    #[cfg_attr(test, schemars(extend("default" = false)))]
    pub flip: bool,
    /// Shift by whole pixels, up to so many in each direction: the same as a random crop of the image with a black
    /// border of this width. Smaller than the image.
    #[serde(default, skip_serializing_if = "is_default")]
    #[cfg_attr(test, schemars(extend("default" = 0)))]
    pub crop: usize,
}

/// Learning from a teacher: `(1 - weight) * CE(labels) + weight * temperature^2 * KL(teacher, student)`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct DistillConfig {
    /// Model directory of the teacher, from the working directory.
    pub teacher: String,
    /// Share of the teacher's loss.
    #[cfg_attr(test, schemars(extend("minimum" = 0, "maximum" = 1)))]
    pub weight: f64,
    /// Logits of both are divided by this before the softmax.
    #[cfg_attr(test, schemars(extend("exclusiveMinimum" = 0)))]
    pub temperature: f64,
}

/// Quantised training from a float parent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct QatConfig {
    /// Model directory of the float network to start from, from the working directory.
    pub parent: String,
    /// Bits of a weight, the sign included, in the layers with the widest integers: what the widest of `rules` gives.
    #[cfg_attr(test, schemars(range(min = 2, max = 32)))]
    pub n_bits: u32,
    /// The rules that choose the integers: one for all layers, or one for each layer with weights.
    #[cfg_attr(test, schemars(length(min = 1)))]
    pub rules: Vec<WeightRule>,
    /// The start of the latent weights.
    #[serde(default)]
    pub start: QatStart,
    /// Share of the steps over which the budgets of `top-k` rules shrink, geometrically, from all weights. No epoch before
    /// its end is chosen.
    #[serde(default)]
    #[cfg_attr(test, schemars(extend("minimum" = 0, "exclusiveMaximum" = 1)))]
    pub anneal: f64,
    /// For each layer with weights but the last, or for the first of them: the share of the steps after which it no longer
    /// changes. None before the end of `anneal`, none before the layer in front.
    #[serde(default)]
    #[cfg_attr(test, schemars(extend("items" = serde_json::json!({"type": "number", "exclusiveMinimum": 0, "maximum": 1}))))]
    pub freeze: Vec<f64>,
    /// At the end, take the rounded middle of the training logits off all output biases: the class with the largest
    /// logit stays the same, the integers get smaller.
    #[serde(default)]
    pub center_output: bool,
    /// The plaintext modulus, or the CRT primes whose product takes its place, that the logits are to fit: distinct primes
    /// of at most 60 bits, each 1 modulo 2048 (or 2N of a larger N), so that they batch. An epoch in
    /// which those of the validation images do not fit is not chosen, and the record says whether the network fits for
    /// every input, or on which images.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub plain_moduli: Vec<u64>,
    /// Normalise the outputs of the leading convolutions before their activation: each channel by its own mean, a layer
    /// by one deviation (times `norm_gamma`). At the end it is folded into the integer biases, exactly. With it deep networks
    /// of few bits learn; a frozen layer's norm stands still with it.
    #[serde(default, skip_serializing_if = "is_default")]
    #[cfg_attr(test, schemars(extend("default" = false)))]
    pub normalize: bool,
}

/// The start of quantised training from the float network.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum QatStart {
    /// With its weights as they are.
    #[default]
    Copy,
    /// With each output channel rescaled so that its weights fit the integers best; the square (and all linear layers)
    /// let the next layer's weights undo that, so the float function is the same and no scale per channel remains.
    /// Only for rules with a scale of their own.
    Equalized,
}

impl TrainConfig {
    /// Reads and checks a configuration.
    ///
    /// # Errors
    /// [`TrainError::Io`], [`TrainError::Json`], or what [`validate`](Self::validate) finds.
    pub fn load(path: &Path) -> Result<Self, TrainError> {
        let config: Self = read::json(path, "training configuration", Own::Config)?;
        config.validate()?;
        Ok(config)
    }

    /// Writes the configuration as JSON.
    ///
    /// # Errors
    /// [`TrainError::Io`].
    pub fn save(&self, path: &Path) -> Result<(), TrainError> {
        write_json(path, self)
    }

    /// Builds the input quantiser; the real value of one unit is `1 / thresholds`.
    ///
    /// # Errors
    /// If the thresholds or the encoding make no sense, or both are given.
    pub fn quantizer(&self) -> Result<InputQuantizer, TrainError> {
        let Some(encoding) = &self.input_encoding else {
            let thresholds = self.input_thresholds.clone();
            return InputQuantizer::from_thresholds(thresholds)
                .map_err(|error| TrainError::config("input_thresholds", error.to_string()));
        };
        check(
            self.input_thresholds.is_empty(),
            "input_thresholds",
            "must be empty beside `input_encoding`",
        )?;
        InputQuantizer::from_encoding(encoding.clone())
            .map_err(|error| TrainError::config("input_encoding", error.to_string()))
    }

    /// Returns the folders that a run reads: the parent's and the teacher's.
    pub fn inputs(&self) -> Vec<&Path> {
        let parent = self.quantization.as_ref().map(|q| Path::new(&q.parent));
        let teacher = self.distillation.as_ref().map(|d| Path::new(&d.teacher));
        parent.into_iter().chain(teacher).collect()
    }

    /// Returns the rule for weight layer `index` (counting only layers with weights).
    pub(super) fn rule(&self, index: usize) -> Option<WeightRule> {
        let rules = &self.quantization.as_ref()?.rules;
        rules.get(index).or_else(|| rules.last()).copied()
    }

    /// Checks every field by itself.
    pub(super) fn check_fields(&self) -> Result<(), TrainError> {
        check(!self.name.is_empty(), "name", "is empty")?;
        self.network.shapes()?;
        self.quantizer()?;
        check(
            (1..=MAX_EPOCHS).contains(&self.epochs),
            "epochs",
            "must be from 1 to 1000000",
        )?;
        check(self.batch_size > 1, "batch_size", "must be at least 2")?;
        check(
            self.validation_images > 0,
            "validation_images",
            "must be at least 1",
        )?;
        self.optimizer.validate()?;
        check(
            self.norm_gamma.is_finite() && self.norm_gamma > 0.0,
            "norm_gamma",
            "must be positive",
        )?;
        check(
            is_share(self.label_smoothing),
            "label_smoothing",
            "must be from 0 to 1",
        )?;
        if let Some(a) = &self.augmentation {
            let ok = [a.rotation, a.scale, a.shift, a.shear]
                .iter()
                .all(|x| x.is_finite() && *x >= 0.0);
            check(
                ok && a.scale < 1.0,
                "augmentation",
                "bounds must not be negative, scale below 1",
            )?;
            let [_, height, width] = self.network.input;
            check(
                a.crop < height.min(width),
                "augmentation.crop",
                "must be below the size of the image",
            )?;
        }
        if let Some(d) = &self.distillation {
            check(
                is_share(d.weight),
                "distillation.weight",
                "must be from 0 to 1",
            )?;
            check(
                d.temperature.is_finite() && d.temperature > 0.0,
                "distillation.temperature",
                "must be positive",
            )?;
        }
        let Some(q) = &self.quantization else {
            return Ok(());
        };
        check(
            !self.batch_norm,
            "batch_norm",
            "must be off in quantised training: the parent's is folded",
        )?;
        q.validate(self.network.weight_layers())
    }
}

fn check(ok: bool, field: &str, problem: &str) -> Result<(), TrainError> {
    if ok {
        Ok(())
    } else {
        Err(TrainError::config(field, problem))
    }
}

fn is_share(x: f64) -> bool {
    (0.0..=1.0).contains(&x)
}

/// Checks that logits can be computed modulo the product by the Chinese remainder theorem: the moduli must be distinct
/// primes, and each must support batching.
fn check_plain_moduli(moduli: &[u64]) -> Result<(), TrainError> {
    for (index, &t) in moduli.iter().enumerate() {
        let bad = |problem: String| {
            TrainError::config(format!("quantization.plain_moduli[{index}]"), problem)
        };
        if t.checked_ilog2()
            .is_none_or(|log2| log2 >= MAX_PLAIN_MODULUS_BITS)
        {
            return Err(bad(format!(
                "{t} must be a prime of at most {MAX_PLAIN_MODULUS_BITS} bits"
            )));
        }
        let prime = t > 1
            && Modulus::new(t)
                .and_then(Modulus::is_prime)
                .map_err(|error| bad(error.to_string()))?;
        if !prime {
            return Err(bad(format!("{t} is no prime")));
        }
        if t % SMALLEST_BATCHING_STEP != 1 {
            return Err(bad(format!(
                "{t} does not batch: it must be 1 modulo {SMALLEST_BATCHING_STEP} at least, as 65537, 114689 and 147457 are"
            )));
        }
        if moduli[..index].contains(&t) {
            return Err(bad(format!(
                "{t} is there twice: the primes must be distinct, or their product says nothing"
            )));
        }
    }
    Ok(())
}

impl OptimizerConfig {
    fn validate(&self) -> Result<(), TrainError> {
        let positive = |x: f64| x.is_finite() && x > 0.0;
        check(
            positive(self.learning_rate),
            "optimizer.learning_rate",
            "must be positive",
        )?;
        check(
            self.clip_norm.is_none_or(positive),
            "optimizer.clip_norm",
            "must be positive",
        )?;
        for (name, factor) in [
            ("optimizer.weight_decay", self.weight_decay),
            ("optimizer.first_layer_factor", self.first_layer_factor),
            ("optimizer.bias_factor", self.bias_factor),
            ("optimizer.scale_factor", self.scale_factor),
        ] {
            check(
                factor.is_finite() && factor >= 0.0,
                name,
                "must not be negative",
            )?;
        }
        Ok(())
    }
}

impl QatConfig {
    /// Quantises by these rules, starting from the parent's weights as they are.
    pub(super) fn by_rules(parent: &str, n_bits: u32, rules: Vec<WeightRule>) -> Self {
        Self {
            parent: parent.to_owned(),
            n_bits,
            rules,
            start: QatStart::Copy,
            anneal: 0.0,
            freeze: Vec::new(),
            center_output: false,
            plain_moduli: Vec::new(),
            normalize: false,
        }
    }

    /// Checks the fields for a network with `layers` weight layers.
    fn validate(&self, layers: usize) -> Result<(), TrainError> {
        check(
            (2..=32).contains(&self.n_bits),
            "quantization.n_bits",
            "must be from 2 to 32",
        )?;
        check(
            self.rules.len() == 1 || self.rules.len() == layers,
            "quantization.rules",
            "must be one rule, or one for each layer with weights",
        )?;
        for rule in &self.rules {
            check(
                !matches!(
                    rule,
                    WeightRule::TopK { keep: 0, .. } | WeightRule::TopK { limit: 0, .. }
                ),
                "quantization.rules",
                "top-k must keep at least one weight, and its limit must be at least 1",
            )?;
            check(
                self.start == QatStart::Copy || rule.has_own_scale(),
                "quantization.start",
                "`equalized` needs rules with a scale of their own: learned or top-k",
            )?;
        }
        let widest = self.rules.iter().map(|rule| rule.bits(self.n_bits)).max();
        if let Some(widest) = widest.filter(|&bits| bits != self.n_bits) {
            return Err(TrainError::config(
                "quantization.n_bits",
                format!(
                    "is {}, but the widest integers of `quantization.rules` have {widest} bits",
                    self.n_bits
                ),
            ));
        }
        check_plain_moduli(&self.plain_moduli)?;
        check(
            (0.0..1.0).contains(&self.anneal),
            "quantization.anneal",
            "must be from 0 to below 1",
        )?;
        check(
            self.freeze.len() < layers.max(1) && self.freeze.iter().all(|&f| f > 0.0 && f <= 1.0),
            "quantization.freeze",
            "must be shares above 0, at most one for each layer with weights but the last",
        )?;
        check(
            self.freeze.iter().all(|&f| f >= self.anneal),
            "quantization.freeze",
            "must not be before the end of `anneal`",
        )?;
        check(
            self.freeze.windows(2).all(|w| w[0] <= w[1]),
            "quantization.freeze",
            "must not decrease: a layer freezes after those before it",
        )
    }
}
