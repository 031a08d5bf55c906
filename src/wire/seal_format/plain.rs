//! A plaintext in coefficient form: parms_id, which is zero, number of coefficients, scale, and an array of coefficients.

use super::part::array_bytes;
use super::source::SealSource;
use crate::seal::{Context, ParmsId, Plaintext};
use crate::wire::error::{WireError, WireResult};
use crate::wire::message::check_field;

/// Reads a plaintext behind its header.
pub(super) fn read_plaintext(
    context: &Context,
    source: &mut SealSource<'_>,
) -> WireResult<Plaintext> {
    // Plaintexts in NTT form have a level's.
    if ParmsId(source.words("parms_id")?) != ParmsId::ZERO {
        return Err(WireError::Fingerprint);
    }
    let [coefficients, scale] = source.words("plaintext")?;
    let parameters = context.parameters();
    let most = parameters.poly_modulus_degree() as u64;
    check_field("coefficients", coefficients, 0..=most)?;
    let one = 1_f64.to_bits();
    check_field("scale (bits of a floating point number)", scale, one..=one)?;
    let count = coefficients as usize;
    source.nested(array_bytes(count) as u64)?;
    let listed = source.word("coefficients")?;
    check_field("coefficients", listed, coefficients..=coefficients)?;
    source.take_memory(8 * count)?;
    let mut values = Vec::new();
    source.residues(count, parameters.plain_modulus().value(), &mut values)?;
    Ok(Plaintext::from_coefficients(context, &values)?)
}
