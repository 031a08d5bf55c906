//! Where a dataset's files are, and reading them.

use std::{
    env, fs,
    io::Read,
    path::{Path, PathBuf},
};

use etcetera::BaseStrategy;
use sha2::{Digest, Sha256};

use super::{
    DataError, DataEvent, Dataset, DatasetName, FileDigest, Source, Split, cifar, fetch, idx,
    name::{FileSet, Form, KnownFile},
};

/// The environment variable that names a directory of datasets.
pub const DATA_VARIABLE: &str = "SEALQUANT_DATA";

/// Where Debian's package installs Fashion-MNIST.
const SYSTEM_FASHION: &str = "/usr/share/datasets/fashion-mnist";

/// An unpacked file is refused beyond this size in bytes (the largest known one has 47 MB).
const MAX_FILE_BYTES: u64 = 1 << 30;

/// The directory of fetched datasets: `sealquant` in the user's cache directory.
///
/// # Errors
/// [`DataError::NoCache`] if the system names no such directory.
pub fn cache_dir() -> Result<PathBuf, DataError> {
    let base = etcetera::choose_base_strategy().map_err(|_| DataError::NoCache)?;
    Ok(base.cache_dir().join("sealquant"))
}

/// Loads one split of a dataset, fetching the dataset if it is nowhere on this machine.
///
/// `progress` is told of each step.
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
    let found = |given: &Path| -> Option<(PathBuf, FileSet)> {
        forms
            .iter()
            .find_map(|set| directory_with(given, name, set.files).map(|dir| (dir, *set)))
    };
    if let Some(given) = &source.data_dir {
        let (dir, set) = found(given).ok_or_else(|| DataError::NotInDirectory {
            dataset: name,
            dir: given.clone(),
            file: forms[0]
                .files
                .iter()
                .find(|f| present(given, f.name).is_none())
                .unwrap_or(&forms[0].files[0])
                .name
                .to_owned(),
        })?;
        return read_split(name, set, &dir, false, progress);
    }
    if let Some((dir, set)) = env::var_os(DATA_VARIABLE).and_then(|given| found(given.as_ref())) {
        return read_split(name, set, &dir, false, progress);
    }
    let published = forms[0];
    if name == DatasetName::FashionMnist
        && let Some(dir) = directory_with(Path::new(SYSTEM_FASHION), name, published.files)
    {
        return read_split(name, published, &dir, true, progress);
    }
    let cached = cache_dir()?.join(name.as_str());
    let dir = match directory_with(&cached, name, published.files) {
        Some(dir) => dir,
        None => fetch::fetch(name, progress)?,
    };
    read_split(name, published, &dir, true, progress)
}

/// `given`, or its subdirectory of the dataset's name, whichever has all `files`.
fn directory_with(given: &Path, name: DatasetName, files: &[KnownFile]) -> Option<PathBuf> {
    [given.join(name.as_str()), given.to_path_buf()]
        .into_iter()
        .find(|dir| files.iter().all(|file| present(dir, file.name).is_some()))
}

/// The path of `file` in `dir`, plain or compressed.
fn present(dir: &Path, file: &str) -> Option<PathBuf> {
    [dir.join(file), dir.join(format!("{file}.gz"))]
        .into_iter()
        .find(|path| path.is_file())
}

/// Reads a file, unpacking it if its name ends in `.gz`.
pub(super) fn read_file(path: &Path) -> Result<Vec<u8>, DataError> {
    let file = fs::File::open(path).map_err(DataError::io("cannot open", path))?;
    let mut bytes = Vec::new();
    let read = if path.extension().is_some_and(|e| e == "gz") {
        flate2::read::GzDecoder::new(file)
            .take(MAX_FILE_BYTES)
            .read_to_end(&mut bytes)
    } else {
        let mut file = file.take(MAX_FILE_BYTES);
        file.read_to_end(&mut bytes)
    };
    read.map_err(DataError::io("cannot read", path))?;
    Ok(bytes)
}

/// SHA-256 in hexadecimal.
pub(crate) fn sha256_hex(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

/// Bytes in hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    let digit = |d: u8| char::from_digit(u32::from(d), 16).unwrap_or('0');
    bytes
        .iter()
        .flat_map(|b| [digit(b >> 4), digit(b & 15)])
        .collect()
}

/// Compares a file with the published ones: its digest, or why it is refused.
fn digest(
    name: DatasetName,
    file: &KnownFile,
    path: &Path,
    bytes: &[u8],
    must_be_published: bool,
) -> Result<FileDigest, DataError> {
    let sha256 = sha256_hex(bytes);
    let published = file.sha256 == Some(sha256.as_str());
    if !published {
        let owner = DatasetName::ALL.into_iter().find(|other| {
            let files = other.published_files();
            files.iter().any(|f| f.sha256 == Some(sha256.as_str()))
        });
        if let Some(found) = owner.filter(|&other| other != name) {
            return Err(DataError::WrongDataset {
                path: path.to_owned(),
                expected: name,
                found,
            });
        }
        if must_be_published {
            return Err(DataError::Checksum {
                path: path.to_owned(),
                expected: file.sha256.unwrap_or("unknown").to_owned(),
                actual: sha256,
            });
        }
    }
    Ok(FileDigest {
        name: file.name.to_owned(),
        sha256,
        published,
    })
}

/// A file as it was read.
struct Part {
    path: PathBuf,
    bytes: Vec<u8>,
}

