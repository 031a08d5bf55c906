//! The directory of fetched datasets, and digests of files.

use std::path::PathBuf;

use etcetera::BaseStrategy;
use sha2::{Digest, Sha256};

use super::DataError;

/// Returns the directory of fetched datasets: `sealquant` in the user's cache directory.
///
/// # Errors
/// [`DataError::NoCache`] if the system names no such directory.
pub fn cache_dir() -> Result<PathBuf, DataError> {
    let base = etcetera::choose_base_strategy().map_err(|_| DataError::NoCache)?;
    Ok(base.cache_dir().join("sealquant"))
}

/// Computes the SHA-256 in hexadecimal.
pub(crate) fn sha256_hex(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

/// Formats bytes in hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    let digit = |d: u8| char::from_digit(u32::from(d), 16).unwrap_or('0');
    bytes
        .iter()
        .flat_map(|b| [digit(b >> 4), digit(b & 15)])
        .collect()
}
