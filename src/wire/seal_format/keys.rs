//! Relinearisation and Galois keys: parms_id, number of slots, and for each slot the number of its parts and the parts, each
//! an object with a header.

use super::part::{PartForm, ReadFor, read_part, whole_bytes};
use super::source::SealSource;
use crate::seal::{
    Ciphertext, Context, GaloisKeys, ParmsId, RELIN_SLOTS, RelinKeys, SEAL_HEADER_BYTES,
};
use crate::wire::error::{WireError, WireResult};
use crate::wire::message::check_field;

/// Reads a slot's parts, all or none, and hands each of them to `take`.
fn read_slot(
    context: &Context,
    least: u64,
    source: &mut SealSource<'_>,
    mut take: impl FnMut(Ciphertext) -> WireResult<()>,
) -> WireResult<()> {
    let parts = source.word("parts of a key")?;
    let all = context.key_parts() as u64;
    if parts != least {
        check_field("parts of a key", parts, all..=all)?;
    }
    for _ in 0..parts {
        let start = source.offset();
        let length = source.nested_length()?;
        take(read_part(
            ReadFor::same(context),
            PartForm::KeyPart,
            source,
        )?)?;
        let read = source.offset() - start;
        check_field("length of a nested object", length, read..=read)?;
    }
    Ok(())
}

/// Reads the fields of keys, and returns the number of slots.
fn read_fields(context: &Context, source: &mut SealSource<'_>) -> WireResult<u64> {
    if !context.using_keyswitching() {
        check_field("special primes", 0_u64, 1..=1)?;
    }
    if ParmsId(source.words("parms_id")?) != context.key_level().parms_id {
        return Err(WireError::Fingerprint);
    }
    source.word("slots")
}

/// Reads relinearisation keys behind their header.
pub(super) fn read_relin_keys(
    context: &Context,
    source: &mut SealSource<'_>,
) -> WireResult<RelinKeys> {
    let slots = read_fields(context, source)?;
    let possible = *RELIN_SLOTS.start() as u64..=*RELIN_SLOTS.end() as u64;
    check_field("slots", slots, possible)?;
    let mut keys = RelinKeys::start(context)?;
    for slot in 0..slots as usize {
        let all = context.key_parts() as u64;
        read_slot(context, all, source, |part| Ok(keys.append(slot, part)?))?;
    }
    Ok(keys)
}

/// Reads Galois keys behind their header. SEAL writes a slot for each of the N odd numbers below 2N, most of them empty.
/// Keys that are not `wanted` are checked and dropped; `None` wants all.
pub(super) fn read_galois_keys(
    context: &Context,
    wanted: Option<&[u32]>,
    source: &mut SealSource<'_>,
) -> WireResult<GaloisKeys> {
    let slots = read_fields(context, source)?;
    let most = context.parameters().poly_modulus_degree() as u64;
    check_field("slots", slots, 0..=most)?;
    let mut keys = GaloisKeys::start(context)?;
    for slot in 0..slots as u32 {
        let element = 2 * slot + 1;
        let is_wanted = wanted.is_none_or(|wanted| wanted.binary_search(&element).is_ok());
        read_slot(context, 0, source, |part| {
            if is_wanted {
                keys.append(element, part)?;
            }
            Ok(())
        })?;
    }
    Ok(keys)
}

/// Returns the bytes of whole keys with so many slots, of which `full` have parts, as SEAL writes them uncompressed.
pub(super) fn keys_bytes(context: &Context, slots: usize, full: usize) -> usize {
    let part = SEAL_HEADER_BYTES + whole_bytes(context.key_part_limbs());
    SEAL_HEADER_BYTES + 32 + 8 + 8 * slots + full * context.key_parts() * part
}
