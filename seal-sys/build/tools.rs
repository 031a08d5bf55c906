//! Checks for the tools before they are needed, so that a single sentence can name a missing one.

use std::env;
use std::ffi::OsStr;
use std::process::Command;

use super::cross;
use super::failure::{Failure, Result};

/// The oldest CMake that knows all commands used in `hexl/cmake/`.
const CMAKE: (u32, u32) = (3, 19);

/// Checks that CMake, a C++ compiler and a tool that runs CMake's build are available. Returns a description that
/// changes when one of them changes, or when the options that it gets from the environment change.
///
/// # Errors
/// Names the missing tool and says how to install it.
pub fn check(host: &str, target: &str) -> Result<String> {
    for name in ["CMAKE", "CMAKE_GENERATOR", "CC", "CXX"] {
        println!("cargo::rerun-if-env-changed={name}");
    }
    let cmake = env::var_os("CMAKE").unwrap_or_else(|| "cmake".into());
    let cmake_text = version_text(&cmake).ok_or_else(|| missing("CMake", "cmake"))?;
    if let Some(found) = cmake_version(&cmake_text).filter(|found| *found < CMAKE) {
        return Err(Failure::new(format!(
            "building SEAL needs CMake {}.{} or newer, but {} is {}.{}: install a newer one",
            CMAKE.0,
            CMAKE.1,
            cmake.to_string_lossy(),
            found.0,
            found.1
        )));
    }
    let mut description = vec![cmake_text];
    for cpp in [false, true] {
        let missing =
            |program: &str| Failure::new(cross::missing_compiler(program, cpp, host, target));
        let compiler = cc::Build::new()
            .cpp(cpp)
            .opt_level(0)
            .debug(false)
            .cargo_warnings(false)
            .try_get_compiler()
            .map_err(|_| missing(if cpp { "c++" } else { "cc" }))?;
        let path = compiler.path();
        let version = version_text(path.as_os_str());
        description.push(version.ok_or_else(|| missing(&path.display().to_string()))?);
        description.push(format!("{} {:?}", path.display(), compiler.args()));
    }
    let generator = env::var_os("CMAKE_GENERATOR");
    let unix = env::var_os("CARGO_CFG_UNIX").is_some();
    if unix && generator.is_none() && version_text(OsStr::new("make")).is_none() {
        return Err(missing("make", "make"));
    }
    description.push(format!("{generator:?} {target}"));
    Ok(description.join("\n"))
}

fn missing(tool: &str, package: &str) -> Failure {
    Failure::new(format!(
        "building SEAL needs {tool}, which was not found: install it (Debian: apt-get install {package}; \
         all that is needed: apt-get install cmake g++ make), or set SEAL_DIR to an installed SEAL"
    ))
}

fn version_text(program: &OsStr) -> Option<String> {
    let output = Command::new(program).arg("--version").output().ok()?;
    output
        .status
        .success()
        .then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Parses the major and minor number in "cmake version 3.25.1".
fn cmake_version(text: &str) -> Option<(u32, u32)> {
    let number = text.lines().next()?.split_whitespace().nth(2)?;
    let mut parts = number.split('.').map(str::parse::<u32>);
    Some((parts.next()?.ok()?, parts.next()?.ok()?))
}
