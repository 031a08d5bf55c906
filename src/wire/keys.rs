//! Keys on the wire, whole or seeded. Their polynomials are at the key level, in NTT form.

use super::ciphertext::{fit, read_seeded, read_whole, write_polynomials, write_seeded};
use super::error::{WireError, WireResult};
use super::header::Counts;
use super::kind::Kind;
use super::message::{Body, Size, check_field, check_single};
use super::stream::{MessageSource, Sink};
use crate::seal::{
    Ciphertext, Context, GaloisKeys, PublicKey, RELIN_SLOTS, RelinKeys, SeededGaloisKeys,
    SeededObject, SeededPart, SeededPublicKey, SeededRelinKeys,
};
use std::ops::RangeInclusive;

/// The slots of keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum KeySlots {
    /// One, of one part: a public key.
    Public,
    /// One for each power of the secret key that can be brought back.
    Relin,
    /// One for each Galois element, which is written before its parts.
    Galois,
}

/// Keys, whole or seeded: slots of parts.
pub(super) trait Keys: Sized {
    const NAME: &'static str;
    const SLOTS: KeySlots;
    const SEEDED: bool;

    fn slots(&self) -> usize;
    /// Tells whether the keys belong to the context and each slot is complete.
    fn complete(&self, context: &Context) -> bool;
    fn write(&self, context: &Context, sink: &mut Sink<'_>) -> WireResult<()>;
    /// Reads the keys. The caller has checked the number of slots.
    fn read(context: &Context, slots: u32, source: &mut MessageSource<'_>) -> WireResult<Self>;

    /// Numbers of slots that the keys can have.
    fn possible(context: &Context) -> RangeInclusive<u64> {
        match Self::SLOTS {
            KeySlots::Public => 1..=1,
            KeySlots::Relin => *RELIN_SLOTS.start() as u64..=*RELIN_SLOTS.end() as u64,
            KeySlots::Galois => 0..=context.parameters().poly_modulus_degree() as u64,
        }
    }

    fn slot_size(context: &Context) -> Size {
        let part = Size::pair(
            context,
            context.key_level().coeff_modulus_size,
            Self::SEEDED,
        );
        let slot = part.times(context.key_parts() as u64);
        match Self::SLOTS {
            KeySlots::Public => part,
            KeySlots::Relin => slot,
            KeySlots::Galois => slot.plus_bytes(4),
        }
    }
}

/// The header's counts for keys with this many slots.
pub(super) fn key_counts(context: &Context, slots: usize) -> Counts {
    Counts {
        is_ntt_form: true,
        polynomials: 2,
        primes: context.key_level().coeff_modulus_size as u16,
        items: slots as u32,
        ..Counts::default()
    }
}

/// Checks the counts that all keys have in common.
pub(super) fn check_key(context: &Context, counts: &Counts) -> WireResult<()> {
    let primes = context.key_level().coeff_modulus_size as u64;
    check_field("NTT form", counts.is_ntt_form, 1..=1)?;
    check_field("polynomials", counts.polynomials, 2..=2)?;
    check_field("primes", counts.primes, primes..=primes)
}

macro_rules! key_body {
    ($($object:ident),*) => {$(
        impl Body for $object {
            type Scope = Context;
            const KIND: Kind = Kind::$object;

            fn counts(&self, context: &Context) -> WireResult<Counts> {
                fit(Self::NAME, self.complete(context))?;
                Ok(key_counts(context, Keys::slots(self)))
            }

            fn size(context: &Context, counts: &Counts) -> WireResult<Size> {
                check_single(counts)?;
                check_key(context, counts)?;
                if Self::SLOTS != KeySlots::Public {
                    let special = u64::from(context.using_keyswitching());
                    check_field("special primes", special, 1..=1)?;
                }
                let slots = u64::from(counts.items);
                check_field("slots", slots, Self::possible(context))?;
                Ok(Self::slot_size(context).times(slots))
            }

            fn write_body(&self, context: &Context, sink: &mut Sink<'_>) -> WireResult<()> {
                self.write(context, sink)
            }

            fn read_body(
                context: &Context,
                counts: &Counts,
                source: &mut MessageSource<'_>,
            ) -> WireResult<Self> {
                Self::read(context, counts.items, source)
            }
        }
    )*};
}

key_body!(
    PublicKey,
    SeededPublicKey,
    RelinKeys,
    SeededRelinKeys,
    GaloisKeys,
    SeededGaloisKeys
);

fn read_part(context: &Context, source: &mut MessageSource<'_>) -> WireResult<Ciphertext> {
    read_whole(context, context.key_level(), 2, true, source)
}

fn read_seeded_part(context: &Context, source: &mut MessageSource<'_>) -> WireResult<SeededPart> {
    read_seeded(context, context.key_level(), true, source)
}

fn read_seeded_slot(
    context: &Context,
    source: &mut MessageSource<'_>,
) -> WireResult<Vec<SeededPart>> {
    (0..context.key_parts())
        .map(|_| read_seeded_part(context, source))
        .collect()
}

/// Tells whether a seeded part can be part of a key.
fn is_key_part(context: &Context, part: &SeededPart) -> bool {
    part.level() == context.key_level() && part.is_ntt_form()
}

/// Tells whether a seeded slot has all its parts.
fn complete(context: &Context, parts: &[SeededPart]) -> bool {
    parts.len() == context.key_parts() && parts.iter().all(|part| is_key_part(context, part))
}

impl Keys for PublicKey {
    const NAME: &'static str = "public key";
    const SLOTS: KeySlots = KeySlots::Public;
    const SEEDED: bool = false;

    fn slots(&self) -> usize {
        1
    }

    fn complete(&self, context: &Context) -> bool {
        self.parms_id() == context.key_level().parms_id
            && self.limbs().len() == context.key_part_limbs()
    }

    fn write(&self, context: &Context, sink: &mut Sink<'_>) -> WireResult<()> {
        write_polynomials(context, self.limbs(), context.key_level(), sink)
    }

    fn read(context: &Context, _: u32, source: &mut MessageSource<'_>) -> WireResult<Self> {
        Ok(Self::from_part(read_part(context, source)?)?)
    }
}

impl Keys for SeededPublicKey {
    const NAME: &'static str = "seeded public key";
    const SLOTS: KeySlots = KeySlots::Public;
    const SEEDED: bool = true;

    fn slots(&self) -> usize {
        1
    }

    fn complete(&self, context: &Context) -> bool {
        is_key_part(context, self.checked_parts())
    }

    fn write(&self, context: &Context, sink: &mut Sink<'_>) -> WireResult<()> {
        write_seeded(context, self.checked_parts(), sink)
    }

    fn read(context: &Context, _: u32, source: &mut MessageSource<'_>) -> WireResult<Self> {
        read_seeded_part(context, source).map(Self::from_checked_parts)
    }
}

impl Keys for RelinKeys {
    const NAME: &'static str = "set of relinearisation keys";
    const SLOTS: KeySlots = KeySlots::Relin;
    const SEEDED: bool = false;

    fn slots(&self) -> usize {
        Self::slots(self)
    }

    fn complete(&self, context: &Context) -> bool {
        self.parms_id() == context.key_level().parms_id
            && RELIN_SLOTS.contains(&Self::slots(self))
            && (0..Self::slots(self)).all(|slot| self.parts(slot) == context.key_parts())
    }

    fn write(&self, context: &Context, sink: &mut Sink<'_>) -> WireResult<()> {
        for slot in 0..Self::slots(self) {
            for part in 0..self.parts(slot) {
                let limbs = self.limbs(slot, part).unwrap_or_default();
                write_polynomials(context, limbs, context.key_level(), sink)?;
            }
        }
        Ok(())
    }

    fn read(context: &Context, slots: u32, source: &mut MessageSource<'_>) -> WireResult<Self> {
        let mut keys = Self::start(context)?;
        for slot in 0..slots as usize {
            for _ in 0..context.key_parts() {
                keys.append(slot, read_part(context, source)?)?;
            }
        }
        Ok(keys)
    }
}

impl Keys for SeededRelinKeys {
    const NAME: &'static str = "set of seeded relinearisation keys";
    const SLOTS: KeySlots = KeySlots::Relin;
    const SEEDED: bool = true;

    fn slots(&self) -> usize {
        self.checked_parts().len()
    }

    fn complete(&self, context: &Context) -> bool {
        let slots = self.checked_parts();
        RELIN_SLOTS.contains(&slots.len()) && slots.iter().all(|parts| complete(context, parts))
    }

    fn write(&self, context: &Context, sink: &mut Sink<'_>) -> WireResult<()> {
        self.checked_parts()
            .iter()
            .flatten()
            .try_for_each(|part| write_seeded(context, part, sink))
    }

    fn read(context: &Context, slots: u32, source: &mut MessageSource<'_>) -> WireResult<Self> {
        let slots = (0..slots)
            .map(|_| read_seeded_slot(context, source))
            .collect::<WireResult<_>>()?;
        Ok(Self::from_checked_parts(slots))
    }
}

fn write_element(element: u32, sink: &mut Sink<'_>) -> WireResult<()> {
    sink.bytes("Galois element", &element.to_le_bytes())
}

/// Reads a Galois element, which must be valid and larger than the one before it.
fn read_element(
    context: &Context,
    last: &mut Option<u32>,
    source: &mut MessageSource<'_>,
) -> WireResult<u32> {
    let element = source.word32("Galois element")?;
    let low = last.map_or(1, |last| last.saturating_add(1));
    let high = 2 * context.parameters().poly_modulus_degree() as u64 - 1;
    check_field("Galois element", element, u64::from(low)..=high)?;
    if !context.is_galois_element(element) {
        return Err(WireError::Field {
            field: "Galois element",
            actual: u64::from(element),
            expected: "an odd number".to_owned(),
        });
    }
    *last = Some(element);
    Ok(element)
}

impl Keys for GaloisKeys {
    const NAME: &'static str = "set of Galois keys";
    const SLOTS: KeySlots = KeySlots::Galois;
    const SEEDED: bool = false;

    fn slots(&self) -> usize {
        self.elements().len()
    }

    fn complete(&self, context: &Context) -> bool {
        self.parms_id() == context.key_level().parms_id
            && self.elements().iter().all(|&element| {
                context.is_galois_element(element) && self.parts(element) == context.key_parts()
            })
    }

    fn write(&self, context: &Context, sink: &mut Sink<'_>) -> WireResult<()> {
        for element in self.elements() {
            write_element(element, sink)?;
            for part in 0..self.parts(element) {
                let limbs = self.limbs(element, part).unwrap_or_default();
                write_polynomials(context, limbs, context.key_level(), sink)?;
            }
        }
        Ok(())
    }

    fn read(context: &Context, slots: u32, source: &mut MessageSource<'_>) -> WireResult<Self> {
        let mut keys = Self::start(context)?;
        let mut last = None;
        for _ in 0..slots {
            let element = read_element(context, &mut last, source)?;
            for _ in 0..context.key_parts() {
                keys.append(element, read_part(context, source)?)?;
            }
        }
        Ok(keys)
    }
}

impl Keys for SeededGaloisKeys {
    const NAME: &'static str = "set of seeded Galois keys";
    const SLOTS: KeySlots = KeySlots::Galois;
    const SEEDED: bool = true;

    fn slots(&self) -> usize {
        self.checked_parts().len()
    }

    fn complete(&self, context: &Context) -> bool {
        self.checked_parts()
            .iter()
            .all(|(element, parts)| context.is_galois_element(*element) && complete(context, parts))
    }

    fn write(&self, context: &Context, sink: &mut Sink<'_>) -> WireResult<()> {
        for (element, parts) in self.checked_parts() {
            write_element(*element, sink)?;
            for part in parts {
                write_seeded(context, part, sink)?;
            }
        }
        Ok(())
    }

    fn read(context: &Context, slots: u32, source: &mut MessageSource<'_>) -> WireResult<Self> {
        let mut last = None;
        let keys = (0..slots)
            .map(|_| {
                let element = read_element(context, &mut last, source)?;
                Ok((element, read_seeded_slot(context, source)?))
            })
            .collect::<WireResult<_>>()?;
        Ok(Self::from_checked_parts(keys))
    }
}
