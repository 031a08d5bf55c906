//! Networks as files: `network.json.gz`, or `network.json`, described in `docs/NETWORK_FORMAT.md`.

use std::{
    borrow::Cow,
    fs::File,
    io,
    path::{Path, PathBuf},
};

use serde::Deserialize;

use super::{
    error::NetworkError,
    gzip,
    layer::MAX_WEIGHTS,
    model::Network,
    raw::{RawNetwork, write_network},
};
use crate::{
    file::{read_at_most, write_atomically},
    file_kind::describe,
};

/// What a file states as its `format`.
pub const FORMAT: &str = "sealquant-network";
/// The version of the format of networks that read pixels.
pub const VERSION: u64 = 1;
/// The version of networks that read an [`InputEncoding`](super::InputEncoding). Both are read; the lower one that can
/// hold a network is written.
pub const ENCODED_VERSION: u64 = 2;
/// The largest file that is read, in bytes, also when it is unpacked: 256 MiB.
pub const MAX_FILE_BYTES: u64 = 256 << 20;
/// What the network of a model directory is written to: compressed.
pub const NETWORK_FILE: &str = "network.json.gz";
/// What it may be called, too: not compressed. It is read only if there is no [`NETWORK_FILE`].
pub const PLAIN_NETWORK_FILE: &str = "network.json";

/// Why some bytes are not a network. Every message about a field starts with its name.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FormatError {
    /// Reading or writing failed.
    #[error("the file system refused")]
    Io(#[from] io::Error),
    /// The file is too large to be read.
    #[error("the file has more than {limit} bytes, the most that is read")]
    TooLarge {
        /// The most that is read, in bytes.
        limit: u64,
    },
    /// The compressed file is too large to be read.
    #[error("unpacked, the file has more than {limit} bytes, the most that is read")]
    Unpacked {
        /// The most that is read, in bytes.
        limit: u64,
    },
    /// The file begins as a gzip file does, and is none, or not one to its end.
    #[error("the gzip file is cut off or damaged; copy it again, or train the network again")]
    Gzip(#[source] io::Error),
    /// Something that is no gzip member follows the last one.
    #[error(
        "{bytes} bytes follow the compressed data and are none themselves; cut them off, or compress the network again"
    )]
    GzipRest {
        /// How many bytes.
        bytes: usize,
    },
    /// The bytes are something else that is well known.
    #[error("this is no network file but {found}")]
    Other {
        /// What they are, and what to do.
        found: &'static str,
    },
    /// More numbers than a network may have.
    #[error(
        "the file holds {values} values, at most {limit} are read; a network has at most {MAX_WEIGHTS} weights"
    )]
    Values {
        /// How many, counted by their commas.
        values: usize,
        /// The most that are read.
        limit: usize,
    },
    /// Not JSON, cut off, or not this format's fields.
    #[error("{field}: {problem}")]
    Json {
        /// The path of the field, like `layers[2].weight[17]`.
        field: String,
        /// What is wrong, with line and column.
        problem: String,
    },
    /// Another kind of file.
    #[error("format: {found:?}, expected {FORMAT:?}; this is not a network file")]
    Format {
        /// What the file states, cut to 64 characters.
        found: String,
    },
    /// A version that this program does not know.
    #[error(
        "version: {found}, expected {VERSION} or {ENCODED_VERSION}; a newer release may read it"
    )]
    Version {
        /// What the file states.
        found: u64,
    },
    /// A field has a value that is not what the format asks for, is missing, or does not belong.
    #[error("{field}: {problem}")]
    Field {
        /// The path of the field.
        field: String,
        /// What is wrong with it.
        problem: String,
    },
    /// The fields are there, but the network is not consistent.
    #[error(transparent)]
    Network(#[from] NetworkError),
}

