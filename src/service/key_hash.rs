//! The name under which evaluation keys are stored: the hash of their bytes.

use std::{fmt, str::FromStr};

/// The BLAKE3 hash of a message with evaluation keys, which names it: 64 hexadecimal digits in lower case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct KeyHash(blake3::Hash);

/// Text that is no hash of keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the hash of keys is 64 hexadecimal digits in lower case")]
pub struct KeyHashError;

impl KeyHash {
    /// Hashes the bytes of keys.
    pub fn of(message: &[u8]) -> Self {
        Self(blake3::hash(message))
    }
}

impl fmt::Display for KeyHash {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0.to_hex())
    }
}

impl FromStr for KeyHash {
    type Err = KeyHashError;

    fn from_str(text: &str) -> Result<Self, KeyHashError> {
        let hash = blake3::Hash::from_hex(text).map_err(|_| KeyHashError)?;
        // A name is written in one way.
        if hash.to_hex().as_str() == text {
            Ok(Self(hash))
        } else {
            Err(KeyHashError)
        }
    }
}
