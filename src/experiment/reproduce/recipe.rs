//! Describes in words how a row's weights were made.

use crate::{
    quant::WeightRule,
    train::{QatConfig, QatStart, TrainConfig},
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

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may stop at a surprise")]
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
