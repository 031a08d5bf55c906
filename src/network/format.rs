//! Network files: `network.json.gz` or `network.json`, described in `docs/NETWORK_FORMAT.md`.

use std::{
    borrow::Cow,
    fs::File,
    io,
    path::{Path, PathBuf},
};

use serde::Deserialize;

use super::{
    error::NetworkError,
    format_error::{ENCODED_VERSION, FORMAT, FormatError, VERSION},
    layer::MAX_WEIGHTS,
    model::Network,
    raw::{RawNetwork, write_network},
};
use crate::{
    file::{
        directory_of, gzip,
        model_folder::{NETWORK_FILE, PLAIN_NETWORK_FILE, WEIGHTS_FILE},
        read_at_most, write_atomically,
    },
    file_kind::{Own, describe_other},
};

/// Size of the largest file that is read, in bytes, before and after unpacking: 256 MiB.
pub const MAX_FILE_BYTES: u64 = 256 << 20;

/// A network file could not be read or written.
#[derive(Debug, thiserror::Error)]
#[error("{}: cannot {action} this network file", path.display())]
pub struct NetworkFileError {
    /// Path of the file.
    pub path: PathBuf,
    /// `read` or `write`.
    pub action: &'static str,
    /// Problem that occurred.
    #[source]
    pub problem: FormatError,
}

/// Returns the network file of a model directory: [`PLAIN_NETWORK_FILE`] if only that exists, otherwise
/// [`NETWORK_FILE`].
pub fn network_file(directory: impl AsRef<Path>) -> PathBuf {
    let directory = directory.as_ref();
    let packed = directory.join(NETWORK_FILE);
    let plain = directory.join(PLAIN_NETWORK_FILE);
    if !packed.exists() && plain.exists() {
        plain
    } else {
        packed
    }
}

impl Network {
    /// Reads a network file, compressed or not; for a model directory, the file that [`network_file`] names.
    ///
    /// # Errors
    /// [`NetworkFileError`] with the path and, as its source, the [`FormatError`].
    pub fn load(path: impl AsRef<Path>) -> Result<Self, NetworkFileError> {
        let path = path.as_ref();
        let path = if path.is_dir() {
            Cow::Owned(network_file(path))
        } else {
            Cow::Borrowed(path)
        };
        let read = || {
            let file = File::open(&path).map_err(|error| not_opened(&path, error))?;
            let bytes = read_at_most(file, MAX_FILE_BYTES)?.ok_or(FormatError::TooLarge {
                limit: MAX_FILE_BYTES,
            })?;
            Self::from_slice(&bytes)
        };
        read().map_err(|problem| NetworkFileError {
            path: path.clone().into_owned(),
            action: "read",
            problem,
        })
    }

    /// Writes a network file to a temporary name in the same directory, then renames it, so that no reader ever sees
    /// half a file. A name that ends in `.gz` compresses it. The same network always gives the same bytes.
    ///
    /// # Errors
    /// [`NetworkFileError`] with the path and, as its source, the file system's error; [`FormatError::TooLarge`] if the
    /// file would be too large to be read again.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<(), NetworkFileError> {
        let path = path.as_ref();
        let write = || {
            let json = self.to_json();
            if json.len() as u64 > MAX_FILE_BYTES {
                return Err(FormatError::TooLarge {
                    limit: MAX_FILE_BYTES,
                });
            }
            if path.extension().is_some_and(|extension| extension == "gz") {
                write_atomically(path, &gzip::pack(json.as_bytes())?)?;
            } else {
                write_atomically(path, json.as_bytes())?;
            }
            Ok(())
        };
        write().map_err(|problem| NetworkFileError {
            path: path.into(),
            action: "write",
            problem,
        })
    }

    /// Reads a network from the bytes of a file, compressed or not.
    ///
    /// # Errors
    /// [`FormatError`], whose message names the field at fault.
    pub fn from_slice(bytes: &[u8]) -> Result<Self, FormatError> {
        if bytes.len() as u64 > MAX_FILE_BYTES {
            return Err(FormatError::TooLarge {
                limit: MAX_FILE_BYTES,
            });
        }
        if gzip::is_packed(bytes) {
            Self::from_json(&gzip::unpack(bytes, MAX_FILE_BYTES)?)
        } else {
            Self::from_json(bytes)
        }
    }

    fn from_json(bytes: &[u8]) -> Result<Self, FormatError> {
        // Editors on some systems put a byte order mark before UTF-8.
        let bytes = bytes.strip_prefix(BYTE_ORDER_MARK).unwrap_or(bytes);
        // Count the values before storing any: a network has hardly any commas outside its lists.
        let values: usize = bytes.iter().map(|&byte| usize::from(byte == b',')).sum();
        if values > MAX_VALUES {
            return Err(FormatError::Values {
                values,
                limit: MAX_VALUES,
            });
        }
        // Read the header first: another version may have other fields.
        let header: FileHeader = parse(bytes).map_err(|error| {
            let other = describe_other(bytes, Own::Network);
            other.map_or(error.into(), |found| FormatError::Other { found })
        })?;
        if header.format != FORMAT {
            let found: String = header.format.chars().take(64).collect();
            let problem = format!("{found:?}, expected {FORMAT:?}; this is not a network file");
            return Err(NetworkError::new("format", problem).into());
        }
        if header.version != VERSION && header.version != ENCODED_VERSION {
            let problem = format!(
                "{}, expected {VERSION} or {ENCODED_VERSION}; a newer release may read it",
                header.version
            );
            return Err(NetworkError::new("version", problem).into());
        }
        let raw: RawNetwork = parse(bytes)?;
        Ok(Self::new(raw.into_literal()?)?)
    }

    /// Returns the text of a network file, with one layer per line.
    pub fn to_json(&self) -> String {
        write_network(self)
    }
}

