//! A folder of files that are named after pads.

use super::error::PadStoreError;
use crate::engine::PadNumber;
use crate::file;
use std::fs::{self, OpenOptions};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

/// A folder of files whose names are the number of a pad and one of some endings.
#[derive(Debug)]
pub(super) struct PadFolder {
    path: PathBuf,
}

/// Returns the number and the ending of a name.
fn parse(name: &str) -> Option<(PadNumber, &str)> {
    let (digits, ending) = name.split_once('.')?;
    let mut bytes = [0; PadNumber::BYTES];
    if digits.len() != 2 * bytes.len() {
        return None;
    }
    for (byte, digits) in bytes.iter_mut().zip(digits.as_bytes().chunks_exact(2)) {
        let digit = |&digit: &u8| match digit {
            b'0'..=b'9' => Some(digit - b'0'),
            b'a'..=b'f' => Some(digit - b'a' + 10),
            _ => None,
        };
        *byte = 16 * digit(&digits[0])? + digit(&digits[1])?;
    }
    Some((PadNumber(bytes), ending))
}

impl PadFolder {
    /// Opens a folder, which is created if it is missing, for its owner only. It must hold nothing but files with these
    /// endings. What killed processes left half written is removed.
    pub(super) fn open(path: &Path, endings: &[&str]) -> Result<Self, PadStoreError> {
        let mut builder = fs::DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder
            .create(path)
            .map_err(PadStoreError::io("creating the folder", path))?;
        file::clear_temporaries(path);
        let folder = Self {
            path: path.to_owned(),
        };
        for name in folder.names()? {
            let name = name?;
            let known = parse(&name).is_some_and(|(_, ending)| endings.contains(&ending));
            if !known && !file::is_temporary(&name) {
                return Err(PadStoreError::Foreign {
                    path: path.join(name),
                });
            }
        }
        Ok(folder)
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the path of a pad's file.
    pub(super) fn file(&self, number: PadNumber, ending: &str) -> PathBuf {
        self.path.join(format!("{number}.{ending}"))
    }

    fn names(
        &self,
    ) -> Result<impl Iterator<Item = Result<String, PadStoreError>> + use<'_>, PadStoreError> {
        let failed = || PadStoreError::io("reading the folder", &self.path);
        let entries = fs::read_dir(&self.path).map_err(failed())?;
        Ok(entries.map(move |entry| {
            let entry = entry.map_err(failed())?;
            Ok(entry.file_name().to_string_lossy().into_owned())
        }))
    }

    /// Returns the numbers of the pads that have a file with this ending, in no order.
    pub(super) fn numbers(
        &self,
        ending: &str,
    ) -> Result<impl Iterator<Item = Result<PadNumber, PadStoreError>>, PadStoreError> {
        let ending = ending.to_owned();
        Ok(self.names()?.filter_map(move |name| match name {
            Err(error) => Some(Err(error)),
            Ok(name) => match parse(&name) {
                Some((number, of_name)) if of_name == ending => Some(Ok(number)),
                _ => None,
            },
        }))
    }

    /// Writes a new file, for its owner only: all of it, or nothing. It and its name are on the disk afterwards.
    ///
    /// # Errors
    /// [`PadStoreError::Exists`] if there is one of this name.
    pub(super) fn put(
        &self,
        number: PadNumber,
        ending: &str,
        bytes: &[u8],
    ) -> Result<(), PadStoreError> {
        let path = self.file(number, ending);
        file::write_new(&path, bytes).map_err(|error| match error.kind() {
            ErrorKind::AlreadyExists => PadStoreError::Exists { number },
            _ => PadStoreError::io("writing", &path)(error),
        })?;
        self.sync()
    }

    /// Removes a file. Of several callers, also in other processes, one is told that it did.
    ///
    /// The removal is not on the disk before [`PadFolder::sync`].
    pub(super) fn remove(&self, number: PadNumber, ending: &str) -> Result<bool, PadStoreError> {
        let path = self.file(number, ending);
        match fs::remove_file(&path) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
            Err(error) => Err(PadStoreError::io("removing", path)(error)),
        }
    }

    /// Makes an empty file. Of several callers, also in other processes, one is told that it did; nobody is while the file
    /// is there.
    ///
    /// The file's name is not on the disk before [`PadFolder::sync`].
    pub(super) fn mark(&self, number: PadNumber, ending: &str) -> Result<bool, PadStoreError> {
        let path = self.file(number, ending);
        match OpenOptions::new().write(true).create_new(true).open(&path) {
            Ok(_) => Ok(true),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(false),
            Err(error) => Err(PadStoreError::io("creating", path)(error)),
        }
    }

    /// Tells whether there is a file.
    pub(super) fn has(&self, number: PadNumber, ending: &str) -> Result<bool, PadStoreError> {
        let path = self.file(number, ending);
        match fs::symlink_metadata(&path) {
            Ok(_) => Ok(true),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
            Err(error) => Err(PadStoreError::io("reading", path)(error)),
        }
    }

    /// Waits until the folder's names are on the disk.
    pub(super) fn sync(&self) -> Result<(), PadStoreError> {
        sync(&self.path).map_err(PadStoreError::io("writing the folder", &self.path))
    }
}

#[cfg(unix)]
fn sync(folder: &Path) -> io::Result<()> {
    fs::File::open(folder)?.sync_all()
}

/// Folders cannot be opened as files; their changes are in the file system's journal.
#[cfg(not(unix))]
fn sync(_folder: &Path) -> io::Result<()> {
    Ok(())
}

/// Marks a step at which tests end the process.
#[cfg(test)]
pub(super) use super::tests::reached;

/// Marks a step at which tests end the process.
#[cfg(not(test))]
pub(super) const fn reached(_step: &str) {}
