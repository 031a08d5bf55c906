//! Files of results.

use std::path::Path;

use serde::Serialize;

use super::RecordError;
use crate::file;

/// Tries whether a record can be written to `path`, before the work that it tells of. Leaves nothing behind.
///
/// # Errors
/// [`RecordError`] if the path is a directory, the file read-only, or its directory not writable.
pub fn check_record_path(path: impl AsRef<Path>) -> Result<(), RecordError> {
    let path = path.as_ref();
    file::check_output(path).map_err(RecordError::at(path))
}

/// Writes a record as JSON: to a temporary name in the same directory, then renamed. Missing directories are made, links
/// are followed; a device or a pipe is written to as it is.
///
/// # Errors
/// [`RecordError`] with the path.
pub fn write_record(path: impl AsRef<Path>, record: &impl Serialize) -> Result<(), RecordError> {
    let path = path.as_ref();
    file::write_json(path, record).map_err(RecordError::at(path))
}
