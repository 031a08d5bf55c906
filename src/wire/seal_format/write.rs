//! Writes ciphertexts as SEAL does, uncompressed.

use super::header::{SealHeader, SealRelease};
use super::part::{array_bytes, whole_bytes};
use crate::seal::{Ciphertext, Context, SEAL_HEADER_BYTES};
use crate::wire::ciphertext::unfit;
use crate::wire::error::{WireError, WireResult};
use std::io::Write;

/// Number of residues that are written at once: 32 KiB of them.
const CHUNK: usize = 4096;

/// Writes a ciphertext as SEAL of this release does, uncompressed, and returns the number of bytes.
///
/// # Errors
/// [`WireError::Unfit`] if it belongs to other parameters, [`WireError::Io`] if the writer fails.
pub fn write_ciphertext(
    context: &Context,
    encrypted: &Ciphertext,
    release: SealRelease,
    writer: &mut dyn Write,
) -> WireResult<u64> {
    let mut levels = context.data_levels().iter();
    let level = levels.find(|level| level.parms_id == encrypted.parms_id());
    let level = level.ok_or(unfit("ciphertext"))?;
    let degree = context.parameters().poly_modulus_degree();
    let limbs = encrypted.limbs();
    let size = encrypted.size();
    if size == 0 || limbs.len() != size * level.coeff_modulus_size * degree {
        return Err(unfit("ciphertext"));
    }
    let header = |bytes: usize| SealHeader::plain(release, bytes as u64).encode();
    let bytes = SEAL_HEADER_BYTES + whole_bytes(limbs.len());
    let mut fields = Vec::with_capacity(bytes - 8 * limbs.len());
    fields.extend(header(bytes));
    let word = |fields: &mut Vec<u8>, word: u64| fields.extend(word.to_le_bytes());
    for part in encrypted.parms_id().0 {
        word(&mut fields, part);
    }
    fields.push(u8::from(encrypted.is_ntt_form()));
    for count in [size, degree, level.coeff_modulus_size] {
        word(&mut fields, count as u64);
    }
    word(&mut fields, 1_f64.to_bits());
    word(&mut fields, 1);
    fields.extend(header(array_bytes(limbs.len())));
    word(&mut fields, limbs.len() as u64);
    let failed = |source| WireError::Io {
        field: "ciphertext",
        source,
    };
    writer.write_all(&fields).map_err(failed)?;
    for limbs in limbs.chunks(CHUNK) {
        fields.clear();
        for &limb in limbs {
            word(&mut fields, limb);
        }
        writer.write_all(&fields).map_err(failed)?;
    }
    Ok(bytes as u64)
}
