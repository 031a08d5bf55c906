//! SEAL's own format, read and written in Rust.
//!
//! SEAL's loaders are for trusted bytes only. This reader is for any: it checks each number against the context before it
//! allocates anything, each residue against its prime, and decompresses while it reads, so that memory grows with what
//! has arrived and was found valid. `docs/WIRE.md` describes the format.
//!
//! ```
//! use sealquant::seal::{Ciphertext, Compression, Context, Encryptor, KeyGenerator, ParametersLiteral, Plaintext};
//! use sealquant::seal::SecurityLevel;
//! use sealquant::wire::{Limits, SealObject};
//!
//! let literal = ParametersLiteral::bfv_default(4096, 65_537, SecurityLevel::Bits128)?;
//! let context = Context::from_literal(&literal)?;
//! let secret_key = KeyGenerator::new(&context)?.secret_key()?;
//! let encryptor = Encryptor::symmetric(&context, &secret_key)?;
//! let plain = Plaintext::from_coefficients(&context, &[1, 2, 3])?;
//!
//! let sent = encryptor.seal_bytes_symmetric(&plain, Compression::SealDefault)?;
//! let received = Ciphertext::from_seal(&context, &sent, &Limits::default())?;
//! let trusted = Ciphertext::from_seal_bytes_trusted(&context, &sent)?;
//! assert_eq!(received.limbs(), trusted.limbs());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod header;
mod inflate;
mod keys;
mod messages;
mod object;
mod part;
mod plain;
mod source;
#[cfg(test)]
mod tests;
mod write;

pub use header::SealRelease;
pub use messages::SealMessages;
pub use object::SealObject;
pub use write::write_ciphertext;
