//! The engine's messages on the wire: one part for each plain prime, all of the same shape.

use super::ciphertext::{Encrypted, check_encrypted, fit, read_encrypted, unfit, write_encrypted};
use super::error::WireResult;
use super::header::{Counts, Fingerprint};
use super::keys::{Keys, check_key, key_counts};
use super::kind::Kind;
use super::message::{Body, Scope, Size, check_field};
use super::stream::{MessageSource, Sink};
use crate::engine::{
    Contexts, EvaluationKeys, Request, Response, SeededEvaluationKeys, SeededRequest,
};
use crate::seal::{
    Ciphertext, Context, GaloisKeys, RelinKeys, SeededCiphertext, SeededGaloisKeys, SeededRelinKeys,
};

impl Scope for Contexts {
    fn fingerprint(&self) -> Fingerprint {
        Fingerprint::of_all(self.contexts())
    }
}

/// Returns the first context of a plan. The plan's contexts differ only in the plaintext modulus.
pub(super) fn first(plan: &Contexts) -> WireResult<&Context> {
    plan.contexts().first().ok_or(unfit("plan"))
}

pub(super) fn check_parts(parts: usize, counts: &Counts) -> WireResult<u64> {
    let parts = parts as u64;
    check_field("parts", counts.parts, parts..=parts)?;
    Ok(parts)
}

/// Returns the header's counts for ciphertexts, which must all have the shape of the first.
pub(super) fn batch_counts<E: Encrypted>(
    object: &'static str,
    contexts: &[Context],
    images: usize,
    parts: &[Vec<E>],
) -> WireResult<Counts> {
    let shape_of = |context, encrypted: &E| {
        let (level, polynomials, is_ntt_form) = encrypted.shape(context)?;
        Some((level.coeff_modulus_size, polynomials, is_ntt_form))
    };
    let items = parts.first().map_or(0, Vec::len);
    let shape = parts
        .first()
        .and_then(|part| shape_of(contexts.first()?, part.first()?));
    let (primes, polynomials, is_ntt_form) = shape.ok_or(unfit(object))?;
    fit(
        object,
        parts.len() == contexts.len()
            && parts.iter().zip(contexts).all(|(part, context)| {
                part.len() == items
                    && part
                        .iter()
                        .all(|encrypted| shape_of(context, encrypted) == shape)
            }),
    )?;
    Ok(Counts {
        is_ntt_form,
        polynomials: polynomials as u16,
        primes: primes as u16,
        parts: parts.len() as u32,
        items: items as u32,
        images: images as u32,
    })
}

/// Checks the counts of a request or response of so many parts of `items` ciphertexts each.
pub(super) fn batch_size<E: Encrypted>(
    plan: &Contexts,
    counts: &Counts,
    (parts, items): (usize, usize),
) -> WireResult<Size> {
    let items = items as u64;
    let parts = check_parts(parts, counts)?;
    check_field("items", counts.items, items..=items)?;
    check_field("images", counts.images, 1..=plan.batch_size() as u64)?;
    let one = check_encrypted::<E>(first(plan)?, counts)?;
    Ok(one.times(items).times(parts))
}

/// Checks that the ciphertexts can be decrypted as they are.
fn check_plain_form(_: &Contexts, counts: &Counts) -> WireResult<()> {
    check_field("NTT form", counts.is_ntt_form, 0..=0)
}

/// Checks that the ciphertexts are fresh: two polynomials, at the highest data level.
pub(super) fn check_fresh(plan: &Contexts, counts: &Counts) -> WireResult<()> {
    check_field("polynomials", counts.polynomials, 2..=2)?;
    let primes = first(plan)?.first_level().coeff_modulus_size as u64;
    check_field("primes", counts.primes, primes..=primes)
}

/// Writes the ciphertexts of each part, which belong to the contexts in order.
pub(super) fn write_parts<E: Encrypted>(
    contexts: &[Context],
    parts: &[Vec<E>],
    sink: &mut Sink<'_>,
) -> WireResult<()> {
    let mut of_contexts = parts.iter().zip(contexts);
    of_contexts.try_for_each(|(part, context)| {
        let mut part = part.iter();
        part.try_for_each(|encrypted| write_encrypted(context, encrypted, sink))
    })
}

/// Reads as many ciphertexts as the counts say for each of the contexts.
pub(super) fn read_parts<E: Encrypted>(
    contexts: &[Context],
    counts: &Counts,
    source: &mut MessageSource<'_>,
) -> WireResult<Vec<Vec<E>>> {
    let mut read = |context| {
        let part = (0..counts.items).map(|_| read_encrypted(context, counts, source));
        part.collect::<WireResult<_>>()
    };
    contexts.iter().map(&mut read).collect()
}

macro_rules! batch_body {
    ($($object:ident, $name:literal, $encrypted:ident, $parts:ident, $items:ident, $check:ident;)*) => {$(
        impl Body for $object {
            type Scope = Contexts;
            const KIND: Kind = Kind::$object;

            fn counts(&self, plan: &Contexts) -> WireResult<Counts> {
                batch_counts($name, plan.$parts(), self.images, &self.parts)
            }

            fn size(plan: &Contexts, counts: &Counts) -> WireResult<Size> {
                $check(plan, counts)?;
                let shape = (plan.$parts().len(), plan.$items());
                batch_size::<$encrypted>(plan, counts, shape)
            }

            fn write_body(&self, plan: &Contexts, sink: &mut Sink<'_>) -> WireResult<()> {
                write_parts(plan.$parts(), &self.parts, sink)
            }

            fn read_body(
                plan: &Contexts,
                counts: &Counts,
                source: &mut MessageSource<'_>,
            ) -> WireResult<Self> {
                Ok(Self {
                    images: counts.images as usize,
                    parts: read_parts(plan.$parts(), counts, source)?,
                })
            }
        }
    )*};
}

