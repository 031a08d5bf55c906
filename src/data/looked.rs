//! Describes in words what was looked for in a directory and what was found.

use std::{
    fs::{self, File},
    io::Read,
    path::{Path, PathBuf},
};

use super::{DatasetName, name::FileSet};
use crate::file_kind;

/// Maximum number of other files' names that are listed.
const NAMES: usize = 6;

/// Number of bytes read from a file to recognise its kind.
const START_BYTES: u64 = 4096;

/// Finds the path of `file` in `dir`, plain or compressed.
pub(super) fn present(dir: &Path, file: &str) -> Option<PathBuf> {
    [dir.join(file), dir.join(format!("{file}.gz"))]
        .into_iter()
        .find(|path| path.is_file())
}

/// Lists the files of each form.
pub(super) fn looked_for(name: DatasetName, forms: &[FileSet]) -> String {
    let forms: Vec<String> = forms.iter().map(|set| listed(set.names)).collect();
    format!(
        "looked there and in its subdirectory `{name}` for {} (each plain or with .gz)",
        forms.join(", or for ")
    )
}

/// Describes the contents of `places`: the missing files of the form that is most complete, or else what is there
/// instead.
pub(super) fn found(places: &[PathBuf], forms: &[FileSet]) -> String {
    let mut best: Option<(&Path, Vec<&str>, Vec<&str>)> = None;
    for place in places {
        for set in forms {
            let names = set.names.iter().copied();
            let (here, missing): (Vec<_>, Vec<_>) =
                names.partition(|name| present(place, name).is_some());
            if here.len() > best.as_ref().map_or(0, |(_, here, _)| here.len()) {
                best = Some((place, here, missing));
            }
        }
    }
    if let Some((place, here, missing)) = best {
        let verb = if missing.len() == 1 { "is" } else { "are" };
        return format!(
            "{} {verb} missing in {}, which has {}",
            listed(&missing),
            place.display(),
            listed(&here)
        );
    }
    let others: Vec<String> = places.iter().flat_map(|place| entries(place)).collect();
    match others.as_slice() {
        [] => "it is empty".to_owned(),
        few if few.len() <= NAMES => format!("found {}", listed(few)),
        many => format!(
            "found {} and {} more",
            many[..NAMES].join(", "),
            many.len() - NAMES
        ),
    }
}

/// Lists the names in a directory in order, adding what a file really is where that is obvious.
fn entries(directory: &Path) -> Vec<String> {
    let Ok(entries) = fs::read_dir(directory) else {
        return Vec::new();
    };
    let mut paths: Vec<PathBuf> = entries.filter_map(Result::ok).map(|e| e.path()).collect();
    paths.sort();
    let mut names = Vec::with_capacity(paths.len());
    for (index, path) in paths.iter().enumerate() {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        // Open only the files that will be listed.
        let kind = (index < NAMES).then(|| kind(path)).flatten();
        names.push(match kind {
            Some(kind) => format!("{name} ({kind})"),
            None => name.into_owned(),
        });
    }
    names
}

fn kind(path: &Path) -> Option<&'static str> {
    if path.is_dir() {
        return Some("a directory");
    }
    // A pipe would keep its reader waiting.
    if !path.is_file() {
        return None;
    }
    let mut start = Vec::new();
    let file = File::open(path).ok()?;
    file.take(START_BYTES).read_to_end(&mut start).ok()?;
    // Cut off the advice, which is for files that were opened as something they are not.
    file_kind::describe(&start)?.split([',', ';']).next()
}

/// Joins names like "a, b and c".
fn listed<T: AsRef<str>>(names: &[T]) -> String {
    let names: Vec<&str> = names.iter().map(AsRef::as_ref).collect();
    match names.as_slice() {
        [] => "nothing".to_owned(),
        [one] => (*one).to_owned(),
        [start @ .., last] => format!("{} and {last}", start.join(", ")),
    }
}
