//! Reads a user's own images as the pixels of a network.
//!
//! [`read`] takes one of these and gives [`Pictures`], all in the shape that a network reads:
//!
//! | input | images | labels |
//! | --- | --- | --- |
//! | PNG and JPEG files, one or many | one each | from a file of labels |
//! | a folder of such files | in order of the names' bytes | from a file of labels |
//! | a folder of class folders with such files | class by class, both in order of the names' bytes | the folders' names |
//! | `.npy` | all in the array | from a file of labels |
//! | `.npz` | those in the array `images`, `image`, `x`, `x_test` or the like, or in the only array that fits | from `labels`, `label`, `y`, `y_test` or the like |
//! | IDX with 2 to 4 dimensions | all | from a file of labels |
//! | CSV, an image in each line | all | the column `label`, `class` or `target`, or the one that the caller names |
//! | `mnist`, `fashion-mnist`, `cifar10` | a split of the dataset, see [`data::load`] | the classes' names |
//!
//! IDX, CSV and `.npy` may be compressed by gzip. What a file is, is seen by its first bytes, not by its name; only
//! files in a folder are chosen by name. A name of a dataset means the dataset even where a file has that name: `./mnist`
//! names the file.
//!
//! # Conversion of pictures
//!
//! The decoder gives 8 or 16 bits for each channel. Then, in this order:
//!
//! 1. 16 bits become 8: `(v + 128) / 257`, rounded down.
//! 2. A transparent pixel is laid over the background: black, or white if the picture will be inverted.
//! 3. A network with one channel reads luma as Pillow computes it, `(19595 R + 38470 G + 7471 B + 32768) / 65536`,
//!    rounded down (Rec. 601). A network with three channels reads red, green, blue; a grey picture gives all three.
//!    Colour profiles are ignored.
//! 4. With `invert`, a value `v` becomes `255 - v`: dark strokes on a light ground become light strokes on black, as in
//!    MNIST.
//! 5. A picture of another size is scaled by one factor for height and width so that it just fits, with a triangle
//!    filter, which covers all pixels (antialiasing). A picture of the right size keeps its pixels exactly.
//! 6. The orientation that EXIF data state is applied.
//! 7. The picture is centred; pixels beside it are 0.
//!
//! # Arrays
//!
//! Arrays and tables hold the network's own pixels, so they are not scaled: height and width must be the network's.
//! Numbers must be whole and from 0 to 255, whatever their type. With c channels, height h and width w, these shapes are
//! read: (n,c,h,w), (n,h,w,c), (n,h,w), (c,h,w), (h,w,c), (h,w), (n,c*h*w) and (c*h*w). One that could be read in two
//! ways which differ, such as (3,3,3), is refused. `invert` applies to them, too.
//!
//! # Limits
//!
//! All limits are checked before memory is taken: 1 GiB of pixels, 1 GiB of a file or of an array that was packed,
//! 67 million pixels of a picture. Devices and pipes are refused.

mod array;
mod error;
mod folder;
mod input;
mod jpeg;
mod labels;
mod layout;
mod npy;
mod npz;
mod picture;
mod preview;
mod table;
#[cfg(test)]
mod tests;

use std::{
    ops::Range,
    path::{Path, PathBuf},
};

use crate::{
    data::{self, DataEvent, DatasetName, Source, Split},
    network::Shape,
};

pub use error::ImagesError;
pub use preview::preview;
#[cfg(feature = "cli")]
pub(crate) use preview::{INK, half_blocks};

use input::Input;

/// Most bytes of pixels in [`Pictures`].
pub const MAX_PIXEL_BYTES: usize = 1 << 30;

/// Images in the shape that a network reads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pictures {
    shape: Shape,
    pixels: Vec<u8>,
    names: Vec<String>,
    labels: Option<Vec<String>>,
    skipped: usize,
}

impl Pictures {
    /// Channels, height and width of each image.
    pub fn shape(&self) -> Shape {
        self.shape
    }