/// The bytes that begin some UTF-8 files.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";
/// Largest number of values that is read: weights, biases, and the fields around them.
const MAX_VALUES: usize = MAX_WEIGHTS + (1 << 22);

/// Explains what is missing if a file could not be opened because it does not exist.
fn not_opened(path: &Path, error: io::Error) -> io::Error {
    let kind = error.kind();
    if kind != io::ErrorKind::NotFound && kind != io::ErrorKind::NotADirectory {
        return error;
    }
    let directory = directory_of(path);
    let shown = directory.display();
    let problem = if !directory.exists() {
        format!("No such file: there is no directory {shown}")
    } else if !directory.is_dir() {
        format!("No such file: {shown} is a file, not a directory")
    } else if path.file_name() != Some(NETWORK_FILE.as_ref()) {
        format!("No such file in the directory {shown}")
    } else if directory.join(WEIGHTS_FILE).exists() {
        format!(
            "No such file: {shown} holds a network with weights in floating point ({WEIGHTS_FILE}), which is not rounded to \
             integers yet"
        )
    } else {
        format!("No such file: {shown} holds neither {NETWORK_FILE} nor {PLAIN_NETWORK_FILE}")
    };
    io::Error::new(kind, problem)
}

#[derive(Deserialize)]
struct FileHeader {
    format: String,
    version: u64,
}

/// Replaces serde's words for some faults, which name Rust's types, by plain ones.
fn in_plain_words(problem: String) -> String {
    const WORDS: [(&str, &str); 6] = [
        ("expected struct Header", "expected an object, a network"),
        (
            "invalid type: sequence, expected a string",
            "a list, expected one number as a string (there is one for the whole layer, none for each channel)",
        ),
        (
            "invalid type: map, expected a string",
            "an object, expected a string",
        ),
        (
            "invalid type: sequence, expected usize",
            "a list, expected one integer that is not negative",
        ),
        (
            ", expected usize",
            ", expected an integer that is not negative",
        ),
        (", expected i64", ", expected an integer of 64 bits"),
    ];
    for (serde, plain) in WORDS {
        if problem.contains(serde) {
            return problem.replace(serde, plain);
        }
    }
    problem
}

fn parse<'de, T: Deserialize<'de>>(bytes: &'de [u8]) -> Result<T, NetworkError> {
    let mut json = serde_json::Deserializer::from_slice(bytes);
    let value = serde_path_to_error::deserialize(&mut json).map_err(|error| {
        let path = error.path().to_string();
        // No field is known where the JSON itself breaks off.
        let field = if path == "." || path == "?" {
            "file"
        } else {
            path.as_str()
        };
        NetworkError::new(field, in_plain_words(error.into_inner().to_string()))
    })?;
    let end = json.end();
    end.map_err(|error| NetworkError::new("file", error.to_string()))?;
    Ok(value)
}
