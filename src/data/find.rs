//! Finds a dataset's files and reads them.

use std::{
    env, fs,
    io::ErrorKind,
    path::{Path, PathBuf},
};

use super::{
    DATA_VARIABLE, DataError, DataEvent, Dataset, DatasetName, Origin, Source, Split,
    cache::cache_dir,
    cifar,
    digest::digest,
    fetch, idx,
    looked::{self, present},
    name::{FileSet, Form},
    read::read_file,
};
use crate::file_kind;

/// The directory in which Debian's package installs Fashion-MNIST.
const SYSTEM_FASHION: &str = "/usr/share/datasets/fashion-mnist";

/// Number of bytes of a CIFAR-10 record: a label and the pixels.
const CIFAR_RECORD: usize = 1 + 3 * 32 * 32;

/// Loads one split of a dataset. Fetches the dataset if no directory is named and it is nowhere on this machine.
///
/// `progress` receives each step.
///
/// # Errors
/// Any [`DataError`]: a directory without the files, a malformed or damaged file, a failed fetch.
pub fn load(
    name: DatasetName,
    split: Split,
    source: &Source,
    progress: &mut dyn FnMut(DataEvent),
) -> Result<Dataset, DataError> {
    let forms = name.forms(split);
    if let Some((given, origin)) = named(source) {
        let (dir, set) = in_named(&given, origin, name, forms)?;
        return read_split(name, set, &dir, false, progress);
    }
    let published = forms[0];
    if name == DatasetName::FashionMnist
        && let Some(dir) = directory_with(Path::new(SYSTEM_FASHION), name, published.names)
    {
        return read_split(name, published, &dir, true, progress);
    }
    let cache = cache_dir()?;
    let dir = match directory_with(&cache.join(name.as_str()), name, published.names) {
        Some(dir) => {
            fetch::clear(&cache);
            dir
        }
        None => fetch::fetch(name, progress)?,
    };
    read_split(name, published, &dir, true, progress)
}

/// Returns the directory that the caller or the environment names.
fn named(source: &Source) -> Option<(PathBuf, Origin)> {
    if let Some(given) = &source.data_dir {
        return Some((given.clone(), Origin::Source));
    }
    let given = env::var_os(DATA_VARIABLE).filter(|given| !given.is_empty())?;
    Some((given.into(), Origin::Variable))
}

/// Finds the place in a named directory that holds the dataset, and the form in which it holds it.
fn in_named(
    given: &Path,
    origin: Origin,
    name: DatasetName,
    forms: &[FileSet],
) -> Result<(PathBuf, FileSet), DataError> {
    let no_directory = |problem: String| DataError::NoDirectory {
        origin,
        dir: given.to_owned(),
        problem,
    };
    match fs::metadata(given) {
        Ok(found) if found.is_dir() => {}
        Ok(_) => return Err(no_directory("which is not a directory".to_owned())),
        Err(error) if error.kind() == ErrorKind::NotFound => {
            return Err(no_directory("which does not exist".to_owned()));
        }
        Err(error) => return Err(no_directory(format!("which cannot be read ({error})"))),
    }
    let held = forms
        .iter()
        .find_map(|set| directory_with(given, name, set.names).map(|dir| (dir, *set)));
    held.ok_or_else(|| DataError::NotInDirectory {
        dataset: name,
        origin,
        dir: given.to_owned(),
        found: looked::found(&places(given, name), forms),
        looked_for: looked::looked_for(name, forms),
    })
}

/// Lists the places to search: `given`, and its subdirectory with the dataset's name.
fn places(given: &Path, name: DatasetName) -> [PathBuf; 2] {
    [given.join(name.as_str()), given.to_path_buf()]
}

/// Finds the place that has all `files`.
fn directory_with(given: &Path, name: DatasetName, files: &[&str]) -> Option<PathBuf> {
    places(given, name)
        .into_iter()
        .find(|dir| files.iter().all(|file| present(dir, file).is_some()))
}

/// A file with the bytes read from it.
struct FilePart {
    path: PathBuf,
    bytes: Vec<u8>,
}

impl FilePart {
    /// Builds the error for a malformed file. If the contents are of a well-known kind, that is the reason given.
    fn malformed(&self, reason: impl Into<String>) -> DataError {
        let reason = match file_kind::describe(&self.bytes) {
            Some(kind) if self.is_unexpected(kind) => format!("this is {kind}"),
            _ => reason.into(),
        };
        DataError::Malformed {
            path: self.path.clone(),
            reason,
        }
    }

