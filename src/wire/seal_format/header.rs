//! The header with which each of SEAL's objects begins, nested ones too.

use crate::seal::{SEAL_HEADER_BYTES, SEAL_MAGIC};
use crate::wire::error::{WireError, WireResult};
use crate::wire::message::check_field;

/// The release of SEAL 4 that wrote an object. SEAL before 4.4 reads only what its own release wrote, so answer a
/// client in the release of its request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SealRelease {
    /// The second number of SEAL's version.
    pub minor: u8,
}

impl SealRelease {
    /// SEAL's first number. SEAL 3 wrote ciphertexts in another form.
    const MAJOR: u8 = 4;
}

/// How the bytes behind a header are compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Coding {
    Plain,
    Zlib,
    Zstandard,
}

/// A header: magic (2 bytes), size of the header, release (2 bytes), compression, two zeros, and the length of the whole
/// object (8 bytes).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct SealHeader {
    pub release: SealRelease,
    pub coding: Coding,
    /// Length of the object with this header, in bytes.
    pub bytes: u64,
}

impl SealHeader {
    pub fn plain(release: SealRelease, bytes: u64) -> Self {
        Self {
            release,
            coding: Coding::Plain,
            bytes,
        }
    }

    pub fn encode(self) -> [u8; SEAL_HEADER_BYTES] {
        let mut bytes = [0; SEAL_HEADER_BYTES];
        bytes[..2].copy_from_slice(&SEAL_MAGIC);
        bytes[2] = SEAL_HEADER_BYTES as u8;
        bytes[3] = SealRelease::MAJOR;
        bytes[4] = self.release.minor;
        bytes[5] = self.coding as u8;
        bytes[8..].copy_from_slice(&self.bytes.to_le_bytes());
        bytes
    }

    pub fn decode(bytes: &[u8; SEAL_HEADER_BYTES]) -> WireResult<Self> {
        let [
            first,
            second,
            size,
            major,
            minor,
            coding,
            zeros @ ..,
            _,
            _,
            _,
            _,
            _,
            _,
            _,
            _,
        ] = *bytes;
        if [first, second] != SEAL_MAGIC {
            return Err(WireError::Magic);
        }
        let own = SEAL_HEADER_BYTES as u64;
        check_field("size of SEAL's header", size, own..=own)?;
        let own = u64::from(SealRelease::MAJOR);
        check_field("SEAL's version", major, own..=own)?;
        let coding = match coding {
            0 => Coding::Plain,
            1 => Coding::Zlib,
            2 => Coding::Zstandard,
            other => {
                return Err(WireError::Field {
                    field: "SEAL's compression",
                    actual: u64::from(other),
                    expected: "0 (none), 1 (zlib) or 2 (Zstandard)".to_owned(),
                });
            }
        };
        check_field("reserved bytes", u16::from_le_bytes(zeros), 0..=0)?;
        let [.., a, b, c, d, e, f, g, h] = *bytes;
        let bytes = u64::from_le_bytes([a, b, c, d, e, f, g, h]);
        check_field("object length", bytes, SEAL_HEADER_BYTES as u64..=u64::MAX)?;
        Ok(Self {
            release: SealRelease { minor },
            coding,
            bytes,
        })
    }
}
