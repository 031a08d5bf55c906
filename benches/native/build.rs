//! Compiles the loops in C++ against the SEAL that `seal-sys` built or found.

use std::env;
use std::path::PathBuf;

fn main() {
    for name in [
        "build.rs",
        "network.cc",
        "network.h",
        "operations.cc",
        "operations.h",
    ] {
        println!("cargo:rerun-if-changed={name}");
    }
    // Set by seal-sys through `links = "seal"`.
    let include = PathBuf::from(env::var_os("DEP_SEAL_INCLUDE").unwrap_or_default());
    cc::Build::new()
        .cpp(true)
        .std("c++17")
        .file("network.cc")
        .file("operations.cc")
        .include(include)
        // Optimised like a release build of a C++ program, under every cargo profile.
        .opt_level(3)
        .define("NDEBUG", None)
        .flag_if_supported("-Wno-ignored-qualifiers")
        .compile("sealquant-native-bench");
}
