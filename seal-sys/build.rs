//! Builds SEAL and tells cargo how to link it. The README in `vendor/` says where the source comes from.

#[path = "build/archive.rs"]
mod archive;
#[cfg(feature = "bindgen")]
#[path = "build/bindings.rs"]
mod bindings;
#[path = "build/compile.rs"]
mod compile;
#[path = "build/cross.rs"]
mod cross;
#[path = "build/docs.rs"]
mod docs;
#[path = "build/failure.rs"]
mod failure;
#[path = "build/flags.rs"]
mod flags;
#[path = "build/install.rs"]
mod install;
#[path = "build/layout.rs"]
mod layout;
#[path = "build/limits.rs"]
mod limits;
#[path = "build/manifest.rs"]
mod manifest;
#[path = "build/offline.rs"]
mod offline;
#[path = "build/source.rs"]
mod source;
#[path = "build/stage.rs"]
mod stage;
#[path = "build/tools.rs"]
mod tools;
#[path = "build/verify.rs"]
mod verify;

use std::env;
use std::path::PathBuf;

use failure::{Failure, Result};
use install::Install;
use source::{Roots, Source};

fn main() {
    if let Err(failure) = run() {
        // Cargo shows this line and fails the build, without adding a backtrace.
        println!("cargo::error={failure}");
    }
}

fn run() -> Result<()> {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=build");
    println!("cargo::rustc-check-cfg=cfg(seal_c)");
    let roots = Roots {
        crate_dir: path_from_env("CARGO_MANIFEST_DIR")?,
        out_dir: path_from_env("OUT_DIR")?,
    };
    if docs::only() {
        return docs::announce(&roots);
    }
    flags::leave_out_lto();
    let triple = env::var("TARGET")
        .map_err(|_| Failure::new("TARGET is not set, so this is not run by cargo"))?;
    let install = match source::find(&roots)? {
        Source::Installed(prefix) => {
            let install = Install::inspect(&prefix, &triple)?;
            install.watch();
            install
        }
        Source::Tree(tree) => compile::build(&tree, &roots, &triple)?,
    };
    install.announce();
    limits::write(&limits::read(&install.include)?, &roots.out_dir)?;
    #[cfg(feature = "bindgen")]
    bindings::generate(&install, &roots)?;
    Ok(())
}

/// Reads a path that cargo passes to build scripts.
fn path_from_env(name: &str) -> Result<PathBuf> {
    env::var_os(name)
        .map(PathBuf::from)
        .ok_or_else(|| Failure::new(format!("{name} is not set, so this is not run by cargo")))
}
