//! Ciphertexts on the wire.

use super::error::{WireError, WireResult};
use super::header::{Counts, Kind};
use super::message::{Body, Size, check_field, check_single, data_level};
use super::stream::{Sink, Source};
use crate::bfv::{CIPHERTEXT_SIZES, Ciphertext, Context, Level, SeededCiphertext, SeededPart};

/// Refuses what does not belong to the context.
pub(super) fn fit(object: &'static str, fits: bool) -> WireResult<()> {
    if fits {
        return Ok(());
    }
    Err(WireError::Unfit {
        object,
        reason: "it was made for other encryption parameters, or is incomplete",
    })
}

/// The data level of a ciphertext, if it has one in this context.
pub(super) fn level_of(context: &Context, encrypted: &Ciphertext) -> Option<Level> {
    let id = encrypted.parms_id();
    context
        .data_levels()
        .iter()
        .find(|level| level.parms_id == id)
        .copied()
        .filter(|_| encrypted.size() > 0)
}

/// Writes a ciphertext's polynomials.
pub(super) fn write_polynomials(
    context: &Context,
    limbs: &[u64],
    level: Level,
    sink: &mut Sink<'_>,
) -> WireResult<()> {
    sink.polynomials(
        limbs,
        context.parameters().poly_modulus_degree(),
        &context.primes()[..level.coeff_modulus_size],
    )
}

/// Reads the polynomials of a whole ciphertext or key part.
pub(super) fn read_whole(
    context: &Context,
    level: Level,
    polynomials: usize,
    is_ntt_form: bool,
    source: &mut Source<'_>,
) -> WireResult<Ciphertext> {
    let mut limbs = Vec::new();
    let primes = &context.primes()[..level.coeff_modulus_size];
    source.polynomials(polynomials, context, primes, &mut limbs)?;
    Ok(Ciphertext::from_checked_limbs(
        context,
        level,
        polynomials,
        is_ntt_form,
        &limbs,
    )?)
}

/// Writes a seed and the first polynomial.
pub(super) fn write_seeded(
    context: &Context,
    part: &SeededPart,
    sink: &mut Sink<'_>,
) -> WireResult<()> {
    sink.seed(part.seed)?;
    write_polynomials(context, &part.first, part.level, sink)
}

/// Reads a seed and the first polynomial.
pub(super) fn read_seeded(
    context: &Context,
    level: Level,
    is_ntt_form: bool,
    source: &mut Source<'_>,
) -> WireResult<SeededPart> {
    let seed = source.seed()?;
    let mut first = Vec::new();
    let primes = &context.primes()[..level.coeff_modulus_size];
    source.polynomials(1, context, primes, &mut first)?;
    Ok(SeededPart {
        level,
        is_ntt_form,
        seed,
        first,
    })
}

impl Body for Ciphertext {
    type Scope = Context;
    const KIND: Kind = Kind::Ciphertext;

    fn counts(&self, context: &Context) -> WireResult<Counts> {
        let level = level_of(context, self);
        fit("ciphertext", level.is_some())?;
        Ok(Counts {
            is_ntt_form: self.is_ntt_form(),
            polynomials: self.size() as u16,
            primes: self.coeff_modulus_size() as u16,
            items: 1,
            ..Counts::default()
        })
    }

    fn size(context: &Context, counts: &Counts) -> WireResult<Size> {
        check_single(counts)?;
        check_field("items", u64::from(counts.items), 1..=1)?;
        check_polynomials(counts)?;
        let level = data_level(context, counts.primes)?;
        Ok(Size::polynomials(
            context,
            level.coeff_modulus_size,
            usize::from(counts.polynomials),
        ))
    }

    fn write_body(&self, context: &Context, sink: &mut Sink<'_>) -> WireResult<()> {
        match level_of(context, self) {
            Some(level) => write_polynomials(context, self.limbs(), level, sink),
            None => fit("ciphertext", false),
        }
    }

    fn read_body(context: &Context, counts: &Counts, source: &mut Source<'_>) -> WireResult<Self> {
        read_whole(
            context,
            data_level(context, counts.primes)?,
            usize::from(counts.polynomials),
            counts.is_ntt_form,
            source,
        )
    }
}

impl Body for SeededCiphertext {
    type Scope = Context;
    const KIND: Kind = Kind::SeededCiphertext;

    fn counts(&self, context: &Context) -> WireResult<Counts> {
        fit(
            "seeded ciphertext",
            context.data_levels().contains(&self.0.level),
        )?;
        Ok(Counts {
            is_ntt_form: self.0.is_ntt_form,
            polynomials: 2,
            primes: self.0.level.coeff_modulus_size as u16,
            items: 1,
            ..Counts::default()
        })
    }

    fn size(context: &Context, counts: &Counts) -> WireResult<Size> {
        check_single(counts)?;
        check_field("items", u64::from(counts.items), 1..=1)?;
        check_field("polynomials", u64::from(counts.polynomials), 2..=2)?;
        let level = data_level(context, counts.primes)?;
        Ok(Size::pair(context, level.coeff_modulus_size, true))
    }

    fn write_body(&self, context: &Context, sink: &mut Sink<'_>) -> WireResult<()> {
        write_seeded(context, &self.0, sink)
    }

    fn read_body(context: &Context, counts: &Counts, source: &mut Source<'_>) -> WireResult<Self> {
        let level = data_level(context, counts.primes)?;
        read_seeded(context, level, counts.is_ntt_form, source).map(Self)
    }
}

/// Checks how many polynomials a ciphertext has.
pub(super) fn check_polynomials(counts: &Counts) -> WireResult<()> {
    check_field(
        "polynomials",
        u64::from(counts.polynomials),
        *CIPHERTEXT_SIZES.start() as u64..=*CIPHERTEXT_SIZES.end() as u64,
    )
}
