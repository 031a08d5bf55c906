//! Compiles SEAL with CMake: always in Release, static, position independent.

use std::env;
use std::path::Path;

use super::failure::Result;
use super::install::Install;
use super::manifest::sha256;
use super::source::{Roots, Tree};
use super::stage;
use super::tools;

/// Compiles and installs below cargo's output folder.
///
/// # Errors
/// A tool is missing or the output folder cannot be written. (If a compiler rejects the source, the
/// cmake crate stops the build with the compiler's own messages.)
pub fn build(tree: &Tree, roots: &Roots) -> Result<Install> {
    tools::check()?;
    // A folder for each source: changing SEAL_SOURCE_DIR to and fro compiles nothing anew.
    let origin = sha256(tree.origin.to_string_lossy().as_bytes());
    let work = roots.out_dir.join(format!("seal-{}", &origin[..12]));
    let source = work.join("source");
    stage::stage(&tree.files, &source)?;

    let x86_64 = env::var("CARGO_CFG_TARGET_ARCH").is_ok_and(|arch| arch == "x86_64");
    let hexl = x86_64 && env::var_os("CARGO_FEATURE_HEXL").is_some();
    let zstd = env::var_os("CARGO_FEATURE_ZSTD").is_some();

    let mut cmake = cmake::Config::new(&source);
    cmake
        .profile("Release")
        .out_dir(&work)
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
        .define("SEAL_USE_ZSTD", on_off(zstd))
        .define("SEAL_USE_INTEL_HEXL", on_off(hexl))
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
    if hexl {
        make_hexl_portable(&mut cmake, &roots.crate_dir.join("hexl"));
    }
    let prefix = cmake.build();
    Install::inspect(&prefix)
}

/// Has HEXL's CMake files find ours first; `hexl/cmake/hexl-util.cmake` explains what they change.
fn make_hexl_portable(cmake: &mut cmake::Config, ours: &Path) {
    println!("cargo::rerun-if-changed={}", ours.display());
    cmake
        .define("CMAKE_MODULE_PATH", ours.join("cmake"))
        .define("CpuFeatures_DIR", ours.join("CpuFeatures"));
}

fn on_off(on: bool) -> &'static str {
    if on { "ON" } else { "OFF" }
}