    /// Number of images, at least 1.
    pub fn len(&self) -> usize {
        self.names.len()
    }

    /// Tells whether there are no images, which [`read`] never gives.
    pub fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    /// The pixels of image `index`, 0 to 255, channel by channel, row by row. Past the end there are none.
    pub fn image(&self, index: usize) -> &[u8] {
        let size = self.shape.len();
        let start = index.saturating_mul(size);
        self.pixels
            .get(start..start.saturating_add(size))
            .unwrap_or_default()
    }

    /// The images in order.
    pub fn images(&self) -> std::slice::ChunksExact<'_, u8> {
        self.pixels.chunks_exact(self.shape.len())
    }

    /// A name for each image: a file's path as it was given, a path below the folder that was given, or the place in a
    /// file, like `digits.npy[17]`.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// The class of each image, if it is known.
    pub fn labels(&self) -> Option<&[String]> {
        self.labels.as_deref()
    }

    /// Number of hidden and text files in the folder, which were left out.
    pub fn skipped(&self) -> usize {
        self.skipped
    }
}

/// Options of [`read`].
#[derive(Debug, Clone)]
pub struct ReadOptions {
    /// Turns dark strokes on a light ground, as on paper, into light strokes on black.
    pub invert: bool,
    /// The images to read, counted from 0 in the order of the input; all if it is not given. A range that extends past
    /// the end is cut.
    pub range: Option<Range<usize>>,
    /// The part of a dataset, or of an archive with arrays like `x_train` and `x_test`.
    pub split: Split,
    /// The place where a dataset is looked for.
    pub source: Source,
    /// A file with the labels of all images, in order: IDX, a label in each line, or CSV. These take the place of labels
    /// that come with the images.
    pub labels: Option<PathBuf>,
    /// The column with labels in a CSV file: its name in the header, or its number from 1.
    pub label_column: Option<String>,
}

impl Default for ReadOptions {
    /// Everything there is, not inverted; of a dataset, the test images.
    fn default() -> Self {
        Self {
            invert: false,
            range: None,
            split: Split::Test,
            source: Source::default(),
            labels: None,
            label_column: None,
        }
    }
}

/// A step in reading images, for a progress display.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ImagesEvent {
    /// A step in finding a dataset.
    Data(DataEvent),
    /// A picture file was read.
    Picture {
        /// Number of files read so far, including this one.
        done: usize,
        /// Number of files to read.
        total: usize,
    },
}

/// Reads images for a network that reads `shape` (of a quantiser with an encoding: its
/// [`image_shape`](crate::network::InputQuantizer::image_shape)). The module describes what `what` may be and how
/// pictures are converted.
///
/// # Errors
/// [`ImagesError`], which names the file at fault and says what to do.
pub fn read(
    what: &[PathBuf],
    shape: Shape,
    options: &ReadOptions,
    progress: &mut dyn FnMut(ImagesEvent),
) -> Result<Pictures, ImagesError> {
    let input = Input::find(what)?;
    let reading = Reading { shape, options };
    if let Some(column) = &options.label_column
        && options.labels.is_none()
        && !matches!(input, Input::Table { .. })
    {
        return Err(ImagesError::NoTable(column.clone()));
    }
    let mut pictures = match input {
        Input::Pictures(files) => picture::read_files(&reading, files, progress)?,
        Input::Folder(folder) => picture::read_folder(&reading, &folder, progress)?,
        Input::Npy { path, bytes } => npy::read(&reading, &path, &bytes)?,
        Input::Npz(path) => npz::read(&reading, &path)?,
        Input::Idx { path, bytes } => array::read_idx(&reading, &path, &bytes)?,
        Input::Table { path, bytes } => table::read(&reading, &path, &bytes)?,
        Input::Dataset(name) => reading.dataset(name, progress)?,
    };
    if options.invert && !matches!(pictures.kind, Inversion::Decoded) {
        pictures.pixels.iter_mut().for_each(|v| *v = 255 - *v);
    }
    if let Some(path) = &options.labels {
        let labels = labels::read(path, options.label_column.as_deref(), pictures.total)?;
        pictures.labels = Some(labels[pictures.range.clone()].to_vec());
    }
    Ok(Pictures {
        shape,
        pixels: pictures.pixels,
        names: pictures.names,
        labels: pictures.labels,
        skipped: pictures.skipped,
    })
}

