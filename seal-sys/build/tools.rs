//! Asks for the tools before they are needed, so that a missing one is named in one sentence.

use std::env;
use std::ffi::OsStr;
use std::process::{Command, Stdio};

use super::failure::{Failure, Result};

/// The oldest CMake that knows all commands used in `hexl/cmake/`.
const CMAKE: (u32, u32) = (3, 19);

/// Checks that there are CMake, a C++ compiler and a tool that runs CMake's build.
///
/// # Errors
/// Names what is missing and how to install it.
pub fn check() -> Result<()> {
    for name in ["CMAKE", "CMAKE_GENERATOR", "CC", "CXX"] {
        println!("cargo::rerun-if-env-changed={name}");
    }
    let cmake = env::var_os("CMAKE").unwrap_or_else(|| "cmake".into());
    match version_text(&cmake).as_deref().map(cmake_version) {
        None => return Err(missing("CMake", "cmake")),
        Some(Some(found)) if found < CMAKE => {
            return Err(Failure::new(format!(
                "building SEAL needs CMake {}.{} or newer, but {} is {}.{}: install a newer one",
                CMAKE.0,
                CMAKE.1,
                cmake.to_string_lossy(),
                found.0,
                found.1
            )));
        }
        Some(_) => {}
    }
    let compiler = cc::Build::new()
        .cpp(true)
        .cargo_metadata(false)
        .try_get_compiler()
        .ok()
        .filter(|compiler| runs(compiler.path().as_os_str()));
    if compiler.is_none() {
        return Err(missing("a C++ compiler", "g++"));
    }
    let unix = env::var_os("CARGO_CFG_UNIX").is_some();
    if unix && env::var_os("CMAKE_GENERATOR").is_none() && !runs(OsStr::new("make")) {
        return Err(missing("make", "make"));
    }
    Ok(())
}

fn missing(tool: &str, package: &str) -> Failure {
    Failure::new(format!(
        "building SEAL needs {tool}, which was not found: install it (Debian: apt-get install {package}; \
         all that is needed: apt-get install cmake g++ make), or set SEAL_DIR to an installed SEAL"
    ))
}

fn runs(program: &OsStr) -> bool {
    Command::new(program)
        .arg("--version")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok()
}

fn version_text(program: &OsStr) -> Option<String> {
    let output = Command::new(program).arg("--version").output().ok()?;
    output
        .status
        .success()
        .then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Major and minor number in "cmake version 3.25.1".
fn cmake_version(text: &str) -> Option<(u32, u32)> {
    let number = text.lines().next()?.split_whitespace().nth(2)?;
    let mut parts = number.split('.').map(str::parse::<u32>);
    Some((parts.next()?.ok()?, parts.next()?.ok()?))
}
