//! The images that a user names.

use std::{ops::Range, path::PathBuf};

use super::super::{
    model::{DataDirectory, image_range},
    output::{Output, note},
    progress::{Stages, data_events},
    table,
};
use crate::{
    data::Split,
    engine::Progress as _,
    images::{self, ImagesEvent, Pictures, ReadOptions},
    network::Shape,
};

/// Number of images that are drawn.
const DRAWN: usize = 10;

/// The arguments that name images and say how they are read.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct PictureArguments {
    /// PNG or JPEG files, a folder of them (folders in it are classes), an .npy, .npz, IDX or CSV file, or the name of a
    /// dataset (mnist, fashion-mnist, cifar10)
    #[arg(long = "images", value_name = "WHAT", num_args = 1.., required_unless_present = "pads")]
    what: Vec<PathBuf>,
    #[command(flatten)]
    how: ReadingArguments,
}

/// Choices for reading images.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct ReadingArguments {
    /// The range of images, from A up to but without B [default: all]
    #[arg(long, value_name = "A..B", value_parser = image_range)]
    range: Option<Range<usize>>,
    /// The part of a dataset
    #[arg(long, value_name = "SPLIT", default_value = "test", value_enum)]
    split: Split,
    /// Labels: an IDX file, or a text with a label in each line
    #[arg(long, value_name = "FILE")]
    labels: Option<PathBuf>,
    /// The column of a CSV file with labels: its name, or its number from 1 on
    #[arg(long, value_name = "COLUMN")]
    label_column: Option<String>,
    /// Invert the brightness: for dark strokes on a light ground, if the network learned light ones on black
    #[arg(long)]
    invert: bool,
    /// Draw the first images as they will be encrypted
    #[arg(long)]
    preview: bool,
    #[command(flatten)]
    data: DataDirectory,
}

impl ReadingArguments {
    /// Reads images of this shape.
    pub(super) fn read(&self, what: &[PathBuf], shape: Shape) -> anyhow::Result<Pictures> {
        let options = ReadOptions {
            invert: self.invert,
            range: self.range.clone(),
            split: self.split,
            source: self.data.source(),
            labels: self.labels.clone(),
            label_column: self.label_column.clone(),
        };
        let (stages, mut events) = (Stages::new(), data_events());
        let pictures = images::read(what, shape, &options, &mut |event| match event {
            ImagesEvent::Data(event) => events(event),
            ImagesEvent::Picture { done, total } => {
                stages.update("reading the images", done as u64, total as u64);
            }
        })?;
        if pictures.skipped() > 0 {
            note(format_args!(
                "left out: {} hidden or text files",
                table::thousands(pictures.skipped())
            ));
        }
        Ok(pictures)
    }

    /// Draws some images if that is asked for.
    pub(super) fn show(&self, pictures: &Pictures, output: &mut Output) -> anyhow::Result<()> {
        let drawn = if self.preview { DRAWN } else { 0 };
        let colour = console::colors_enabled();
        for (image, name) in pictures.images().zip(pictures.names()).take(drawn) {
            output.line(format_args!(
                "{name}\n{}",
                images::preview(image, pictures.shape(), colour)
            ))?;
        }
        Ok(())
    }
}

impl PictureArguments {
    /// Reads images of this shape.
    pub(super) fn read(&self, shape: Shape) -> anyhow::Result<Pictures> {
        self.how.read(&self.what, shape)
    }

    /// Draws some images if that is asked for.
    pub(super) fn show(&self, pictures: &Pictures, output: &mut Output) -> anyhow::Result<()> {
        self.how.show(pictures, output)
    }
}
