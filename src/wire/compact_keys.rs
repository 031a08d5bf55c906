//! Compact evaluation keys on the wire.

use super::compact::in_order;
use super::engine::first;
use super::error::WireResult;
use super::header::{Counts, Fingerprint};
use super::kind::Kind;
use super::message::{Body, Size, check_field, message_bytes};
use super::stream::{MessageSource, POLYNOMIAL, Sink};
use crate::engine::fresh::{SEED_BYTES, keys};
use crate::engine::{CompactKeys, Contexts, NeededKey};
use crate::seal::Context;
use rayon::prelude::*;

/// Returns the keys that a plan needs in this form.
fn needed(plan: &Contexts) -> WireResult<Vec<NeededKey>> {
    let needed = plan.needed_keys();
    needed.ok_or_else(|| super::ciphertext::unfit("set of compact keys"))
}

/// Returns the size of packed keys on the wire, and of the same expanded.
fn sizes(context: &Context, needed: &[NeededKey]) -> Size {
    let degree = context.parameters().poly_modulus_degree() as u64;
    let size = |key: &NeededKey| {
        let bytes = keys::key_bytes(context, key.level) as u64;
        let level = key.level as u64;
        let expanded = (16 * degree).saturating_mul(level * (level + 1));
        Size {
            bytes,
            memory: bytes.saturating_add(expanded),
        }
    };
    let none = Size::default();
    needed.iter().map(size).fold(none, Size::plus)
}

/// Returns the size of the message.
pub(super) fn bytes(plan: &Contexts, needed: &[NeededKey]) -> WireResult<u64> {
    let size = sizes(first(plan)?, needed).plus_bytes(SEED_BYTES as u64);
    Ok(message_bytes(size))
}

impl Body for CompactKeys {
    type Scope = Contexts;
    const KIND: Kind = Kind::CompactKeys;

    fn fingerprint(plan: &Contexts) -> Fingerprint {
        let needed = plan.needed_keys().unwrap_or_default();
        let keys = needed.iter().flat_map(|key| {
            let element = key.element.map_or(0, u64::from);
            [element, key.level as u64]
        });
        Fingerprint::of_keys(plan.contexts(), keys)
    }

    fn counts(&self, plan: &Contexts) -> WireResult<Counts> {
        super::ciphertext::fit("set of compact keys", self.fits(plan))?;
        Ok(Counts {
            is_ntt_form: true,
            polynomials: 2,
            primes: first(plan)?.key_level().coeff_modulus_size as u16,
            parts: 1,
            items: self.keys.len() as u32,
            images: 0,
        })
    }

    fn size(plan: &Contexts, counts: &Counts) -> WireResult<Size> {
        let context = first(plan)?;
        let needed = needed(plan)?;
        let (items, primes) = (needed.len() as u64, context.primes().len() as u64);
        check_field("NTT form", counts.is_ntt_form, 1..=1)?;
        check_field("polynomials", counts.polynomials, 2..=2)?;
        check_field("primes", counts.primes, primes..=primes)?;
        check_field("parts", counts.parts, 1..=1)?;
        check_field("items", counts.items, items..=items)?;
        check_field("images", counts.images, 0..=0)?;
        Ok(sizes(context, &needed).plus_bytes(SEED_BYTES as u64))
    }

    fn write_body(&self, _: &Contexts, sink: &mut Sink<'_>) -> WireResult<()> {
        sink.bytes("seed", &self.seed)?;
        let mut keys = self.keys.iter();
        keys.try_for_each(|key| sink.bytes(POLYNOMIAL, key))
    }

    fn read_body(plan: &Contexts, _: &Counts, source: &mut MessageSource<'_>) -> WireResult<Self> {
        let context = first(plan)?;
        let needed = needed(plan)?;
        let seed = source.array("seed")?;
        let mut keys = Vec::with_capacity(needed.len());
        for key in &needed {
            let mut packed = Vec::new();
            source.packed(keys::key_bytes(context, key.level), &mut packed)?;
            let digits: Vec<&[u8]> = keys::digits(context, key.level, &packed).collect();
            in_order(
                digits
                    .into_par_iter()
                    .map_init(Vec::new, |residues, digit| {
                        keys::check_digit(context, key.level, digit, residues)
                    }),
            )?;
            keys.push(packed);
        }
        Ok(Self {
            seed,
            primes: context.primes().to_vec(),
            needed,
            keys,
        })
    }
}