    /// Tells whether a file of this name cannot be of this kind. A damaged image is still an image, and records may
    /// look like anything.
    fn is_unexpected(&self, kind: &str) -> bool {
        let name = self.path.file_name().unwrap_or_default().to_string_lossy();
        let image = name.contains(".png") && kind.starts_with("a PNG");
        let records = name.contains(".bin")
            && (self.bytes.first().is_some_and(|&label| label < 10)
                || (!self.bytes.is_empty() && self.bytes.len().is_multiple_of(CIFAR_RECORD)));
        !image && !records
    }
}

fn read_split(
    name: DatasetName,
    set: FileSet,
    dir: &Path,
    must_be_published: bool,
    progress: &mut dyn FnMut(DataEvent),
) -> Result<Dataset, DataError> {
    let (mut parts, mut digests) = (Vec::new(), Vec::new());
    for file in set.files() {
        // The file was there a moment ago.
        let gone = || DataError::io("cannot open", dir.join(file.name))(ErrorKind::NotFound.into());
        let path = present(dir, file.name).ok_or_else(gone)?;
        let bytes = read_file(&path)?;
        digests.push(digest(name, &file, &path, &bytes, must_be_published)?);
        parts.push(FilePart { path, bytes });
    }
    let mut dataset = match set.form {
        Form::Idx => from_idx(name, &parts)?,
        Form::PngRows => from_png(name, &parts)?,
        Form::CifarBinary => from_binary(name, &parts)?,
    };
    dataset.files = digests;
    progress(DataEvent::Loaded {
        dir: dir.to_owned(),
        images: dataset.len(),
    });
    Ok(dataset)
}

fn from_idx(name: DatasetName, parts: &[FilePart]) -> Result<Dataset, DataError> {
    let [image_part, label_part] = parts else {
        return Err(DataError::Inconsistent("a split has two files".to_owned()));
    };
    let images = idx::parse(&image_part.bytes, 3).map_err(|r| image_part.malformed(r))?;
    let labels = idx::parse(&label_part.bytes, 1).map_err(|r| label_part.malformed(r))?;
    let shape = name.shape();
    if images.dims[1..] != [shape.1, shape.2] {
        return Err(image_part.malformed(format!(
            "images of {}x{}, expected {}x{}",
            images.dims[1], images.dims[2], shape.1, shape.2
        )));
    }
    if images.dims[0] != labels.dims[0] {
        return Err(label_part.malformed(format!(
            "{} labels for {} images",
            labels.dims[0], images.dims[0]
        )));
    }
    let classes = name.classes().to_vec();
    Dataset::new(shape, images.data.to_vec(), labels.data.to_vec(), classes)
        .map_err(|error| label_part.malformed(error.to_string()))
}

fn from_png(name: DatasetName, parts: &[FilePart]) -> Result<Dataset, DataError> {
    let Some((label_part, image_parts)) = parts.split_last() else {
        return Err(DataError::Inconsistent("a split has no file".to_owned()));
    };
    let mut pixels = Vec::new();
    for part in image_parts {
        cifar::png_rows(&part.bytes, name.shape(), &mut pixels).map_err(|r| part.malformed(r))?;
    }
    let labels = cifar::json_labels(&label_part.bytes).map_err(|r| label_part.malformed(r))?;
    Dataset::new(name.shape(), pixels, labels, name.classes().to_vec())
        .map_err(|error| label_part.malformed(error.to_string()))
}

fn from_binary(name: DatasetName, parts: &[FilePart]) -> Result<Dataset, DataError> {
    let (mut pixels, mut labels) = (Vec::new(), Vec::new());
    let (shape, classes) = (name.shape(), name.classes());
    for part in parts {
        cifar::binary(&part.bytes, shape, classes.len(), &mut pixels, &mut labels)
            .map_err(|r| part.malformed(r))?;
    }
    Dataset::new(shape, pixels, labels, classes.to_vec())
}

#[cfg(test)]
mod tests {
    use super::{super::read::tests::member, idx::tests::file as idx_file, *};

    fn write(dir: &Path, name: &str, bytes: &[u8]) {
        fs::write(dir.join(name), bytes).unwrap();
    }

    fn load_from(name: DatasetName, dir: &Path, split: Split) -> Result<Dataset, DataError> {
        let source = Source {
            data_dir: Some(dir.to_owned()),
        };
        load(name, split, &source, &mut |_| ())
    }

