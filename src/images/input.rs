//! Recognises what the user named.

use std::{
    fs::{self, File},
    io::Read as _,
    path::{Path, PathBuf},
};

use super::ImagesError;
use crate::{
    data::DatasetName,
    file::{gzip, read_at_most},
    file_kind,
};

/// Most bytes of a file, packed or not.
pub(super) const MAX_FILE_BYTES: u64 = 1 << 30;

/// Number of bytes by which a file is recognised.
const START_BYTES: u64 = 4096;

/// The input that the user named.
#[derive(Debug)]
pub(super) enum Input {
    Pictures(Vec<PathBuf>),
    Folder(PathBuf),
    Npy { path: PathBuf, bytes: Vec<u8> },
    Npz(PathBuf),
    Idx { path: PathBuf, bytes: Vec<u8> },
    Table { path: PathBuf, bytes: Vec<u8> },
    Dataset(DatasetName),
}

/// A kind of input, before it is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum InputKind {
    Picture,
    Folder,
    /// An array, a table or IDX, packed or not.
    Data,
    Npz,
    Dataset(DatasetName),
}

impl InputKind {
    const fn words(self) -> &'static str {
        match self {
            Self::Picture => "a picture",
            Self::Folder => "a folder",
            Self::Data => "a file of many images",
            Self::Npz => "an archive of arrays",
            Self::Dataset(_) => "a dataset's name",
        }
    }
}

impl Input {
    /// Recognises what the user named. Picture files are only opened, others are read.
    pub(super) fn find(what: &[PathBuf]) -> Result<Self, ImagesError> {
        let Some(first) = what.first() else {
            return Err(ImagesError::Nothing);
        };
        let form = form(first)?;
        for other in &what[1..] {
            let second = self::form(other)?;
            if (form, second) != (InputKind::Picture, InputKind::Picture) {
                return Err(ImagesError::Mixed {
                    first: first.clone(),
                    first_kind: form.words(),
                    second: other.clone(),
                    second_kind: second.words(),
                });
            }
        }
        let path = first.clone();
        Ok(match form {
            InputKind::Picture => Self::Pictures(what.to_vec()),
            InputKind::Folder => Self::Folder(path),
            InputKind::Npz => Self::Npz(path),
            InputKind::Dataset(name) => Self::Dataset(name),
            InputKind::Data => {
                let bytes = read_file(&path, MAX_FILE_BYTES)?;
                Self::of(path, bytes)?
            }
        })
    }

    /// Recognises a file of many images by its unpacked bytes.
    fn of(path: PathBuf, bytes: Vec<u8>) -> Result<Self, ImagesError> {
        match &bytes[..bytes.len().min(4)] {
            [0x93, b'N', b'U', b'M'] => Ok(Self::Npy { path, bytes }),
            [0, 0, 0x08, 1] => Err(ImagesError::refused(
                &path,
                "these are labels (IDX of one dimension); name the file with the images, and this one as the file of \
                 labels",
            )),
            [0, 0, 8..=14, _] => Ok(Self::Idx { path, bytes }),
            _ if is_table(&bytes) => Ok(Self::Table { path, bytes }),
            start if is_picture(start) || start.starts_with(b"PK\x03\x04") => {
                Err(ImagesError::refused(
                    &path,
                    "a picture or an archive that is packed by gzip; unpack it first",
                ))
            }
            _ => Err(unknown(&path, &bytes)),
        }
    }
}

/// Tells what the user named. Opens a file and looks at its beginning.
fn form(path: &Path) -> Result<InputKind, ImagesError> {
    if let Some(name) = path.to_str().and_then(dataset) {
        return Ok(InputKind::Dataset(name));
    }
    if metadata(path)?.is_dir() {
        return Ok(InputKind::Folder);
    }
    let start = read_start(path)?;
    if is_picture(&start) {
        Ok(InputKind::Picture)
    } else if start.starts_with(b"PK\x03\x04") {
        Ok(InputKind::Npz)
    } else if start.starts_with(b"\x93NUMPY")
        || start.starts_with(b"\0\0")
        || gzip::is_packed(&start)
        || is_table(&start)
    {
        Ok(InputKind::Data)
    } else {
        Err(unknown(path, &start))
    }
}

/// Returns the dataset of this name.
fn dataset(text: &str) -> Option<DatasetName> {
    if text == "cifar-10" {
        return Some(DatasetName::Cifar10);
    }
    text.parse().ok()
}

