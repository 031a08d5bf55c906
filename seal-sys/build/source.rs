//! Decides which source of SEAL to use. `vendor/README.md` states the order.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use super::archive;
use super::failure::{Failure, Result};
use super::manifest::Manifest;
use super::verify::{self, File};

/// The folders that cargo gives to the build.
pub struct Roots {
    /// The folder of `seal-sys`.
    pub crate_dir: PathBuf,
    /// The folder that the build may write to.
    pub out_dir: PathBuf,
}

/// The source from which SEAL is taken.
pub enum Source {
    /// A SEAL that someone else built and installed: the folder that holds `include/` and `lib/`.
    Installed(PathBuf),
    /// Source code to compile.
    Tree(Tree),
}

/// SEAL's source, read into memory.
pub struct Tree {
    /// The place that the source was read from, which distinguishes the builds of different sources.
    pub origin: String,
    /// All files that a build needs.
    pub files: Vec<File>,
}

/// The optional parts of a build that have source code of their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Parts {
    /// Intel HEXL.
    pub hexl: bool,
    /// Zstandard.
    pub zstd: bool,
}

impl Parts {
    /// Returns the parts that the features ask for; HEXL only on x86-64.
    pub fn from_env() -> Self {
        let x86_64 = env::var("CARGO_CFG_TARGET_ARCH").is_ok_and(|arch| arch == "x86_64");
        Self {
            hexl: x86_64 && env::var_os("CARGO_FEATURE_HEXL").is_some(),
            zstd: env::var_os("CARGO_FEATURE_ZSTD").is_some(),
        }
    }

    /// Lists the folders below `thirdparty` that are needed but not among the files.
    pub fn missing(self, files: &[File]) -> Vec<&'static str> {
        [("zstd", self.zstd), ("hexl", self.hexl)]
            .into_iter()
            .filter(|&(name, wanted)| {
                let places = [
                    format!("thirdparty/{name}/"),
                    format!("thirdparty/{name}-src/"),
                ];
                wanted
                    && !files
                        .iter()
                        .any(|(path, _)| places.iter().any(|place| path.starts_with(place)))
            })
            .map(|(name, _)| name)
            .collect()
    }
}

/// Takes the first that is present of `SEAL_DIR`, `SEAL_SOURCE_DIR`, `vendor/SEAL` and the package's archive.
///
/// # Errors
/// Fails if the chosen source is unusable; later ones are not tried in its place.
pub fn find(roots: &Roots) -> Result<Source> {
    println!("cargo::rerun-if-env-changed=SEAL_DIR");
    println!("cargo::rerun-if-env-changed=SEAL_SOURCE_DIR");
    if let Some(prefix) = folder_from_env("SEAL_DIR")? {
        return Ok(Source::Installed(prefix));
    }
    if let Some(checkout) = folder_from_env("SEAL_SOURCE_DIR")? {
        return read_checkout(&checkout, roots).map(Source::Tree);
    }
    read_vendored(roots).map(Source::Tree)
}

fn folder_from_env(name: &str) -> Result<Option<PathBuf>> {
    let Some(value) = env::var_os(name).filter(|value| !value.is_empty()) else {
        return Ok(None);
    };
    let path = PathBuf::from(value);
    fs::canonicalize(&path)
        .ok()
        .filter(|path| path.is_dir())
        .map(Some)
        .ok_or_else(|| Failure::new(format!("{name} is {}, which is no folder", path.display())))
}

/// Reads the verified source, unpacking it first if it is not there.
fn read_vendored(roots: &Roots) -> Result<Tree> {
    let (data, in_repository) = data_folder(&roots.crate_dir);
    let (manifest, sums) = Manifest::load(&data)?;
    println!(
        "cargo::rerun-if-changed={}",
        data.join("manifest.json").display()
    );
    println!(
        "cargo::rerun-if-changed={}",
        data.join(&manifest.checksums).display()
    );
    let beside = data.join("SEAL");
    let ways = archive::other_ways(&beside);
    // Use source that is there already, wherever it is. Leave a published package, or a checkout that is not writable,
    // unchanged, and unpack the source where the build may write.
    let tree = if beside.exists() || (in_repository && !read_only(&data)) {
        beside
    } else {
        roots.out_dir.join("SEAL")
    };
    if !tree.exists() {
        let archive = archive::obtain(&manifest, &roots.out_dir, &ways)?;
        archive::unpack(&archive, &manifest, &sums, &tree)?;
    }
    println!("cargo::rerun-if-changed={}", tree.display());
    let files = verify::verified_files(&tree, &sums)?;
    let version = files
        .iter()
        .find(|(path, _)| path == "CMakeLists.txt")
        .and_then(|(_, bytes)| project_version(&String::from_utf8_lossy(bytes)));
    if version.as_deref() != Some(manifest.seal_version.as_str()) {
        return Err(Failure::new(format!(
            "{} holds SEAL {}, but vendor/manifest.json says {}",
            tree.display(),
            version.as_deref().unwrap_or("of no version"),
            manifest.seal_version
        )));
    }
    Ok(Tree {
        // Verified source is the same wherever it is.
        origin: manifest.root,
        files,
    })
}

