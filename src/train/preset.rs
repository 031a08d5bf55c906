//! Configurations by name.

use super::{
    AugmentConfig, DistillConfig, NetworkSpec, OptimizerConfig, QatConfig, QatStart, Schedule,
    TrainConfig, TrainError,
};
use crate::{
    data::DatasetName,
    network::{Center, EncodedChannel, InputEncoding},
    quant::WeightRule,
};

/// The names that [`TrainConfig::preset`] knows; `hcnn-mnist-wB` and `hcnn-cifar-wB` are there for B from 2 to 16 and for 32.
pub const PRESETS: [&str; 17] = [
    "teacher-mnist",
    "hcnn-mnist-float",
    "hcnn-mnist-paper",
    "hcnn-mnist-w2",
    "hcnn-mnist-wB",
    "hcnn-mnist-float1",
    "hcnn-mnist-t17",
    "hcnn-mnist-t21",
    "hcnn-mnist-p20",
    "hcnn-mnist-best",
    "hcnn-cifar-float",
    "hcnn-cifar-wB",
    "hcnn-cifar-contrast2",
    "hcnn-cifar-contrast4",
    "hcnn-cifar-34",
    "hcnn-cifar-51",
    "hcnn-cifar-68",
];

/// Networks of MNIST for few bits of the logits.
const MNIST_FRONT: &[&str] = &[
    "hcnn-mnist-t17",
    "hcnn-mnist-p20",
    "hcnn-mnist-t21",
    "hcnn-mnist-best",
];

/// Those of CIFAR-10.
const CIFAR_FRONT: &[&str] = &["hcnn-cifar-34", "hcnn-cifar-51", "hcnn-cifar-68"];

/// The paper's two bits: floor(3 * pixel / 255).
const TWO_BITS: [u8; 3] = [85, 170, 255];

impl TrainConfig {
    /// The configuration of this name.
    ///
    /// - `teacher-mnist`: a small ReLU network with plain pixels, to teach.
    /// - `hcnn-mnist-float`: HCNN in floating point on two-bit input: parent and teacher of the quantised
    ///   networks.
    /// - `hcnn-mnist-paper`: HCNN in floating point as the paper trained it (Adam 0.001, batches of 128, nothing else).
    /// - `hcnn-mnist-w2`: two-bit (ternary) weights and two-bit input, from `models/mnist-float`.
    /// - `hcnn-mnist-wB`: B-bit weights by the paper's rule, two-bit input, from `models/mnist-float`.
    /// - `hcnn-mnist-float1`: HCNN in floating point on one-bit input, taught by `models/mnist-teacher`.
    /// - `hcnn-mnist-best`: four-bit weights by the paper's rule on inputs of three levels, for logits of 33 bits.
    /// - `hcnn-mnist-t17`, `hcnn-mnist-t21`, `hcnn-mnist-p20`: ternary networks on one-bit input from
    ///   `models/mnist-float1`, for logits of 17 bits (t = 114689), of 21 bits, and of 20 bits proven.
    /// - `hcnn-cifar-float`: the paper's CIFAR-10 network in floating point, with plain pixels.
    /// - `hcnn-cifar-wB`: B-bit weights and four-bit pixels, from `models/cifar-float`. From four bits on by the paper's
    ///   rule, which is not stable below.
    /// - `hcnn-cifar-contrast2`, `hcnn-cifar-contrast4`: floating point on the contrast encoding of two and four levels,
    ///   with one linear layer.
    /// - `hcnn-cifar-34`, `hcnn-cifar-51`, `hcnn-cifar-68`: budgets of weights for logits of so many bits, from those two.
    ///
    /// # Errors
    /// [`TrainError::UnknownPreset`].
    pub fn preset(name: &str) -> Result<Self, TrainError> {
        let bits = |prefix: &str| name.strip_prefix(prefix)?.parse::<u32>().ok();
        if let Some(n_bits @ (2..=16 | 32)) = bits("hcnn-cifar-w") {
            return Ok(cifar_rule(n_bits));
        }
        match (name, bits("hcnn-mnist-w")) {
            ("teacher-mnist", _) => Ok(teacher()),
            ("hcnn-mnist-float", _) => Ok(float()),
            ("hcnn-mnist-paper", _) => Ok(paper()),
            ("hcnn-mnist-float1", _) => Ok(float1()),
            ("hcnn-mnist-t17", _) => Ok(front("mnist-t17", [5, 20, 200], 16, 114_689)),
            ("hcnn-mnist-t21", _) => Ok(front("mnist-t21", [10, 45, 350], 14, 1_785_857)),
            ("hcnn-mnist-best", _) => Ok(best()),
            ("hcnn-mnist-p20", _) => {
                Ok(normalized(front("mnist-p20", [4, 16, 150], 14, 1_032_193)))
            }
            ("hcnn-cifar-float", _) => Ok(cifar_float()),
            ("hcnn-cifar-contrast2", _) => Ok(cifar_contrast("cifar-contrast2", &[0])),
            ("hcnn-cifar-contrast4", _) => Ok(cifar_contrast("cifar-contrast4", &[-80, 0, 80])),
            ("hcnn-cifar-34", _) => Ok(cifar_34()),
            ("hcnn-cifar-51", _) => Ok(cifar_51()),
            ("hcnn-cifar-68", _) => Ok(cifar_68()),
            (_, Some(2)) => Ok(ternary()),
            (_, Some(n_bits @ (3..=16 | 32))) => Ok(paper_rule(n_bits)),
            _ => Err(TrainError::UnknownPreset {
                name: name.to_owned(),
                known: PRESETS.join(", "),
            }),
        }
    }
}

