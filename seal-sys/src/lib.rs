//! Microsoft SEAL, built from source and ready to link.
//!
//! A package that depends on this one and writes `use seal_sys as _;` links SEAL's static library. Its build
//! script finds the C++ headers in the environment variable `DEP_SEAL_INCLUDE`, the libraries in
//! `DEP_SEAL_LIB`, and what was built in `DEP_SEAL_VERSION`, `DEP_SEAL_HEXL`, `DEP_SEAL_ZSTD` and
//! `DEP_SEAL_C_LAYER` (the last three are `0` or `1`).

/// SEAL's version, for example `4.0.0`.
pub const SEAL_VERSION: &str = env!("SEAL_SYS_VERSION");
/// Whether SEAL was compiled with Intel HEXL. HEXL uses AVX-512 only where the processor has it.
pub const HEXL: bool = is_on(env!("SEAL_SYS_HEXL"));
/// Whether SEAL can compress what it serialises with Zstandard.
pub const ZSTD: bool = is_on(env!("SEAL_SYS_ZSTD"));
/// Whether SEAL throws when the result of an operation is a transparent ciphertext (its default).
pub const THROWS_ON_TRANSPARENT: bool = is_on(env!("SEAL_SYS_THROWS_ON_TRANSPARENT"));

const fn is_on(flag: &str) -> bool {
    matches!(flag.as_bytes(), b"1")
}
