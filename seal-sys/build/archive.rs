//! Finds the package's archive through cargo, checks it, and unpacks SEAL from it.

use std::env;
use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::{self, Command};
use std::time::{Duration, SystemTime};

use super::failure::{Failure, Result};
use super::manifest::{Checksums, Manifest, safe_path, sha256};
use super::offline;

/// Says what to do if cargo cannot fetch. `tree` is the folder from which unpacked source would be taken.
pub fn other_ways(tree: &Path) -> String {
    format!(
        "set SEAL_SOURCE_DIR to a checkout of SEAL 4.x or SEAL_DIR to an installed SEAL, copy vendor/SEAL of a \
         checkout of this project that was built before to {}, or build once where cargo has a network",
        tree.display()
    )
}

/// Returns the checked archive from cargo's cache. If it is not there, asks cargo to fetch it.
///
/// # Errors
/// Fails if cargo cannot or must not fetch it, or if its hash is not the committed one. `ways` says what else can be
/// done.
pub fn obtain(manifest: &Manifest, out_dir: &Path, ways: &str) -> Result<Vec<u8>> {
    let mut candidates = cached(manifest);
    if candidates.is_empty() {
        if let Some(reason) = offline::reason(out_dir) {
            return Err(Failure::new(format!(
                "SEAL's source, {}, is not in cargo's cache, and cargo is offline ({reason}): {ways}",
                manifest.archive_name()
            )));
        }
        fetch(manifest, ways)?;
        candidates = cached(manifest);
    }
    let Some(last) = candidates.last() else {
        return Err(Failure::new(format!(
            "cargo did not leave {} in its cache; {ways}",
            manifest.archive_name()
        )));
    };
    let mut outcome = Err(Failure::new(format!("cannot use {}", last.display())));
    for path in &candidates {
        let bytes = fs::read(path).map_err(Failure::io("read", path))?;
        outcome = check(path, &bytes, &manifest.archive_sha256).map(|()| bytes);
        if outcome.is_ok() {
            break;
        }
    }
    outcome
}

/// Compares an archive's hash with the committed one.
///
/// # Errors
/// Fails if the hashes differ.
pub fn check(path: &Path, bytes: &[u8], expected: &str) -> Result<()> {
    let actual = sha256(bytes);
    if actual == expected {
        return Ok(());
    }
    Err(Failure::new(format!(
        "{} has SHA-256 {actual}, but vendor/manifest.json asks for {expected}; delete it and build again",
        path.display()
    )))
}

/// Lists the copies of the archive in cargo's cache, one for each registry that it was fetched from.
fn cached(manifest: &Manifest) -> Vec<PathBuf> {
    let Some(cache) = cargo_home().map(|home| home.join("registry").join("cache")) else {
        return Vec::new();
    };
    let mut found: Vec<PathBuf> = fs::read_dir(cache)
        .into_iter()
        .flatten()
        .flatten()
        .map(|registry| registry.path().join(manifest.archive_name()))
        .filter(|path| path.is_file())
        .collect();
    found.sort();
    found
}

fn cargo_home() -> Option<PathBuf> {
    env::var_os("CARGO_HOME")
        .map(PathBuf::from)
        .or_else(|| env::home_dir().map(|home| home.join(".cargo")))
}

/// Makes cargo download the archive: cargo fetches a package in order to describe it.
fn fetch(manifest: &Manifest, ways: &str) -> Result<()> {
    let package = format!("{}@{}", manifest.package, manifest.version);
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    // Cargo's own folder is outside the workspace, so the workspace's lock file and configuration stay untouched.
    let outside = cargo_home().unwrap_or_else(env::temp_dir);
    fs::create_dir_all(&outside).map_err(Failure::io("create", &outside))?;
    let mut command = Command::new(&cargo);
    command
        .args(["info", "--color", "never", &package])
        .current_dir(&outside);
    // Without a network, cargo would by default wait for minutes.
    for (name, value) in [("CARGO_NET_RETRY", "1"), ("CARGO_HTTP_TIMEOUT", "15")] {
        if env::var_os(name).is_none() {
            command.env(name, value);
        }
    }
    let output = command.output();
    let output = output.map_err(Failure::io("run", Path::new(&cargo)))?;
    if output.status.success() {
        return Ok(());
    }
    let stderr = String::from_utf8_lossy(&output.stderr);
    let reason = stderr
        .lines()
        .map(str::trim)
        .find(|line| line.starts_with("error"))
        .unwrap_or("cargo gave no reason");
    Err(Failure::new(format!(
        "SEAL's source could not be fetched with `cargo info {package}` ({reason}); {ways}"
    )))
}