impl TrainConfig {
    /// The presets of networks that were trained for few bits of the logits.
    pub const fn front(dataset: DatasetName) -> &'static [&'static str] {
        match dataset {
            DatasetName::Mnist => MNIST_FRONT,
            DatasetName::Cifar10 => CIFAR_FRONT,
            _ => &[],
        }
    }
}

fn paper() -> TrainConfig {
    TrainConfig {
        name: "mnist-paper-float".into(),
        dataset: DatasetName::Mnist,
        seed: 1,
        network: NetworkSpec::hcnn_mnist(),
        input_thresholds: (1..=255).collect(),
        input_encoding: None,
        validation_images: 5000,
        epochs: 30,
        batch_size: 128,
        optimizer: OptimizerConfig {
            learning_rate: 1e-3,
            schedule: Schedule::Constant,
            warmup_steps: 0,
            clip_norm: None,
            weight_decay: 0.0,
            first_layer_factor: 1.0,
            bias_factor: 1.0,
            scale_factor: 1.0,
        },
        batch_norm: false,
        norm_gamma: 1.0,
        label_smoothing: 0.0,
        augmentation: None,
        distillation: None,
        quantization: None,
    }
}

fn augmentation() -> AugmentConfig {
    AugmentConfig {
        rotation: 10.0,
        scale: 0.08,
        shift: 1.0,
        shear: 0.1,
        ..AugmentConfig::default()
    }
}

fn fast(learning_rate: f64) -> OptimizerConfig {
    OptimizerConfig {
        learning_rate,
        schedule: Schedule::Cosine,
        warmup_steps: 200,
        clip_norm: Some(1.0),
        weight_decay: 0.0,
        first_layer_factor: 1.0,
        bias_factor: 1.0,
        scale_factor: 1.0,
    }
}

fn teacher() -> TrainConfig {
    TrainConfig {
        name: "mnist-teacher".into(),
        network: NetworkSpec::teacher_mnist(),
        epochs: 10,
        optimizer: fast(3e-3),
        batch_norm: true,
        label_smoothing: 0.02,
        augmentation: Some(augmentation()),
        ..paper()
    }
}

/// The float parent teaches the quantised networks.
fn distillation() -> DistillConfig {
    DistillConfig {
        teacher: "models/mnist-float".into(),
        weight: 0.7,
        temperature: 2.0,
    }
}

