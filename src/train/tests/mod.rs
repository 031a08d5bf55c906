//! Runs on small synthetic data: repeatability, resuming, agreement, gradients of the whole network.

use std::path::Path;

use super::{
    batch::InputMap,
    model::{Model, Role},
    *,
};
use crate::{
    data::{Dataset, DatasetName},
    network::{Center, EncodedChannel, InputEncoding, Network, SplitMix64, Twin, argmax},
    quant::WeightRule,
    seal::Modulus,
};

mod folder;
mod gradients;
mod hostile;
mod imported;
mod reference;

/// Makes 8x8 images, with noise, whose class is the bright quadrant.
fn quadrants(images: usize, seed: u64) -> Dataset {
    let mut random = SplitMix64::new(seed);
    let (mut pixels, mut labels) = (Vec::new(), Vec::new());
    for _ in 0..images {
        let class = (random.next_u64() % 4) as u8;
        labels.push(class);
        for y in 0..8_u64 {
            for x in 0..8_u64 {
                let bright = u64::from(class) == (y / 4) * 2 + x / 4;
                pixels.push((random.next_u64() % 140 + if bright { 100 } else { 0 }) as u8);
            }
        }
    }
    Dataset::new((1, 8, 8), pixels, labels, vec!["a", "b", "c", "d"]).unwrap()
}

fn small_network() -> NetworkSpec {
    NetworkSpec {
        input: [1, 8, 8],
        layers: vec![
            LayerSpec::Conv2d {
                out_channels: 3,
                kernel: [3, 3],
                stride: [1, 1],
                padding: [1, 1],
            },
            LayerSpec::Square,
            LayerSpec::SumPool {
                kernel: [2, 2],
                stride: [2, 2],
            },
            LayerSpec::Conv2d {
                out_channels: 4,
                kernel: [3, 3],
                stride: [1, 1],
                padding: [0, 0],
            },
            LayerSpec::Square,
            LayerSpec::Flatten,
            LayerSpec::Linear { out_features: 4 },
        ],
    }
}

fn float_config() -> TrainConfig {
    let paper = TrainConfig::preset("hcnn-mnist-paper").unwrap();
    TrainConfig {
        name: "small".into(),
        seed: 3,
        network: small_network(),
        input_thresholds: vec![85, 170, 255],
        validation_images: 100,
        epochs: 4,
        batch_size: 25,
        optimizer: OptimizerConfig {
            learning_rate: 5e-3,
            schedule: Schedule::Cosine,
            warmup_steps: 5,
            clip_norm: Some(1.0),
            ..paper.optimizer
        },
        batch_norm: true,
        label_smoothing: 0.05,
        augmentation: Some(AugmentConfig {
            rotation: 3.0,
            scale: 0.02,
            shift: 0.3,
            ..AugmentConfig::default()
        }),
        ..paper
    }
}

fn qat_config(parent: &Path, n_bits: u32, rules: Vec<WeightRule>, start: QatStart) -> TrainConfig {
    let ternary = matches!(rules[0], WeightRule::TopK { .. });
    let parent = parent.display().to_string();
    TrainConfig {
        name: format!("small-w{n_bits}"),
        batch_norm: false,
        distillation: Some(DistillConfig {
            teacher: parent.clone(),
            weight: 0.5,
            temperature: 2.0,
        }),
        quantization: Some(QatConfig {
            start,
            anneal: if ternary { 0.4 } else { 0.0 },
            freeze: if ternary { vec![0.5, 0.75] } else { vec![] },
            center_output: ternary,
            ..QatConfig::by_rules(&parent, n_bits, rules)
        }),
        ..float_config()
    }
}

fn top_k() -> Vec<WeightRule> {
    [5, 12, 8]
        .map(|keep| WeightRule::TopK { keep, limit: 1 })
        .to_vec()
}

/// Rounds to so many bits by this rule.
fn options(n_bits: u32, rule: WeightRule) -> PtqOptions {
    PtqOptions {
        n_bits,
        rule,
        input_thresholds: None,
    }
}

struct Data {
    train: Dataset,
    test: Dataset,
}

fn data() -> Data {
    Data {
        train: quadrants(600, 1),
        test: quadrants(200, 2),
    }
}

fn train(config: &TrainConfig, data: &Data, dir: &Path) -> TrainRecord {
    try_train(
        config,
        data,
        dir,
        Existing::Refuse,
        &mut |_: &TrainEvent| (),
    )
    .unwrap()
}

fn try_train(
    config: &TrainConfig,
    data: &Data,
    dir: &Path,
    existing: Existing,
    observer: &mut dyn Observer,
) -> Result<TrainRecord, TrainError> {
    let folder = OutputFolder::claim(dir, existing, &config.inputs())?;
    run(config, &data.train, &data.test, &folder, observer)
}

