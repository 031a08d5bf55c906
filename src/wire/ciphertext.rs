//! Ciphertexts on the wire, whole or seeded.

use super::error::{WireError, WireResult};
use super::header::Counts;
use super::kind::Kind;
use super::message::{Body, Size, check_field, check_single, data_level};
use super::stream::{MessageSource, Sink};
use crate::seal::{
    CIPHERTEXT_SIZES, Ciphertext, Context, Level, SeededCiphertext, SeededObject, SeededPart,
};
use std::ops::RangeInclusive;

/// Refuses an object that does not belong to the context.
pub(super) fn fit(object: &'static str, fits: bool) -> WireResult<()> {
    if fits { Ok(()) } else { Err(unfit(object)) }
}

/// The error for an object that does not belong to the context.
pub(super) const fn unfit(object: &'static str) -> WireError {
    WireError::Unfit {
        object,
        reason: "it was made for other encryption parameters, or is incomplete",
    }
}

/// Writes the polynomials of one level.
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

fn read_polynomials(
    context: &Context,
    level: Level,
    count: usize,
    source: &mut MessageSource<'_>,
) -> WireResult<Vec<u64>> {
    let mut limbs = Vec::new();
    let primes = &context.primes()[..level.coeff_modulus_size];
    source.polynomials(count, context, primes, &mut limbs)?;
    Ok(limbs)
}

/// Reads the polynomials of a whole ciphertext or key part.
pub(super) fn read_whole(
    context: &Context,
    level: Level,
    polynomials: usize,
    is_ntt_form: bool,
    source: &mut MessageSource<'_>,
) -> WireResult<Ciphertext> {
    let limbs = read_polynomials(context, level, polynomials, source)?;
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
    sink.seed(part.seed())?;
    write_polynomials(context, part.first(), part.level(), sink)
}

/// Reads a seed and the first polynomial.
pub(super) fn read_seeded(
    context: &Context,
    level: Level,
    is_ntt_form: bool,
    source: &mut MessageSource<'_>,
) -> WireResult<SeededPart> {
    let seed = source.seed()?;
    let first = read_polynomials(context, level, 1, source)?;
    Ok(SeededPart::from_checked(level, is_ntt_form, seed, first))
}

/// A ciphertext, whole or seeded.
pub(super) trait Encrypted: Sized {
    const NAME: &'static str;
    /// Numbers of polynomials that it can have, counting a seeded one.
    const SIZES: RangeInclusive<u64>;

    /// Its data level, its number of polynomials, and whether they are in NTT form. `None` if it has no data level in
    /// this context.
    fn shape(&self, context: &Context) -> Option<(Level, usize, bool)>;
    fn size_of(context: &Context, primes: usize, polynomials: usize) -> Size;
    fn write(&self, context: &Context, level: Level, sink: &mut Sink<'_>) -> WireResult<()>;
    fn read(
        context: &Context,
        level: Level,
        polynomials: usize,
        is_ntt_form: bool,
        source: &mut MessageSource<'_>,
    ) -> WireResult<Self>;
}

impl Encrypted for Ciphertext {
    const NAME: &'static str = "ciphertext";
    const SIZES: RangeInclusive<u64> =
        *CIPHERTEXT_SIZES.start() as u64..=*CIPHERTEXT_SIZES.end() as u64;

    fn shape(&self, context: &Context) -> Option<(Level, usize, bool)> {
        let id = self.parms_id();
        let levels = context.data_levels();
        let level = levels.iter().find(|level| level.parms_id == id)?;
        (self.size() > 0).then(|| (*level, self.size(), self.is_ntt_form()))
    }

    fn size_of(context: &Context, primes: usize, polynomials: usize) -> Size {
        Size::polynomials(context, primes, polynomials)
    }

    fn write(&self, context: &Context, level: Level, sink: &mut Sink<'_>) -> WireResult<()> {
        write_polynomials(context, self.limbs(), level, sink)
    }

    fn read(
        context: &Context,
        level: Level,
        polynomials: usize,
        is_ntt_form: bool,
        source: &mut MessageSource<'_>,
    ) -> WireResult<Self> {
        read_whole(context, level, polynomials, is_ntt_form, source)
    }
}

impl Encrypted for SeededCiphertext {
    const NAME: &'static str = "seeded ciphertext";
    const SIZES: RangeInclusive<u64> = 2..=2;

    fn shape(&self, context: &Context) -> Option<(Level, usize, bool)> {
        let level = self.checked_parts().level();
        let fits = context.data_levels().contains(&level);
        fits.then_some((level, 2, self.is_ntt_form()))
    }

    fn size_of(context: &Context, primes: usize, _: usize) -> Size {
        Size::pair(context, primes, true)
    }

    fn write(&self, context: &Context, _: Level, sink: &mut Sink<'_>) -> WireResult<()> {
        write_seeded(context, self.checked_parts(), sink)
    }

    fn read(
        context: &Context,
        level: Level,
        _: usize,
        is_ntt_form: bool,
        source: &mut MessageSource<'_>,
    ) -> WireResult<Self> {
        read_seeded(context, level, is_ntt_form, source).map(Self::from_checked_parts)
    }
}

/// Writes a ciphertext that belongs to the context.
pub(super) fn write_encrypted<E: Encrypted>(
    context: &Context,
    encrypted: &E,
    sink: &mut Sink<'_>,
) -> WireResult<()> {
    let (level, ..) = encrypted.shape(context).ok_or(unfit(E::NAME))?;
    encrypted.write(context, level, sink)
}

/// Reads a ciphertext whose counts have been checked.
pub(super) fn read_encrypted<E: Encrypted>(
    context: &Context,
    counts: &Counts,
    source: &mut MessageSource<'_>,
) -> WireResult<E> {
    E::read(
        context,
        data_level(context, counts.primes)?,
        usize::from(counts.polynomials),
        counts.is_ntt_form,
        source,
    )
}

/// Checks the number of polynomials and of primes of a ciphertext, and returns its size.
pub(super) fn check_encrypted<E: Encrypted>(
    context: &Context,
    counts: &Counts,
) -> WireResult<Size> {
    check_field("polynomials", counts.polynomials, E::SIZES)?;
    let level = data_level(context, counts.primes)?;
    let polynomials = usize::from(counts.polynomials);
    Ok(E::size_of(context, level.coeff_modulus_size, polynomials))
}

macro_rules! ciphertext_body {
    ($($object:ident),*) => {$(
        impl Body for $object {
            type Scope = Context;
            const KIND: Kind = Kind::$object;

            fn counts(&self, context: &Context) -> WireResult<Counts> {
                let (level, polynomials, is_ntt_form) =
                    self.shape(context).ok_or(unfit(Self::NAME))?;
                Ok(Counts {
                    is_ntt_form,
                    polynomials: polynomials as u16,
                    primes: level.coeff_modulus_size as u16,
                    items: 1,
                    ..Counts::default()
                })
            }

            fn size(context: &Context, counts: &Counts) -> WireResult<Size> {
                check_single(counts)?;
                check_field("items", counts.items, 1..=1)?;
                check_encrypted::<Self>(context, counts)
            }

            fn write_body(&self, context: &Context, sink: &mut Sink<'_>) -> WireResult<()> {
                write_encrypted(context, self, sink)
            }

            fn read_body(
                context: &Context,
                counts: &Counts,
                source: &mut MessageSource<'_>,
            ) -> WireResult<Self> {
                read_encrypted(context, counts, source)
            }
        }
    )*};
}

ciphertext_body!(Ciphertext, SeededCiphertext);