fn float() -> TrainConfig {
    TrainConfig {
        name: "mnist-float".into(),
        input_thresholds: TWO_BITS.to_vec(),
        epochs: 12,
        optimizer: fast(3e-3),
        batch_norm: true,
        augmentation: Some(augmentation()),
        ..paper()
    }
}

fn ternary() -> TrainConfig {
    TrainConfig {
        name: "mnist-w2".into(),
        epochs: 12,
        batch_norm: false,
        // Gentler than the parent's: ternary weights have no room for more.
        augmentation: Some(AugmentConfig {
            rotation: 5.0,
            scale: 0.04,
            shift: 0.5,
            shear: 0.05,
            ..AugmentConfig::default()
        }),
        distillation: Some(distillation()),
        optimizer: OptimizerConfig {
            clip_norm: Some(5.0),
            first_layer_factor: 0.3,
            bias_factor: 0.2,
            scale_factor: 0.5,
            ..fast(0.015)
        },
        quantization: Some(QatConfig {
            parent: "models/mnist-float".into(),
            n_bits: 2,
            rules: vec![ternary_budget(8), ternary_budget(30), ternary_budget(250)],
            start: QatStart::Equalized,
            anneal: 0.4,
            freeze: vec![0.5, 0.8],
            center_output: true,
            plain_moduli: Vec::new(),
            normalize: false,
        }),
        ..float()
    }
}

const fn ternary_budget(keep: usize) -> WeightRule {
    WeightRule::TopK { keep, limit: 1 }
}

fn by_teacher() -> DistillConfig {
    DistillConfig {
        teacher: "models/mnist-teacher".into(),
        weight: 0.7,
        temperature: 2.0,
    }
}

fn float1() -> TrainConfig {
    TrainConfig {
        name: "mnist-float1".into(),
        input_thresholds: vec![102],
        epochs: 10,
        distillation: Some(by_teacher()),
        ..float()
    }
}

/// A ternary network with `keep` non-zero weights of each output, on one-bit input, for one plaintext modulus.
fn front(name: &str, keep: [usize; 3], epochs: usize, plain_modulus: u64) -> TrainConfig {
    let base = ternary();
    TrainConfig {
        name: name.into(),
        input_thresholds: vec![102],
        epochs,
        distillation: Some(by_teacher()),
        quantization: base.quantization.map(|q| QatConfig {
            parent: "models/mnist-float1".into(),
            rules: keep.map(ternary_budget).to_vec(),
            plain_moduli: vec![plain_modulus],
            ..q
        }),
        ..ternary()
    }
}

/// The same with norms folded into its biases.
fn normalized(mut config: TrainConfig) -> TrainConfig {
    if let Some(q) = &mut config.quantization {
        q.normalize = true;
    }
    config
}

fn best() -> TrainConfig {
    let base = paper_rule(4);
    TrainConfig {
        name: "mnist-best".into(),
        input_thresholds: vec![85, 170],
        epochs: 16,
        augmentation: ternary().augmentation,
        distillation: Some(by_teacher()),
        quantization: base.quantization.clone().map(|q| QatConfig {
            center_output: true,
            plain_moduli: vec![65_537, 114_689],
            ..q
        }),
        ..base
    }
}

fn paper_rule(n_bits: u32) -> TrainConfig {
    TrainConfig {
        name: format!("mnist-w{n_bits}"),
        epochs: 12,
        batch_norm: false,
        distillation: Some(distillation()),
        optimizer: fast(1e-3),
        quantization: Some(QatConfig {
            parent: "models/mnist-float".into(),
            n_bits,
            rules: vec![WeightRule::Max],
            start: QatStart::Copy,
            anneal: 0.0,
            freeze: Vec::new(),
            center_output: false,
            plain_moduli: Vec::new(),
            normalize: false,
        }),
        ..float()
    }
}

fn cifar_float() -> TrainConfig {
    TrainConfig {
        name: "cifar-float".into(),
        dataset: DatasetName::Cifar10,
        network: NetworkSpec::hcnn_cifar(),
        epochs: 36,
        optimizer: OptimizerConfig {
            warmup_steps: 300,
            weight_decay: 0.02,
            ..fast(3e-3)
        },
        batch_norm: true,
        norm_gamma: 0.5,
        label_smoothing: 0.05,
        augmentation: Some(AugmentConfig {
            flip: true,
            crop: 4,
            ..AugmentConfig::default()
        }),
        ..paper()
    }
}

