//! Answers what CMake cannot find out when it compiles for another machine than the one it runs on.

/// A target, in cargo's terms (`CARGO_CFG_TARGET_*`).
pub struct Target<'a> {
    /// For example `aarch64`.
    pub arch: &'a str,
    /// For example `apple`.
    pub vendor: &'a str,
    /// For example `msvc`.
    pub env: &'a str,
}

/// Returns the results of the checks for which SEAL's CMake files run a program. When cross-compiling the program
/// cannot run: CMake would ask for the results or (3.25) crash. A result that is not certain is off, and SEAL then uses
/// its plain code.
pub fn results(target: &Target<'_>) -> Vec<(&'static str, &'static str)> {
    let x86_64 = target.arch == "x86_64";
    let msvc = target.env == "msvc";
    [
        ("SEAL_MEMSET_S_FOUND", target.vendor == "apple"),
        ("SEAL___BUILTIN_CLZLL_FOUND", !msvc),
        ("SEAL__ADDCARRY_U64_FOUND", x86_64),
        ("SEAL__SUBBORROW_U64_FOUND", x86_64),
        ("SEAL__UMUL128_FOUND", x86_64 && msvc),
        ("SEAL__BITSCANREVERSE64_FOUND", msvc),
        // Only versions later than 4.0 ask for these.
        ("SEAL___UMULH_FOUND", msvc),
        ("SEAL___BUILTIN_ADDCLL_FOUND", false),
        ("SEAL___BUILTIN_SUBCLL_FOUND", false),
    ]
    .map(|(name, found)| (name, if found { "ON" } else { "OFF" }))
    .to_vec()
}

/// Explains that a compiler cannot be run: its name, the Debian package that has it, and how to choose another.
pub fn missing_compiler(program: &str, cpp: bool, host: &str, target: &str) -> String {
    let (language, variable, tool) = if cpp {
        ("C++", "CXX", "g++")
    } else {
        ("C", "CC", "gcc")
    };
    let for_target = if host == target {
        String::new()
    } else {
        format!(" for {target}")
    };
    let variable = if host == target {
        variable.to_owned()
    } else {
        format!("{variable}_{}", target.replace(['-', '.'], "_"))
    };
    // The Debian package of aarch64-linux-gnu-g++ is g++-aarch64-linux-gnu.
    let package = match program
        .strip_suffix(tool)
        .and_then(|prefix| prefix.strip_suffix('-'))
    {
        Some(prefix) => format!("{tool}-{}", prefix.replace('_', "-")),
        None if program.contains("clang") => "clang".to_owned(),
        None => tool.to_owned(),
    };
    format!(
        "building SEAL needs a {language} compiler{for_target}: {program} cannot be run; install it (Debian: apt-get \
         install {package}), name another in {variable}, or set SEAL_DIR to an installed SEAL"
    )
}
