//! Handles compiler options from the environment that would make the libraries impossible to link.

use std::env;

/// Removes link-time optimisation from the options that cc and CMake read from the environment, and reports it. Object
/// files made with it hold the compiler's own intermediate code, and rustc's linker finds no functions in a static
/// library of such files.
pub fn leave_out_lto() {
    for base in ["CFLAGS", "CXXFLAGS"] {
        for name in variables(base) {
            let Some(value) = env::var_os(&name) else {
                continue;
            };
            let Some(rest) = without_lto(&value.to_string_lossy()) else {
                continue;
            };
            println!(
                "cargo::warning=C and C++ code is compiled without the link-time optimisation that {name} asks for: \
                 rustc could not link the result"
            );
            // SAFETY: the build script has only one thread.
            unsafe { env::set_var(&name, rest) };
        }
    }
}

/// Lists the names under which the cc crate looks for options.
fn variables(base: &str) -> Vec<String> {
    let mut names = vec![base.to_owned()];
    names.extend(["HOST", "TARGET"].map(|kind| format!("{kind}_{base}")));
    if let Ok(target) = env::var("TARGET") {
        names.push(format!("{base}_{target}"));
        names.push(format!("{base}_{}", target.replace(['-', '.'], "_")));
    }
    names
}

/// Returns the options without those of link-time optimisation; `None` if there are none of these.
pub fn without_lto(options: &str) -> Option<String> {
    let is_lto = |option: &&str| {
        ["-flto", "-ffat-lto-objects", "-fno-fat-lto-objects"]
            .iter()
            .any(|lto| option.starts_with(lto))
    };
    let rest: Vec<&str> = options
        .split_ascii_whitespace()
        .filter(|option| !is_lto(option))
        .collect();
    (rest.len() < options.split_ascii_whitespace().count()).then(|| rest.join(" "))
}