/// Observer that stops the run after each epoch.
struct Impatient;

impl Observer for Impatient {
    fn observe(&mut self, _: &TrainEvent) {}

    fn should_stop(&mut self) -> bool {
        true
    }
}

fn without_times(mut record: TrainRecord) -> TrainRecord {
    record.seconds = 0.0;
    for epoch in &mut record.epochs {
        epoch.seconds = 0.0;
    }
    record
}

#[test]
fn a_run_is_repeatable_and_an_interrupted_one_ends_with_the_same_bits() {
    let (top, data) = (tempfile::tempdir().unwrap(), data());
    let parent = top.path().join("float");
    let float = float_config();
    let qat = qat_config(&parent, 2, top_k(), QatStart::Equalized);
    for (config, at) in [(&float, "float"), (&qat, "qat")] {
        let first = train(config, &data, &top.path().join(at));
        assert!(first.test_accuracy > 0.9, "{at}: {}", first.test_accuracy);
        assert!(!top.path().join(at).join(CHECKPOINT_FILE).exists());
        assert_eq!(TrainRecord::load(&top.path().join(at)).unwrap(), first);

        let again = train(config, &data, &top.path().join(format!("{at}-again")));
        assert_eq!(without_times(again), without_times(first.clone()));

        let dir = top.path().join(format!("{at}-interrupted"));
        let go = |config: &TrainConfig, existing| {
            try_train(config, &data, &dir, existing, &mut Impatient)
        };
        for epoch in 1..config.epochs {
            let error = go(config, Existing::ResumeOrStart).unwrap_err();
            assert!(
                matches!(error, TrainError::Stopped { epoch: e, .. } if e == epoch),
                "{error}"
            );
        }
        let error = go(config, Existing::Refuse).unwrap_err();
        assert!(matches!(error, TrainError::CheckpointExists { .. }));
        let other = TrainConfig {
            seed: 99,
            ..config.clone()
        };
        let error = go(&other, Existing::Resume).unwrap_err().to_string();
        assert!(error.contains("`seed` was 3 and is 99 now"), "{error}");
        let resumed = go(config, Existing::Resume).unwrap();
        assert_eq!(without_times(resumed), without_times(first.clone()));

        let seed = TrainConfig {
            seed: 4,
            ..config.clone()
        };
        let different = train(&seed, &data, &top.path().join(format!("{at}-seed")));
        assert_ne!(different.weights_sha256, first.weights_sha256);
    }
}

#[test]
fn the_exported_network_is_what_was_trained_for_every_rule_and_width() {
    let (top, data) = (tempfile::tempdir().unwrap(), data());
    let parent = top.path().join("float");
    train(&float_config(), &data, &parent);
    let wider = [5, 12, 8]
        .map(|keep| WeightRule::TopK { keep, limit: 3 })
        .to_vec();
    let cases = [
        (2, top_k(), QatStart::Equalized, false),
        (2, top_k(), QatStart::Equalized, true),
        (3, wider, QatStart::Equalized, true),
        (3, vec![WeightRule::Learned], QatStart::Copy, true),
        (4, vec![WeightRule::Max], QatStart::Copy, true),
        (2, top_k(), QatStart::Copy, false),
        (2, vec![WeightRule::Learned], QatStart::Equalized, false),
        (2, vec![WeightRule::TernaryMean], QatStart::Copy, false),
        (3, vec![WeightRule::MinError], QatStart::Copy, false),
        (4, vec![WeightRule::Max], QatStart::Copy, false),
        (8, vec![WeightRule::Max], QatStart::Copy, false),
        (32, vec![WeightRule::Max], QatStart::Copy, false),
    ];
    for (case, (n_bits, rules, start, normalize)) in cases.into_iter().enumerate() {
        let dir = top.path().join(format!("q{case}"));
        let mut config = qat_config(&parent, n_bits, rules.clone(), start);
        config.epochs = 3;
        if let Some(q) = &mut config.quantization {
            q.normalize = normalize;
        }
        config.optimizer.learning_rate = if rules[0].has_own_scale() { 1e-2 } else { 1e-3 };
        let record = train(&config, &data, &dir);
        let agreement = record.agreement.unwrap();
        assert_eq!((agreement.images, agreement.argmax_differs), (200, 0));
        assert!(agreement.relative_error < 1e-5, "{rules:?}: {agreement:?}");
        assert!(
            record.test_accuracy > 0.7,
            "{n_bits} {rules:?}: {}",
            record.test_accuracy
        );
        let network = Network::load(dir.join(NETWORK_FILE)).unwrap();
        let twin = Twin::new(&network);
        let hits = data
            .test
            .images()
            .zip(data.test.labels())
            .filter(|(image, label)| {
                let logits = twin
                    .logits(&network.quantize_image(image).unwrap())
                    .unwrap();
                argmax(&logits) == usize::from(**label)
            });
        assert_eq!(hits.count(), record.test_correct);
        let widths = network.weight_bits();
        assert!(widths.iter().flatten().all(|&b| b <= n_bits), "{widths:?}");
        if let WeightRule::TopK { .. } = rules[0] {
            for (layer, keep) in network
                .layers()
                .iter()
                .filter_map(|l| l.layer.weight())
                .zip([5, 12, 8])
            {
                let outputs = if keep == 5 { 3 } else { 4 };
                for row in layer.chunks_exact(layer.len() / outputs) {
                    assert_eq!(row.iter().filter(|&&w| w != 0).count(), keep);
                }
            }
        }
    }
}

