//! The files of `src`, and their code.

use std::fs;
use std::path::{Path, PathBuf};

fn rust_files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            rust_files(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// Tells whether a file holds tests only.
fn is_test(file: &Path) -> bool {
    file.iter()
        .any(|name| name.to_str().is_some_and(|name| name.contains("tests")))
}

/// Returns the code without line comments and without the block of tests at its end.
pub fn code(text: &str) -> String {
    let mut code = String::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        if line.starts_with("#[cfg(test)]") {
            let item = lines.clone().find(|line| !line.starts_with("#["));
            if item.is_some_and(|item| item.contains("mod ") && item.ends_with('{')) {
                break;
            }
        }
        if !line.trim_start().starts_with("//") {
            code.push_str(line);
            code.push('\n');
        }
    }
    code
}

/// Returns the code of `src` without the files of tests, each with its path there.
pub fn sources() -> Vec<(PathBuf, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    rust_files(&root, &mut files);
    let within = files
        .iter()
        .map(|file| (file, file.strip_prefix(&root).unwrap()));
    let within = within.filter(|(_, name)| !is_test(name));
    within
        .map(|(file, name)| (name.to_owned(), code(&fs::read_to_string(file).unwrap())))
        .collect()
}
