//! `sealquant infer`.

use std::{ops::Range, process::ExitCode};

use super::{
    class_table::{Seen, class_table},
    exit_code,
    model::image_range,
    output::Output,
    run::{self, Finished, RunArguments},
    scheme::LayoutArgument,
    summary::summary,
    table,
};
use crate::data::{DatasetName, Split};
use crate::experiment::RunRecord;

#[derive(Debug, clap::Args)]
pub(super) struct InferArguments {
    /// The dataset to take images from
    #[arg(long, value_name = "NAME", default_value = "mnist", value_enum)]
    dataset: DatasetName,
    /// The part of the dataset
    #[arg(long, value_name = "SPLIT", default_value = "test", value_enum)]
    split: Split,
    /// The images, from A up to but without B; more than a batch holds take several batches [default: all]
    #[arg(long, value_name = "A..B", value_parser = image_range)]
    images: Option<Range<usize>>,
    /// The layout of images in ciphertexts
    #[arg(long, value_enum, default_value = "auto")]
    layout: LayoutArgument,
    #[command(flatten)]
    pub(super) run: RunArguments,
}

/// Returns what is shown of each image.
fn seen(finished: &Finished) -> Vec<Seen> {
    let labels = finished.images.labels().iter();
    let pairs = finished.classified.predictions.iter().zip(labels);
    let seen = |(index, (&class, &label)): (usize, (&usize, &u8))| Seen {
        image: (finished.record.first_image + index).to_string(),
        class,
        score: None,
        label: Some(label.into()),
    };
    pairs.enumerate().map(seen).collect()
}

/// Shows times and operations of the layers, with their predictions.
fn layer_table(record: &RunRecord) -> String {
    let header = [
        "layer",
        "time",
        "predicted",
        "additions",
        "constant mult.",
        "plain mult.",
        "plain add.",
        "squares",
        "rotations",
        "key switches",
        "mod switches",
    ];
    let forecast = |name: &str| {
        let mut layers = record.forecast.iter().flat_map(|forecast| &forecast.layers);
        let found = layers.find(|layer| layer.name == name);
        found.map_or(String::new(), |layer| table::seconds(layer.seconds))
    };
    let rows = record.layers.iter().map(|layer| {
        let ops = [
            layer.ops.additions,
            layer.ops.constant_multiplications,
            layer.ops.plain_multiplications,
            layer.ops.plain_additions,
            layer.ops.squares,
            layer.ops.rotations,
            layer.ops.key_switches(),
            layer.ops.mod_switches,
        ];
        let times = [table::seconds(layer.seconds), forecast(&layer.name)];
        std::iter::once(layer.name.clone())
            .chain(times)
            .chain(ops.map(table::thousands))
            .collect()
    });
    table::counts(&header, rows)
}

pub(super) fn run(arguments: &InferArguments, output: &mut Output) -> anyhow::Result<ExitCode> {
    let finished = run::run(
        &arguments.run,
        arguments.layout,
        arguments.dataset,
        arguments.split,
        arguments.images.clone(),
    )?;
    let shown = show(&finished, arguments, output);
    finished.save(&arguments.run, output)?;
    shown?;
    Ok(exit_code(finished.is_right()))
}

fn show(
    finished: &Finished,
    arguments: &InferArguments,
    output: &mut Output,
) -> anyhow::Result<()> {
    output.line(summary(&finished.record, false))?;
    output.line(class_table(finished.images.classes(), &seen(finished)))?;
    output.line(layer_table(&finished.record))?;
    let rows = finished.record.noise.iter().map(|layer| {
        vec![
            layer.name.clone(),
            format!("{:.1}", layer.predicted_bits),
            layer
                .measured_bits
                .map_or(String::new(), |bits| bits.to_string()),
        ]
    });
    let measured = if arguments.run.layer_noise {
        "measured"
    } else {
        "measured (each layer with --layer-noise)"
    };
    let header = ["after", "predicted noise budget, bits", measured];
    output.line(table::columns(&header, rows))
}