/// Four bits, rounded: `round(15 * pixel / 255)`.
fn four_bits() -> Vec<u8> {
    (1..=15).map(|k| 17 * k - 8).collect()
}

fn cifar_rule(n_bits: u32) -> TrainConfig {
    let rule = match n_bits {
        2 => WeightRule::TernaryMean,
        3 => WeightRule::MinError,
        _ => WeightRule::Max,
    };
    TrainConfig {
        name: format!("cifar-w{n_bits}"),
        input_thresholds: four_bits(),
        // Wider weights are nearer to the parent's.
        epochs: match n_bits {
            2 => 10,
            3 => 8,
            4 => 6,
            _ => 4,
        },
        batch_norm: false,
        label_smoothing: 0.0,
        optimizer: OptimizerConfig {
            warmup_steps: 100,
            ..fast(1e-3)
        },
        distillation: Some(DistillConfig {
            teacher: "models/cifar-float".into(),
            weight: 0.6,
            temperature: 2.0,
        }),
        quantization: Some(QatConfig {
            parent: "models/cifar-float".into(),
            n_bits,
            rules: vec![rule],
            start: QatStart::Copy,
            anneal: 0.0,
            freeze: Vec::new(),
            center_output: false,
            plain_moduli: Vec::new(),
            normalize: true,
        }),
        ..cifar_float()
    }
}

/// Luminance less its mean, luminance less its blur, and red less blue: each in units of its own contrast.
fn contrast(thresholds: &[i32]) -> InputEncoding {
    let luminance = |center| EncodedChannel {
        mix: vec![77, 150, 29],
        unit: 256,
        center,
    };
    InputEncoding {
        channels: vec![
            luminance(Center::Mean([1, 1])),
            luminance(Center::Blur(2)),
            EncodedChannel {
                mix: vec![1, 0, -1],
                unit: 1,
                center: Center::Mean([1, 2]),
            },
        ],
        floor: 4,
        thresholds: thresholds.to_vec(),
    }
}

fn cifar_contrast(name: &str, thresholds: &[i32]) -> TrainConfig {
    TrainConfig {
        name: name.into(),
        epochs: if thresholds.len() == 1 { 10 } else { 14 },
        input_thresholds: Vec::new(),
        input_encoding: Some(contrast(thresholds)),
        network: NetworkSpec::hcnn_cifar_merged(),
        ..cifar_float()
    }
}

/// A network with budgets of weights, for the product of `plain_moduli`.
fn cifar_budget(
    name: &str,
    float: TrainConfig,
    n_bits: u32,
    rules: [WeightRule; 4],
    plain_moduli: &[u64],
) -> TrainConfig {
    let parent = format!("models/{}", float.name);
    TrainConfig {
        name: name.into(),
        epochs: 12,
        batch_norm: false,
        label_smoothing: 0.0,
        optimizer: OptimizerConfig {
            clip_norm: Some(5.0),
            first_layer_factor: 0.3,
            bias_factor: 0.2,
            scale_factor: 0.5,
            ..fast(0.006)
        },
        distillation: Some(DistillConfig {
            teacher: "models/cifar-contrast4".into(),
            weight: 0.6,
            temperature: 2.0,
        }),
        quantization: Some(QatConfig {
            parent,
            n_bits,
            rules: rules.to_vec(),
            start: QatStart::Equalized,
            anneal: 0.35,
            freeze: vec![0.5, 0.8],
            center_output: true,
            plain_moduli: plain_moduli.to_vec(),
            normalize: true,
        }),
        ..float
    }
}

fn cifar_34() -> TrainConfig {
    let float = cifar_contrast("cifar-contrast2", &[0]);
    let rules = [2, 16, 56, 150].map(ternary_budget);
    cifar_budget("cifar-34", float, 2, rules, &[114_689, 147_457])
}

