//! Writing files so that a reader sees the old or the new one, never half of one.

use std::{
    fs::File,
    io::{self, Write},
    path::Path,
};

use serde::Serialize;

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

/// As [`write_atomically`], what `write` writes. If it refuses, `path` is as it was; its answer is passed on.
pub(crate) fn replace<T, E>(
    path: &Path,
    write: impl FnOnce(&mut File) -> Result<T, E>,
) -> io::Result<Result<T, E>> {
    let directory = match path.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    };
    std::fs::create_dir_all(directory)?;
    let mut builder = tempfile::Builder::new();
    builder.prefix(".sealquant-");
    // Less the umask, as for any new file; the default of temporary files is private.
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    let mut file = builder.tempfile_in(directory)?;
    let written = write(file.as_file_mut());
    if written.is_ok() {
        file.as_file().sync_all()?;
        file.persist(path).map_err(|refused| refused.error)?;
    }
    Ok(written)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may stop at a surprise")]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_replaced_whole_and_directories_are_made() {
        let top = tempfile::tempdir().unwrap();
        let path = top.path().join("runs/today/record.json");
        write_atomically(&path, b"first, and longer").unwrap();
        write_atomically(&path, b"second").unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"second");
        let entries = std::fs::read_dir(path.parent().unwrap()).unwrap().count();
        assert_eq!(entries, 1, "no temporary file is left");
    }

    #[test]
    fn json_ends_with_a_line() {
        let top = tempfile::tempdir().unwrap();
        let path = top.path().join("record.json");
        write_json(&path, &[1, 2]).unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.ends_with("]\n"), "{text}");
        assert_eq!(serde_json::from_str::<Vec<u64>>(&text).unwrap(), [1, 2]);
    }

    #[test]
    fn a_refusal_leaves_nothing_behind() {
        let top = tempfile::tempdir().unwrap();
        let path = top.path().join("taken");
        std::fs::create_dir_all(path.join("inside")).unwrap();
        write_atomically(&path, b"a directory is in the way").unwrap_err();
        assert_eq!(std::fs::read_dir(top.path()).unwrap().count(), 1);
    }
}
