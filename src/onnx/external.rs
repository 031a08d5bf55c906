//! Tensors that lie in a file beside the model.

use std::{
    cell::Cell,
    fs::File,
    io::{Read as _, Seek as _, SeekFrom},
    path::{Component, Path, PathBuf},
};

use super::{MAX_FILE_BYTES, OnnxError, message::EntryMessage};

/// The folder of the model, from which tensors are read. Paths must not leave it.
pub(super) struct External {
    folder: Option<PathBuf>,
    /// Bytes that may still be read.
    left: Cell<u64>,
}

impl External {
    /// Allows the files in a folder; none without one.
    pub fn new(folder: Option<PathBuf>) -> Self {
        Self {
            folder,
            left: Cell::new(MAX_FILE_BYTES),
        }
    }

    /// Reads the `expected` bytes of the tensor `name`, which lie where `entries` say.
    ///
    /// # Errors
    /// [`OnnxError::Tensor`] for a place outside the folder or of another length, [`OnnxError::Io`].
    pub fn read(
        &self,
        name: &str,
        entries: &[EntryMessage],
        expected: usize,
    ) -> Result<Vec<u8>, OnnxError> {
        let wrong = |problem: String| OnnxError::tensor(name, problem);
        let entry = |key: &str| {
            let found = entries.iter().find(|entry| entry.key == key);
            found.map(|entry| entry.value.as_str())
        };
        let number = |key: &str| {
            let parsed = entry(key).map(|text| text.trim().parse::<u64>());
            parsed
                .transpose()
                .map_err(|_| wrong(format!("its external `{key}` is no number")))
        };
        let location = entry("location")
            .ok_or_else(|| wrong("is external, but its location is missing".into()))?;
        let folder = self.folder.as_ref().ok_or_else(|| {
            wrong("lies in another file, which cannot be found without the model's folder".into())
        })?;
        let outside = || {
            wrong(format!(
                "lies in `{}`, which is not within the model's folder; copy the file there and save the model again",
                super::error::short(location)
            ))
        };
        let relative = Path::new(location);
        let inside = |part: Component<'_>| matches!(part, Component::Normal(_) | Component::CurDir);
        if location.is_empty() || location.contains('\0') || !relative.components().all(inside) {
            return Err(outside());
        }
        let path = folder.join(relative);
        let failed = |source| OnnxError::Io {
            path: path.clone(),
            source,
        };
        // A link may lead out of the folder.
        let real = std::fs::canonicalize(&path).map_err(failed)?;
        let home = std::fs::canonicalize(folder).map_err(failed)?;
        if !real.starts_with(&home) {
            return Err(outside());
        }
        let (offset, length) = (number("offset")?.unwrap_or(0), number("length")?);
        let file_length = std::fs::metadata(&real).map_err(failed)?;
        if !file_length.is_file() {
            return Err(wrong(format!(
                "lies in {}, which is no file",
                path.display()
            )));
        }
        let there = file_length.len().saturating_sub(offset);
        let length = length.unwrap_or(there);
        if length != expected as u64 || length > there {
            return Err(wrong(format!(
                "has {} bytes in {}, expected {expected}; was the file copied whole?",
                length.min(there),
                path.display()
            )));
        }
        if length > self.left.get() {
            return Err(OnnxError::TooLarge {
                what: "the bytes of external tensors",
                limit: MAX_FILE_BYTES,
            });
        }
        self.left.set(self.left.get() - length);
        let mut file = File::open(&real).map_err(failed)?;
        file.seek(SeekFrom::Start(offset)).map_err(failed)?;
        let mut bytes = Vec::with_capacity(expected);
        file.take(length).read_to_end(&mut bytes).map_err(failed)?;
        if bytes.len() != expected {
            return Err(wrong(format!("its file {} is cut off", path.display())));
        }
        Ok(bytes)
    }
}
