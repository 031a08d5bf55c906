//! The build on docs.rs, where there is no network and nothing is linked, so nothing is fetched or compiled.

use std::env;

use super::failure::Result;
use super::limits;
use super::manifest::Manifest;
use super::source::{self, Roots};

/// Tells whether only documentation is made: docs.rs sets `DOCS_RS`.
pub fn only() -> bool {
    println!("cargo::rerun-if-env-changed=DOCS_RS");
    env::var_os("DOCS_RS").is_some_and(|value| !value.is_empty() && value != "0")
}

/// Announces what the documentation needs to know about the SEAL that a build would compile. Nothing can be linked
/// then.
///
/// # Errors
/// Fails if the package lacks its manifest or the output folder cannot be written.
pub fn announce(roots: &Roots) -> Result<()> {
    let (manifest, _) = Manifest::load(&source::data_folder(&roots.crate_dir).0)?;
    println!("cargo::warning=DOCS_RS is set: SEAL is not built, so nothing can be linked with it");
    println!("cargo::metadata=docs_only=1");
    println!("cargo::metadata=version={}", manifest.seal_version);
    let on = |feature: &str| u8::from(env::var_os(feature).is_some()).to_string();
    for (key, value) in [
        ("INCLUDE", String::new()),
        ("VERSION", manifest.seal_version),
        ("HEXL", on("CARGO_FEATURE_HEXL")),
        ("ZSTD", on("CARGO_FEATURE_ZSTD")),
        ("THROWS_ON_TRANSPARENT", "1".to_owned()),
    ] {
        println!("cargo::rustc-env=SEAL_SYS_{key}={value}");
    }
    limits::write(&limits::of_4_0_0(), &roots.out_dir)
}