impl Part {
    fn malformed(&self, reason: impl Into<String>) -> DataError {
        DataError::Malformed {
            path: self.path.clone(),
            reason: reason.into(),
        }
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
    for file in set.files {
        let path = present(dir, file.name).ok_or_else(|| DataError::NotInDirectory {
            dataset: name,
            dir: dir.to_owned(),
            file: file.name.to_owned(),
        })?;
        let bytes = read_file(&path)?;
        digests.push(digest(name, file, &path, &bytes, must_be_published)?);
        parts.push(Part { path, bytes });
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

fn from_idx(name: DatasetName, parts: &[Part]) -> Result<Dataset, DataError> {
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

fn from_png(name: DatasetName, parts: &[Part]) -> Result<Dataset, DataError> {
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

fn from_binary(name: DatasetName, parts: &[Part]) -> Result<Dataset, DataError> {
    let (mut pixels, mut labels) = (Vec::new(), Vec::new());
    let (shape, classes) = (name.shape(), name.classes());
    for part in parts {
        cifar::binary(&part.bytes, shape, classes.len(), &mut pixels, &mut labels)
            .map_err(|r| part.malformed(r))?;
    }
    Dataset::new(shape, pixels, labels, classes.to_vec())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may stop at a surprise")]
mod tests {
    use std::io::Write;

    use super::*;

    fn idx_file(dims: &[u32], data: &[u8]) -> Vec<u8> {
        let mut out = vec![0, 0, 8, u8::try_from(dims.len()).unwrap()];
        out.extend(dims.iter().flat_map(|d| d.to_be_bytes()));
        out.extend(data);
        out
    }

    fn write(dir: &Path, name: &str, bytes: &[u8]) {
        fs::write(dir.join(name), bytes).unwrap();
    }

    fn load_from(dir: &Path) -> Result<Dataset, DataError> {
        let source = Source {
            data_dir: Some(dir.to_owned()),
        };
        load(DatasetName::Mnist, Split::Test, &source, &mut |_| ())
    }

    #[test]
    fn a_users_directory_may_hold_plain_or_compressed_files_or_a_subdirectory() {
        let top = tempfile::tempdir().unwrap();
        let pixels: Vec<u8> = (0..2 * 784)
            .map(|i| u8::try_from(i % 251).unwrap())
            .collect();
        for sub in ["", "mnist"] {
            let dir = top.path().join(sub);
            fs::create_dir_all(&dir).unwrap();
            write(
                &dir,
                "t10k-images-idx3-ubyte",
                &idx_file(&[2, 28, 28], &pixels),
            );
            let gz = fs::File::create(dir.join("t10k-labels-idx1-ubyte.gz")).unwrap();
            let mut gz = flate2::write::GzEncoder::new(gz, flate2::Compression::fast());
            gz.write_all(&idx_file(&[2], &[7, 3])).unwrap();
            gz.finish().unwrap();
            let data = load_from(top.path()).unwrap();
            assert_eq!(data.labels(), [7, 3]);
            assert_eq!(data.image(1).unwrap(), &pixels[784..]);
            assert!(
                data.files()
                    .iter()
                    .all(|f| !f.published && f.sha256.len() == 64)
            );
        }
    }

    #[test]
    fn defects_name_the_file() {
        let dir = tempfile::tempdir().unwrap();
        let message = |dir: &Path| load_from(dir).unwrap_err().to_string();
        assert!(message(dir.path()).contains("t10k-images-idx3-ubyte"));
        write(
            dir.path(),
            "t10k-images-idx3-ubyte",
            &idx_file(&[1, 28, 28], &[0; 784]),
        );
        assert!(message(dir.path()).contains("t10k-labels-idx1-ubyte"));
        write(
            dir.path(),
            "t10k-labels-idx1-ubyte",
            &idx_file(&[2], &[0, 1]),
        );
        assert!(message(dir.path()).contains("2 labels for 1 images"));
        write(dir.path(), "t10k-labels-idx1-ubyte", &idx_file(&[1], &[10]));
        assert!(message(dir.path()).contains("label 10"));
        write(
            dir.path(),
            "t10k-images-idx3-ubyte",
            &idx_file(&[1, 27, 28], &[0; 756]),
        );
        assert!(message(dir.path()).contains("27x28"));
        write(dir.path(), "t10k-images-idx3-ubyte", b"no");
        assert!(message(dir.path()).contains("truncated"));
        fs::remove_file(dir.path().join("t10k-labels-idx1-ubyte")).unwrap();
        write(dir.path(), "t10k-labels-idx1-ubyte.gz", b"not gzip");
        write(
            dir.path(),
            "t10k-images-idx3-ubyte",
            &idx_file(&[1, 28, 28], &[0; 784]),
        );
        assert!(message(dir.path()).contains("t10k-labels-idx1-ubyte.gz"));
    }

    #[test]
    fn hashes_are_written_in_hexadecimal() {
        assert_eq!(
            sha256_hex(b"abc"),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
    }

    #[test]
    fn a_changed_cached_file_is_refused() {
        let file = DatasetName::Mnist.forms(Split::Test)[0].files[0];
        let error = digest(DatasetName::Mnist, &file, Path::new("f"), b"other", true).unwrap_err();
        assert!(matches!(error, DataError::Checksum { .. }));
        assert!(error.to_string().contains(file.sha256.unwrap()));
        assert!(
            !digest(DatasetName::Mnist, &file, Path::new("f"), b"other", false)
                .unwrap()
                .published
        );
    }
}
