//! The engine's messages on the wire: one part for each plaintext modulus, all of the same shape.

use super::ciphertext::{
    check_polynomials, fit, level_of, read_seeded, read_whole, write_polynomials, write_seeded,
};
use super::error::WireResult;
use super::header::{Counts, Fingerprint, Kind};
use super::keys::{
    check_key, key_counts, read_relin, read_seeded_relin, relin_complete, seeded_relin_complete,
    write_relin, write_seeded_relin,
};
use super::message::{Body, Scope, Size, check_field, data_level};
use super::stream::{Sink, Source};
use crate::bfv::{Ciphertext, Context, RELIN_SLOTS, RelinKeys, SeededCiphertext, SeededRelinKeys};
use crate::engine::{
    EvaluationKeys, PlanContexts, Request, Response, SeededEvaluationKeys, SeededRequest,
};

impl Scope for PlanContexts {
    fn fingerprint(&self) -> Fingerprint {
        Fingerprint::of_all(self.contexts())
    }
}

/// The sum over the plaintext moduli.
fn total(plan: &PlanContexts, size: impl Fn(&Context) -> Size) -> Size {
    plan.contexts()
        .iter()
        .fold(Size::default(), |total, context| total.plus(size(context)))
}

fn check_channels(plan: &PlanContexts, counts: &Counts) -> WireResult<()> {
    let channels = plan.contexts().len() as u64;
    check_field("channels", u64::from(counts.channels), channels..=channels)
}

/// Checks a request's or response's numbers but those of its ciphertexts' polynomials.
fn check_batch(plan: &PlanContexts, counts: &Counts, items: usize) -> WireResult<()> {
    check_channels(plan, counts)?;
    check_field(
        "items",
        u64::from(counts.items),
        items as u64..=items as u64,
    )?;
    check_field("images", u64::from(counts.images), 1..=plan.slots() as u64)?;
    check_field("NTT form", u64::from(counts.is_ntt_form), 0..=0)
}

/// Checks that ciphertexts are fresh: of two polynomials, at the highest data level.
fn check_fresh(plan: &PlanContexts, counts: &Counts) -> WireResult<()> {
    check_field("polynomials", u64::from(counts.polynomials), 2..=2)?;
    let primes = first_primes(plan) as u64;
    check_field("primes", u64::from(counts.primes), primes..=primes)
}

fn first_primes(plan: &PlanContexts) -> usize {
    plan.contexts()
        .first()
        .map_or(0, |context| context.first_level().coeff_modulus_size)
}

/// The numbers of whole ciphertexts, which must all have the shape of the first.
fn whole_counts(
    object: &'static str,
    plan: &PlanContexts,
    images: usize,
    channels: &[Vec<Ciphertext>],
) -> WireResult<Counts> {
    let first = channels.iter().flatten().next();
    let (polynomials, primes) =
        first.map_or((0, 0), |first| (first.size(), first.coeff_modulus_size()));
    let items = channels.first().map_or(0, Vec::len);
    fit(
        object,
        channels.len() == plan.contexts().len()
            && channels
                .iter()
                .zip(plan.contexts())
                .all(|(channel, context)| {
                    channel.len() == items
                        && channel.iter().all(|encrypted| {
                            level_of(context, encrypted)
                                .is_some_and(|level| level.coeff_modulus_size == primes)
                                && encrypted.size() == polynomials
                                && !encrypted.is_ntt_form()
                        })
                }),
    )?;
    Ok(Counts {
        is_ntt_form: false,
        polynomials: polynomials as u16,
        primes: primes as u16,
        channels: channels.len() as u32,
        items: items as u32,
        images: images as u32,
    })
}

fn write_whole(
    plan: &PlanContexts,
    channels: &[Vec<Ciphertext>],
    sink: &mut Sink<'_>,
) -> WireResult<()> {
    for (channel, context) in channels.iter().zip(plan.contexts()) {
        for encrypted in channel {
            match level_of(context, encrypted) {
                Some(level) => write_polynomials(context, encrypted.limbs(), level, sink)?,
                None => fit("ciphertext", false)?,
            }
        }
    }
    Ok(())
}

fn read_channels(
    plan: &PlanContexts,
    counts: &Counts,
    source: &mut Source<'_>,
) -> WireResult<Vec<Vec<Ciphertext>>> {
    let mut channels = Vec::new();
    for context in plan.contexts() {
        let level = data_level(context, counts.primes)?;
        let polynomials = usize::from(counts.polynomials);
        let mut channel = Vec::new();
        for _ in 0..counts.items {
            channel.push(read_whole(context, level, polynomials, false, source)?);
        }
        channels.push(channel);
    }
    Ok(channels)
}

