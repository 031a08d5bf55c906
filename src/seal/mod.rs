//! Bindings to SEAL's BFV scheme: one file for each SEAL class, under SEAL's own names.
//!
//! ```
//! use sealquant::seal::{BatchEncoder, Context, Decryptor, Encryptor, Evaluator, KeyGenerator};
//! use sealquant::seal::{ParametersLiteral, SecurityLevel, plain_modulus};
//!
//! let degree = 4096;
//! let t = plain_modulus::batching(degree, &[20])?[0].value();
//! let parameters = ParametersLiteral::bfv_default(degree, t, SecurityLevel::Bits128)?;
//! let context = Context::from_literal(&parameters)?;
//! let mut generator = KeyGenerator::new(&context)?;
//! let secret_key = generator.secret_key()?;
//! let relin_keys = generator.create_relin_keys()?;
//! let encoder = BatchEncoder::new(&context)?;
//! let encryptor = Encryptor::symmetric(&context, &secret_key)?;
//! let evaluator = Evaluator::new(&context)?;
//!
//! let mut encrypted = encryptor.encrypt_symmetric(&encoder.encode_i64(&[1, -2, 3])?)?;
//! evaluator.square_inplace(&mut encrypted)?;
//! evaluator.relinearize_inplace(&mut encrypted, &relin_keys)?;
//!
//! let decrypted = Decryptor::new(&context, &secret_key)?.decrypt(&encrypted)?;
//! assert_eq!(encoder.decode_i64(&decrypted)?[..3], [1, 4, 9]);
//! # Ok::<(), sealquant::seal::Error>(())
//! ```
//!
//! # Threads
//!
//! | type | `Send` | `Sync` | why |
//! | --- | --- | --- | --- |
//! | `Context`, `BatchEncoder`, `Encryptor`, `Evaluator` | yes | yes | const functions on const data, the global thread-safe pool |
//! | `Plaintext`, `Ciphertext`, `SecretKey`, `PublicKey`, `RelinKeys`, `GaloisKeys` | yes | yes | plain data; mutation needs `&mut` |
//! | `Decryptor`, `KeyGenerator` | yes | no | a cache of the secret key's powers, which SEAL replaces under a lock but reads without one |
//!
//! # Errors
//!
//! A C++ exception becomes [`Error::Seal`], which holds the operation, the exception's kind and SEAL's message. This
//! module also checks, before the call, what SEAL 4.0.0 itself does not check.

mod ciphertext;
mod context;
mod decryptor;
mod encoder;
mod encryptor;
mod error;
mod evaluator;
mod interop;
mod keys;
mod limbs;
pub mod memory_pool;
mod modulus;
mod own_format;
mod parameters;
mod plaintext;
mod polynomial;
mod qualifiers;
mod rns;
mod seal_stream;
mod seed;
mod seeded;
mod sizes;

pub use ciphertext::{Ciphertext, Compression};
pub use context::{Context, Level, ParmsId};
pub use decryptor::Decryptor;
pub use encoder::BatchEncoder;
pub use encryptor::Encryptor;
pub use error::{Error, Result, SealErrorKind};
pub use evaluator::Evaluator;
pub use keys::{GaloisKeys, KeyGenerator, PublicKey, RelinKeys, Rotation, SecretKey};
pub use limbs::{Limb, LimbMut, LimbsMut};
pub use modulus::{Modulus, SecurityLevel, coeff_modulus, plain_modulus};
#[cfg(feature = "inference")]
pub(crate) use own_format::{HEADER_BYTES as SEAL_HEADER_BYTES, MAGIC as SEAL_MAGIC};
pub use parameters::{EncryptionParameters, ParametersLiteral};
pub use plaintext::Plaintext;
pub use qualifiers::Qualifiers;
pub(crate) use rns::{SeededObject, SeededPart};
/// The version of SEAL that this build links, and a flag that tells whether SEAL was compiled with Intel HEXL.
pub use seal_sys::{HEXL, SEAL_VERSION};
pub use seed::Seed;
pub use seeded::{SeededCiphertext, SeededGaloisKeys, SeededPublicKey, SeededRelinKeys};
pub use sizes::{CIPHERTEXT_SIZES, RELIN_SLOTS};
