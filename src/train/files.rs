//! Writing the files of a run.

use std::path::Path;

use serde::Serialize;

use super::TrainError;
use crate::file;

/// Writes `bytes` to a temporary name beside `path` and renames it.
pub(super) fn write_atomically(path: &Path, bytes: &[u8]) -> Result<(), TrainError> {
    file::write_atomically(path, bytes).map_err(TrainError::io("cannot write", path))
}

/// The same of a value as JSON.
pub(super) fn write_json(path: &Path, value: &impl Serialize) -> Result<(), TrainError> {
    file::write_json(path, value).map_err(TrainError::io("cannot write", path))
}
