//! Errors of reading and writing messages.

use super::kind::Kind;
use std::path::PathBuf;
use thiserror::Error;

/// A fault in a message, or a reason why one cannot be written.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum WireError {
    /// The reader or writer failed.
    #[error("{field}: {source}")]
    Io {
        /// The field being read or written.
        field: &'static str,
        /// The failure.
        source: std::io::Error,
    },
    /// A file cannot be written or opened.
    #[error("{path}", path = path.display())]
    File {
        /// The file's path.
        path: PathBuf,
        /// The failure.
        source: std::io::Error,
    },
    /// The message ends early.
    #[error("{field}: the message ends after {offset} bytes, in the midst of it")]
    Truncated {
        /// The field being read.
        field: &'static str,
        /// Number of bytes that there were.
        offset: u64,
    },
    /// Bytes follow the end of the message.
    #[error("at least {count} bytes follow the end of the message")]
    Trailing {
        /// Number of bytes seen.
        count: usize,
    },
    /// The bytes are not a message in this format.
    #[error("magic: the bytes are no message of this format")]
    Magic,
    /// The message was handled as text on the way.
    #[error("the message was damaged on its way: {how}; send and store it as bytes, not as text")]
    Text {
        /// Says what happened to it.
        how: &'static str,
    },
    /// The message has another version.
    #[error("version: the message has version {actual}, this build reads {expected}")]
    Version {
        /// The version that this build reads.
        expected: u16,
        /// The version that the message states.
        actual: u16,
    },
    /// The message holds another kind of object.
    #[error("kind: a {expected} is expected, the message is {actual}")]
    Kind {
        /// The kind that was asked for.
        expected: Kind,
        /// The kind that the message states.
        actual: u8,
    },
    /// The message was made for other encryption parameters.
    #[error("fingerprint: the message was made for other encryption parameters")]
    Fingerprint,
    /// A number in the header or the body has an impossible value.
    #[error("{field}: {actual} is not possible here, {expected} is")]
    Field {
        /// The field's name.
        field: &'static str,
        /// The field's value.
        actual: u64,
        /// The values that are possible.
        expected: String,
    },
    /// The message is larger than the reader allows.
    #[error("{field}: {needed} exceed the limit of {limit}")]
    Limit {
        /// The limited quantity.
        field: &'static str,
        /// The amount that the message would need.
        needed: u64,
        /// The amount that is allowed.
        limit: u64,
    },
    /// A residue that is not below its prime.
    #[error("residue {index} of {field}: {value} is not below its prime {prime}")]
    Residue {
        /// The polynomial that the residue belongs to.
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
        /// The place of the padding.
        field: &'static str,
    },
    /// Memory is exhausted.
    #[error("{field}: memory is exhausted")]
    Memory {
        /// The field that needed the memory.
        field: &'static str,
    },
    /// The checksum does not match the message, which was damaged on its way.
    #[error("checksum: the message was damaged on its way")]
    Checksum,
    /// Compressed data that cannot be decompressed.
    #[error("compressed data are damaged: {reason}")]
    Compression {
        /// The fault.
        reason: String,
    },
    /// The object cannot be written: it does not belong to the context, or is empty.
    #[error("the {object} cannot be written: {reason}")]
    Unfit {
        /// The object.
        object: &'static str,
        /// The reason.
        reason: &'static str,
    },
    /// SEAL refused the contents of the message, or memory is exhausted.
    #[error("building the object")]
    Seal(#[from] crate::seal::Error),
}

/// The result type of the wire format.
pub type WireResult<T> = Result<T, WireError>;
