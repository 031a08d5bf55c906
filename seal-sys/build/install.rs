//! Inspects an installed SEAL, ours or someone else's, and tells cargo how to link it.

use std::collections::BTreeSet;
use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use super::failure::{Failure, Result};
use super::layout;

/// An installed SEAL.
pub struct Install {
    /// The folder to pass to the compiler; `seal/seal.h` is below it.
    pub include: PathBuf,
    /// The folder with the libraries.
    pub lib: PathBuf,
    /// SEAL's version.
    pub version: String,
    /// The names that SEAL's configuration header defines.
    defined: BTreeSet<String>,
    /// The libraries in the order in which they are linked.
    libraries: Vec<Library>,
}

struct Library {
    kind: &'static str,
    name: String,
    file: PathBuf,
}

impl Install {
    /// Reads SEAL's configuration from its headers and finds its libraries. `triple` names the target.
    ///
    /// # Errors
    /// Fails if the folder holds no SEAL 4.x.
    pub fn inspect(prefix: &Path, triple: &str) -> Result<Self> {
        let includes = find_includes(prefix)?;
        let folders: Vec<PathBuf> = layout::library_folders(triple)
            .iter()
            .map(|name| prefix.join(name))
            .filter(|folder| folder.is_dir())
            .collect();
        // Headers and libraries must be of one version, and several versions may be installed.
        let mut failure = None;
        for include in includes {
            match Self::with(prefix, include, &folders, triple) {
                Ok(install) => return Ok(install),
                Err(why) => failure = failure.or(Some(why)),
            }
        }
        Err(failure.unwrap_or_else(|| Failure::new("no headers")))
    }

    fn with(prefix: &Path, include: PathBuf, folders: &[PathBuf], triple: &str) -> Result<Self> {
        let config = include.join("seal").join("util").join("config.h");
        let text = fs::read_to_string(&config).map_err(Failure::io("read", &config))?;
        let version = text
            .lines()
            .find_map(|line| line.strip_prefix("#define SEAL_VERSION \""))
            .and_then(|rest| rest.split('"').next())
            .unwrap_or_default()
            .to_owned();
        let series: Vec<&str> = version.split('.').take(2).collect();
        if series.first() != Some(&"4") || series.len() < 2 {
            return Err(Failure::new(format!(
                "{} says SEAL {version}, but seal-sys needs SEAL 4.x",
                config.display()
            )));
        }
        let series = series.join(".");
        let defined: BTreeSet<String> = text
            .lines()
            .filter_map(|line| line.strip_prefix("#define "))
            .filter_map(|rest| rest.split_whitespace().next())
            .map(str::to_owned)
            .collect();
        let Some((lib, seal)) = folders.iter().find_map(|lib| {
            let library = find_library(lib, &format!("seal-{series}"), "seal")?;
            Some((lib.clone(), library))
        }) else {
            return Err(Failure::new(format!(
                "{} holds headers of SEAL {version}, but none of its folders {} holds the library (libseal-{series}.a \
                 or libseal.so)",
                prefix.display(),
                layout::library_folders(triple).join(", ")
            )));
        };

        let mut libraries = Vec::new();
        libraries.extend(find_library(&lib, &format!("sealc-{series}"), "sealc"));
        libraries.push(seal);
        // SEAL's static library usually contains these two; a SEAL built with SEAL_BUILD_DEPS=OFF does not.
        for (macro_name, name) in [
            ("SEAL_USE_INTEL_HEXL", "hexl"),
            ("SEAL_USE_ZSTD", "zstd"),
            ("SEAL_USE_ZLIB", "z"),
        ] {
            if defined.contains(macro_name) {
                libraries.extend(find_library(&lib, name, name));
            }
        }
        Ok(Self {
            include,
            lib,
            version,
            defined,
            libraries,
        })
    }

    /// Makes cargo run the build script again when this installation, which someone else made, changes.
    pub fn watch(&self) {
        let config = self.include.join("seal").join("util").join("config.h");
        println!("cargo::rerun-if-changed={}", config.display());
        for library in &self.libraries {
            println!("cargo::rerun-if-changed={}", library.file.display());
        }
    }

