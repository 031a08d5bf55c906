//! Microsoft SEAL, built from source and ready to link, with raw declarations of its C export layer.
//!
//! # Linking
//!
//! A package that depends on this one and writes `use seal_sys as _;` links SEAL's static library. The package's build
//! script finds the folder of the C++ headers in the environment variable `DEP_SEAL_INCLUDE` and that of the libraries
//! in `DEP_SEAL_LIB`. `DEP_SEAL_VERSION`, `DEP_SEAL_HEXL`, `DEP_SEAL_ZSTD` and `DEP_SEAL_C_LAYER` describe what was
//! built; the last three are `0` or `1`. If `DEP_SEAL_DOCS_ONLY` is `1`, only documentation is made and there is no
//! SEAL: docs.rs sets `DOCS_RS`, in which case nothing is fetched or compiled.
//!
//! # Where SEAL comes from
//!
//! The build takes the first of these that is present, and fails if that one is not usable:
//!
//! 1. `SEAL_DIR`: an installed SEAL 4.x, given as the folder that holds `include/` and `lib/`. Nothing is compiled.
//! 2. `SEAL_SOURCE_DIR`: a checkout of SEAL 4.x. It is compiled as it is.
//! 3. `vendor/SEAL`: the source that an earlier build unpacked.
//! 4. The archive of the Cargo package that `vendor/manifest.json` names. Cargo itself fetches it.
//!
//! Before each build, source from 3 and 4 is compared with committed SHA-256 hashes.
//!
//! # Features
//!
//! - `hexl` (default): compiles SEAL with Intel HEXL, on x86-64 only. When the program runs, HEXL chooses AVX-512 if it
//!   is available and otherwise its plain functions. Setting the environment variable `HEXL_DISABLE_AVX512DQ` switches
//!   AVX-512 off for a run.
//! - `zstd` (default): lets SEAL's own serialisation compress with Zstandard.
//! - `bindgen`: generates the declarations in [`bindings`] again (needs libclang). The test `declarations` then
//!   compares them with the committed ones. With `SEAL_SYS_UPDATE_BINDINGS=1` in the environment, the build writes
//!   them to `src/bindings.rs`.

#[allow(
    clippy::unreadable_literal,
    missing_docs,
    non_snake_case,
    reason = "generated from SEAL's headers, whose names it keeps"
)]
/// The functions of SEAL's C export layer, as SEAL 4.0.0 declares them.
///
/// SEAL's headers `seal/c/*.h` document them. Each returns one of the codes in [`hresult`]. If `SEAL_DIR` names an
/// installation without this layer, calls to them do not link. SEAL 4.4.3 declares these functions in the same way but
/// reads the number passed with a buffer as the buffer's size, where 4.0.0 only writes it: always set it.
pub mod bindings;
pub mod hresult;

/// The limits in the headers of the SEAL that was built or found, under SEAL's names. They differ between versions.
#[allow(
    clippy::unreadable_literal,
    reason = "the numbers are written as in SEAL's headers"
)]
pub mod limits {
    include!(concat!(env!("OUT_DIR"), "/limits.rs"));
}

/// SEAL's version, for example `4.0.0`.
pub const SEAL_VERSION: &str = env!("SEAL_SYS_VERSION");

/// True if SEAL was compiled with Intel HEXL.
pub const HEXL: bool = is_on(env!("SEAL_SYS_HEXL"));

/// True if SEAL was compiled with Zstandard.
pub const ZSTD: bool = is_on(env!("SEAL_SYS_ZSTD"));

/// True if SEAL throws when the result of an operation is a transparent ciphertext (SEAL's default).
pub const THROWS_ON_TRANSPARENT: bool = is_on(env!("SEAL_SYS_THROWS_ON_TRANSPARENT"));

const fn is_on(flag: &str) -> bool {
    matches!(flag.as_bytes(), b"1")
}
