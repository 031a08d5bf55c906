//! `sealquant demo`.

use std::{
    ops::Range,
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::bail;

use super::{
    digits::{self, Drawing},
    exit_code,
    model::image_range,
    output::{Output, check_file, note},
    run::{self, Finished, RECORD, RunArguments},
    scheme::LayoutArgument,
    summary::summary,
    table,
};
use crate::{
    data::{DatasetName, Split},
    experiment::RunRecord,
    file,
};

/// Number of images that are drawn.
const DRAWN: usize = 6;
/// Number of columns used for them if there is no terminal.
const PLAIN_COLUMNS: usize = 100;

/// The paper's times for one image on its own machine: parameters and seconds.
const PAPER: [(&str, f64); 2] = [
    ("the paper, one image: N = 16384, t of 35 bits", 311.13),
    ("the paper, one image: N = 8192, t of 24 bits", 58.04),
];

#[derive(Debug, clap::Args)]
pub(super) struct DemoArguments {
    /// The range of MNIST's test images, from A up to but without B; the first of them is classified once more by itself
    #[arg(long, value_name = "A..B", default_value = "0..8192", value_parser = image_range)]
    images: Range<usize>,
    #[command(flatten)]
    pub(super) run: RunArguments,
}

pub(super) fn run(arguments: &DemoArguments, output: &mut Output) -> anyhow::Result<ExitCode> {
    let (dataset, split) = (DatasetName::Mnist, Split::Test);
    note(format_args!(
        "classifying encrypted images {}..{} of {dataset} {split} with {}",
        arguments.images.start,
        arguments.images.end,
        arguments.run.model.path().display()
    ));
    let alone = RunArguments {
        record: arguments.run.record.as_deref().and_then(beside),
        ..arguments.run.clone()
    };
    if let (Some(one), Some(all)) = (&alone.record, &arguments.run.record) {
        check_file("--record", one, RECORD, None)?;
        if file::is_same_target(one, all) {
            bail!(
                "--record: {} and {} are the same file: choose another name",
                all.display(),
                one.display()
            );
        }
    }
    let finished = run::run(
        &arguments.run,
        LayoutArgument::Auto,
        dataset,
        split,
        Some(arguments.images.clone()),
    )?;
    let first = arguments.images.start..arguments.images.start + 1;
    let single = run::run(&alone, LayoutArgument::Auto, dataset, split, Some(first))?;
    let shown = show(&finished, &single, output);
    finished.save(&arguments.run, output)?;
    single.save(&alone, output)?;
    shown?;
    Ok(exit_code(finished.is_right() && single.is_right()))
}

fn show(finished: &Finished, single: &Finished, output: &mut Output) -> anyhow::Result<()> {
    let (_, height, width) = finished.images.shape();
    let columns = super::terminal::columns().unwrap_or(PLAIN_COLUMNS);
    let drawn = digits::draw(&chosen(finished), height, width, columns);
    output.line(drawn.trim_end())?;
    output.line("")?;
    output.line(summary(&finished.record, true))?;
    output.line(comparison(&[&single.record, &finished.record]))
}

/// Returns the path for the record of the single image: `x-one.json` beside `x.json`. There is no such path for a
/// device or a pipe.
fn beside(record: &Path) -> Option<PathBuf> {
    if file::is_stream(record) {
        return None;
    }
    let mut name = record.file_stem().unwrap_or_default().to_owned();
    name.push("-one");
    if let Some(extension) = record.extension() {
        name.push(".");
        name.push(extension);
    }
    Some(record.with_file_name(name))
}

/// Compares latency and throughput of these runs with the paper's time for one image.
fn comparison(records: &[&RunRecord]) -> String {
    let own = records.iter().map(|record| {
        let images = record.images;
        let words = if images == 1 { "one image" } else { "a batch" };
        vec![
            format!(
                "here, {words}: N = {}, {} layout, {} bound",
                record.poly_modulus_degree, record.layout, record.bound.rule
            ),
            table::thousands(images),
            table::seconds(record.seconds.evaluate),
            table::seconds(record.seconds.evaluate / images as f64),
            format!("{:.0}", record.images_per_second()),
        ]
    });
    let paper = PAPER.into_iter().map(|(words, seconds)| {
        vec![
            words.to_owned(),
            "1".to_owned(),
            format!("{seconds} s"),
            format!("{seconds} s"),
            format!("{:.3}", 1.0 / seconds),
        ]
    });
    let header = [
        "evaluation (server)",
        "images",
        "time",
        "an image",
        "images/s",
    ];
    table::columns(&header, own.chain(paper))
}

/// Draws the first images, with a wrongly classified one last if there is one.
fn chosen(finished: &Finished) -> Vec<Drawing<'_>> {
    let all = || (0..finished.images.len()).filter_map(|index| drawing(finished, index));
    let wrong = all().find(|drawing| !drawing.right);
    let count = DRAWN - usize::from(wrong.is_some());
    let right = all().filter(|drawing| drawing.right);
    right.take(count).chain(wrong).collect()
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_second_record_lies_beside_the_first() {
        let beside = |path: &str| beside(Path::new(path));
        assert_eq!(beside("a/x.json"), Some("a/x-one.json".into()));
        assert_eq!(beside("x"), Some("x-one".into()));
        #[cfg(unix)]
        assert_eq!(beside("/dev/stdout"), None);
    }
}
