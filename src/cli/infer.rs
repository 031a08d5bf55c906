//! `sealquant infer`.

use std::{ops::Range, process::ExitCode};

use super::{
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
    /// Which part of it
    #[arg(long, value_name = "SPLIT", default_value = "test", value_enum)]
    split: Split,
    /// Which images, from A up to but without B; more than a batch holds take several batches [default: all]
    #[arg(long, value_name = "A..B", value_parser = image_range)]
    images: Option<Range<usize>>,
    /// How images lie in ciphertexts
    #[arg(long, value_enum, default_value = "auto")]
    layout: LayoutArgument,
    #[command(flatten)]
    pub(super) run: RunArguments,
}

/// Largest number of images that are listed one by one.
const LISTED: usize = 20;

/// Shows the classes: a few images one by one, or, for more images, one line for each class.
fn class_table(finished: &Finished) -> String {
    let names = finished.images.classes();
    let name = |class: usize| {
        names
            .get(class)
            .map_or_else(|| class.to_string(), |&name| name.to_owned())
    };
    let predictions = &finished.classified.predictions;
    let labels = finished.images.labels().iter().copied();
    let pairs: Vec<(usize, usize)> = predictions
        .iter()
        .copied()
        .zip(labels.map(usize::from))
        .collect();
    if pairs.len() <= LISTED {
        let rows = pairs
            .iter()
            .enumerate()
            .map(|(index, &(predicted, label))| {
                vec![
                    (finished.record.first_image + index).to_string(),
                    name(predicted),
                    name(label),
                    if predicted == label { "right" } else { "wrong" }.to_owned(),
                ]
            });
        return table::columns(&["image", "class", "label", "that is"], rows);
    }
    let rows = (0..names.len()).filter_map(|class| {
        let images = pairs.iter().filter(|pair| pair.1 == class).count();
        let taken = |other: usize| pairs.iter().filter(|pair| **pair == (other, class)).count();
        let right = taken(class);
        // The class it is most often mistaken for, if it is not recognised.
        let others = (0..names.len()).filter(|&other| other != class);
        let other = others.max_by_key(|&other| (taken(other), std::cmp::Reverse(other)));
        let other = other.filter(|&other| taken(other) > 0);
        (images > 0).then(|| {
            let other = other.map(|other| format!("{} ({})", name(other), taken(other)));
            vec![
                name(class),
                table::thousands(images),
                table::thousands(right),
                table::percent(right as f64 / images as f64),
                other.unwrap_or_default(),
            ]
        })
    });
    table::columns(
        &["label", "images", "right", "share", "else mostly read as"],
        rows,
    )
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
        "relin.",
        "rotations",
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
            layer.ops.relinearizations,
            layer.ops.rotations,
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
    output.line(class_table(finished))?;
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
