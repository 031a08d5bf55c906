//! Keys on the wire. Their polynomials lie at the key level, in NTT form.

use super::ciphertext::{fit, read_seeded, read_whole, write_polynomials, write_seeded};
use super::error::WireResult;
use super::header::{Counts, Kind};
use super::message::{Body, Size, check_field, check_single};
use super::stream::{Sink, Source};
use crate::bfv::{
    Context, GaloisKeys, PublicKey, RELIN_SLOTS, RelinKeys, SeededGaloisKeys, SeededPart,
    SeededPublicKey, SeededRelinKeys, is_galois_element,
};

/// The header's numbers of keys with this many slots.
pub(super) fn key_counts(context: &Context, slots: usize) -> Counts {
    Counts {
        is_ntt_form: true,
        polynomials: 2,
        primes: context.key_level().coeff_modulus_size as u16,
        items: slots as u32,
        ..Counts::default()
    }
}

/// Checks what all keys have in common.
pub(super) fn check_key(context: &Context, counts: &Counts) -> WireResult<()> {
    let primes = context.key_level().coeff_modulus_size as u64;
    check_field("NTT form", u64::from(counts.is_ntt_form), 1..=1)?;
    check_field("polynomials", u64::from(counts.polynomials), 2..=2)?;
    check_field("primes", u64::from(counts.primes), primes..=primes)
}

fn check_switching(
    context: &Context,
    counts: &Counts,
    slots: std::ops::RangeInclusive<u64>,
) -> WireResult<()> {
    check_single(counts)?;
    check_key(context, counts)?;
    // Without a special prime there are no such keys.
    check_field(
        "special primes",
        u64::from(context.using_keyswitching()),
        1..=1,
    )?;
    check_field("slots", u64::from(counts.items), slots)
}

fn relin_slots() -> std::ops::RangeInclusive<u64> {
    *RELIN_SLOTS.start() as u64..=*RELIN_SLOTS.end() as u64
}

fn galois_slots(context: &Context) -> std::ops::RangeInclusive<u64> {
    0..=context.parameters().poly_modulus_degree() as u64
}

/// Whether seeded parts are complete and at the key level.
fn complete(context: &Context, parts: &[SeededPart]) -> bool {
    parts.len() == context.key_parts()
        && parts
            .iter()
            .all(|part| part.level == context.key_level() && part.is_ntt_form)
}

fn read_slot(context: &Context, source: &mut Source<'_>) -> WireResult<Vec<SeededPart>> {
    let mut parts = Vec::new();
    for _ in 0..context.key_parts() {
        parts.push(read_seeded(context, context.key_level(), true, source)?);
    }
    Ok(parts)
}

/// A Galois element: valid, and above the one before it.
fn read_element(
    context: &Context,
    last: &mut Option<u32>,
    source: &mut Source<'_>,
) -> WireResult<u32> {
    let element = source.word32("Galois element")?;
    let low = last.map_or(1, |last| last.saturating_add(1));
    let high = 2 * context.parameters().poly_modulus_degree() as u64 - 1;
    check_field("Galois element", u64::from(element), u64::from(low)..=high)?;
    if !is_galois_element(context, element) {
        return Err(super::WireError::Field {
            field: "Galois element",
            actual: u64::from(element),
            expected: "an odd number".to_owned(),
        });
    }
    *last = Some(element);
    Ok(element)
}

impl Body for PublicKey {
    type Scope = Context;
    const KIND: Kind = Kind::PublicKey;

    fn counts(&self, context: &Context) -> WireResult<Counts> {
        fit(
            "public key",
            self.parms_id() == context.key_level().parms_id
                && self.limbs().len() == context.key_part_limbs(),
        )?;
        Ok(key_counts(context, 1))
    }

    fn size(context: &Context, counts: &Counts) -> WireResult<Size> {
        check_single(counts)?;
        check_key(context, counts)?;
        check_field("slots", u64::from(counts.items), 1..=1)?;
        Ok(Size::pair(
            context,
            context.key_level().coeff_modulus_size,
            false,
        ))
    }

    fn write_body(&self, context: &Context, sink: &mut Sink<'_>) -> WireResult<()> {
        write_polynomials(context, self.limbs(), context.key_level(), sink)
    }

