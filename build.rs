//! Compiles the cxx bridges of `src/ffi` against the SEAL that `seal-sys` built or found.

use std::env;
use std::path::PathBuf;

const GROUPS: [&str; 12] = [
    "ciphertext",
    "context",
    "decryptor",
    "encoder",
    "encryptor",
    "evaluator",
    "keys",
    "memory",
    "modulus",
    "ntt",
    "plaintext",
    "raw",
];

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-changed=src/ffi");

    // Tests that compare with SEAL's C export layer need that layer in the linked SEAL.
    println!("cargo:rustc-check-cfg=cfg(seal_c)");
    if env::var_os("DEP_SEAL_C_LAYER").is_some_and(|layer| layer == "1") {
        println!("cargo:rustc-cfg=seal_c");
    }

    // Unlike this project's, a user's dev profile leaves kernels without optimisation; `kernels::profile` reports it.
    println!("cargo:rustc-check-cfg=cfg(unoptimised)");
    if env::var_os("OPT_LEVEL").is_some_and(|level| level == "0") {
        println!("cargo:rustc-cfg=unoptimised");
    }

    // On docs.rs no SEAL was built, and nothing is linked.
    if env::var_os("DEP_SEAL_DOCS_ONLY").is_some_and(|only| only == "1") {
        return;
    }
    leave_out_lto();

    // Set by seal-sys through `links = "seal"`.
    let include = PathBuf::from(env::var_os("DEP_SEAL_INCLUDE").unwrap_or_default());
    // For the test that compares the documents with the headers.
    println!(
        "cargo:rustc-env=SEALQUANT_SEAL_INCLUDE={}",
        include.display()
    );
    let bridges = GROUPS.map(|group| format!("src/ffi/{group}.rs"));
    let sources = GROUPS.map(|group| format!("src/ffi/{group}.cc"));
    cxx_build::bridges(bridges)
        .files(sources)
        .include(include)
        .std("c++17")
        // Also under the dev profile: the shims must not cost more than SEAL itself.
        .opt_level(3)
        .define("NDEBUG", None)
        .flag_if_supported("-Wno-ignored-qualifiers")
        .compile("sealquant-ffi");
}

/// Removes link-time optimisation from the C++ flags, as `seal-sys/build/flags.rs` does, which explains why and warns:
/// it makes libraries that rustc cannot link.
fn leave_out_lto() {
    let target = env::var("TARGET").unwrap_or_default();
    let names = [
        "CXXFLAGS".to_owned(),
        "HOST_CXXFLAGS".to_owned(),
        "TARGET_CXXFLAGS".to_owned(),
        format!("CXXFLAGS_{target}"),
        format!("CXXFLAGS_{}", target.replace(['-', '.'], "_")),
    ];
    for name in names {
        let Ok(options) = env::var(&name) else {
            continue;
        };
        let rest: Vec<&str> = options
            .split_ascii_whitespace()
            .filter(|option| !option.starts_with("-flto") && !option.contains("fat-lto-objects"))
            .collect();
        // SAFETY: the build script has a single thread.
        unsafe { env::set_var(&name, rest.join(" ")) };
    }
}
