//! Residues of one image, packed to the width of their plain prime.

use crate::bits::{Invalid, pack, packed_bytes, unpack_checked, width};

/// Returns the number of bytes of so many residues.
pub(crate) const fn residue_bytes(count: usize, modulus: u64) -> usize {
    packed_bytes(count, width(modulus))
}

/// Packs residues.
pub(crate) fn packed_residues(residues: &[u64], modulus: u64) -> Vec<u8> {
    let mut bytes = vec![0; residue_bytes(residues.len(), modulus)];
    pack(residues, width(modulus), &mut bytes);
    bytes
}

/// Unpacks and checks as many residues as the slice holds; the bytes are those of so many.
pub(crate) fn check_residues(
    bytes: &[u8],
    modulus: u64,
    residues: &mut [u64],
) -> Result<(), Invalid> {
    unpack_checked(bytes, modulus, residues)
}