/// Why a network file could not be read or written.
#[derive(Debug, thiserror::Error)]
#[error("{}: cannot {action} this network file", path.display())]
pub struct NetworkFileError {
    /// The file.
    pub path: PathBuf,
    /// `read` or `write`.
    pub action: &'static str,
    /// What is wrong.
    #[source]
    pub problem: FormatError,
}

/// The network file of a model directory: [`NETWORK_FILE`], else [`PLAIN_NETWORK_FILE`]. The first if there is neither.
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
    /// Reads a network file, compressed or not, or that of a model directory ([`network_file`]).
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

    /// Writes a network file: to a temporary name in the same directory, then renamed, so that nobody ever sees half
    /// a file. A name that ends in `.gz` has it compressed; the same network gives the same bytes.
    ///
    /// # Errors
    /// [`NetworkFileError`] with the path and, as its source, what the file system says; [`FormatError::TooLarge`] if
    /// the file could not be read again.
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
        // Editors of some systems put it before UTF-8.
        let bytes = bytes.strip_prefix(BYTE_ORDER_MARK).unwrap_or(bytes);
        // Before any of them is kept: no other part of a network has more commas than its lists.
        let values: usize = bytes.iter().map(|&byte| usize::from(byte == b',')).sum();
        if values > MAX_VALUES {
            return Err(FormatError::Values {
                values,
                limit: MAX_VALUES,
            });
        }
        // First what the file says of itself: another version may have other fields.
        let header: Header = parse(bytes).map_err(|error| match describe(bytes) {
            // Its beginning says that it is a network file: what is wrong is in it.
            Some(found) if !says_network(bytes) => FormatError::Other { found },
            _ => error,
        })?;
        if header.format != FORMAT {
            return Err(FormatError::Format {
                found: header.format.chars().take(64).collect(),
            });
        }
        if header.version != VERSION && header.version != ENCODED_VERSION {
            return Err(FormatError::Version {
                found: header.version,
            });
        }
        let raw: RawNetwork = parse(bytes)?;
        Ok(Self::new(raw.into_literal()?)?)
    }

    /// The text of a network file, a layer a line.
    pub fn to_json(&self) -> String {
        write_network(self)
    }
}

/// Begins some files in UTF-8.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";
/// The most values that are read: weights, biases, and the fields around them.
const MAX_VALUES: usize = MAX_WEIGHTS + (1 << 22);

/// Whether the first bytes name the format.
fn says_network(bytes: &[u8]) -> bool {
    let start = &bytes[..bytes.len().min(256)];
    let name = FORMAT.as_bytes();
    start.windows(name.len()).any(|window| window == name)
}

/// Says what is missing of a file that could not be opened, if that is why.
fn not_opened(path: &Path, error: io::Error) -> io::Error {
    let kind = error.kind();
    if kind != io::ErrorKind::NotFound && kind != io::ErrorKind::NotADirectory {
        return error;
    }
    let directory = match path.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    };
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

/// What a directory holds whose network has weights in floating point only.
const WEIGHTS_FILE: &str = "weights.safetensors";

#[derive(Deserialize)]
struct Header {
    format: String,
    version: u64,
}

/// Serde's words for some faults name Rust's types.
fn in_plain_words(problem: String) -> String {
    const WORDS: [(&str, &str); 5] = [
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

fn parse<'de, T: Deserialize<'de>>(bytes: &'de [u8]) -> Result<T, FormatError> {
    let mut json = serde_json::Deserializer::from_slice(bytes);
    let value = serde_path_to_error::deserialize(&mut json).map_err(|error| {
        let path = error.path().to_string();
        // Where the JSON itself breaks off, no field is known.
        let field = if path == "." || path == "?" {
            "file".into()
        } else {
            path
        };
        FormatError::Json {
            field,
            problem: in_plain_words(error.into_inner().to_string()),
        }
    })?;
    let end = json.end();
    end.map_err(|error| FormatError::Json {
        field: "file".into(),
        problem: error.to_string(),
    })?;
    Ok(value)
}
