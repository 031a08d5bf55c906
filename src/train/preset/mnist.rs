//! MNIST configurations: the paper's network in floating point, with the paper's rule, and with weight budgets.

use crate::{
    data::DatasetName,
    quant::WeightRule,
    train::{
        AugmentConfig, DistillConfig, NetworkSpec, OptimizerConfig, QatConfig, QatStart, Schedule,
        TrainConfig,
    },
};

/// Thresholds of the paper's two bits: floor(3 * pixel / 255).
const TWO_BITS: [u8; 3] = [85, 170, 255];

pub(super) fn paper() -> TrainConfig {
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

pub(super) fn fast(learning_rate: f64) -> OptimizerConfig {
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

pub(super) fn teacher() -> TrainConfig {
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

/// Makes the float parent the teacher of the quantised networks.
fn distillation() -> DistillConfig {
    DistillConfig {
        teacher: "models/mnist-float".into(),
        weight: 0.7,
        temperature: 2.0,
    }
}

pub(super) fn float() -> TrainConfig {
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

pub(super) fn ternary() -> TrainConfig {
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

pub(super) const fn ternary_budget(keep: usize) -> WeightRule {
    WeightRule::TopK { keep, limit: 1 }
}

fn by_teacher() -> DistillConfig {
    DistillConfig {
        teacher: "models/mnist-teacher".into(),
        weight: 0.7,
        temperature: 2.0,
    }
}

pub(super) fn float1() -> TrainConfig {
    TrainConfig {
        name: "mnist-float1".into(),
        input_thresholds: vec![102],
        epochs: 10,
        distillation: Some(by_teacher()),
        ..float()
    }
}

/// Configures a ternary network with `keep` non-zero weights for each output, on one-bit input, for one plaintext
/// modulus.
pub(super) fn front(
    name: &str,
    keep: [usize; 3],
    epochs: usize,
    plain_modulus: u64,
) -> TrainConfig {
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

/// Numbers of channels of the wide networks. The bound on the logits grows with the non-zero weights of an output, not
/// with these.
const WIDE: [usize; 2] = [10, 80];
const WIDER: [usize; 2] = [16, 128];

/// Configures [`float1`] with more channels.
pub(super) fn wide1() -> TrainConfig {
    TrainConfig {
        name: "mnist-wide1".into(),
        network: NetworkSpec::hcnn_mnist_with(WIDE),
        ..float1()
    }
}

pub(super) fn wider1() -> TrainConfig {
    TrainConfig {
        name: "mnist-wider1".into(),
        network: NetworkSpec::hcnn_mnist_with(WIDER),
        ..float1()
    }
}

/// Bases the quantised network of `config` on `float`: takes over its layers and names it as the parent.
fn from_float(config: TrainConfig, float: &TrainConfig) -> TrainConfig {
    TrainConfig {
        network: float.network.clone(),
        quantization: config.quantization.map(|q| QatConfig {
            parent: format!("models/{}", float.name),
            ..q
        }),
        ..config
    }
}

pub(super) fn t21() -> TrainConfig {
    let narrow = front("mnist-t21", [8, 36, 300], 24, 1_785_857);
    from_float(narrow, &wide1())
}

pub(super) fn wide17() -> TrainConfig {
    let narrow = front("mnist-wide17", [5, 23, 210], 40, 114_689);
    from_float(narrow, &wider1())
}

/// Enables norms that are folded into the biases.
pub(super) fn normalized(mut config: TrainConfig) -> TrainConfig {
    if let Some(q) = &mut config.quantization {
        q.normalize = true;
    }
    config
}

pub(super) fn best() -> TrainConfig {
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

pub(super) fn paper_rule(n_bits: u32) -> TrainConfig {
    TrainConfig {
        name: format!("mnist-w{n_bits}"),
        epochs: 12,
        batch_norm: false,
        distillation: Some(distillation()),
        optimizer: fast(1e-3),
        quantization: Some(QatConfig::by_rule(
            "models/mnist-float",
            n_bits,
            WeightRule::Max,
        )),
        ..float()
    }
}