/// Looks at a path; accepts a folder and a regular file only. To open a pipe would wait, and to read a device may never
/// end.
pub(super) fn metadata(path: &Path) -> Result<fs::Metadata, ImagesError> {
    let found = fs::metadata(path).map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => ImagesError::refused(
            path,
            "no such file, folder or dataset (the datasets are mnist, fashion-mnist and cifar10)",
        ),
        _ => ImagesError::io("cannot read", path)(error),
    })?;
    if found.is_dir() || found.is_file() {
        Ok(found)
    } else {
        Err(ImagesError::refused(
            path,
            "a device or a pipe; give a file or a folder",
        ))
    }
}

fn read_start(path: &Path) -> Result<Vec<u8>, ImagesError> {
    let mut start = Vec::new();
    let read = File::open(path).and_then(|file| file.take(START_BYTES).read_to_end(&mut start));
    read.map_err(ImagesError::io("cannot read", path))?;
    Ok(start)
}

/// Reads a regular file of at most `limit` bytes without unpacking it.
pub(super) fn read_plain(path: &Path, limit: u64) -> Result<Vec<u8>, ImagesError> {
    let too_large = || {
        ImagesError::refused(
            path,
            format!("it has more than {limit} bytes, the most that is read; split it"),
        )
    };
    let found = metadata(path)?;
    if found.is_dir() {
        return Err(ImagesError::refused(
            path,
            "a folder, where a file is needed",
        ));
    }
    if found.len() > limit {
        return Err(too_large());
    }
    let file = File::open(path).map_err(ImagesError::io("cannot open", path))?;
    read_at_most(file, limit)
        .map_err(ImagesError::io("cannot read", path))?
        .ok_or_else(too_large)
}

/// Like [`read_plain`], but unpacks a gzip file. The limit holds for the packed and for the unpacked bytes.
pub(super) fn read_file(path: &Path, limit: u64) -> Result<Vec<u8>, ImagesError> {
    let bytes = read_plain(path, limit)?;
    if !gzip::is_packed(&bytes) {
        return Ok(bytes);
    }
    gzip::unpack(&bytes, limit).map_err(|error| ImagesError::refused(path, error.to_string()))
}

/// Tells whether these are the first bytes of a picture that can be decoded.
pub(super) fn is_picture(start: &[u8]) -> bool {
    start.starts_with(b"\x89PNG") || start.starts_with(b"\xff\xd8\xff")
}

/// Tells whether this is the beginning of a table: one line of printable text with numbers or names, separated.
fn is_table(bytes: &[u8]) -> bool {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let line = bytes.split(|&b| b == b'\n').next().unwrap_or_default();
    let start = &line[..line.len().min(512)];
    let is_text = start.iter().all(|&b| b >= b' ' || b == b'\t' || b == b'\r');
    let is_named = start
        .first()
        .is_some_and(|&b| b.is_ascii_alphanumeric() || b"\"_-. ,;\t".contains(&b));
    is_text && is_named && start.iter().any(|b| b",;\t".contains(b))
}

/// Makes the error for a file that is none of the known kinds.
pub(super) fn unknown(path: &Path, start: &[u8]) -> ImagesError {
    let expected =
        "expected a PNG or JPEG picture, a NumPy array (.npy, .npz), an IDX or a CSV file";
    let reason = match describe(start) {
        Some(kind) => format!("this is {kind}; {expected}"),
        None => format!("of no known kind; {expected}"),
    };
    ImagesError::refused(path, reason)
}

/// Describes what a file really is, in words that follow "this is".
pub(super) fn describe(start: &[u8]) -> Option<String> {
    let after = |at: usize| start.get(at..).unwrap_or_default();
    let picture = if start.starts_with(b"RIFF") && after(8).starts_with(b"WEBP") {
        Some("a WebP picture")
    } else if after(4).starts_with(b"ftyp") {
        Some("a HEIC or AVIF picture, or a film")
    } else if start.starts_with(b"II*\0") || start.starts_with(b"MM\0*") {
        Some("a TIFF picture")
    } else if start.starts_with(b"GIF8") {
        Some("a GIF picture")
    } else if start.starts_with(b"BM") && after(6).starts_with(&[0; 4]) {
        Some("a BMP picture")
    } else if start.starts_with(b"P5\n") || start.starts_with(b"P6\n") {
        Some("a PGM or PPM picture")
    } else {
        None
    };
    if let Some(kind) = picture {
        return Some(format!("{kind}; save it as PNG or JPEG"));
    }
    let kind = file_kind::describe(start)?;
    // The advice is for files of weights.
    if kind.contains("safetensors") {
        return kind
            .split([',', ';', '('])
            .next()
            .map(|kind| kind.trim().to_owned());
    }
    Some(kind.to_owned())
}
