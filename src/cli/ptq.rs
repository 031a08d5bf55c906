//! `sealquant ptq`.

use std::{path::PathBuf, process::ExitCode};

use anyhow::Context as _;
use clap::ValueEnum;

use super::{
    model::{DataDirectory, ModelArgument, whole},
    output::Output,
    progress, table,
    train::{agreement_rows, existing},
};
use crate::{
    data::{self, Split},
    quant::WeightRule,
    train::{CONFIG_FILE, OutputFolder, PtqOptions, TrainConfig, ptq},
};

#[derive(Debug, clap::Args)]
#[command(mut_arg("model", |model| ModelArgument::required(
    model,
    "The float network: a directory that `train` or `import` made",
)))]
pub(super) struct PtqArguments {
    #[command(flatten)]
    model: ModelArgument,
    /// Bits of a weight, the sign included
    #[arg(long, value_name = "B", value_parser = whole::<u32>(2..=32))]
    bits: u32,
    /// The rule that chooses the integers
    #[arg(long, value_enum, default_value = "max")]
    rule: RuleArgument,
    /// The directory of the new model; made if it is missing
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Replace the model in the directory, once the new one is complete
    #[arg(long)]
    overwrite: bool,
    #[command(flatten)]
    data: DataDirectory,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum RuleArgument {
    /// The paper's: the largest weight becomes the largest integer.
    Max,
    /// The scale with the least squared rounding error.
    MinError,
    /// Ternary weight networks: zero below 0.7 times the mean magnitude. For 2 bits only.
    TernaryMean,
}

impl From<RuleArgument> for WeightRule {
    fn from(rule: RuleArgument) -> Self {
        match rule {
            RuleArgument::Max => Self::Max,
            RuleArgument::MinError => Self::MinError,
            RuleArgument::TernaryMean => Self::TernaryMean,
        }
    }
}

pub(super) fn run(arguments: &PtqArguments, output: &mut Output) -> anyhow::Result<ExitCode> {
    let parent_dir = arguments.model.path();
    let existing = existing(arguments.overwrite);
    let folder = OutputFolder::claim(&arguments.out, existing, &[parent_dir]).context("--out")?;
    let parent = TrainConfig::load(&parent_dir.join(CONFIG_FILE))?;
    let source = arguments.data.source();
    let test = data::load(
        parent.dataset,
        Split::Test,
        &source,
        &mut progress::data_events(),
    )?;
    let options = PtqOptions {
        n_bits: arguments.bits,
        rule: arguments.rule.into(),
        input_thresholds: None,
    };
    let (network, record) = ptq(parent_dir, &options, &test)?;
    let saved = record.save(&network, &folder);
    let on_test = |correct: usize| {
        format!(
            "{} of {} test images ({})",
            table::thousands(correct),
            table::thousands(record.test_images),
            table::percent(correct as f64 / record.test_images.max(1) as f64)
        )
    };
    let float = record
        .parent_test_correct
        .map_or(String::new(), |correct| format!(": {}", on_test(correct)));
    let rows = [
        ("model", arguments.out.display().to_string()),
        ("float parent", format!("{}{float}", record.parent)),
        (
            "rounded to integers",
            format!("{}: {}", network.name(), on_test(record.test_correct)),
        ),
    ];
    let rows = rows.into_iter().chain(agreement_rows(&record.agreement));
    output.line(table::facts(rows))?;
    saved?;
    Ok(ExitCode::SUCCESS)
}
