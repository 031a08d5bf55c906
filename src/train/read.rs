//! Reads files that a user supplies. Their size is limited; a file of the wrong kind is named for what it really is.

use std::{fs::File, path::Path};

use serde::de::DeserializeOwned;

use super::TrainError;
use crate::{
    file::read_at_most,
    file_kind::{Own, describe_other},
};

/// Largest size of a description, configuration or record, in bytes.
const MAX_JSON_BYTES: u64 = 64 << 20;

/// Reads a whole file of at most `limit` bytes, whatever size the system reports: a device reports none.
///
/// # Errors
/// [`TrainError::Io`], [`TrainError::FileTooLarge`].
pub(super) fn bytes(path: &Path, limit: u64) -> Result<Vec<u8>, TrainError> {
    let failed = || TrainError::io("cannot read", path);
    let too_large = || TrainError::FileTooLarge {
        path: path.to_owned(),
        limit,
    };
    let file = File::open(path).map_err(failed())?;
    // If the size is known, refuse the file before reading any of it.
    if file.metadata().map_err(failed())?.len() > limit {
        return Err(too_large());
    }
    read_at_most(file, limit)
        .map_err(failed())?
        .ok_or_else(too_large)
}

/// Reads a value from a JSON file; `what` names the kind of file it should be, which is `own` if it is one of ours.
///
/// # Errors
/// [`TrainError::Io`], [`TrainError::FileTooLarge`], [`TrainError::OtherKind`] if the bytes are something else,
/// [`TrainError::Json`] with the wrong field.
pub(super) fn json<T: DeserializeOwned>(
    path: &Path,
    what: &'static str,
    own: Own,
) -> Result<T, TrainError> {
    let bytes = bytes(path, MAX_JSON_BYTES)?;
    let mut parser = serde_json::Deserializer::from_slice(&bytes);
    let parsed = serde_path_to_error::deserialize(&mut parser)
        .map_err(|error| (error.path().to_string(), error.into_inner()))
        .and_then(|value| match parser.end() {
            Ok(()) => Ok(value),
            Err(error) => Err((String::new(), error)),
        });
    parsed.map_err(|(field, source)| match describe_other(&bytes, own) {
        Some(kind) => TrainError::OtherKind {
            path: path.to_owned(),
            what,
            kind,
        },
        None => TrainError::Json {
            path: path.to_owned(),
            what,
            field: match field.as_str() {
                "" | "." => String::new(),
                field => format!("`{field}`: "),
            },
            source,
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_bounded_and_named_by_what_they_are() {
        let top = tempfile::tempdir().unwrap();
        let path = top.path().join("file");
        std::fs::write(&path, [7; 100]).unwrap();
        assert_eq!(bytes(&path, 100).unwrap().len(), 100);
        let error = bytes(&path, 99).unwrap_err().to_string();
        assert!(error.contains("99 bytes"), "{error}");
        #[cfg(unix)]
        {
            let error = bytes(Path::new("/dev/zero"), 1000).unwrap_err();
            assert!(matches!(error, TrainError::FileTooLarge { .. }), "{error}");
        }
        let refused = |content: &[u8]| {
            std::fs::write(&path, content).unwrap();
            let error = json::<Vec<[u8; 2]>>(&path, "list of pairs", Own::Layers).unwrap_err();
            let reason = std::error::Error::source(&error).map(ToString::to_string);
            format!("{error} {}", reason.unwrap_or_default())
        };
        for (content, words) in [
            (&b"[[1, 2], [3, 400]]"[..], "`[1][1]`"),
            (b"[[1, 2]] and more", "trailing"),
            (b"\xef\xbb\xbf[[1, 2]]", "byte-order mark"),
            (b"\xff\xfe[\0]\0", "UTF-16"),
            (b"<!DOCTYPE html><html></html>", "HTML"),
            (b"", "empty file"),
            (
                br#"{"network": {}, "epochs": 3}"#,
                "a training configuration",
            ),
        ] {
            let message = refused(content);
            assert!(message.contains(words), "{message}");
        }
        std::fs::write(&path, b"[[1, 2]]\n").unwrap();
        assert_eq!(
            json::<Vec<[u8; 2]>>(&path, "list", Own::Layers).unwrap(),
            [[1, 2]]
        );
    }
}