/// Returns the folder with the manifest, and true if that folder is the repository's. In the repository `vendor` is
/// beside `seal-sys`; a published package holds the two small files itself.
pub fn data_folder(crate_dir: &Path) -> (PathBuf, bool) {
    let beside = crate_dir.join("..").join("vendor");
    match fs::canonicalize(&beside) {
        Ok(beside) if beside.join("manifest.json").is_file() => (beside, true),
        _ => (crate_dir.join("vendor"), false),
    }
}

fn read_only(folder: &Path) -> bool {
    let probe = folder.join(".SEAL-probe");
    let outcome = fs::write(&probe, b"");
    // If the file stays after all, it is empty and ignored by git.
    let _ = fs::remove_file(&probe);
    outcome.is_err()
}

/// The parts of a checkout that a build reads.
const PARTS: [&str; 8] = [
    "CMakeLists.txt",
    "LICENSE",
    "NOTICE",
    "cmake",
    "dotnet",
    "native/src",
    "pkgconfig",
    "thirdparty",
];

/// Reads a user's own checkout. It is not compared with any list of hashes; allowing changes is its purpose.
fn read_checkout(checkout: &Path, roots: &Roots) -> Result<Tree> {
    let cmake = checkout.join("CMakeLists.txt");
    let text = fs::read_to_string(&cmake).unwrap_or_default();
    let version = project_version(&text).ok_or_else(|| {
        Failure::new(format!(
            "SEAL_SOURCE_DIR is no checkout of SEAL 4.x: {} is missing or does not say `project(SEAL VERSION ...)`",
            cmake.display()
        ))
    })?;
    if !version.starts_with("4.") {
        return Err(Failure::new(format!(
            "SEAL_SOURCE_DIR holds SEAL {version}, but seal-sys needs SEAL 4.x"
        )));
    }
    let mut files = Vec::new();
    for part in PARTS {
        let full = checkout.join(part);
        if full.is_file() {
            files.push((part.to_owned(), read(&full)?));
        } else if full.is_dir() {
            let mut below = Vec::new();
            verify::list_files(&full, "", &mut below)?;
            for path in below {
                let bytes = read(&full.join(&path))?;
                files.push((format!("{part}/{path}"), bytes));
            }
        } else {
            continue;
        }
        println!("cargo::rerun-if-changed={}", full.display());
    }
    add_third_party(&mut files, roots)?;
    Ok(Tree {
        origin: checkout.display().to_string(),
        files,
    })
}

/// Adds third-party source to a checkout. SEAL's own repository downloads Zstandard and HEXL while CMake runs, but
/// nothing is downloaded here: the verified copies of those that the features ask for go where SEAL's CMake files would
/// have put the downloads.
fn add_third_party(files: &mut Vec<File>, roots: &Roots) -> Result<()> {
    let missing = Parts::from_env().missing(files);
    if missing.is_empty() {
        return Ok(());
    }
    for (path, bytes) in read_vendored(roots)?.files {
        for name in &missing {
            if let Some(below) = path.strip_prefix(&format!("thirdparty/{name}/")) {
                files.push((format!("thirdparty/{name}-src/{below}"), bytes.clone()));
            }
        }
    }
    Ok(())
}

fn read(path: &Path) -> Result<Vec<u8>> {
    fs::read(path).map_err(Failure::io("read", path))
}

/// Parses the version in `project(SEAL VERSION 4.0.0 ...)`.
fn project_version(cmake: &str) -> Option<String> {
    let (_, rest) = cmake.split_once("project(SEAL VERSION")?;
    let version = rest.split_whitespace().next()?.trim_end_matches(')');
    let numbers = version.split('.').all(|n| n.parse::<u32>().is_ok());
    numbers.then(|| version.to_owned())
}