/// Finds the smallest prime above `bound` that supports batching.
fn batching_prime_above(bound: u64) -> u64 {
    let prime = |n: &u64| Modulus::new(*n).and_then(Modulus::is_prime).unwrap();
    let mut candidates = (bound / 2048..).map(|k| 2048 * k + 1);
    candidates.find(|n| *n > bound && prime(n)).unwrap()
}

#[test]
fn a_network_fits_its_budget_for_every_input_or_on_named_images_or_is_not_chosen() {
    let (top, data) = (tempfile::tempdir().unwrap(), data());
    let parent = top.path().join("float");
    train(&float_config(), &data, &parent);
    let go = |at: &str, plain_moduli: &[u64]| {
        let mut config = qat_config(&parent, 2, top_k(), QatStart::Equalized);
        config.quantization.as_mut().unwrap().plain_moduli = plain_moduli.to_vec();
        let dir = top.path().join(at);
        try_train(
            &config,
            &data,
            &dir,
            Existing::Replace,
            &mut |_: &TrainEvent| (),
        )
    };
    let free = go("free", &[]).unwrap();
    assert_eq!(free.fit, None);
    let found = free.epochs.last().unwrap().logit_bits.unwrap();
    assert!((14.0..40.0).contains(&found), "{found}");

    // Two primes of 30 bits can hold anything that the weights allow.
    let fit = go("proven", &[1_073_692_673, 1_073_643_521])
        .unwrap()
        .fit
        .unwrap();
    assert!(fit.proven && fit.exceeding == 0, "{fit:?}");
    assert!(fit.observed_bits <= fit.proven_bits && fit.proven_bits < fit.available_bits);
    assert_eq!(
        fit.observed_on,
        "500 training images, 100 validation images, 200 test images"
    );

    // A modulus a little above the observed magnitude: more than the images need, less than the proven bound.
    let modulus = batching_prime_above(2.0_f64.powf(fit.observed_bits) as u64);
    assert!(
        (modulus as f64).log2() < fit.proven_bits,
        "{modulus} {fit:?}"
    );
    let tight = go("tight", &[modulus]).unwrap();
    let fit = tight.fit.unwrap();
    assert!(!fit.proven && fit.margin_bits.abs() < 1.0, "{fit:?}");
    let network = Network::load(top.path().join("tight").join(NETWORK_FILE)).unwrap();
    let twin = Twin::new(&network);
    let wraps = data
        .train
        .images()
        .chain(data.test.images())
        .filter(|image| {
            let logits = twin
                .logits(&network.quantize_image(image).unwrap())
                .unwrap();
            logits
                .iter()
                .any(|y| y.magnitude() * 2_u32 >= modulus.into())
        });
    assert_eq!(wraps.count(), fit.exceeding);

    // No epoch fits, and the existing model stays as it was.
    let before = contents(&top.path().join("tight"));
    let error = go("tight", &[12_289]).unwrap_err();
    assert!(
        matches!(error, TrainError::NoneFits { bits } if bits > 13.6),
        "{error}"
    );
    let mut after = contents(&top.path().join("tight"));
    assert!(after.remove(CHECKPOINT_FILE).is_some());
    assert_eq!(after, before);
}

/// Reads the files of a folder.
fn contents(dir: &Path) -> std::collections::BTreeMap<String, Vec<u8>> {
    let entries = std::fs::read_dir(dir).unwrap().map(|entry| {
        let entry = entry.unwrap();
        let name = entry.file_name().into_string().unwrap();
        (name, std::fs::read(entry.path()).unwrap())
    });
    entries.collect()
}