fn whole_size(plan: &PlanContexts, counts: &Counts) -> WireResult<Size> {
    if let Some(context) = plan.contexts().first() {
        data_level(context, counts.primes)?;
    }
    Ok(total(plan, |context| {
        Size::polynomials(
            context,
            usize::from(counts.primes),
            usize::from(counts.polynomials),
        )
        .times(u64::from(counts.items))
    }))
}

impl Body for Request {
    type Scope = PlanContexts;
    const KIND: Kind = Kind::Request;

    fn counts(&self, plan: &PlanContexts) -> WireResult<Counts> {
        whole_counts("request", plan, self.images, &self.channels)
    }

    fn size(plan: &PlanContexts, counts: &Counts) -> WireResult<Size> {
        check_batch(plan, counts, plan.inputs())?;
        check_fresh(plan, counts)?;
        whole_size(plan, counts)
    }

    fn write_body(&self, plan: &PlanContexts, sink: &mut Sink<'_>) -> WireResult<()> {
        write_whole(plan, &self.channels, sink)
    }

    fn read_body(
        plan: &PlanContexts,
        counts: &Counts,
        source: &mut Source<'_>,
    ) -> WireResult<Self> {
        Ok(Self {
            images: counts.images as usize,
            channels: read_channels(plan, counts, source)?,
        })
    }
}

impl Body for Response {
    type Scope = PlanContexts;
    const KIND: Kind = Kind::Response;

    fn counts(&self, plan: &PlanContexts) -> WireResult<Counts> {
        whole_counts("response", plan, self.images, &self.channels)
    }

    fn size(plan: &PlanContexts, counts: &Counts) -> WireResult<Size> {
        check_batch(plan, counts, plan.outputs())?;
        check_polynomials(counts)?;
        whole_size(plan, counts)
    }

    fn write_body(&self, plan: &PlanContexts, sink: &mut Sink<'_>) -> WireResult<()> {
        write_whole(plan, &self.channels, sink)
    }

    fn read_body(
        plan: &PlanContexts,
        counts: &Counts,
        source: &mut Source<'_>,
    ) -> WireResult<Self> {
        Ok(Self {
            images: counts.images as usize,
            channels: read_channels(plan, counts, source)?,
        })
    }
}

impl Body for SeededRequest {
    type Scope = PlanContexts;
    const KIND: Kind = Kind::SeededRequest;

    fn counts(&self, plan: &PlanContexts) -> WireResult<Counts> {
        let items = self.channels.first().map_or(0, Vec::len);
        fit(
            "seeded request",
            self.channels.len() == plan.contexts().len()
                && self
                    .channels
                    .iter()
                    .zip(plan.contexts())
                    .all(|(channel, context)| {
                        channel.len() == items
                            && channel.iter().all(|encrypted| {
                                encrypted.0.level == context.first_level()
                                    && !encrypted.0.is_ntt_form
                            })
                    }),
        )?;
        Ok(Counts {
            is_ntt_form: false,
            polynomials: 2,
            primes: first_primes(plan) as u16,
            channels: self.channels.len() as u32,
            items: items as u32,
            images: self.images as u32,
        })
    }

    fn size(plan: &PlanContexts, counts: &Counts) -> WireResult<Size> {
        check_batch(plan, counts, plan.inputs())?;
        check_fresh(plan, counts)?;
        Ok(total(plan, |context| {
            Size::pair(context, usize::from(counts.primes), true).times(u64::from(counts.items))
        }))
    }

    fn write_body(&self, plan: &PlanContexts, sink: &mut Sink<'_>) -> WireResult<()> {
        for (channel, context) in self.channels.iter().zip(plan.contexts()) {
            for encrypted in channel {
                write_seeded(context, &encrypted.0, sink)?;
            }
        }
        Ok(())
    }

    fn read_body(
        plan: &PlanContexts,
        counts: &Counts,
        source: &mut Source<'_>,
    ) -> WireResult<Self> {
        let mut channels = Vec::new();
        for context in plan.contexts() {
            let mut channel = Vec::new();
            for _ in 0..counts.items {
                let part = read_seeded(context, context.first_level(), false, source)?;
                channel.push(SeededCiphertext(part));
            }
            channels.push(channel);
        }
        Ok(Self {
            images: counts.images as usize,
            channels,
        })
    }
}

