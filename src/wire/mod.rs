//! The wire format, in which keys, ciphertexts, requests and responses travel.
//!
//! A message consists of a header (kind, fingerprint of the encryption parameters, counts), residues packed to the
//! width of their prime, seeds in place of random polynomials where possible, and a checksum. Rust code checks
//! everything before SEAL sees a word: hostile bytes end in a [`WireError`] that names the field. `docs/WIRE.md`
//! describes every byte.
//!
//! ```
//! use sealquant::seal::{Context, Encryptor, KeyGenerator, ParametersLiteral, Plaintext, SecurityLevel};
//! use sealquant::seal::SeededCiphertext;
//! use sealquant::wire::{Limits, Message};
//!
//! let literal = ParametersLiteral::bfv_default(4096, 65_537, SecurityLevel::Bits128)?;
//! let context = Context::from_literal(&literal)?;
//! let secret_key = KeyGenerator::new(&context)?.secret_key()?;
//! let encryptor = Encryptor::symmetric(&context, &secret_key)?;
//! let plain = Plaintext::from_coefficients(&context, &[1, 2, 3])?;
//!
//! let sent = encryptor.encrypt_symmetric_seeded(&context, &plain)?.to_wire(&context)?;
//! assert_eq!(sent.len(), 36_984);
//!
//! let received = SeededCiphertext::from_wire(&context, &sent, &Limits::default())?;
//! let encrypted = received.expand(&context)?;
//! assert_eq!(encrypted.size(), 2);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Messages are not compressed: packed residues are uniformly random below their primes, so compression gains nothing.

#[cfg(feature = "inference")]
mod any;
mod ciphertext;
#[cfg(feature = "inference")]
mod compact;
#[cfg(feature = "inference")]
mod compact_keys;
#[cfg(feature = "inference")]
mod compact_response;
mod damage;
#[cfg(feature = "inference")]
mod engine;
mod error;
mod header;
mod keys;
mod kind;
mod limits;
mod message;
#[cfg(feature = "inference")]
mod pads;
#[cfg(feature = "inference")]
mod seal_format;
mod stream;
#[cfg(feature = "inference")]
mod upload_sizes;

#[cfg(test)]
#[cfg(feature = "inference")]
mod tests;

#[cfg(feature = "inference")]
pub use any::reencode;
#[cfg(feature = "inference")]
pub use compact::SendError;
pub use error::{WireError, WireResult};
pub use header::{CHECKSUM_BYTES, Fingerprint, HEADER_BYTES, MAGIC, VERSION};
pub use kind::Kind;
pub use limits::Limits;
pub use message::{Message, Scope};
#[cfg(feature = "inference")]
pub use seal_format::{SealMessages, SealObject, SealRelease, write_ciphertext};
#[cfg(feature = "inference")]
pub use upload_sizes::UploadSizes;
