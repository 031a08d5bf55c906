//! Digests of files, and whether they are those of the published ones.

use std::path::Path;

use super::{DataError, DatasetName, FileDigest, cache::sha256_hex, name::KnownFile};

/// Computes a file's digest and compares it with the published ones. Returns an error if the file is refused.
pub(super) fn digest(
    name: DatasetName,
    file: &KnownFile,
    path: &Path,
    bytes: &[u8],
    must_be_published: bool,
) -> Result<FileDigest, DataError> {
    let sha256 = sha256_hex(bytes);
    let published = file.sha256 == Some(sha256.as_str());
    if !published {
        let owner = DatasetName::ALL.into_iter().find(|other| {
            let files = other.published_files();
            files.iter().any(|f| f.sha256 == Some(sha256.as_str()))
        });
        if let Some(found) = owner.filter(|&other| other != name) {
            return Err(DataError::WrongDataset {
                path: path.to_owned(),
                expected: name,
                found,
            });
        }
        if must_be_published {
            return Err(DataError::Checksum {
                path: path.to_owned(),
                expected: file.sha256.unwrap_or("unknown").to_owned(),
                actual: sha256,
            });
        }
    }
    Ok(FileDigest {
        name: file.name.to_owned(),
        sha256,
        published,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_are_written_in_hexadecimal() {
        assert_eq!(
            sha256_hex(b"abc"),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
    }

    #[test]
    fn a_changed_cached_file_is_refused() {
        let file = DatasetName::Mnist.published_files()[0];
        let of = |must_be_published| {
            let path = Path::new("f");
            digest(DatasetName::Mnist, &file, path, b"other", must_be_published)
        };
        let error = of(true).unwrap_err();
        assert!(matches!(error, DataError::Checksum { .. }));
        assert!(error.to_string().contains(file.sha256.unwrap()));
        assert!(!of(false).unwrap().published);
    }
}
