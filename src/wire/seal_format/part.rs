//! A ciphertext, or a part of a key, which has the same form: parms_id, NTT form, numbers of polynomials, N and primes,
//! scale, correction factor, and an array of residues. If the array holds one polynomial, a seed follows for the second.

use super::source::SealSource;
use crate::seal::{
    CIPHERTEXT_SIZES, Ciphertext, Context, Level, ParmsId, SEAL_HEADER_BYTES, Seed,
    SeededCiphertext, SeededObject as _, SeededPart,
};
use crate::wire::error::{WireError, WireResult};
use crate::wire::message::check_field;

/// SEAL's number for the generator Blake2xb, the only one whose seeds are read.
const BLAKE2XB: u64 = 1;
/// Bytes of the fields before the array.
const FIELDS: usize = 32 + 1 + 5 * 8;
/// Bytes of a seed with its header and the generator's number.
const SEED: usize = SEAL_HEADER_BYTES + 1 + Seed::BYTES;

/// The form that an object must have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PartForm {
    /// Any ciphertext.
    Any,
    /// Two polynomials at the highest data level.
    Fresh,
    /// Two polynomials at the key level, in NTT form.
    KeyPart,
}

/// The parameters that an object names, and those for which it is read. They differ in nothing but t.
#[derive(Clone, Copy)]
pub(super) struct ReadFor<'a> {
    pub named: &'a Context,
    pub context: &'a Context,
}

impl<'a> ReadFor<'a> {
    /// Reads objects for the context that they name.
    pub const fn same(context: &'a Context) -> Self {
        Self {
            named: context,
            context,
        }
    }
}

/// The fields before the residues.
struct PartFields {
    level: Level,
    is_ntt_form: bool,
    polynomials: usize,
}

/// Returns the bytes of an array of residues with its header.
pub(super) const fn array_bytes(residues: usize) -> usize {
    SEAL_HEADER_BYTES + 8 + 8 * residues
}

/// Returns the bytes of a whole ciphertext without its header.
pub(super) const fn whole_bytes(residues: usize) -> usize {
    FIELDS + array_bytes(residues)
}

impl PartFields {
    /// Reads and checks the fields; the level is one of the context for which they are read.
    fn read(scope: ReadFor<'_>, form: PartForm, source: &mut SealSource<'_>) -> WireResult<Self> {
        let id = ParmsId(source.words("parms_id")?);
        let named = scope.named;
        let levels = match form {
            PartForm::Any => named.data_levels(),
            PartForm::Fresh => &named.data_levels()[..1],
            PartForm::KeyPart => &named.levels()[..1],
        };
        let level = levels.iter().find(|level| level.parms_id == id);
        let level = level.ok_or(WireError::Fingerprint)?;
        let is_ntt_form = source.byte("NTT form")?;
        let [polynomials, degree, primes, scale, correction] = source.words("ciphertext")?;
        let (ntt_forms, counts) = match form {
            PartForm::Any => (0..=1, CIPHERTEXT_SIZES),
            PartForm::Fresh => (0..=1, 2..=2),
            PartForm::KeyPart => (1..=1, 2..=2),
        };
        check_field("NTT form", is_ntt_form, ntt_forms)?;
        let counts = *counts.start() as u64..=*counts.end() as u64;
        check_field("polynomials", polynomials, counts)?;
        let own = named.parameters().poly_modulus_degree() as u64;
        check_field("poly_modulus_degree", degree, own..=own)?;
        let own = level.coeff_modulus_size as u64;
        check_field("primes", primes, own..=own)?;
        let one = 1_f64.to_bits();
        check_field("scale (bits of a floating point number)", scale, one..=one)?;
        check_field("correction factor", correction, 1..=1)?;
        let all = scope.context.levels().iter();
        // Not by their index, which SEAL counts from the last level: chains may end at different ones.
        let mut same = all.filter(|own| own.coeff_modulus_size == level.coeff_modulus_size);
        Ok(Self {
            level: *same.next().ok_or(WireError::Fingerprint)?,
            is_ntt_form: is_ntt_form == 1,
            polynomials: polynomials as usize,
        })
    }
}

/// Reads an object behind its header, and expands its seed.
pub(super) fn read_part(
    scope: ReadFor<'_>,
    form: PartForm,
    source: &mut SealSource<'_>,
) -> WireResult<Ciphertext> {
    let PartFields {
        level,
        is_ntt_form,
        polynomials,
    } = PartFields::read(scope, form, source)?;
    let context = scope.context;
    let degree = context.parameters().poly_modulus_degree();
    let polynomial = degree * level.coeff_modulus_size;
    let array = source.nested_length()?;
    let count = source.word("residues")?;
    let is_seeded = polynomials == 2 && count == polynomial as u64;
    let residues = if is_seeded {
        polynomial
    } else {
        polynomials * polynomial
    };
    check_field("residues", count, residues as u64..=residues as u64)?;
    let bytes = array_bytes(residues) as u64;
    check_field("length of a nested object", array, bytes..=bytes)?;
    let held = if is_seeded { 3 } else { polynomials };
    source.take_memory(8 * held * polynomial)?;
    let primes = &context.primes()[..level.coeff_modulus_size];
    let limbs = source.polynomials(residues / polynomial, degree, primes)?;
    if is_seeded {
        source.nested(SEED as u64)?;
        let generator = source.byte("seed's generator")?;
        check_field("seed's generator", generator, BLAKE2XB..=BLAKE2XB)?;
        let seed = Seed(source.words("seed")?);
        let part = SeededPart::from_checked(level, is_ntt_form, seed, limbs);
        return Ok(SeededCiphertext::from_checked_parts(part).expand(context)?);
    }
    let whole = Ciphertext::from_checked_limbs(context, level, polynomials, is_ntt_form, &limbs)?;
    Ok(whole)
}