    fn read_body(context: &Context, _: &Counts, source: &mut Source<'_>) -> WireResult<Self> {
        let part = read_whole(context, context.key_level(), 2, true, source)?;
        Ok(Self::from_part(part)?)
    }
}

impl Body for SeededPublicKey {
    type Scope = Context;
    const KIND: Kind = Kind::SeededPublicKey;

    fn counts(&self, context: &Context) -> WireResult<Counts> {
        fit(
            "seeded public key",
            self.0.level == context.key_level() && self.0.is_ntt_form,
        )?;
        Ok(key_counts(context, 1))
    }

    fn size(context: &Context, counts: &Counts) -> WireResult<Size> {
        check_single(counts)?;
        check_key(context, counts)?;
        check_field("slots", u64::from(counts.items), 1..=1)?;
        Ok(Size::pair(
            context,
            context.key_level().coeff_modulus_size,
            true,
        ))
    }

    fn write_body(&self, context: &Context, sink: &mut Sink<'_>) -> WireResult<()> {
        write_seeded(context, &self.0, sink)
    }

    fn read_body(context: &Context, _: &Counts, source: &mut Source<'_>) -> WireResult<Self> {
        read_seeded(context, context.key_level(), true, source).map(Self)
    }
}

/// Whether every slot of relinearisation keys is complete.
pub(super) fn relin_complete(context: &Context, keys: &RelinKeys) -> bool {
    keys.parms_id() == context.key_level().parms_id
        && RELIN_SLOTS.contains(&keys.slots())
        && (0..keys.slots()).all(|slot| keys.parts(slot) == context.key_parts())
}

/// The parts of complete relinearisation keys, slot after slot.
pub(super) fn write_relin(
    context: &Context,
    keys: &RelinKeys,
    sink: &mut Sink<'_>,
) -> WireResult<()> {
    for slot in 0..keys.slots() {
        for part in 0..keys.parts(slot) {
            let limbs = keys.limbs(slot, part).unwrap_or_default();
            write_polynomials(context, limbs, context.key_level(), sink)?;
        }
    }
    Ok(())
}

/// Relinearisation keys with this many slots.
pub(super) fn read_relin(
    context: &Context,
    slots: u32,
    source: &mut Source<'_>,
) -> WireResult<RelinKeys> {
    let mut keys = RelinKeys::start(context)?;
    for slot in 0..slots as usize {
        for _ in 0..context.key_parts() {
            let part = read_whole(context, context.key_level(), 2, true, source)?;
            keys.append(slot, part)?;
        }
    }
    Ok(keys)
}

impl Body for RelinKeys {
    type Scope = Context;
    const KIND: Kind = Kind::RelinKeys;

    fn counts(&self, context: &Context) -> WireResult<Counts> {
        fit("set of relinearisation keys", relin_complete(context, self))?;
        Ok(key_counts(context, self.slots()))
    }

    fn size(context: &Context, counts: &Counts) -> WireResult<Size> {
        check_switching(context, counts, relin_slots())?;
        Ok(Size::slot(context, false).times(u64::from(counts.items)))
    }

    fn write_body(&self, context: &Context, sink: &mut Sink<'_>) -> WireResult<()> {
        write_relin(context, self, sink)
    }

    fn read_body(context: &Context, counts: &Counts, source: &mut Source<'_>) -> WireResult<Self> {
        read_relin(context, counts.items, source)
    }
}

/// Whether every slot of seeded relinearisation keys is complete.
pub(super) fn seeded_relin_complete(context: &Context, keys: &SeededRelinKeys) -> bool {
    RELIN_SLOTS.contains(&keys.slots.len())
        && keys.slots.iter().all(|parts| complete(context, parts))
}

pub(super) fn write_seeded_relin(
    context: &Context,
    keys: &SeededRelinKeys,
    sink: &mut Sink<'_>,
) -> WireResult<()> {
    keys.slots
        .iter()
        .flatten()
        .try_for_each(|part| write_seeded(context, part, sink))
}

