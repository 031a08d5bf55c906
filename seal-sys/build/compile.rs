//! Compiles SEAL with CMake: always in Release mode, static, and position-independent.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use super::archive;
use super::cross;
use super::failure::{Failure, Result};
use super::install::Install;
use super::layout;
use super::manifest::sha256;
use super::source::{Parts, Roots, Tree};
use super::stage;
use super::tools;
use super::verify;

/// Compiles and installs SEAL, unless an earlier build already did so.
///
/// SEAL is compiled in the same way for every cargo profile, so all builds in one target folder (dev, release, clippy)
/// share one compiled SEAL.
///
/// # Errors
/// Fails if a tool is missing or the target folder cannot be written. (If a compiler rejects the source, the cmake
/// crate stops the build with the compiler's own messages.)
pub fn build(tree: &Tree, roots: &Roots, triple: &str) -> Result<Install> {
    let host = env::var("HOST").unwrap_or_default();
    let tools = tools::check(&host, triple)?;
    let parts = Parts::from_env();
    let options = options(parts, host != triple);
    let portable_hexl = roots.crate_dir.join("hexl");
    let allocate = roots.crate_dir.join("cxx").join("allocate.h");
    let way = format!("{tools}{} {options:?}", tree.origin);
    let state = fingerprint(tree, &portable_hexl, &allocate, &way)?;

    // Each way of building has its own folder, so builds that alternate between two ways compile each only once.
    let shared = layout::target_folder(&roots.out_dir, triple)
        .unwrap_or(&roots.out_dir)
        .join("seal");
    let work = shared.join(&sha256(way.as_bytes())[..16]);
    fs::create_dir_all(&work).map_err(Failure::io("create", &work))?;
    // If two builds want the same SEAL, the second waits and then finds it compiled.
    let lock_path = work.join("lock");
    let lock = fs::File::create(&lock_path).map_err(Failure::io("create", &lock_path))?;
    lock.lock().map_err(Failure::io("lock", &lock_path))?;

    let done = work.join("compiled");
    let compiled = fs::read_to_string(&done).is_ok_and(|text| text == state);
    let install = match Install::inspect(&work, triple) {
        Ok(install) if compiled => install,
        _ => {
            // Remove this first, so that an interrupted build is not taken for a finished one.
            if done.exists() {
                fs::remove_file(&done).map_err(Failure::io("remove", &done))?;
            }
            stage::stage(&tree.files, &work.join("source"))?;
            compile(
                &work,
                &options,
                &allocate,
                parts.hexl.then_some(&portable_hexl),
            );
            let install = Install::inspect(&work, triple)?;
            archive::write_aged(&done, state.as_bytes())?;
            install
        }
    };
    // If the compiled SEAL is deleted, the build script has to run again.
    println!("cargo::rerun-if-changed={}", done.display());
    println!("cargo::rerun-if-changed={}", allocate.display());
    if parts.hexl {
        println!("cargo::rerun-if-changed={}", portable_hexl.display());
    }
    Ok(install)
}

/// Returns the options passed to CMake, except for paths.
fn options(parts: Parts, is_cross: bool) -> Vec<(&'static str, &'static str)> {
    let on_off = |on: bool| if on { "ON" } else { "OFF" };
    let mut options = vec![
        ("CMAKE_INSTALL_LIBDIR", "lib"),
        ("CMAKE_POSITION_INDEPENDENT_CODE", "ON"),
        ("BUILD_SHARED_LIBS", "OFF"),
        ("SEAL_BUILD_DEPS", "ON"),
        ("SEAL_BUILD_SEAL_C", "ON"),
        ("SEAL_BUILD_STATIC_SEAL_C", "ON"),
        ("SEAL_BUILD_BENCH", "OFF"),
        ("SEAL_BUILD_EXAMPLES", "OFF"),
        ("SEAL_BUILD_TESTS", "OFF"),
        ("SEAL_USE_MSGSL", "OFF"),
        // With OFF, SEAL takes the functions of cxx/allocate.h.
        ("SEAL_USE_ALIGNED_ALLOC", "OFF"),
        ("SEAL_USE_ZLIB", "OFF"),
        ("SEAL_USE_ZSTD", on_off(parts.zstd)),
        ("SEAL_USE_INTEL_HEXL", on_off(parts.hexl)),
        // Nothing is downloaded while CMake runs.
        ("FETCHCONTENT_FULLY_DISCONNECTED", "ON"),
        // Zstandard's CMake file names a version of CMake that CMake 4 no longer emulates.
        ("CMAKE_POLICY_VERSION_MINIMUM", "3.5"),
    ];
    if is_cross {
        let variable =
            |name: &str| env::var(format!("CARGO_CFG_TARGET_{name}")).unwrap_or_default();
        options.extend(cross::results(&cross::Target {
            arch: &variable("ARCH"),
            vendor: &variable("VENDOR"),
            env: &variable("ENV"),
        }));
    }
    options
}

fn compile(
    work: &Path,
    options: &[(&str, &str)],
    allocate: &Path,
    portable_hexl: Option<&PathBuf>,
) {
    let source = work.join("source");
    let mut cmake = cmake::Config::new(&source);
    cmake.profile("Release").out_dir(work).pic(true);
    // Quoted, because CMake splits the options at spaces.
    cmake.cxxflag(format!("-include \"{}\"", allocate.display()));
    for (name, value) in options {
        cmake.define(name, value);
    }
    for name in ["zstd", "hexl"] {
        let fetched = source.join("thirdparty").join(format!("{name}-src"));
        if fetched.is_dir() {
            let variable = format!("FETCHCONTENT_SOURCE_DIR_{}", name.to_uppercase());
            cmake.define(variable, fetched);
        }
    }
    if let Some(ours) = portable_hexl {
        // HEXL's CMake files find our files first; hexl/cmake/hexl-util.cmake explains what these change.
        cmake
            .define("CMAKE_MODULE_PATH", ours.join("cmake"))
            .define("CpuFeatures_DIR", ours.join("CpuFeatures"));
    }
    cmake.build();
}

/// Computes a fingerprint that changes when any compiled file changes, or the way it is compiled.
fn fingerprint(tree: &Tree, portable_hexl: &Path, allocate: &Path, way: &str) -> Result<String> {
    let header = fs::read(allocate).map_err(Failure::io("read", allocate))?;
    let mut lines = vec![way.to_owned(), sha256(&header)];
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
    Ok(sha256(lines.join("\n").as_bytes()))
}
