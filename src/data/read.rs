//! Reads a dataset's file, compressed or not.

use std::{fs, path::Path};

use super::DataError;
use crate::file::{gzip, read_at_most};

/// Maximum size of an unpacked file in bytes; larger files are refused (the largest known one has 47 MB).
pub(super) const MAX_FILE_BYTES: u64 = 1 << 30;

/// Reads a file and unpacks it if its bytes are those of a gzip file. Programs that compress in parallel write several
/// members, which still form one file. The file's name does not matter, because browsers unpack files whose names keep
/// ending in `.gz`.
pub(super) fn read_file(path: &Path) -> Result<Vec<u8>, DataError> {
    read_limited(path, MAX_FILE_BYTES)
}

fn read_limited(path: &Path, limit: u64) -> Result<Vec<u8>, DataError> {
    let file = fs::File::open(path).map_err(DataError::io("cannot open", path))?;
    let refused = |reason: String| DataError::Malformed {
        path: path.to_owned(),
        reason,
    };
    let bytes = read_at_most(file, limit)
        .map_err(DataError::io("cannot read", path))?
        .ok_or_else(|| refused(format!("more than {limit} bytes, the most that is read")))?;
    if !gzip::is_packed(&bytes) {
        return Ok(bytes);
    }
    gzip::unpack(&bytes, limit).map_err(|error| refused(error.to_string()))
}

#[cfg(test)]
pub(super) mod tests {
    use std::io::Write;

    use flate2::{Compression, GzBuilder, write::GzEncoder};

    use super::*;

    /// Compresses bytes into one member.
    pub(in super::super) fn member(bytes: &[u8]) -> Vec<u8> {
        let mut gz = GzEncoder::new(Vec::new(), Compression::fast());
        gz.write_all(bytes).unwrap();
        gz.finish().unwrap()
    }

    /// Builds a block as bgzip writes it: a member with an extra field (here a length of 0, which gzip readers ignore).
    fn block(bytes: &[u8]) -> Vec<u8> {
        let mut gz = GzBuilder::new()
            .extra(&b"BC\x02\x00\x00\x00"[..])
            .write(Vec::new(), Compression::fast());
        gz.write_all(bytes).unwrap();
        gz.finish().unwrap()
    }

    #[test]
    fn all_members_are_read() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("file.gz");
        let text: Vec<u8> = (0..100_000_u32).flat_map(u32::to_le_bytes).collect();
        let halves = text.split_at(150_001);
        for packed in [
            member(&text),
            [member(halves.0), member(halves.1)].concat(),
            // bgzip ends with an empty block.
            [block(halves.0), block(halves.1), block(b"")].concat(),
            text.chunks(999).flat_map(member).collect(),
            // A browser has already unpacked the file.
            text.clone(),
        ] {
            fs::write(&path, packed).unwrap();
            assert!(read_file(&path).unwrap() == text);
        }
    }

    #[test]
    fn cut_and_extended_files_are_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("file.gz");
        let (one, two) = (member(b"the first member"), member(b"the second one"));
        let whole = [&one[..], &two].concat();
        for end in (3..whole.len()).filter(|&end| end != one.len()) {
            fs::write(&path, &whole[..end]).unwrap();
            let error = read_file(&path).unwrap_err().to_string();
            assert!(
                error.contains("file.gz")
                    && (error.contains("damaged")
                        || end == one.len() + 1 && error.contains("1 bytes follow")),
                "{end}: {error}"
            );
        }
        for rest in [&b"something else"[..], &[0; 512]] {
            fs::write(&path, [&whole[..], rest].concat()).unwrap();
            let error = read_file(&path).unwrap_err().to_string();
            let says = format!("{} bytes follow the compressed data", rest.len());
            assert!(error.contains(&says), "{error}");
        }
    }

    #[test]
    fn too_much_is_refused_and_not_cut() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("file");
        let bytes = [7; 1000];
        // Each member alone is small enough.
        for packed in [
            bytes.to_vec(),
            [member(&bytes[..600]), member(&bytes[600..])].concat(),
        ] {
            fs::write(&path, packed).unwrap();
            assert_eq!(read_limited(&path, 1000).unwrap(), bytes);
            let error = read_limited(&path, 999).unwrap_err().to_string();
            assert!(error.contains("more than 999 bytes"), "{error}");
        }
    }
}
