//! Compressed files: one or more gzip members (RFC 1952) in a row.

use std::io::{self, Read as _, Write as _};

use flate2::{Compression, GzBuilder, bufread::GzDecoder};

/// Reasons why a compressed file cannot be unpacked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum GzipError {
    /// The file is damaged or cut off.
    #[error("the gzip file is cut off or damaged; copy it again, or train the network again")]
    Damaged(#[source] io::Error),
    /// The file is too large once unpacked.
    #[error("unpacked, the file has more than {limit} bytes, the most that is read")]
    TooLarge {
        /// Largest size that is read, in bytes.
        limit: u64,
    },
    /// Bytes that are not a gzip member follow the last member.
    #[error(
        "{bytes} bytes follow the compressed data and are none themselves; cut them off, or compress the network again"
    )]
    Rest {
        /// Number of such bytes.
        bytes: usize,
    },
}

/// The first bytes of every gzip file.
const MAGIC: [u8; 2] = [0x1f, 0x8b];

/// Tells whether the bytes claim to be a gzip file. JSON never begins like that.
pub(crate) fn is_packed(bytes: &[u8]) -> bool {
    bytes.starts_with(&MAGIC)
}

/// Compresses bytes. The same bytes give the same file, because neither a name nor a time is stored.
pub(crate) fn pack(bytes: &[u8]) -> io::Result<Vec<u8>> {
    let mut encoder = GzBuilder::new()
        .mtime(0)
        .write(Vec::new(), Compression::best());
    encoder.write_all(bytes)?;
    encoder.finish()
}

/// Unpacks at most `limit` bytes from all members together, and checks their lengths and checksums.
pub(crate) fn unpack(bytes: &[u8], limit: u64) -> Result<Vec<u8>, GzipError> {
    let mut unpacked = Vec::new();
    let mut rest = bytes;
    loop {
        let mut decoder = GzDecoder::new(rest);
        // One byte more than allowed shows that there are too many; the rest stays packed.
        let room = limit.saturating_sub(unpacked.len() as u64);
        let read = decoder
            .by_ref()
            .take(room.saturating_add(1))
            .read_to_end(&mut unpacked)
            .map_err(GzipError::Damaged)?;
        if read as u64 > room {
            return Err(GzipError::TooLarge { limit });
        }
        rest = decoder.into_inner();
        if rest.is_empty() {
            return Ok(unpacked);
        }
        if !is_packed(rest) {
            return Err(GzipError::Rest { bytes: rest.len() });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_packed_is_unpacked_and_nothing_of_the_machine_is_in_it() {
        let text = b"some text, some text, some text".repeat(100);
        let packed = pack(&text).unwrap();
        assert!(is_packed(&packed) && packed.len() < text.len() / 10);
        assert_eq!(packed, pack(&text).unwrap());
        // No flags (hence no name), no time, no operating system.
        assert_eq!(packed[2..8], [8, 0, 0, 0, 0, 0]);
        assert_eq!(packed[9], 255);
        assert_eq!(unpack(&packed, text.len() as u64).unwrap(), text);
    }

    #[test]
    fn more_than_the_limit_is_refused_before_it_is_unpacked() {
        // Unpacks to more than 512 times its size.
        let packed = pack(&vec![b' '; 16 << 20]).unwrap();
        assert!(packed.len() < 32 << 10);
        let error = unpack(&packed, 1000).unwrap_err();
        assert!(matches!(error, GzipError::TooLarge { limit: 1000 }));
        let says = "unpacked, the file has more than 1000 bytes, the most that is read";
        assert_eq!(error.to_string(), says);
    }

    /// Reads several members, as pigz, bgzip and cat write them.
    #[test]
    fn all_members_are_read_within_one_limit() {
        let parts = [&b"{\"one\": "[..], b"", b"[1, 2, 3]", b"}"];
        let packed: Vec<u8> = parts.iter().flat_map(|part| pack(part).unwrap()).collect();
        assert_eq!(unpack(&packed, 1000).unwrap(), parts.concat());
        let length = parts.concat().len() as u64;
        assert_eq!(unpack(&packed, length).unwrap(), parts.concat());
        let error = unpack(&packed, length - 1).unwrap_err();
        assert!(matches!(error, GzipError::TooLarge { .. }), "{error}");
        // Each member is within the limit, all of them together are not.
        let bomb = pack(&[b' '; 100]).unwrap().repeat(1000);
        let error = unpack(&bomb, 10_000).unwrap_err();
        assert!(matches!(error, GzipError::TooLarge { .. }), "{error}");
        // The last member is cut off.
        let error = unpack(&packed[..packed.len() - 3], 1000).unwrap_err();
        assert!(matches!(error, GzipError::Damaged(_)), "{error}");
    }

    #[test]
    fn cut_extended_and_damaged_files_are_refused() {
        let packed = pack(b"a network, or so it seems").unwrap();
        for end in 0..packed.len() {
            let error = unpack(&packed[..end], 1000).unwrap_err();
            assert!(matches!(error, GzipError::Damaged(_)), "{end}: {error}");
        }
        for rest in [&b"x"[..], b"\0\0\0", b"\n", b"{\"a\": 1, \"b\": 2}"] {
            let extended = [&packed[..], rest].concat();
            match unpack(&extended, 1000).unwrap_err() {
                GzipError::Rest { bytes } => assert_eq!(bytes, rest.len()),
                error => unreachable!("{error}"),
            }
        }
        // Damage the checksum, then the length.
        for at in packed.len() - 8..packed.len() {
            let mut damaged = packed.clone();
            damaged[at] ^= 1;
            assert!(unpack(&damaged, 1000).is_err(), "{at}");
        }
    }
}