    /// Prints what cargo passes to the linker, to dependent packages (`DEP_SEAL_*`) and to this crate.
    pub fn announce(&self) {
        println!("cargo::rustc-link-search=native={}", self.lib.display());
        for library in &self.libraries {
            println!("cargo::rustc-link-lib={}={}", library.kind, library.name);
        }
        for name in runtime_libraries() {
            println!("cargo::rustc-link-lib=dylib={name}");
        }
        let has = |macro_name: &str| u8::from(self.defined.contains(macro_name)).to_string();
        let hexl = has("SEAL_USE_INTEL_HEXL");
        let zstd = has("SEAL_USE_ZSTD");
        let throws = has("SEAL_THROW_ON_TRANSPARENT_CIPHERTEXT");
        let c_layer = self
            .libraries
            .iter()
            .any(|library| library.name.starts_with("sealc"));
        let include = self.include.display().to_string();
        for (key, value) in [
            ("include", &include),
            ("lib", &self.lib.display().to_string()),
            ("version", &self.version),
            ("hexl", &hexl),
            ("zstd", &zstd),
            ("c_layer", &u8::from(c_layer).to_string()),
        ] {
            println!("cargo::metadata={key}={value}");
        }
        for (key, value) in [
            ("INCLUDE", &include),
            ("VERSION", &self.version),
            ("HEXL", &hexl),
            ("ZSTD", &zstd),
            ("THROWS_ON_TRANSPARENT", &throws),
        ] {
            println!("cargo::rustc-env=SEAL_SYS_{key}={value}");
        }
        if c_layer {
            println!("cargo::rustc-cfg=seal_c");
        }
    }
}

/// Lists `include/SEAL-4.x` (SEAL's own convention), newest first, and `include` (the convention of some
/// distributions).
fn find_includes(prefix: &Path) -> Result<Vec<PathBuf>> {
    let include = prefix.join("include");
    let mut versions: Vec<(u32, PathBuf)> = fs::read_dir(&include)
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| {
            let name = entry.file_name().into_string().ok()?;
            let minor = name.strip_prefix("SEAL-4.")?.split('.').next()?;
            Some((minor.parse().ok()?, entry.path()))
        })
        .collect();
    versions.sort();
    versions.reverse();
    let places: Vec<PathBuf> = versions
        .into_iter()
        .map(|(_, path)| path)
        .chain([include])
        .filter(|place| place.join("seal").join("seal.h").is_file())
        .collect();
    if places.is_empty() {
        return Err(Failure::new(format!(
            "{} holds no SEAL 4.x: there is no include/SEAL-4.x/seal/seal.h in it",
            prefix.display()
        )));
    }
    Ok(places)
}

/// Finds a static library, or else a shared one. Shared libraries have no version in their names.
fn find_library(lib: &Path, static_name: &str, shared_name: &str) -> Option<Library> {
    let candidates = [
        ("static", static_name, format!("lib{static_name}.a")),
        ("static", static_name, format!("{static_name}.lib")),
        ("dylib", shared_name, format!("lib{shared_name}.so")),
        ("dylib", shared_name, format!("lib{shared_name}.dylib")),
    ];
    candidates
        .into_iter()
        .map(|(kind, name, file)| Library {
            kind,
            name: name.to_owned(),
            file: lib.join(file),
        })
        .find(|library| library.file.is_file())
}

/// Lists the libraries of the C++ runtime and of threads.
fn runtime_libraries() -> Vec<String> {
    println!("cargo::rerun-if-env-changed=CXXSTDLIB");
    let os = env::var("CARGO_CFG_TARGET_OS").unwrap_or_default();
    let environment = env::var("CARGO_CFG_TARGET_ENV").unwrap_or_default();
    let cxx = env::var("CXXSTDLIB").ok().or_else(|| {
        let name = match (os.as_str(), environment.as_str()) {
            (_, "msvc") => return None,
            ("macos" | "ios" | "freebsd" | "openbsd", _) => "c++",
            ("android", _) => "c++_shared",
            _ => "stdc++",
        };
        Some(name.to_owned())
    });
    let threads = (os == "linux").then(|| "pthread".to_owned());
    cxx.into_iter().chain(threads).collect()
}
