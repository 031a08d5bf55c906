//! Reading and writing the JSON files of a deployment.

use super::error::DeployError;
use crate::file;
use crate::file_kind::{self, Own};
use serde::{Serialize, de::DeserializeOwned};
use std::fs::File;
use std::path::Path;

/// Size of the largest file that is read, in bytes.
const MAX_BYTES: u64 = 64 << 20;

/// Reads all of a file of at most `limit` bytes.
pub(super) fn read_bytes(path: &Path, limit: u64) -> Result<Vec<u8>, DeployError> {
    let read = File::open(path).and_then(|file| file::read_at_most(file, limit));
    let bytes = read.map_err(|source| DeployError::File {
        action: "reading",
        path: path.to_owned(),
        source,
    })?;
    bytes.ok_or_else(|| {
        content(
            path,
            format!("has more than {limit} bytes, the most that is read"),
        )
    })
}

/// Reads a file of this kind.
pub(super) fn read<T: DeserializeOwned>(path: &Path, own: Own) -> Result<T, DeployError> {
    parse(path, &read_bytes(path, MAX_BYTES)?, own)
}

/// Parses the content of a file of this kind; `path` tells where it came from.
pub(super) fn parse<T: DeserializeOwned>(
    path: &Path,
    bytes: &[u8],
    own: Own,
) -> Result<T, DeployError> {
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    let value = serde_path_to_error::deserialize(&mut deserializer).map_err(|error| {
        let problem = match file_kind::describe_other(bytes, own) {
            Some(found) => format!("this is {found}, not {}", own.words()),
            None => format!("{error}; it should be {}", own.words()),
        };
        content(path, problem)
    })?;
    deserializer
        .end()
        .map_err(|error| content(path, error.to_string()))?;
    Ok(value)
}

/// Returns the content of a file.
pub(super) fn text(value: &impl Serialize) -> std::io::Result<Vec<u8>> {
    let mut bytes = serde_json::to_vec(value)?;
    bytes.push(b'\n');
    Ok(bytes)
}

/// Writes a file, all of it or nothing.
pub(super) fn write(path: &Path, value: &impl Serialize) -> Result<(), DeployError> {
    let written = text(value).and_then(|bytes| file::write_atomically(path, &bytes));
    written.map_err(|source| DeployError::File {
        action: "writing",
        path: path.to_owned(),
        source,
    })
}

/// Makes the error for a file with these faults.
pub(super) fn content(path: &Path, problem: impl Into<String>) -> DeployError {
    DeployError::Content {
        path: path.to_owned(),
        problem: problem.into(),
    }
}

/// Refuses a file of a later version of its format.
pub(super) fn check_version(path: &Path, version: u32, known: u32) -> Result<(), DeployError> {
    if version == known {
        return Ok(());
    }
    Err(content(
        path,
        format!("version: {version}, this program reads {known}; a newer one may read it"),
    ))
}
