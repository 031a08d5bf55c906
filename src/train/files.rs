//! Writing the files of a run.

use std::path::Path;

use super::TrainError;

/// Writes `bytes` to a temporary name beside `path` and renames it.
pub(super) fn write_atomically(path: &Path, bytes: &[u8]) -> Result<(), TrainError> {
    crate::file::write_atomically(path, bytes).map_err(|source| TrainError::Io {
        what: "cannot write",
        path: path.to_owned(),
        source,
    })
}
