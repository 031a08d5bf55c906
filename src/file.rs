//! Writes files so that a reader sees either the old or the new file, never half of one.
//!
//! Links are followed: the file that a link names is replaced. A device or a pipe cannot be replaced like a file, so it
//! is opened and written to.

pub(crate) mod gzip;
pub(crate) mod model_folder;
mod result;
mod target;
mod temporary;
#[cfg(test)]
mod tests;

use std::{
    fs::{self, File},
    io::{self, Read, Write},
    path::Path,
};

use serde::Serialize;

pub(crate) use result::{ResultKind, check_result};
#[cfg(any(feature = "cli", feature = "train"))]
pub(crate) use target::check_directory;
#[cfg(any(feature = "cli", test))]
pub(crate) use target::check_output;
pub(crate) use target::directory_of;
#[cfg(feature = "cli")]
pub(crate) use target::{is_pipe, is_same_target, is_stream};
#[cfg(feature = "cli")]
pub(crate) use temporary::remove_temporaries;
pub(crate) use temporary::{
    TemporaryDirectory, clear_abandoned, clear_temporaries, is_temporary, uninterrupted,
};
#[cfg(feature = "train")]
pub(crate) use temporary::{forget_made, make_directory};

use target::Target;
use temporary::TemporaryFile;

/// Reads all of `source` if that is at most `limit` bytes; returns `None` if there are more. It does not rely on
/// lengths, because the length that a system states may be wrong, a file may grow, and a device has no end.
pub(crate) fn read_at_most(source: impl Read, limit: u64) -> io::Result<Option<Vec<u8>>> {
    let mut bytes = Vec::new();
    // Reading one byte more than allowed shows that there are too many.
    source
        .take(limit.saturating_add(1))
        .read_to_end(&mut bytes)?;
    Ok((bytes.len() as u64 <= limit).then_some(bytes))
}

/// Writes `bytes` under a temporary name beside `path` and renames the file. Creates missing directories.
pub(crate) fn write_atomically(path: &Path, bytes: &[u8]) -> io::Result<()> {
    replace(path, |file| file.write_all(bytes))?
}

/// Writes `bytes` to a new file that its owner alone may read, under a temporary name until they are on the disk. The
/// directory must exist.
///
/// # Errors
/// [`io::ErrorKind::AlreadyExists`] if there is something of this name, which stays as it is.
pub(crate) fn write_new(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = TemporaryFile::create_private(target::directory_of(path))?;
    file.as_file_mut().write_all(bytes)?;
    file.keep_as_new(path)
}

/// Writes a value as human-readable JSON, like [`write_atomically`].
pub(crate) fn write_json(path: &Path, value: &impl Serialize) -> io::Result<()> {
    let mut text = serde_json::to_vec_pretty(value)?;
    text.push(b'\n');
    write_atomically(path, &text)
}

/// Replaces `path` with what `write` writes, like [`write_atomically`], and returns the result of `write`. If `write`
/// fails, `path` is unchanged. A device, a pipe and this process's own standard output are written to directly.
pub(crate) fn replace<T, E>(
    path: &Path,
    write: impl FnOnce(&mut File) -> Result<T, E>,
) -> io::Result<Result<T, E>> {
    let (path, permissions) = match Target::find(path)? {
        Target::Stream(stream) => return Ok(write(&mut stream.open()?)),
        Target::File { path, permissions } => (path, permissions),
    };
    let directory = directory_of(&path);
    fs::create_dir_all(directory)?;
    let mut file = TemporaryFile::create(directory)?;
    let written = write(file.as_file_mut());
    if written.is_ok() {
        file.keep_as(&path, permissions)?;
    }
    Ok(written)
}