/// Unpacks the listed files into `tree`, all or nothing: it unpacks into a temporary folder beside `tree` and then
/// renames that folder. If another build was faster, its tree stays (and is verified like any other).
///
/// # Errors
/// Fails if the archive is malformed, has a path that leaves its folder, or lacks or alters a listed file, or if `tree`
/// cannot be written.
pub fn unpack(archive: &[u8], manifest: &Manifest, sums: &Checksums, tree: &Path) -> Result<()> {
    let parent = tree.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(parent).map_err(Failure::io("create", parent))?;
    let temporary = Temporary(parent.join(format!(".SEAL-{}", process::id())));
    extract(archive, manifest, sums, &temporary.0)?;
    age_folders(&temporary.0)?;
    match fs::rename(&temporary.0, tree) {
        Err(_) if tree.is_dir() => Ok(()),
        outcome => outcome.map_err(Failure::io("create", tree)),
    }
}

fn extract(archive: &[u8], manifest: &Manifest, sums: &Checksums, into: &Path) -> Result<()> {
    let malformed =
        |e: std::io::Error| Failure::new(format!("{} is malformed: {e}", manifest.archive_name()));
    let mut left = sums.clone();
    let mut tar = tar::Archive::new(flate2::read::GzDecoder::new(archive));
    for entry in tar.entries().map_err(malformed)? {
        let mut entry = entry.map_err(malformed)?;
        let path = entry.path().map_err(malformed)?.into_owned();
        let name = path.to_string_lossy().into_owned();
        if safe_path(&path).is_none() {
            return Err(Failure::new(format!(
                "{} holds the path {name}, which leaves its folder",
                manifest.archive_name()
            )));
        }
        let Some(listed) = path
            .strip_prefix(&manifest.root)
            .ok()
            .and_then(|below| below.to_str())
            .and_then(|below| left.remove_entry(below))
        else {
            continue;
        };
        let (below, expected) = listed;
        if !entry.header().entry_type().is_file() {
            return Err(Failure::new(format!("{name} in the archive is not a file")));
        }
        let mut bytes = Vec::new();
        entry.read_to_end(&mut bytes).map_err(malformed)?;
        if sha256(&bytes) != expected {
            return Err(Failure::new(format!(
                "{name} in the archive differs from its committed SHA-256"
            )));
        }
        write_aged(&into.join(below), &bytes)?;
    }
    match left.first_key_value() {
        None => Ok(()),
        Some((path, _)) => Err(Failure::new(format!(
            "{} lacks {}/{path}",
            manifest.archive_name(),
            manifest.root
        ))),
    }
}

/// Returns a date for the files that the build script itself unpacks: September 2001. Cargo runs a build script again
/// if a file that it read is younger than the last run, so these files are dated back.
fn long_ago() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000)
}

/// Writes a file and dates it back.
pub fn write_aged(path: &Path, bytes: &[u8]) -> Result<()> {
    use std::io::Write as _;
    let folder = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder).map_err(Failure::io("create", folder))?;
    let mut file = fs::File::create(path).map_err(Failure::io("create", path))?;
    file.write_all(bytes)
        .and_then(|()| file.set_modified(long_ago()))
        .map_err(Failure::io("write", path))
}

fn age_folders(folder: &Path) -> Result<()> {
    for entry in fs::read_dir(folder).map_err(Failure::io("read the folder", folder))? {
        let path = entry
            .map_err(Failure::io("read the folder", folder))?
            .path();
        if path.is_dir() {
            age_folders(&path)?;
        }
    }
    // If folders cannot be dated, the next build merely verifies once more.
    let _ = fs::File::open(folder).and_then(|folder| folder.set_modified(long_ago()));
    Ok(())
}

/// A folder that is removed when it is no longer needed.
struct Temporary(PathBuf);

impl Drop for Temporary {
    fn drop(&mut self) {
        // The folder has already been renamed, or is a leftover that git ignores.
        let _ = fs::remove_dir_all(&self.0);
    }
}
