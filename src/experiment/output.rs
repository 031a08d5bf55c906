//! Result files.

use std::path::Path;

use serde::Serialize;

use super::RecordError;
use crate::file::{self, ResultKind};

/// Checks that a record can be written to `path`, before starting the work it will describe. Leaves nothing behind.
///
/// # Errors
/// [`RecordError`] if the path is a directory, the file is read-only, its directory is not writable, or there is a file
/// that is not a record of an earlier run.
pub fn check_record_path(path: impl AsRef<Path>) -> Result<(), RecordError> {
    let path = path.as_ref();
    file::check_result(path, ResultKind::Record, None).map_err(RecordError::at(path))
}

/// Writes a record as JSON to a temporary file in the same directory, then renames it. Creates missing directories and
/// follows links; writes directly to a device or a pipe.
///
/// # Errors
/// [`RecordError`] with the path.
pub fn write_record(path: impl AsRef<Path>, record: &impl Serialize) -> Result<(), RecordError> {
    let path = path.as_ref();
    file::write_json(path, record).map_err(RecordError::at(path))
}