fn cifar_51() -> TrainConfig {
    let float = cifar_contrast("cifar-contrast4", &[-80, 0, 80]);
    let rules = [4, 28, 96, 200].map(ternary_budget);
    cifar_budget("cifar-51", float, 2, rules, &[65_537, 147_457, 163_841])
}

fn cifar_68() -> TrainConfig {
    let float = cifar_contrast("cifar-contrast4", &[-80, 0, 80]);
    let wide = |keep| WeightRule::TopK { keep, limit: 3 };
    let rules = [ternary_budget(7), wide(110), wide(260), wide(300)];
    let moduli = [65_537, 114_689, 147_457, 163_841];
    cifar_budget("cifar-68", float, 3, rules, &moduli)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may stop at a surprise")]
mod tests {
    use super::*;

    #[test]
    fn presets_are_valid_and_survive_json() {
        for name in [
            "teacher-mnist",
            "hcnn-mnist-float",
            "hcnn-mnist-paper",
            "hcnn-mnist-w2",
            "hcnn-mnist-w8",
            "hcnn-cifar-float",
            "hcnn-mnist-float1",
            "hcnn-mnist-t17",
            "hcnn-mnist-t21",
            "hcnn-mnist-p20",
            "hcnn-mnist-best",
            "hcnn-cifar-contrast2",
            "hcnn-cifar-34",
            "hcnn-cifar-51",
            "hcnn-cifar-68",
            "hcnn-cifar-contrast4",
            "hcnn-cifar-w2",
            "hcnn-cifar-w8",
        ] {
            let config = TrainConfig::preset(name).unwrap();
            config.validate().unwrap();
            let back: TrainConfig = serde_json::from_slice(&config.to_json()).unwrap();
            assert_eq!(back, config);
        }
        assert!(TrainConfig::preset("hcnn-mnist-w1").is_err());
        assert!(
            TrainConfig::preset("x")
                .unwrap_err()
                .to_string()
                .contains("hcnn-mnist-w2")
        );
    }

    /// The configurations that come with the project: each quantised one names its float one.
    #[test]
    fn configurations_of_other_architectures_are_valid() {
        let dir = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("configs");
        let mut names = Vec::new();
        for entry in std::fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_none_or(|e| e != "json") {
                continue;
            }
            let config = TrainConfig::load(&path).unwrap();
            assert_eq!(path.file_stem().unwrap().to_str().unwrap(), config.name);
            if let Some(q) = &config.quantization {
                let float = path.with_file_name(format!("{}.json", &q.parent["runs/".len()..]));
                assert_eq!(TrainConfig::load(&float).unwrap().network, config.network);
            }
            names.push(config.name);
        }
        assert_eq!(names.len(), 8, "{names:?}");
    }

    #[test]
    fn wrong_fields_are_named() {
        let base = TrainConfig::preset("hcnn-mnist-w2").unwrap();
        let refused = |change: &dyn Fn(&mut TrainConfig), field: &str| {
            let mut config = base.clone();
            change(&mut config);
            let message = config.validate().unwrap_err().to_string();
            assert!(message.contains(field), "{message}");
        };
        refused(&|c| c.epochs = 0, "epochs");
        refused(&|c| c.optimizer.learning_rate = f64::NAN, "learning_rate");
        refused(&|c| c.batch_norm = true, "batch_norm");
        refused(
            &|c| {
                let rules = &mut c.quantization.as_mut().unwrap().rules;
                rules[1] = WeightRule::TopK { keep: 3, limit: 2 };
            },
            "rules",
        );
        refused(
            &|c| c.quantization.as_mut().unwrap().rules = vec![WeightRule::Max],
            "start",
        );
        refused(
            &|c| c.quantization.as_mut().unwrap().freeze = vec![0.8, 0.5],
            "freeze",
        );
        let text = String::from_utf8(base.to_json())
            .unwrap()
            .replace("\"epochs\"", "\"epoch\"");
        assert!(serde_json::from_str::<TrainConfig>(&text).is_err());
    }
}
