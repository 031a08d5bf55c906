//! Compiles SEAL with CMake: always in Release, static, position independent.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use super::archive;
use super::failure::{Failure, Result};
use super::install::Install;
use super::manifest::sha256;
use super::source::{Roots, Tree};
use super::stage;
use super::tools;
use super::verify;

/// What decides how SEAL is compiled.
struct Options {
    hexl: bool,
    zstd: bool,
    /// Our additions to HEXL's CMake files.
    portable_hexl: PathBuf,
}

/// Compiles and installs SEAL, unless an earlier build did just that.
///
/// SEAL is compiled in the same way whatever cargo's profile, so all builds in one target folder (dev,
/// release, clippy) share one compiled SEAL.
///
/// # Errors
/// A tool is missing or the target folder cannot be written. (If a compiler rejects the source, the
/// cmake crate stops the build with the compiler's own messages.)
pub fn build(tree: &Tree, roots: &Roots) -> Result<Install> {
    let tools = tools::check()?;
    let x86_64 = env::var("CARGO_CFG_TARGET_ARCH").is_ok_and(|arch| arch == "x86_64");
    let options = Options {
        hexl: x86_64 && env::var_os("CARGO_FEATURE_HEXL").is_some(),
        zstd: env::var_os("CARGO_FEATURE_ZSTD").is_some(),
        portable_hexl: roots.crate_dir.join("hexl"),
    };
    let way = format!("{tools}{} {} {}", tree.origin, options.hexl, options.zstd);
    let state = fingerprint(tree, &options.portable_hexl, &way)?;

    let shared = shared_folder(&roots.out_dir);
    let work = shared.join(&sha256(way.as_bytes())[..16]);
    fs::create_dir_all(&work).map_err(Failure::io("create", &work))?;
    // Two builds that want the same SEAL: the second waits, and finds it compiled.
    let lock_path = work.join("lock");
    let lock = fs::File::create(&lock_path).map_err(Failure::io("create", &lock_path))?;
    lock.lock().map_err(Failure::io("lock", &lock_path))?;

    let done = work.join("compiled");
    let compiled = fs::read_to_string(&done).is_ok_and(|text| text == state);
    let install = match Install::inspect(&work) {
        Ok(install) if compiled => install,
        _ => {
            // Away first, so that an interrupted build is not taken for a finished one.
            if done.exists() {
                fs::remove_file(&done).map_err(Failure::io("remove", &done))?;
            }
            stage::stage(&tree.files, &work.join("source"))?;
            compile(&work, &options);
            let install = Install::inspect(&work)?;
            archive::write_aged(&done, state.as_bytes())?;
            install
        }
    };
    // If someone deletes the compiled SEAL, the build script has to run again.
    println!("cargo::rerun-if-changed={}", done.display());
    if options.hexl {
        println!(
            "cargo::rerun-if-changed={}",
            options.portable_hexl.display()
        );
    }
    Ok(install)
}

fn compile(work: &Path, options: &Options) {
    let source = work.join("source");
    let mut cmake = cmake::Config::new(&source);
    cmake
        .profile("Release")
        .out_dir(work)
        .pic(true)
        .define("CMAKE_INSTALL_LIBDIR", "lib")
        .define("CMAKE_POSITION_INDEPENDENT_CODE", "ON")
        .define("BUILD_SHARED_LIBS", "OFF")
        .define("SEAL_BUILD_DEPS", "ON")
        .define("SEAL_BUILD_SEAL_C", "ON")
        .define("SEAL_BUILD_STATIC_SEAL_C", "ON")
        .define("SEAL_BUILD_BENCH", "OFF")
        .define("SEAL_BUILD_EXAMPLES", "OFF")
        .define("SEAL_BUILD_TESTS", "OFF")
        .define("SEAL_USE_MSGSL", "OFF")
        .define("SEAL_USE_ZLIB", "OFF")
        .define("SEAL_USE_ZSTD", on_off(options.zstd))
        .define("SEAL_USE_INTEL_HEXL", on_off(options.hexl))
        // Nothing is downloaded while CMake runs.
        .define("FETCHCONTENT_FULLY_DISCONNECTED", "ON")
        // Zstandard's CMake file names a version of CMake that CMake 4 no longer imitates.
        .define("CMAKE_POLICY_VERSION_MINIMUM", "3.5");
    for name in ["zstd", "hexl"] {
        let fetched = source.join("thirdparty").join(format!("{name}-src"));
        if fetched.is_dir() {
            let variable = format!("FETCHCONTENT_SOURCE_DIR_{}", name.to_uppercase());
            cmake.define(variable, fetched);
        }
    }
    if options.hexl {
        // HEXL's CMake files find ours first; hexl/cmake/hexl-util.cmake explains what they change.
        let ours = &options.portable_hexl;
        cmake
            .define("CMAKE_MODULE_PATH", ours.join("cmake"))
            .define("CpuFeatures_DIR", ours.join("CpuFeatures"));
    }
    cmake.build();
}

/// Changes when any file that is compiled changes, or the way it is compiled.
fn fingerprint(tree: &Tree, portable_hexl: &Path, way: &str) -> Result<String> {
    let mut lines = vec![way.to_owned()];
    for (path, bytes) in &tree.files {
        lines.push(format!("{path} {}", sha256(bytes)));
    }
    let mut ours = Vec::new();
    verify::list_files(portable_hexl, "", &mut ours)?;
    for path in ours {
        let full = portable_hexl.join(&path);
        let bytes = fs::read(&full).map_err(Failure::io("read", &full))?;
        lines.push(format!("hexl/{path} {}", sha256(&bytes)));
    }
    // The options in `compile` are part of the way, too.
    lines.push(include_str!("compile.rs").to_owned());
    Ok(sha256(lines.join("\n").as_bytes()))
}

/// A folder that all builds in cargo's target folder share; cargo marks the target folder with a file.
fn shared_folder(out_dir: &Path) -> PathBuf {
    out_dir
        .ancestors()
        .find(|folder| folder.join("CACHEDIR.TAG").is_file())
        .unwrap_or(out_dir)
        .join("seal")
}

fn on_off(on: bool) -> &'static str {
    if on { "ON" } else { "OFF" }
}
