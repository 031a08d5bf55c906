//! What a network file says of its format, and why bytes are none.

use std::io;

use super::{error::NetworkError, layer::MAX_WEIGHTS};

/// Value of the `format` field in every network file.
pub const FORMAT: &str = "sealquant-network";
/// Format version for networks that read pixels.
pub const VERSION: u64 = 1;
/// Format version for networks that read an [`InputEncoding`](super::InputEncoding). Both versions can be read; a
/// network is written in the lower version that can hold it.
pub const ENCODED_VERSION: u64 = 2;

/// Reasons why bytes are not a network. Every message about a field starts with the field's name.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FormatError {
    /// Reading or writing failed.
    #[error("the file system refused")]
    Io(#[from] io::Error),
    /// The file is too large to be read.
    #[error("the file has more than {limit} bytes, the most that is read")]
    TooLarge {
        /// Largest size that is read, in bytes.
        limit: u64,
    },
    /// The compressed file is too large once unpacked.
    #[error("unpacked, the file has more than {limit} bytes, the most that is read")]
    Unpacked {
        /// Largest size that is read, in bytes.
        limit: u64,
    },
    /// The file begins as a gzip file does, but is damaged or cut off.
    #[error("the gzip file is cut off or damaged; copy it again, or train the network again")]
    Gzip(#[source] io::Error),
    /// Bytes that are not a gzip member follow the last member.
    #[error(
        "{bytes} bytes follow the compressed data and are none themselves; cut them off, or compress the network again"
    )]
    GzipRest {
        /// Number of such bytes.
        bytes: usize,
    },
    /// The bytes are a well-known format other than this one.
    #[error("this is no network file but {found}")]
    Other {
        /// Description of that format, and what to do.
        found: &'static str,
    },
    /// The file has more numbers than a network may have.
    #[error(
        "the file holds {values} values, at most {limit} are read; a network has at most {MAX_WEIGHTS} weights"
    )]
    Values {
        /// Number of values, counted by their commas.
        values: usize,
        /// Largest number that is read.
        limit: usize,
    },
    /// The bytes are not JSON, are cut off, or do not have this format's fields.
    #[error("{field}: {problem}")]
    Json {
        /// The path of the field, like `layers[2].weight[17]`.
        field: String,
        /// Problem, with line and column.
        problem: String,
    },
    /// The file says that it is of another kind.
    #[error("format: {found:?}, expected {FORMAT:?}; this is not a network file")]
    Format {
        /// Format that the file states, cut to 64 characters.
        found: String,
    },
    /// The file has a version that this program does not know.
    #[error(
        "version: {found}, expected {VERSION} or {ENCODED_VERSION}; a newer release may read it"
    )]
    Version {
        /// Version that the file states.
        found: u64,
    },
    /// A field is missing, unexpected, or has a value that the format does not allow.
    #[error("{field}: {problem}")]
    Field {
        /// The path of the field.
        field: String,
        /// Problem with the field.
        problem: String,
    },
    /// All fields are there, but the network is not consistent.
    #[error(transparent)]
    Network(#[from] NetworkError),
}
