//! Makes rows of records, and describes in words how a row's weights were made.

use super::{AccuracyRow, Method};
use crate::{
    data::DatasetName,
    quant::WeightRule,
    train::{LayerSpec, PtqRecord, QatConfig, QatStart, TrainConfig, TrainRecord},
};

/// Describes a rounded network.
pub(super) fn rounded(rule: WeightRule) -> String {
    format!("rounded by {}", name(rule))
}

/// Describes a trained network: rules of its weights, start, teacher and whatever else decides them.
pub(super) fn trained(config: &TrainConfig) -> String {
    let mut words = Vec::new();
    match &config.quantization {
        None => words.push("floating point".to_owned()),
        Some(q) => quantised(q, &mut words),
    }
    if config.batch_norm {
        words.push("batch norm, folded at the end".to_owned());
    }
    if let Some(distillation) = &config.distillation {
        let teacher = &distillation.teacher;
        let teacher = teacher.rsplit('/').next().unwrap_or(teacher);
        words.push(format!("distilled from {teacher}"));
    }
    if config.augmentation.is_some() {
        words.push("changed images".to_owned());
    }
    if config.label_smoothing > 0.0 {
        words.push("smoothed labels".to_owned());
    }
    words.push(format!("{} epochs", config.epochs));
    words.join(", ")
}

fn quantised(q: &QatConfig, words: &mut Vec<String>) {
    words.push(rules(&q.rules));
    let parent = q.parent.rsplit('/').next().unwrap_or(&q.parent);
    words.push(match q.start {
        QatStart::Copy => format!("from {parent}"),
        QatStart::Equalized => format!("from {parent} equalised"),
    });
    let parts = [
        (q.anneal > 0.0, "budgets shrink"),
        (!q.freeze.is_empty(), "layers freeze in turn"),
        (q.normalize, "norms folded into biases"),
        (q.center_output, "logits centred"),
        (!q.plain_moduli.is_empty(), "epochs chosen that fit t"),
    ];
    let parts = parts.into_iter().filter(|(has, _)| *has);
    words.extend(parts.map(|(_, part)| part.to_owned()));
}

/// Names the rule of all layers, or the rule of each; a budget is written as the number of weights kept for each
/// output.
fn rules(rules: &[WeightRule]) -> String {
    let budget = |rule: &WeightRule| match *rule {
        WeightRule::TopK { keep, limit: 1 } => Some(keep.to_string()),
        WeightRule::TopK { keep, limit } => Some(format!("{keep} (up to {limit})")),
        _ => None,
    };
    let budgets: Option<Vec<String>> = rules.iter().map(budget).collect();
    match (budgets, rules) {
        (_, []) => "no rule".to_owned(),
        (Some(budgets), _) => format!("top-k of {}", budgets.join(", ")),
        (None, [first, rest @ ..]) if rest.iter().all(|rule| rule == first) => name(*first),
        (None, all) => {
            let names: Vec<String> = all.iter().map(|&rule| name(rule)).collect();
            names.join(", ")
        }
    }
}

fn name(rule: WeightRule) -> String {
    match rule {
        WeightRule::Max => "max".to_owned(),
        WeightRule::TernaryMean => "ternary-mean".to_owned(),
        WeightRule::MinError => "min-error".to_owned(),
        WeightRule::Learned => "learned steps".to_owned(),
        WeightRule::TopK { keep, .. } => format!("top-k of {keep}"),
    }
}

/// Makes the row of a trained network, without its integers.
pub(super) fn row_of(
    dataset: DatasetName,
    method: Method,
    name: &str,
    record: &TrainRecord,
) -> AccuracyRow {
    let config = &record.config;
    AccuracyRow {
        dataset,
        method,
        name: name.to_owned(),
        recipe: trained(config),
        rounding: None,
        weight_bits: config.quantization.as_ref().map(|q| q.n_bits),
        narrowest_weight_bits: config.quantization.as_ref().map(narrowest),
        channels: channels(config),
        input_levels: config.quantizer().map_or(0, |input| input.max() + 1),
        encoded: config.input_encoding.is_some(),
        seed: Some(config.seed),
        epochs: Some(config.epochs),
        validation_accuracy: Some(record.validation_accuracy),
        test_images: record.test_images,
        test_correct: record.test_correct,
        test_accuracy: record.test_accuracy,
        weights_sha256: record.weights_sha256.clone(),
        widths: None,
    }
}

/// Returns the bits of a weight in the narrowest layer.
fn narrowest(config: &QatConfig) -> u32 {
    let bits = config.rules.iter().map(|rule| rule.bits(config.n_bits));
    let bits = bits.min();
    bits.map_or(config.n_bits, |bits| bits.min(config.n_bits))
}

fn channels(config: &TrainConfig) -> Vec<usize> {
    let layers = config.network.layers.iter();
    layers
        .filter_map(|layer| match layer {
            LayerSpec::Conv2d { out_channels, .. } => Some(*out_channels),
            _ => None,
        })
        .collect()
}

/// Makes the row of a rounded network, without its integers.
pub(super) fn rounded_row(
    dataset: DatasetName,
    name: &str,
    float: &TrainRecord,
    record: &PtqRecord,
) -> AccuracyRow {
    let options = &record.options;
    let of_float = row_of(dataset, Method::Ptq, name, float);
    let thresholds = options.input_thresholds.as_ref();
    AccuracyRow {
        recipe: rounded(options.rule),
        rounding: Some(options.rule),
        weight_bits: Some(options.n_bits),
        narrowest_weight_bits: Some(options.n_bits),
        input_levels: thresholds
            .and_then(|t| i64::try_from(t.len() + 1).ok())
            .unwrap_or(of_float.input_levels),
        encoded: of_float.encoded && thresholds.is_none(),
        seed: None,
        epochs: None,
        validation_accuracy: None,
        test_images: record.test_images,
        test_correct: record.test_correct,
        test_accuracy: record.test_accuracy,
        ..of_float
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn recipes_name_what_differs_from_the_papers() {
        let of = |name: &str| trained(&TrainConfig::preset(name).unwrap());
        assert_eq!(
            of("hcnn-mnist-w2"),
            "top-k of 8, 30, 250, from mnist-float equalised, budgets shrink, layers freeze in turn, logits centred, \
             distilled from mnist-float, changed images, 12 epochs"
        );
        assert_eq!(
            of("hcnn-mnist-w4"),
            "max, from mnist-float, distilled from mnist-float, changed images, 12 epochs"
        );
        assert!(of("hcnn-cifar-mixed").starts_with(
            "min-error, min-error, ternary-mean, ternary-mean, ternary-mean, from cifar-float, norms folded into biases"
        ));
        assert!(of("hcnn-cifar-68").starts_with("top-k of 9, 120 (up to 3), 300 (up to 3)"));
        assert_eq!(of("hcnn-mnist-paper"), "floating point, 30 epochs");
        assert_eq!(rounded(WeightRule::MinError), "rounded by min-error");
    }
}
