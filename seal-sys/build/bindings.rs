//! Generates the declarations of SEAL's C export layer from its headers. This needs libclang.

use std::env;
use std::fs;
use std::path::Path;

use super::failure::{Failure, Result};
use super::install::Install;
use super::source::Roots;

/// The headers of the C export layer, except for those that only Windows has.
const HEADERS: [&str; 23] = [
    "batchencoder",
    "ciphertext",
    "ckksencoder",
    "contextdata",
    "decryptor",
    "encryptionparameterqualifiers",
    "encryptionparameters",
    "encryptor",
    "evaluator",
    "galoiskeys",
    "keygenerator",
    "kswitchkeys",
    "memorymanager",
    "memorypoolhandle",
    "modulus",
    "plaintext",
    "publickey",
    "relinkeys",
    "sealcontext",
    "secretkey",
    "serialization",
    "valcheck",
    "version",
];

/// Writes the declarations to `OUT_DIR/bindings.rs`, and to `src/bindings.rs` if the environment variable
/// `SEAL_SYS_UPDATE_BINDINGS` is `1`. A test compares the two.
///
/// # Errors
/// Fails if libclang rejects the headers or a file cannot be written.
pub fn generate(install: &Install, roots: &Roots) -> Result<()> {
    println!("cargo::rerun-if-env-changed=SEAL_SYS_UPDATE_BINDINGS");
    let includes: Vec<String> = HEADERS
        .iter()
        .map(|header| format!("#include \"seal/c/{header}.h\""))
        .collect();
    let wrapper = format!(
        "#include \"seal/util/defines.h\"
{}
",
        includes.join(
            "
"
        )
    );
    let bindings = bindgen::Builder::default()
        .header_contents("seal_c.hpp", &wrapper)
        .clang_args(["-x", "c++", "-std=c++17"])
        .clang_arg(format!("-I{}", install.include.display()))
        .allowlist_file(".*/seal/c/[a-z]+\\.h")
        // The error codes are in src/hresult.rs, because bindgen cannot read most of these macros.
        .blocklist_item("FACILITY_WIN32|ERROR_.*")
        .allowlist_recursively(false)
        .merge_extern_blocks(true)
        .rust_edition(bindgen::RustEdition::Edition2024)
        .layout_tests(false)
        .generate_comments(false)
        .disable_header_comment()
        .raw_line("// Generated from SEAL's headers by the feature `bindgen`: do not edit.")
        .generate()
        .map_err(|e| Failure::new(format!("SEAL's C headers could not be read: {e}")))?;
    let generated = roots.out_dir.join("bindings.rs");
    bindings
        .write_to_file(&generated)
        .map_err(Failure::io("write", &generated))?;
    println!(
        "cargo::rustc-env=SEAL_SYS_GENERATED_BINDINGS={}",
        generated.display()
    );
    if env::var("SEAL_SYS_UPDATE_BINDINGS").is_ok_and(|value| value == "1") {
        update(&generated, &roots.crate_dir.join("src").join("bindings.rs"))?;
    }
    Ok(())
}

fn update(from: &Path, to: &Path) -> Result<()> {
    let text = fs::read_to_string(from).map_err(Failure::io("read", from))?;
    fs::write(to, text).map_err(Failure::io("write", to))
}