pub(super) fn read_seeded_relin(
    context: &Context,
    slots: u32,
    source: &mut Source<'_>,
) -> WireResult<SeededRelinKeys> {
    let mut keys = SeededRelinKeys { slots: Vec::new() };
    for _ in 0..slots {
        keys.slots.push(read_slot(context, source)?);
    }
    Ok(keys)
}

impl Body for SeededRelinKeys {
    type Scope = Context;
    const KIND: Kind = Kind::SeededRelinKeys;

    fn counts(&self, context: &Context) -> WireResult<Counts> {
        fit(
            "set of seeded relinearisation keys",
            seeded_relin_complete(context, self),
        )?;
        Ok(key_counts(context, self.slots.len()))
    }

    fn size(context: &Context, counts: &Counts) -> WireResult<Size> {
        check_switching(context, counts, relin_slots())?;
        Ok(Size::slot(context, true).times(u64::from(counts.items)))
    }

    fn write_body(&self, context: &Context, sink: &mut Sink<'_>) -> WireResult<()> {
        write_seeded_relin(context, self, sink)
    }

    fn read_body(context: &Context, counts: &Counts, source: &mut Source<'_>) -> WireResult<Self> {
        read_seeded_relin(context, counts.items, source)
    }
}

impl Body for GaloisKeys {
    type Scope = Context;
    const KIND: Kind = Kind::GaloisKeys;

    fn counts(&self, context: &Context) -> WireResult<Counts> {
        let elements = self.elements();
        fit(
            "set of Galois keys",
            self.parms_id() == context.key_level().parms_id
                && elements.iter().all(|&element| {
                    is_galois_element(context, element)
                        && self.parts(element) == context.key_parts()
                }),
        )?;
        Ok(key_counts(context, elements.len()))
    }

    fn size(context: &Context, counts: &Counts) -> WireResult<Size> {
        check_switching(context, counts, galois_slots(context))?;
        Ok(Size::slot(context, false)
            .plus_bytes(4)
            .times(u64::from(counts.items)))
    }

    fn write_body(&self, context: &Context, sink: &mut Sink<'_>) -> WireResult<()> {
        for element in self.elements() {
            sink.bytes("Galois element", &element.to_le_bytes())?;
            for part in 0..self.parts(element) {
                let limbs = self.limbs(element, part).unwrap_or_default();
                write_polynomials(context, limbs, context.key_level(), sink)?;
            }
        }
        Ok(())
    }

    fn read_body(context: &Context, counts: &Counts, source: &mut Source<'_>) -> WireResult<Self> {
        let mut keys = Self::start(context)?;
        let mut last = None;
        for _ in 0..counts.items {
            let element = read_element(context, &mut last, source)?;
            for _ in 0..context.key_parts() {
                let part = read_whole(context, context.key_level(), 2, true, source)?;
                keys.append(element, part)?;
            }
        }
        Ok(keys)
    }
}

impl Body for SeededGaloisKeys {
    type Scope = Context;
    const KIND: Kind = Kind::SeededGaloisKeys;

    fn counts(&self, context: &Context) -> WireResult<Counts> {
        fit(
            "set of seeded Galois keys",
            self.keys.iter().all(|(element, parts)| {
                is_galois_element(context, *element) && complete(context, parts)
            }),
        )?;
        Ok(key_counts(context, self.keys.len()))
    }

    fn size(context: &Context, counts: &Counts) -> WireResult<Size> {
        check_switching(context, counts, galois_slots(context))?;
        Ok(Size::slot(context, true)
            .plus_bytes(4)
            .times(u64::from(counts.items)))
    }

    fn write_body(&self, context: &Context, sink: &mut Sink<'_>) -> WireResult<()> {
        for (element, parts) in &self.keys {
            sink.bytes("Galois element", &element.to_le_bytes())?;
            for part in parts {
                write_seeded(context, part, sink)?;
            }
        }
        Ok(())
    }

    fn read_body(context: &Context, counts: &Counts, source: &mut Source<'_>) -> WireResult<Self> {
        let mut keys = Self { keys: Vec::new() };
        let mut last = None;
        for _ in 0..counts.items {
            let element = read_element(context, &mut last, source)?;
            keys.keys.push((element, read_slot(context, source)?));
        }
        Ok(keys)
    }
}
