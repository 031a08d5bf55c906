//! `sealquant demo`.

use super::{
    Outcome,
    digits::{self, Drawing},
    model::ImageRange,
    output::{self, Output, note},
    run::{self, Finished, RunArguments},
    summary::summary,
};
use crate::data::{DatasetName, Split};

/// How many images are drawn.
const DRAWN: usize = 6;

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// Which of MNIST's test images, from A up to but without B
    #[arg(long, value_name = "A..B", default_value = "0..8192")]
    images: ImageRange,
    #[command(flatten)]
    run: RunArguments,
}

pub(super) fn run(arguments: &Arguments, output: &mut Output) -> anyhow::Result<Outcome> {
    let (dataset, split) = (DatasetName::Mnist, Split::Test);
    note(format_args!(
        "classifying encrypted images {}..{} of {dataset} {split} with {}",
        arguments.images.0.start,
        arguments.images.0.end,
        arguments.run.model.display()
    ));
    let finished = run::run(
        &arguments.run,
        None,
        dataset,
        split,
        Some(&arguments.images),
    )?;
    let drawings: Vec<Drawing<'_>> = chosen(&finished)
        .into_iter()
        .filter_map(|index| drawing(&finished, index))
        .collect();
    let (_, height, width) = finished.images.shape();
    let drawn = digits::draw(&drawings, height, width, output::columns());
    output.line(drawn.trim_end())?;
    output.line("")?;
    output.line(summary(&finished.record, true))?;
    if let Some(path) = &arguments.run.record {
        output.line(format_args!("record: {}", path.display()))?;
    }
    Ok(finished.outcome())
}

/// The first images, the last of them a wrongly classified one if there is one.
fn chosen(finished: &Finished) -> Vec<usize> {
    let right = |index: &usize| {
        finished.classified.predictions.get(*index).copied()
            == finished
                .images
                .labels()
                .get(*index)
                .map(|&label| usize::from(label))
    };
    let all = 0..finished.images.len();
    let wrong = all.clone().find(|index| !right(index));
    let count = DRAWN - usize::from(wrong.is_some());
    all.filter(right).take(count).chain(wrong).collect()
}

fn drawing(finished: &Finished, index: usize) -> Option<Drawing<'_>> {
    let predicted = *finished.classified.predictions.get(index)?;
    let label = usize::from(*finished.images.labels().get(index)?);
    let classes = finished.images.classes();
    Some(Drawing {
        pixels: finished.images.image(index)?,
        caption: format!(
            "read {}, is {}",
            classes.get(predicted)?,
            classes.get(label)?
        ),
        right: predicted == label,
    })
}