/// The numbers of evaluation keys: relinearisation keys with as many slots for each plaintext modulus, or none.
fn keys_counts<Keys>(
    plan: &PlanContexts,
    keys: &[Option<Keys>],
    slots: impl Fn(&Keys) -> usize,
    complete: impl Fn(&Context, &Keys) -> bool,
) -> WireResult<Counts> {
    let object = "set of evaluation keys";
    let items = keys.first().and_then(Option::as_ref).map_or(0, &slots);
    fit(
        object,
        keys.len() == plan.contexts().len()
            && keys.iter().zip(plan.contexts()).all(|(keys, context)| {
                keys.as_ref().map_or(0, &slots) == items
                    && keys.as_ref().is_none_or(|keys| complete(context, keys))
            }),
    )?;
    let Some(context) = plan.contexts().first() else {
        return fit(object, false).map(|()| Counts::default());
    };
    Ok(Counts {
        channels: keys.len() as u32,
        ..key_counts(context, items)
    })
}

fn keys_size(plan: &PlanContexts, counts: &Counts, seeded: bool) -> WireResult<Size> {
    check_channels(plan, counts)?;
    check_field("images", u64::from(counts.images), 0..=0)?;
    for context in plan.contexts() {
        check_key(context, counts)?;
    }
    let slots = if plan.needs_relin_keys() {
        *RELIN_SLOTS.start() as u64..=*RELIN_SLOTS.end() as u64
    } else {
        0..=0
    };
    check_field("slots", u64::from(counts.items), slots)?;
    Ok(total(plan, |context| {
        Size::slot(context, seeded).times(u64::from(counts.items))
    }))
}

fn read_keys<Keys>(
    plan: &PlanContexts,
    counts: &Counts,
    mut read: impl FnMut(&Context, u32) -> WireResult<Keys>,
) -> WireResult<Vec<Option<Keys>>> {
    let mut all = Vec::new();
    for context in plan.contexts() {
        all.push(if counts.items == 0 {
            None
        } else {
            Some(read(context, counts.items)?)
        });
    }
    Ok(all)
}

impl Body for EvaluationKeys {
    type Scope = PlanContexts;
    const KIND: Kind = Kind::EvaluationKeys;

    fn counts(&self, plan: &PlanContexts) -> WireResult<Counts> {
        keys_counts(plan, &self.relin_keys, RelinKeys::slots, relin_complete)
    }

    fn size(plan: &PlanContexts, counts: &Counts) -> WireResult<Size> {
        keys_size(plan, counts, false)
    }

    fn write_body(&self, plan: &PlanContexts, sink: &mut Sink<'_>) -> WireResult<()> {
        for (keys, context) in self.relin_keys.iter().zip(plan.contexts()) {
            if let Some(keys) = keys {
                write_relin(context, keys, sink)?;
            }
        }
        Ok(())
    }

    fn read_body(
        plan: &PlanContexts,
        counts: &Counts,
        source: &mut Source<'_>,
    ) -> WireResult<Self> {
        let relin_keys = read_keys(plan, counts, |context, slots| {
            read_relin(context, slots, source)
        })?;
        Ok(Self { relin_keys })
    }
}

impl Body for SeededEvaluationKeys {
    type Scope = PlanContexts;
    const KIND: Kind = Kind::SeededEvaluationKeys;

    fn counts(&self, plan: &PlanContexts) -> WireResult<Counts> {
        keys_counts(
            plan,
            &self.relin_keys,
            |keys: &SeededRelinKeys| keys.slots.len(),
            seeded_relin_complete,
        )
    }

    fn size(plan: &PlanContexts, counts: &Counts) -> WireResult<Size> {
        keys_size(plan, counts, true)
    }

    fn write_body(&self, plan: &PlanContexts, sink: &mut Sink<'_>) -> WireResult<()> {
        for (keys, context) in self.relin_keys.iter().zip(plan.contexts()) {
            if let Some(keys) = keys {
                write_seeded_relin(context, keys, sink)?;
            }
        }
        Ok(())
    }

    fn read_body(
        plan: &PlanContexts,
        counts: &Counts,
        source: &mut Source<'_>,
    ) -> WireResult<Self> {
        let relin_keys = read_keys(plan, counts, |context, slots| {
            read_seeded_relin(context, slots, source)
        })?;
        Ok(Self { relin_keys })
    }
}
