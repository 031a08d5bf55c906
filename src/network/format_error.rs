//! The format that a network file names, and the reasons why bytes are no network file.

use std::io;

use super::{error::NetworkError, layer::MAX_WEIGHTS};
use crate::file::gzip::GzipError;

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
    /// The file begins as a gzip file does, but cannot be unpacked.
    #[error(transparent)]
    Gzip(#[from] GzipError),
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
    /// A field is missing, unexpected or wrong, or all fields together are not a network. The field is `file` where the
    /// bytes are not JSON or are cut off.
    #[error(transparent)]
    Network(#[from] NetworkError),
}
