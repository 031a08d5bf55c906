//! What can be wrong with a message.

use super::header::Kind;
use std::path::PathBuf;
use thiserror::Error;

/// What can be wrong with a message, or keep one from being written.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum WireError {
    /// The reader or writer failed.
    #[error("{field}: {source}")]
    Io {
        /// What was being read or written.
        field: &'static str,
        /// The failure.
        source: std::io::Error,
    },
    /// A file cannot be written or opened.
    #[error("{path}", path = path.display())]
    File {
        /// Which file.
        path: PathBuf,
        /// The failure.
        source: std::io::Error,
    },
    /// The message ends early.
    #[error("{field}: the message ends after {offset} bytes, in the midst of it")]
    Truncated {
        /// What was being read.
        field: &'static str,
        /// How many bytes there were.
        offset: u64,
    },
    /// Bytes follow the end of the message.
    #[error("at least {count} bytes follow the end of the message")]
    Trailing {
        /// How many were seen.
        count: usize,
    },
    /// The bytes are no message of this format.
    #[error("magic: the bytes are no message of this format")]
    Magic,
    /// The message went through something that handles text.
    #[error("the message was damaged on its way: {how}; send and store it as bytes, not as text")]
    Text {
        /// What happened to it.
        how: &'static str,
    },
    /// The message has another version.
    #[error("version: the message has version {actual}, this build reads {expected}")]
    Version {
        /// What this build reads.
        expected: u16,
        /// What the message says.
        actual: u16,
    },
    /// The message holds something else.
    #[error("kind: a {expected} is expected, the message is {actual}")]
    Kind {
        /// What was asked for.
        expected: Kind,
        /// What the message says.
        actual: u8,
    },
    /// The message was made for other encryption parameters.
    #[error("fingerprint: the message was made for other encryption parameters")]
    Fingerprint,
    /// A number of the header, or in the body, that cannot be.
    #[error("{field}: {actual} is not possible here, {expected} is")]
    Field {
        /// Which number.
        field: &'static str,
        /// What it is.
        actual: u64,
        /// What it could be.
        expected: String,
    },
    /// The message is larger than the reader allows.
    #[error("{field}: {needed} exceed the limit of {limit}")]
    Limit {
        /// What is limited.
        field: &'static str,
        /// How much the message would need.
        needed: u64,
        /// How much is allowed.
        limit: u64,
    },
    /// A residue that is not below its prime.
    #[error("residue {index} of {field}: {value} is not below its prime {prime}")]
    Residue {
        /// Which polynomial it belongs to.
        field: &'static str,
        /// Its position among the polynomial's residues modulo this prime.
        index: usize,
        /// The value.
        value: u64,
        /// The prime.
        prime: u64,
    },
    /// Bits that must be zero are not.
    #[error("{field}: padding bits are not zero")]
    Padding {
        /// Where.
        field: &'static str,
    },
    /// Memory is exhausted.
    #[error("{field}: memory is exhausted")]
    Memory {
        /// For what.
        field: &'static str,
    },
    /// The checksum does not fit the message: it was damaged on its way.
    #[error("checksum: the message was damaged on its way")]
    Checksum,
    /// The object cannot be written: it does not belong to the context, or is empty.
    #[error("the {object} cannot be written: {reason}")]
    Unfit {
        /// What.
        object: &'static str,
        /// Why not.
        reason: &'static str,
    },
    /// SEAL refused what the message holds, or memory is exhausted.
    #[error("building the object")]
    Bfv(#[from] crate::bfv::Error),
}

/// A result of the wire format.
pub type WireResult<T> = Result<T, WireError>;