#[test]
fn a_network_that_reads_contrasts_is_trained_and_exported() {
    let (top, data) = (tempfile::tempdir().unwrap(), data());
    let encoded = |config: TrainConfig| TrainConfig {
        input_thresholds: Vec::new(),
        input_encoding: Some(InputEncoding {
            channels: vec![EncodedChannel {
                mix: vec![1],
                unit: 1,
                center: Center::Mean([1, 1]),
            }],
            floor: 4,
            thresholds: vec![-50, 50],
        }),
        ..config
    };
    let parent = top.path().join("float");
    train(&encoded(float_config()), &data, &parent);
    let config = encoded(qat_config(&parent, 2, top_k(), QatStart::Equalized));
    let record = train(&config, &data, &top.path().join("q"));
    // The input has three levels and the images are mostly noise; guessing would be right for a quarter of them.
    assert!(record.test_accuracy > 0.6, "{}", record.test_accuracy);
    let network = Network::load(top.path().join("q").join(NETWORK_FILE)).unwrap();
    assert_eq!(
        network.input().quantizer.encoding(),
        config.input_encoding.as_ref()
    );
    let both = TrainConfig {
        input_thresholds: vec![1],
        ..config
    };
    let refused = both.validate().unwrap_err().to_string();
    assert!(refused.contains("input_thresholds"), "{refused}");
}

#[test]
fn post_training_quantisation_loses_little_at_eight_bits_and_agrees_at_all() {
    let (top, data) = (tempfile::tempdir().unwrap(), data());
    let parent = top.path().join("float");
    let float = train(&float_config(), &data, &parent);
    for n_bits in [2, 3, 4, 6, 8, 16, 32] {
        let options = options(n_bits, WeightRule::Max);
        let (network, record) = ptq(&parent, &options, &data.test).unwrap();
        assert_eq!(record.agreement.argmax_differs, 0);
        assert_eq!(record.parent_sha256, float.weights_sha256);
        if n_bits >= 8 {
            assert!(
                (record.test_accuracy - float.test_accuracy).abs() <= 0.02,
                "{n_bits}"
            );
        }
        assert_eq!(record.parent_test_correct, Some(float.test_correct));
        let dir = top.path().join(format!("ptq{n_bits}"));
        let folder = OutputFolder::claim(&dir, Existing::Refuse, &[&parent]).unwrap();
        record.save(&network, &folder).unwrap();
        assert_eq!(Network::load(dir.join(NETWORK_FILE)).unwrap(), network);
        assert!(ptq(&dir, &options, &data.test).is_err());
    }
    // Bits and rule must agree; where they do, the name contains both.
    let wide = WeightRule::TopK { keep: 2, limit: 3 };
    for (n_bits, rule) in [
        (3, WeightRule::TernaryMean),
        (32, WeightRule::TernaryMean),
        (2, wide),
        (4, wide),
    ] {
        let error = ptq(&parent, &options(n_bits, rule), &data.test).unwrap_err();
        assert!(error.to_string().contains("n_bits"), "{error}");
    }
    for (n_bits, rule, name) in [
        (2, WeightRule::TernaryMean, "small-ptq2-ternary-mean"),
        (3, WeightRule::Max, "small-ptq3"),
        (3, wide, "small-ptq3-top-k"),
    ] {
        let (network, _) = ptq(&parent, &options(n_bits, rule), &data.test).unwrap();
        assert_eq!(network.name(), name);
        let widest = network.weight_bits().into_iter().flatten().max();
        assert_eq!(widest, Some(n_bits));
    }
}

#[test]
fn folding_batch_norms_changes_nothing() {
    let mut model = Model::new(&float_config()).unwrap();
    model.set(0, Role::RunningMean, vec![0.3, -0.2, 0.1]);
    model.set(0, Role::RunningVar, vec![0.5, 2.0, 1.5]);
    model.set(0, Role::Gamma, vec![0.5, -2.0, 1.5]);
    model.set(1, Role::Beta, vec![0.5, -0.2, 0.15, 0.0]);
    let data = quadrants(50, 5);
    let map = InputMap::new(&float_config(), model.shapes[0], 1.0 / 3.0).unwrap();
    let before = batch::all_logits(&model, &[], &data, &map).unwrap();
    let folded = model.folded().unwrap();
    let after = batch::all_logits(&folded, &[], &data, &map).unwrap();
    assert!(
        folded
            .params
            .iter()
            .all(|p| matches!(p.role, Role::Weight | Role::Bias))
    );
    let largest = before.iter().fold(0.0_f32, |m, x| m.max(x.abs()));
    for (a, b) in before.iter().zip(&after) {
        assert!((a - b).abs() <= 1e-5 * largest.max(1.0), "{a} {b}");
    }
}