/// The request that every reader serves.
struct Reading<'a> {
    shape: Shape,
    options: &'a ReadOptions,
}

/// The result of a reader.
struct Read {
    kind: Inversion,
    pixels: Vec<u8>,
    names: Vec<String>,
    labels: Option<Vec<String>>,
    skipped: usize,
    /// Number of images in the input.
    total: usize,
    /// Those that were read.
    range: Range<usize>,
}

/// States of a reader's pixels under `invert`.
#[derive(Clone, Copy)]
enum Inversion {
    /// It has.
    Decoded,
    /// It has not.
    Plain,
}

impl Reading<'_> {
    /// Returns which of `total` images are wanted, if these are not too many.
    fn select(&self, path: &Path, total: usize) -> Result<Range<usize>, ImagesError> {
        let range = match &self.options.range {
            None => 0..total,
            Some(range) => range.start..range.end.min(total),
        };
        if range.is_empty() {
            return Err(match &self.options.range {
                Some(range) if total > 0 => ImagesError::EmptyRange {
                    start: range.start,
                    end: range.end,
                    images: total,
                },
                _ => ImagesError::refused(path, "it holds no image"),
            });
        }
        match range.len().checked_mul(self.shape.len()) {
            Some(0) => Err(ImagesError::refused(
                path,
                format!("no image can have the shape {}", self.shape),
            )),
            Some(bytes) if bytes <= MAX_PIXEL_BYTES => Ok(range),
            _ => Err(ImagesError::TooManyPixels {
                path: path.to_owned(),
                images: range.len(),
                shape: self.shape,
                limit: MAX_PIXEL_BYTES,
            }),
        }
    }

    /// Reads a split of a dataset.
    fn dataset(
        &self,
        name: DatasetName,
        progress: &mut dyn FnMut(ImagesEvent),
    ) -> Result<Read, ImagesError> {
        let (channels, height, width) = name.shape();
        let actual = Shape::new(channels, height, width);
        if actual != self.shape {
            return Err(ImagesError::DatasetShape {
                dataset: name.title(),
                actual,
                expected: self.shape,
            });
        }
        let split = self.options.split;
        let mut events = |event| progress(ImagesEvent::Data(event));
        let all = data::load(name, split, &self.options.source, &mut events)?;
        let total = all.len();
        let range = self.select(Path::new(name.as_str()), total)?;
        let part = all.slice(range.clone());
        let classes = part.classes();
        let class = |&label: &u8| {
            let name = classes.get(usize::from(label));
            name.map_or_else(|| label.to_string(), |&name| name.to_owned())
        };
        Ok(Read {
            kind: Inversion::Plain,
            pixels: part.images().flatten().copied().collect(),
            names: range
                .clone()
                .map(|i| format!("{name}-{split}[{i}]"))
                .collect(),
            labels: Some(part.labels().iter().map(class).collect()),
            skipped: 0,
            total,
            range,
        })
    }
}

/// Names the images of a file by their places in it.
fn places(path: &Path, range: &Range<usize>) -> Result<Vec<String>, ImagesError> {
    let name = utf8(path, path.file_name().map_or(path, Path::new))?;
    Ok(range.clone().map(|i| format!("{name}[{i}]")).collect())
}

/// Returns a name as text.
fn utf8<'a>(path: &Path, name: &'a Path) -> Result<&'a str, ImagesError> {
    name.to_str().ok_or_else(|| {
        ImagesError::refused(
            path,
            "its name is not UTF-8, so the result could not name it; rename it",
        )
    })
}
