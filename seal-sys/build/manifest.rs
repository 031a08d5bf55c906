//! The vendored package, the hash of its archive, and the hash of each file that is unpacked.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Component, Path, PathBuf};

use serde::Deserialize;
use sha2::{Digest, Sha256};

use super::failure::{Failure, Result};

/// `vendor/manifest.json`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// Name of the Cargo package whose archive carries SEAL.
    pub package: String,
    /// Version of that package.
    pub version: String,
    /// SHA-256 of the package's archive, in lower-case hexadecimal.
    pub archive_sha256: String,
    /// Version of the SEAL inside.
    pub seal_version: String,
    /// The folder of the archive that holds SEAL.
    pub root: String,
    /// The file beside the manifest that lists the hash of each unpacked file.
    pub checksums: String,
    /// Files and folders below `root` from which files are unpacked.
    pub unpacked: Vec<String>,
}

/// SHA-256 by path below SEAL's folder; paths use `/`.
pub type Checksums = BTreeMap<String, String>;

impl Manifest {
    /// Reads `manifest.json` and the list of hashes that it names.
    ///
    /// # Errors
    /// Fails if a file cannot be read or lacks required content.
    pub fn load(folder: &Path) -> Result<(Self, Checksums)> {
        let path = folder.join("manifest.json");
        let text = fs::read_to_string(&path).map_err(Failure::io("read", &path))?;
        let manifest: Self = serde_json::from_str(&text)
            .map_err(|e| Failure::new(format!("{} is malformed: {e}", path.display())))?;
        let path = folder.join(&manifest.checksums);
        let text = fs::read_to_string(&path).map_err(Failure::io("read", &path))?;
        let checksums = parse_checksums(&text)
            .map_err(|e| Failure::new(format!("{} is malformed: {e}", path.display())))?;
        let declared = |path: &str| {
            let path = Path::new(path);
            manifest.unpacked.iter().any(|part| path.starts_with(part))
        };
        if let Some(stray) = checksums.keys().find(|path| !declared(path)) {
            return Err(Failure::new(format!(
                "{} lists {stray}, which is below nothing that manifest.json declares as unpacked",
                path.display()
            )));
        }
        Ok((manifest, checksums))
    }

    /// The archive's file name in cargo's cache.
    pub fn archive_name(&self) -> String {
        format!("{}-{}.crate", self.package, self.version)
    }
}

/// Reads the format of `sha256sum`: 64 hexadecimal digits, two spaces, a path.
///
/// # Errors
/// Names the line that does not have this form, or whose path leaves the folder.
pub fn parse_checksums(text: &str) -> Result<Checksums> {
    let mut sums = Checksums::new();
    for (number, line) in text.lines().enumerate() {
        let bad = |why: &str| Failure::new(format!("line {}: {why}", number + 1));
        let (hash, path) = line
            .split_once("  ")
            .ok_or_else(|| bad("not a hash, two spaces and a path"))?;
        if hash.len() != 64 || !hash.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')) {
            return Err(bad("the hash is not 64 lower-case hexadecimal digits"));
        }
        if safe_path(Path::new(path)).is_none() {
            return Err(bad("the path leaves the folder"));
        }
        if sums.insert(path.to_owned(), hash.to_owned()).is_some() {
            return Err(bad("the path is listed twice"));
        }
    }
    if sums.is_empty() {
        return Err(Failure::new("it lists no file"));
    }
    Ok(sums)
}

/// Returns the path if it is relative and consists only of plain names, so that it cannot lead out of a folder.
pub fn safe_path(path: &Path) -> Option<PathBuf> {
    let plain = path.components().all(|c| matches!(c, Component::Normal(_)));
    (plain && path.components().next().is_some()).then(|| path.to_path_buf())
}

/// Computes the SHA-256 in lower-case hexadecimal.
pub fn sha256(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    Sha256::digest(bytes)
        .iter()
        .fold(String::with_capacity(64), |mut hex, byte| {
            // Writing to a String cannot fail.
            let _ = write!(hex, "{byte:02x}");
            hex
        })
}
