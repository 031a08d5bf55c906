//! Writing files so that a reader sees the old or the new one, never half of one.
//!
//! A link is followed: the file that it names is replaced. A device or a pipe is not a file that could be replaced:
//! it is opened and written to.

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

#[cfg(any(feature = "cli", feature = "train"))]
pub(crate) use target::check_directory;
pub(crate) use target::check_output;
#[cfg(feature = "cli")]
pub(crate) use target::is_stream;
#[cfg(feature = "cli")]
pub(crate) use temporary::remove_temporaries;
pub(crate) use temporary::{TemporaryDirectory, clear_abandoned, uninterrupted};

use target::Target;
use temporary::TemporaryFile;

/// Reads all of `source` if that is at most `limit` bytes, and `None` if there are more: lengths that a system states may
/// lie, a file may grow, and a device has no end.
pub(crate) fn read_at_most(source: impl Read, limit: u64) -> io::Result<Option<Vec<u8>>> {
    let mut bytes = Vec::new();
    // One byte more than allowed shows that there are too many.
    source
        .take(limit.saturating_add(1))
        .read_to_end(&mut bytes)?;
    Ok((bytes.len() as u64 <= limit).then_some(bytes))
}

/// Writes `bytes` to a temporary name beside `path` and renames it; makes the directories on the way.
pub(crate) fn write_atomically(path: &Path, bytes: &[u8]) -> io::Result<()> {
    replace(path, |file| file.write_all(bytes))?
}

/// Writes a value as JSON that people can read, as [`write_atomically`].
pub(crate) fn write_json(path: &Path, value: &impl Serialize) -> io::Result<()> {
    let mut text = serde_json::to_vec_pretty(value)?;
    text.push(b'\n');
    write_atomically(path, &text)
}

/// Replaces `path` by what `write` writes, as [`write_atomically`]. If `write` refuses, `path` is as it was; its answer
/// is passed on. A device, a pipe and this process's own standard output are written to as they are.
pub(crate) fn replace<T, E>(
    path: &Path,
    write: impl FnOnce(&mut File) -> Result<T, E>,
) -> io::Result<Result<T, E>> {
    let (path, permissions) = match Target::find(path)? {
        Target::Stream(stream) => return Ok(write(&mut stream.open()?)),
        Target::File { path, permissions } => (path, permissions),
    };
    let directory = target::directory_of(&path);
    fs::create_dir_all(directory)?;
    let mut file = TemporaryFile::create(directory)?;
    let written = write(file.as_file_mut()?);
    if written.is_ok() {
        file.keep_as(&path, permissions)?;
    }
    Ok(written)
}
