//! CIFAR-10 configurations: the paper's network, and networks with weight budgets on contrast-encoded inputs.

use super::mnist::{fast, paper, ternary_budget};
use crate::{
    data::DatasetName,
    network::{Center, EncodedChannel, InputEncoding},
    quant::WeightRule,
    train::{
        AugmentConfig, DistillConfig, NetworkSpec, OptimizerConfig, QatConfig, QatStart,
        TrainConfig,
    },
};

/// Mirrors images at random and shifts them by up to `crop` pixels.
fn flips(crop: usize) -> AugmentConfig {
    AugmentConfig {
        flip: true,
        crop,
        ..AugmentConfig::default()
    }
}

pub(super) fn float() -> TrainConfig {
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
        augmentation: Some(flips(4)),
        ..paper()
    }
}

/// Returns the thresholds of four-bit pixels, rounded: `round(15 * pixel / 255)`.
fn four_bits() -> Vec<u8> {
    (1..=15).map(|k| 17 * k - 8).collect()
}

pub(super) fn rule(n_bits: u32) -> TrainConfig {
    let rule = match n_bits {
        2 => WeightRule::TernaryMean,
        3 => WeightRule::MinError,
        _ => WeightRule::Max,
    };
    TrainConfig {
        name: format!("cifar-w{n_bits}"),
        input_thresholds: four_bits(),
        // Wider weights start nearer to the parent's and need fewer epochs.
        epochs: match n_bits {
            2 => 10,
            3 => 8,
            4 => 6,
            5..=8 => 4,
            _ => 2,
        },
        augmentation: Some(flips(1)),
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
            normalize: true,
            ..QatConfig::by_rule("models/cifar-float", n_bits, rule)
        }),
        ..float()
    }
}

/// Configures three bits in the first two layers, where integers grow most and which have the fewest weights, and two
/// bits in the others.
pub(super) fn mixed() -> TrainConfig {
    let base = rule(3);
    let mut config = TrainConfig {
        name: "cifar-mixed".into(),
        epochs: 10,
        ..base
    };
    if let Some(q) = &mut config.quantization {
        q.rules = vec![WeightRule::MinError; 2];
        q.rules.resize(5, WeightRule::TernaryMean);
    }
    config
}

/// Encodes luminance minus its mean, luminance minus its blur, and red minus blue, each in units of its own contrast.
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

/// Configures a wide network on inputs of two levels: the bound on the logits grows with the non-zero weights of an
/// output, not with the number of channels.
pub(super) fn contrast2() -> TrainConfig {
    TrainConfig {
        name: "cifar-contrast2".into(),
        epochs: 10,
        input_thresholds: Vec::new(),
        input_encoding: Some(contrast(&[0])),
        network: NetworkSpec::hcnn_cifar_merged([48, 96, 192]),
        ..float()
    }
}

/// Configures a network with the paper's numbers of channels on inputs of four levels.
pub(super) fn contrast4() -> TrainConfig {
    TrainConfig {
        name: "cifar-contrast4".into(),
        epochs: 14,
        input_encoding: Some(contrast(&[-80, 0, 80])),
        network: NetworkSpec::hcnn_cifar_merged([32, 64, 128]),
        ..contrast2()
    }
}

/// Configures a network with weight budgets, for the product of `plain_moduli`. The fewer weights it has, the less it
/// can learn from changed images, so `crop` is small.
fn budget(
    name: &str,
    float: TrainConfig,
    rules: [WeightRule; 4],
    (epochs, rate, crop): (usize, f64, usize),
    plain_moduli: &[u64],
) -> TrainConfig {
    let widest = rules.into_iter().filter_map(WeightRule::limit).max();
    let parent = format!("models/{}", float.name);
    TrainConfig {
        name: name.into(),
        epochs,
        augmentation: Some(flips(crop)),
        batch_norm: false,
        label_smoothing: 0.0,
        optimizer: OptimizerConfig {
            clip_norm: Some(5.0),
            first_layer_factor: 0.3,
            bias_factor: 0.2,
            scale_factor: 0.5,
            ..fast(rate)
        },
        distillation: Some(DistillConfig {
            teacher: "models/cifar-contrast4".into(),
            weight: 0.6,
            temperature: 2.0,
        }),
        quantization: Some(QatConfig {
            parent,
            n_bits: if widest > Some(1) { 3 } else { 2 },
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

pub(super) fn hcnn_34() -> TrainConfig {
    let rules = [2, 18, 60, 200].map(ternary_budget);
    budget(
        "cifar-34",
        contrast2(),
        rules,
        (14, 0.004, 0),
        &[114_689, 147_457],
    )
}

pub(super) fn hcnn_51() -> TrainConfig {
    let rules = [4, 28, 96, 200].map(ternary_budget);
    let moduli = [65_537, 147_457, 163_841];
    budget("cifar-51", contrast4(), rules, (12, 0.005, 1), &moduli)
}

pub(super) fn hcnn_68() -> TrainConfig {
    let wide = |keep| WeightRule::TopK { keep, limit: 3 };
    let rules = [ternary_budget(9), wide(120), wide(300), wide(320)];
    let moduli = [65_537, 114_689, 147_457, 163_841];
    budget("cifar-68", contrast4(), rules, (12, 0.004, 1), &moduli)
}
