//! Distinguishes a damaged message from one for other parameters.

use super::error::WireError;
use super::header::{CHECKSUM_BYTES, MAGIC};
use super::limits::Limits;
use crate::text;
use xxhash_rust::xxh3::xxh3_64;

/// Chooses the error to report for a whole message that cannot be read because of `error`. Damage, or handling as text,
/// takes precedence over what the bytes seem to say.
pub(super) fn explain(error: WireError, bytes: &[u8], limits: &Limits) -> WireError {
    if !says_what_the_bytes_say(&error) {
        return error;
    }
    // This is a pass over all bytes, so do not make it over more bytes than the reader would have read.
    let small = bytes.len() as u64 <= limits.message_bytes;
    if small && checksum_fits(bytes) {
        return error;
    }
    if let Some(how) = text::damage(bytes, &MAGIC) {
        return WireError::Text { how };
    }
    if small && bytes.starts_with(&MAGIC) && text::is_crlf_of_checked(bytes) {
        return WireError::Text {
            how: text::LINE_ENDS,
        };
    }
    match error {
        WireError::Fingerprint if small => WireError::Checksum,
        error => error,
    }
}

/// Like [`explain`], but for a header that was read from a stream.
pub(super) fn explain_header(error: WireError, header: &[u8]) -> WireError {
    match text::damage(header, &MAGIC) {
        Some(how) if says_what_the_bytes_say(&error) => WireError::Text { how },
        _ => error,
    }
}

/// Tells whether an error concerns the bytes, not the reader, the memory or the object.
const fn says_what_the_bytes_say(error: &WireError) -> bool {
    match error {
        WireError::Truncated { .. }
        | WireError::Trailing { .. }
        | WireError::Magic
        | WireError::Version { .. }
        | WireError::Kind { .. }
        | WireError::Fingerprint
        | WireError::Field { .. }
        | WireError::Limit { .. }
        | WireError::Residue { .. }
        | WireError::Padding { .. }
        | WireError::Compression { .. }
        | WireError::Checksum => true,
        WireError::Text { .. }
        | WireError::Io { .. }
        | WireError::File { .. }
        | WireError::Memory { .. }
        | WireError::Unfit { .. }
        | WireError::Seal(_) => false,
    }
}

fn checksum_fits(bytes: &[u8]) -> bool {
    bytes
        .split_last_chunk::<CHECKSUM_BYTES>()
        .is_some_and(|(message, checksum)| xxh3_64(message).to_le_bytes() == *checksum)
}
