//! Puts the source where CMake may modify it, because HEXL's and SEAL's CMake files write into their own source.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use super::failure::{Failure, Result};
use super::verify::{self, File};

/// Makes `folder` hold exactly `files`. Files that are already right stay untouched, including their time stamps, so
/// that a second build compiles nothing. Files that are no longer wanted are removed.
///
/// # Errors
/// Fails if the folder cannot be written.
pub fn stage(files: &[File], folder: &Path) -> Result<()> {
    fs::create_dir_all(folder).map_err(Failure::io("create", folder))?;
    for (path, bytes) in files {
        let full = folder.join(path);
        if fs::read(&full).is_ok_and(|present| present == *bytes) {
            continue;
        }
        let parent = full.parent().unwrap_or(folder);
        fs::create_dir_all(parent).map_err(Failure::io("create", parent))?;
        fs::write(&full, bytes).map_err(Failure::io("write", &full))?;
    }
    let wanted: BTreeSet<&str> = files.iter().map(|(path, _)| path.as_str()).collect();
    let mut present = Vec::new();
    verify::list_files(folder, "", &mut present)?;
    for path in present {
        if !wanted.contains(path.as_str()) && !generated(&path) {
            let full = folder.join(&path);
            fs::remove_file(&full).map_err(Failure::io("remove", &full))?;
        }
    }
    Ok(())
}

/// Tells whether HEXL's CMake files write this file into HEXL's source.
fn generated(path: &str) -> bool {
    [
        "/util/defines.hpp",
        "/HEXLConfig.cmake",
        "/pkgconfig/hexl.pc",
    ]
    .iter()
    .any(|end| path.ends_with(end))
}