batch_body!(
    Request, "request", Ciphertext, uploads, inputs, check_fresh;
    SeededRequest, "seeded request", SeededCiphertext, uploads, inputs, check_fresh;
    Response, "response", Ciphertext, contexts, outputs, check_plain_form;
);

/// Returns the header's counts for evaluation keys. Each plain prime has the same number of relinearisation key slots,
/// or each has none. Galois keys follow, for the elements that the plan knows.
fn keys_counts<K: Keys, G: Rotating>(
    plan: &Contexts,
    keys: &[Option<K>],
    galois: &[Option<G>],
) -> WireResult<Counts> {
    let object = "set of evaluation keys";
    fit(
        object,
        galois.len() == plan.contexts().len()
            && galois.iter().zip(plan.contexts()).all(|(keys, context)| {
                keys.as_ref()
                    .map_or(plan.galois_elements().is_empty(), |keys| {
                        keys.complete(context) && keys.is_for(plan.galois_elements())
                    })
            }),
    )?;
    let slots_of = |keys: &Option<K>| keys.as_ref().map_or(0, K::slots);
    let slots = keys.first().map_or(0, slots_of);
    fit(
        object,
        keys.len() == plan.contexts().len()
            && keys.iter().zip(plan.contexts()).all(|(keys, context)| {
                slots_of(keys) == slots && keys.as_ref().is_none_or(|keys| keys.complete(context))
            }),
    )?;
    Ok(Counts {
        parts: keys.len() as u32,
        ..key_counts(first(plan)?, slots)
    })
}

/// Galois keys, whole or seeded.
trait Rotating: Keys {
    /// Tells whether the keys are for exactly these elements, given in ascending order.
    fn is_for(&self, elements: &[u32]) -> bool;
}

impl Rotating for GaloisKeys {
    fn is_for(&self, elements: &[u32]) -> bool {
        self.elements() == elements
    }
}

impl Rotating for SeededGaloisKeys {
    fn is_for(&self, elements: &[u32]) -> bool {
        self.elements().eq(elements.iter().copied())
    }
}

fn keys_size<K: Keys, G: Keys>(plan: &Contexts, counts: &Counts) -> WireResult<Size> {
    let parts = check_parts(plan.contexts().len(), counts)?;
    let context = first(plan)?;
    check_field("images", counts.images, 0..=0)?;
    check_key(context, counts)?;
    let possible = if plan.needs_relin_keys() {
        K::possible(context)
    } else {
        0..=0
    };
    let slots = u64::from(counts.items);
    check_field("slots", slots, possible)?;
    let rotations = plan.galois_elements().len() as u64;
    let keys = K::slot_size(context).times(slots);
    Ok(keys
        .plus(G::slot_size(context).times(rotations))
        .times(parts))
}

macro_rules! keys_body {
    ($($object:ident, $keys:ident, $galois:ident;)*) => {$(
        impl Body for $object {
            type Scope = Contexts;
            const KIND: Kind = Kind::$object;

            fn counts(&self, plan: &Contexts) -> WireResult<Counts> {
                keys_counts(plan, &self.relin_keys, &self.galois_keys)
            }

            fn size(plan: &Contexts, counts: &Counts) -> WireResult<Size> {
                keys_size::<$keys, $galois>(plan, counts)
            }

            fn write_body(&self, plan: &Contexts, sink: &mut Sink<'_>) -> WireResult<()> {
                let keys = self.relin_keys.iter().zip(&self.galois_keys);
                for ((relin, galois), context) in keys.zip(plan.contexts()) {
                    if let Some(keys) = relin {
                        keys.write(context, sink)?;
                    }
                    if let Some(keys) = galois {
                        keys.write(context, sink)?;
                    }
                }
                Ok(())
            }

            fn read_body(
                plan: &Contexts,
                counts: &Counts,
                source: &mut MessageSource<'_>,
            ) -> WireResult<Self> {
                let (mut relin_keys, mut galois_keys) = (Vec::new(), Vec::new());
                let elements = plan.galois_elements();
                for context in plan.contexts() {
                    relin_keys.push(if counts.items == 0 {
                        None
                    } else {
                        Some(<$keys as Keys>::read(context, counts.items, source)?)
                    });
                    galois_keys.push(if elements.is_empty() {
                        None
                    } else {
                        let count = elements.len() as u32;
                        let keys = <$galois as Keys>::read(context, count, source)?;
                        fit("set of evaluation keys", keys.is_for(elements))?;
                        Some(keys)
                    });
                }
                Ok(Self::of_seal(relin_keys, galois_keys))
            }
        }
    )*};
}

keys_body!(
    EvaluationKeys, RelinKeys, GaloisKeys;
    SeededEvaluationKeys, SeededRelinKeys, SeededGaloisKeys;
);
