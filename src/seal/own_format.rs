//! Bytes in SEAL's own format, which begin with a header that states their length.

use super::error::{Error, Result};
use crate::text;

/// SEAL's `Serialization::seal_magic`.
pub(crate) const MAGIC: [u8; 2] = 0xA15E_u16.to_le_bytes();
pub(crate) const HEADER_BYTES: usize = 16;

/// Refuses bytes in SEAL's own format that were handled as text. All other checks are left to SEAL.
pub(super) fn check_not_text(operation: &'static str, bytes: &[u8]) -> Result<()> {
    let how = if bytes.starts_with(&MAGIC) {
        // The header states the length of the whole stream.
        bytes
            .get(8..HEADER_BYTES)
            .and_then(|length| words(length).next())
            .filter(|&length| text::is_crlf_of_length(bytes, length))
            .map(|_| text::LINE_ENDS)
    } else {
        text::damage(bytes, &MAGIC)
    };
    how.map_or(Ok(()), |how| Err(Error::Text { operation, how }))
}

/// Reads words in the byte order of SEAL's streams, which is the machine's.
pub(super) fn words(bytes: &[u8]) -> impl Iterator<Item = u64> + '_ {
    let (words, _) = bytes.as_chunks::<8>();
    words.iter().map(|&word| u64::from_ne_bytes(word))
}
