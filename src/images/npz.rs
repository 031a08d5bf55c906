//! NumPy's archives of arrays (.npz): ZIP files, stored or deflated.

use std::{
    borrow::Cow,
    fs::File,
    io::{BufReader, Read as _},
    path::{Path, PathBuf},
};

use zip::ZipArchive;

use super::{
    ImagesError, Read, Reading,
    array::{self, ArrayHeader},
    input::{MAX_FILE_BYTES, metadata},
    layout::{Layout, tuple},
    npy,
};
use crate::{data::Split, file::read_at_most};

/// Most arrays of an archive.
const MAX_ARRAYS: usize = 256;
/// Most arrays that an error lists.
const LISTED: usize = 8;

/// Names of arrays of images and of labels, each also with the split before or after it, like `x_test`.
const IMAGES: [&str; 5] = ["images", "image", "x", "data", "pixels"];
const LABELS: [&str; 7] = [
    "labels", "label", "y", "targets", "target", "classes", "class",
];

/// An archive with the headers of its arrays.
struct Archive<'a> {
    path: &'a Path,
    zip: ZipArchive<BufReader<File>>,
    arrays: Vec<ArchiveEntry>,
}

struct ArchiveEntry {
    name: String,
    /// Position in the archive.
    index: usize,
    /// The header, or why there is none.
    header: Result<ArrayHeader, String>,
}

/// Reads the images of an archive, and their labels if it has some.
pub(super) fn read(reading: &Reading<'_>, path: &Path) -> Result<Read, ImagesError> {
    let mut archive = Archive::open(path)?;
    let split = reading.options.split;
    let chosen = archive.images(reading, split)?;
    // Names of images name the archive; errors name the array, too.
    let inner = archive.inner(chosen);
    let bytes = archive.bytes(chosen)?;
    let refused = |inner: &Path, reason: String| ImagesError::refused(inner, reason);
    let array = npy::parse(&bytes).map_err(|reason| refused(&inner, reason))?;
    let mut read = array::read(reading, &inner, &array)?;
    read.names = super::places(path, &read.range)?;
    drop(bytes);
    if reading.options.labels.is_none()
        && let Some(labels) = archive.named(&LABELS, split, |entry| entry.index != chosen)?
    {
        let inner = archive.inner(labels);
        let bytes = archive.bytes(labels)?;
        let array = npy::parse(&bytes).map_err(|reason| refused(&inner, reason))?;
        let labels = array.labels().map_err(|reason| refused(&inner, reason))?;
        if labels.len() != read.total {
            let reason = format!("{} labels for {} images", labels.len(), read.total);
            return Err(refused(&inner, reason));
        }
        read.labels = Some(labels[read.range.clone()].to_vec());
    }
    Ok(read)
}

impl<'a> Archive<'a> {
    fn open(path: &'a Path) -> Result<Self, ImagesError> {
        let refused = |reason: String| ImagesError::refused(path, reason);
        // The list of entries is read into memory.
        if metadata(path)?.len() > MAX_FILE_BYTES {
            return Err(refused(format!(
                "it has more than {MAX_FILE_BYTES} bytes, the most that is read; save the images in parts"
            )));
        }
        let file = File::open(path).map_err(ImagesError::io("cannot open", path))?;
        let mut zip = ZipArchive::new(BufReader::new(file)).map_err(|error| {
            refused(format!(
                "the archive is damaged: {error}; copy or save it again"
            ))
        })?;
        if zip.len() > MAX_ARRAYS {
            return Err(refused(format!(
                "an archive of {} files; at most {MAX_ARRAYS} arrays are read",
                zip.len()
            )));
        }
        let names = zip
            .file_names()
            .map(|name| name.map(Cow::into_owned))
            .collect::<Result<Vec<String>, _>>()
            .map_err(|error| refused(format!("the archive is damaged: {error}")))?;
        let mut arrays = Vec::new();
        for file in names {
            let Some(name) = file.strip_suffix(".npy") else {
                continue;
            };
            let Some(index) = zip.index_for_name(&file) else {
                continue;
            };
            arrays.push(ArchiveEntry {
                name: name.to_owned(),
                index,
                header: header(&mut zip, index),
            });
        }
        if arrays.is_empty() {
            return Err(refused(
                "a ZIP archive without arrays (.npy); unpack it and name the folder or the files"
                    .to_owned(),
            ));
        }
        Ok(Self { path, zip, arrays })
    }

    /// Names an array in errors.
    fn inner(&self, index: usize) -> PathBuf {
        let entry = self.arrays.iter().find(|entry| entry.index == index);
        self.path
            .join(entry.map_or("", |entry| entry.name.as_str()))
    }

