//! Checks an unpacked tree against the committed list of hashes.

use std::fs;
use std::path::Path;

use super::failure::{Failure, Result};
use super::manifest::{Checksums, sha256};

/// A file's path below the tree, with `/`, and its content.
pub type File = (String, Vec<u8>);

/// Reads every listed file and returns the contents, so that exactly what was checked is compiled.
///
/// # Errors
/// Names the first file that is missing, differs, or is not listed.
pub fn verified_files(tree: &Path, sums: &Checksums) -> Result<Vec<File>> {
    let mut present = Vec::new();
    list_files(tree, "", &mut present)?;
    if let Some(extra) = present.iter().find(|path| !sums.contains_key(*path)) {
        return Err(refusal(tree, extra, "is not part of the verified source"));
    }
    sums.iter()
        .map(|(path, expected)| {
            let full = tree.join(path);
            if present.binary_search(path).is_err() {
                return Err(refusal(tree, path, "is missing from the verified source"));
            }
            let bytes = fs::read(&full).map_err(Failure::io("read", &full))?;
            if sha256(&bytes) != *expected {
                return Err(refusal(tree, path, "differs from its committed SHA-256"));
            }
            Ok((path.clone(), bytes))
        })
        .collect()
}

/// Lists all entries below `folder` that are not folders, as sorted paths relative to the tree.
///
/// # Errors
/// Fails if a folder cannot be read or a name is not Unicode.
pub fn list_files(tree: &Path, folder: &str, found: &mut Vec<String>) -> Result<()> {
    let full = tree.join(folder);
    for entry in fs::read_dir(&full).map_err(Failure::io("read the folder", &full))? {
        let entry = entry.map_err(Failure::io("read the folder", &full))?;
        let name = entry.file_name().into_string().map_err(|name| {
            refusal(
                tree,
                &name.to_string_lossy(),
                "has a name that is not Unicode",
            )
        })?;
        let path = if folder.is_empty() {
            name
        } else {
            format!("{folder}/{name}")
        };
        // This does not follow links: a link is listed as a file and therefore refused.
        let kind = entry
            .file_type()
            .map_err(Failure::io("inspect", &entry.path()))?;
        if kind.is_dir() {
            list_files(tree, &path, found)?;
        } else {
            found.push(path);
        }
    }
    if folder.is_empty() {
        found.sort_unstable();
    }
    Ok(())
}

fn refusal(tree: &Path, path: &str, what: &str) -> Failure {
    Failure::new(format!(
        "{} {what}; undo the change, or delete {} to have it unpacked again",
        tree.join(path).display(),
        tree.display()
    ))
}