    const IMAGES: &str = "t10k-images-idx3-ubyte";
    const LABELS: &str = "t10k-labels-idx1-ubyte";

    #[test]
    fn a_users_directory_may_hold_plain_or_compressed_files_or_a_subdirectory() {
        let top = tempfile::tempdir().unwrap();
        let pixels: Vec<u8> = (0..2 * 784)
            .map(|i| u8::try_from(i % 251).unwrap())
            .collect();
        for sub in ["", "mnist"] {
            let dir = top.path().join(sub);
            fs::create_dir_all(&dir).unwrap();
            write(&dir, IMAGES, &idx_file(&[2, 28, 28], &pixels));
            let labels = member(&idx_file(&[2], &[7, 3]));
            write(&dir, &format!("{LABELS}.gz"), &labels);
            let data = load_from(DatasetName::Mnist, top.path(), Split::Test).unwrap();
            assert_eq!(data.labels(), [7, 3]);
            assert_eq!(data.image(1).unwrap(), &pixels[784..]);
            let mut files = data.files().iter();
            assert!(files.all(|f| !f.published && f.sha256.len() == 64));
        }
    }

    #[test]
    fn defects_name_the_file() {
        let dir = tempfile::tempdir().unwrap();
        let refused = |words: &str| {
            let error = load_from(DatasetName::Mnist, dir.path(), Split::Test).unwrap_err();
            assert!(error.to_string().contains(words), "{error}");
        };
        refused(IMAGES);
        let good = idx_file(&[1, 28, 28], &[0; 784]);
        let html = b"<!DOCTYPE html>\n<html><body>404</body></html>".to_vec();
        for (name, bytes, words) in [
            (IMAGES, good.clone(), LABELS),
            (LABELS, idx_file(&[2], &[0, 1]), "2 labels for 1 images"),
            (LABELS, idx_file(&[1], &[10]), "label 10"),
            (IMAGES, idx_file(&[1, 27, 28], &[0; 756]), "27x28"),
            (IMAGES, b"no".to_vec(), "truncated"),
            (IMAGES, html, "t10k-images-idx3-ubyte: this is an HTML page"),
        ] {
            write(dir.path(), name, &bytes);
            refused(words);
        }
        fs::remove_file(dir.path().join(LABELS)).unwrap();
        write(dir.path(), "t10k-labels-idx1-ubyte.gz", b"not gzip");
        write(dir.path(), IMAGES, &good);
        refused("t10k-labels-idx1-ubyte.gz");
    }

    /// Checks that a named directory without the dataset is an error that says what the directory holds.
    #[test]
    fn what_was_looked_for_and_what_was_found_is_said() {
        let top = tempfile::tempdir().unwrap();
        let has = |dir: &Path, split, parts: &[&str]| {
            let error = load_from(DatasetName::Cifar10, dir, split).unwrap_err();
            let text = error.to_string();
            for part in parts {
                assert!(text.contains(part), "{part} is missing in: {text}");
            }
            assert!(!text.contains('\n'), "{text}");
        };
        let missing = top.path().join("misspelt");
        let misspelt = missing.to_string_lossy();
        has(&missing, Split::Test, &[&misspelt, "which does not exist"]);
        fs::write(&missing, b"").unwrap();
        has(&missing, Split::Test, &[&misspelt, "is not a directory"]);

        let dir = top.path().join("data");
        fs::create_dir(&dir).unwrap();
        let both = ["data_batch_1.png", "train_lables.json", "data_batch_5.bin"];
        has(&dir, Split::Train, &both);
        has(&dir, Split::Train, &["it is empty"]);
        let both = ["test_batch.png", "test_batch.bin"];
        has(&dir, Split::Test, &both);
        // The version for Python.
        write(&dir, "test_batch", b"\x80\x02}q\x00");
        let found = ["found test_batch (a Python pickle)", "test_batch.bin"];
        has(&dir, Split::Test, &found);
        for batch in [1, 2, 4] {
            write(&dir, &format!("data_batch_{batch}.bin"), b"");
        }
        let found = [
            "data_batch_3.bin and data_batch_5.bin are missing in",
            "which has data_batch_1.bin, data_batch_2.bin and data_batch_4.bin",
        ];
        has(&dir, Split::Train, &found);
        for number in 0..20 {
            write(&dir, &format!("a{number:02}"), b"x");
        }
        fs::remove_file(dir.join("data_batch_1.bin")).unwrap();
        has(&dir, Split::Test, &["a00, a01", "a05 and 17 more"]);
    }
}