    /// Chooses the array of images.
    fn images(&self, reading: &Reading<'_>, split: Split) -> Result<usize, ImagesError> {
        let fits = |entry: &ArchiveEntry| {
            let header = entry.header.as_ref();
            header.is_ok_and(|header| Layout::find(&header.dims, reading.shape).is_ok())
        };
        if let Some(index) = self.named(&IMAGES, split, fits)? {
            return Ok(index);
        }
        let fitting: Vec<&ArchiveEntry> = self.arrays.iter().filter(|entry| fits(entry)).collect();
        match fitting.as_slice() {
            [one] => Ok(one.index),
            [] if self.arrays.len() == 1 => Ok(self.arrays[0].index),
            [] => Err(self.unclear(&format!(
                "none of its arrays holds images of {}, which the network reads",
                reading.shape
            ))),
            _ => Err(self.unclear(
                "several of its arrays could be the images; call the right one `images` (and its labels `labels`)",
            )),
        }
    }

    /// Finds the array with one of these names, preferably with the split in it. Several are an error.
    fn named(
        &self,
        names: &[&str],
        split: Split,
        fits: impl Fn(&ArchiveEntry) -> bool,
    ) -> Result<Option<usize>, ImagesError> {
        let of_split = |name: &str| {
            names
                .iter()
                .any(|base| name == format!("{base}_{split}") || name == format!("{split}_{base}"))
        };
        let plain = |name: &str| names.contains(&name);
        let ways: [&dyn Fn(&str) -> bool; 2] = [&of_split, &plain];
        for way in ways {
            let found: Vec<&ArchiveEntry> = self
                .arrays
                .iter()
                .filter(|entry| way(&entry.name.to_ascii_lowercase()) && fits(entry))
                .collect();
            match found.as_slice() {
                [] => {}
                [one] => return Ok(Some(one.index)),
                [one, two, ..] => {
                    return Err(self.unclear(&format!(
                        "both {} and {} could be meant; keep one",
                        one.name, two.name
                    )));
                }
            }
        }
        Ok(None)
    }

    fn unclear(&self, reason: &str) -> ImagesError {
        let mut arrays: Vec<String> = self
            .arrays
            .iter()
            .take(LISTED)
            .map(|entry| match &entry.header {
                Ok(header) => format!("{} {}", entry.name.escape_debug(), tuple(&header.dims)),
                Err(error) => format!("{} ({error})", entry.name.escape_debug()),
            })
            .collect();
        if self.arrays.len() > LISTED {
            arrays.push(format!("{} more", self.arrays.len() - LISTED));
        }
        ImagesError::refused(
            self.path,
            format!("{reason}; it holds {}", arrays.join(", ")),
        )
    }

    /// Unpacks an array. No more is unpacked than its header states, which is limited.
    fn bytes(&mut self, index: usize) -> Result<Vec<u8>, ImagesError> {
        let inner = self.inner(index);
        let refused = |reason: String| ImagesError::refused(&inner, reason);
        let entry = self.arrays.iter().find(|entry| entry.index == index);
        let header = entry.map(|entry| entry.header.clone()).transpose();
        let stated = header
            .map_err(refused)?
            .and_then(|header| header.data_bytes());
        let limit = stated
            .filter(|&bytes| bytes <= MAX_FILE_BYTES)
            .ok_or_else(|| {
                refused(format!(
                    "the array states more than {MAX_FILE_BYTES} bytes, the most that is read; save the images as \
                     uint8, or in parts"
                ))
            })?
            + npy::MAX_HEADER as u64
            + 12;
        let file = self
            .zip
            .by_index(index)
            .map_err(|error| refused(error.to_string()))?;
        read_at_most(file, limit)
            .map_err(|error| refused(format!("damaged: {error}; copy or save the archive again")))?
            .ok_or_else(|| {
                refused("more data than the array's header states; save it again".to_owned())
            })
    }
}

/// Reads the header of an array in an archive.
fn header(zip: &mut ZipArchive<BufReader<File>>, index: usize) -> Result<ArrayHeader, String> {
    let mut file = zip.by_index(index).map_err(|error| error.to_string())?;
    let mut start = Vec::new();
    let mut read = |start: &mut Vec<u8>, bytes: usize| {
        let read = file.by_ref().take(bytes as u64).read_to_end(start);
        read.map(drop).map_err(|error| format!("damaged: {error}"))
    };
    read(&mut start, 12)?;
    let (before, length) = npy::header_lengths(&start)?;
    let missing = (before + length).saturating_sub(start.len());
    read(&mut start, missing)?;
    Ok(npy::split_header(&start)?.0)
}
