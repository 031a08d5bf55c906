//! Errors of reading a user's images.

use std::{
    io,
    path::{Path, PathBuf},
};

use crate::{data::DataError, network::Shape};

/// A failure to read a user's images.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ImagesError {
    /// Nothing was named.
    #[error(
        "no images are named: give PNG or JPEG files, a folder of them, an array (.npy, .npz), an IDX or CSV file, or \
         the name of a dataset"
    )]
    Nothing,
    /// Inputs of different kinds, or several inputs of a kind that must come alone.
    #[error(
        "{first} is {first_kind} and {second} is {second_kind}: give either picture files (as many as you like) or one \
         other input",
        first = first.display(),
        second = second.display()
    )]
    Mixed {
        /// An input.
        first: PathBuf,
        /// The thing, with an article.
        first_kind: &'static str,
        /// Another input.
        second: PathBuf,
        /// The other thing, with an article.
        second_kind: &'static str,
    },
    /// The system refused to read.
    #[error("{what} {path}", path = path.display())]
    Io {
        /// The action that failed, phrased like "cannot read".
        what: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The system's reason.
        #[source]
        source: io::Error,
    },
    /// An input holds no images that can be used; the reason says where the fault is and what to do.
    #[error("{path}: {reason}", path = path.display())]
    Refused {
        /// The file or folder.
        path: PathBuf,
        /// The fault and the advice.
        reason: String,
    },
    /// All images together are too large.
    #[error(
        "{path}: {images} images of {shape} are more than {limit} bytes of pixels, the most that is read at once; read \
         a part of them, by a range",
        path = path.display()
    )]
    TooManyPixels {
        /// The file, the folder or the first file.
        path: PathBuf,
        /// Number of images.
        images: usize,
        /// Shape of an image.
        shape: Shape,
        /// The limit in bytes.
        limit: usize,
    },
    /// The range of images has none.
    #[error(
        "images {start}..{end} of {images} are none: choose a range that begins below {images}"
    )]
    EmptyRange {
        /// First image of the range.
        start: usize,
        /// First image after the range.
        end: usize,
        /// Number of images there are.
        images: usize,
    },
    /// The images of a dataset do not fit.
    #[error("the images of {dataset} are {actual}, the network reads {expected}")]
    DatasetShape {
        /// The dataset.
        dataset: &'static str,
        /// The shape of its images.
        actual: Shape,
        /// The shape that is needed.
        expected: Shape,
    },
    /// A column for labels was named, but no table is read.
    #[error(
        "the label column `{0}` is named, but neither the images nor the labels are a CSV file"
    )]
    NoTable(String),
    /// A dataset could not be found or read.
    #[error(transparent)]
    Data(#[from] DataError),
}

impl ImagesError {
    /// Makes the error for an action that the system refused.
    pub(super) fn io(what: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { what, path, source }
    }

    /// Makes the error for an input that cannot be used.
    pub(super) fn refused(path: &Path, reason: impl Into<String>) -> Self {
        Self::Refused {
            path: path.to_owned(),
            reason: reason.into(),
        }
    }
}
