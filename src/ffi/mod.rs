//! cxx bridges to SEAL: for each group of SEAL classes, one `.rs` file next to one `.h`/`.cc` pair.
//!
//! Nothing here is public: `src/seal` wraps every call. `guard.h` turns each C++ exception into a kind and a message.
#![allow(
    missing_docs,
    reason = "declarations of shims whose contracts stand in the headers and in `seal`"
)]

pub mod ciphertext;
pub mod context;
pub mod decryptor;
pub mod encoder;
pub mod encryptor;
pub mod evaluator;
pub mod keys;
pub mod memory;
pub mod modulus;
#[cfg(feature = "inference")]
pub mod ntt;
pub mod plaintext;
#[cfg_attr(
    not(test),
    expect(
        dead_code,
        reason = "`raw_sample_uniform` is SEAL's own expansion of seeds, for tests to compare with"
    )
)]
pub mod raw;
