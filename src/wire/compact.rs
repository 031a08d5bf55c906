//! Compact requests on the wire: whole, and written and read in pieces while they are encrypted and expanded.

use super::ciphertext::{fit, unfit};
use super::damage::explain_header;
use super::engine::{batch_size, check_fresh, first};
use super::error::{WireError, WireResult};
use super::header::{Counts, HEADER_BYTES};
use super::kind::Kind;
use super::limits::Limits;
use super::message::{Body, Size, check_field, read_with, write};
use super::stream::{MessageSource, POLYNOMIAL, Sink, invalid_residue};
use crate::engine::fresh::{self, ExpandError, SEED_BYTES};
use crate::engine::{
    Client, CompactEncryption, CompactRequest, Contexts, EngineError, PackedPart, Progress, Request,
};
use crate::seal::{Ciphertext, SeededCiphertext};
use rayon::prelude::*;
use std::io::{Read, Write};
use thiserror::Error;

/// An error of [`Client::send_compact`].
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum SendError {
    /// The images cannot be encrypted.
    #[error("encrypting the images")]
    Encrypt(#[source] EngineError),
    /// The message cannot be written.
    #[error("writing the request")]
    Write(#[source] WireError),
}

/// Returns the header's counts of a compact request.
fn compact_counts(plan: &Contexts, images: usize) -> WireResult<Counts> {
    Ok(Counts {
        is_ntt_form: true,
        polynomials: 2,
        primes: first(plan)?.first_level().coeff_modulus_size as u16,
        parts: plan.uploads().len() as u32,
        items: plan.inputs() as u32,
        images: images as u32,
    })
}

impl Body for CompactRequest {
    type Scope = Contexts;
    const KIND: Kind = Kind::CompactRequest;

    fn counts(&self, plan: &Contexts) -> WireResult<Counts> {
        let fits = |(part, context): (&PackedPart, _)| part.fits(context, plan.inputs());
        fit(
            "compact request",
            self.parts.len() == plan.uploads().len()
                && self.parts.iter().zip(plan.uploads()).all(fits),
        )?;
        compact_counts(plan, self.images)
    }

    fn size(plan: &Contexts, counts: &Counts) -> WireResult<Size> {
        check_fresh(plan, counts)?;
        check_field("NTT form", counts.is_ntt_form, 1..=1)?;
        let shape = (plan.uploads().len(), plan.inputs());
        let ciphertexts = batch_size::<SeededCiphertext>(plan, counts, shape)?;
        let packed = fresh::ciphertext_bytes(first(plan)?) as u64;
        let count = u64::from(counts.parts).saturating_mul(u64::from(counts.items));
        Ok(Size {
            bytes: packed.saturating_mul(count),
            // What it expands to is counted as for a request with seeds, which takes more.
            memory: ciphertexts.memory,
        }
        .plus_bytes(SEED_BYTES as u64))
    }

    fn write_body(&self, _: &Contexts, sink: &mut Sink<'_>) -> WireResult<()> {
        sink.bytes("seed", &self.seed)?;
        let mut parts = self.parts.iter();
        parts.try_for_each(|part| sink.bytes(POLYNOMIAL, &part.bytes))
    }

    fn read_body(
        plan: &Contexts,
        counts: &Counts,
        source: &mut MessageSource<'_>,
    ) -> WireResult<Self> {
        let seed = source.array("seed")?;
        let parts = plan.uploads().iter().map(|context| {
            let size = fresh::ciphertext_bytes(context);
            let mut bytes = Vec::new();
            source.packed(size * counts.items as usize, &mut bytes)?;
            let packed = bytes.par_chunks_exact(size);
            in_order(packed.map_init(Vec::new, |residues, packed| {
                fresh::check(context, packed, residues)
            }))?;
            Ok(PackedPart {
                parms_id: context.first_level().parms_id,
                bytes,
            })
        });
        Ok(Self {
            images: counts.images as usize,
            seed,
            parts: parts.collect::<WireResult<_>>()?,
        })
    }
}

/// Returns the error of the first ciphertext or digit that has one.
pub(super) fn in_order(
    expanded: impl IndexedParallelIterator<Item = Result<(), ExpandError>>,
) -> WireResult<()> {
    let failed = expanded.find_map_first(Result::err);
    failed.map_or(Ok(()), |error| {
        Err(match error {
            ExpandError::Invalid(invalid, prime) => invalid_residue(invalid, 0, prime),
            ExpandError::Seal(_) => WireError::Memory { field: POLYNOMIAL },
        })
    })
}

/// Returns the number of ciphertexts in a piece: some work for each thread of the current rayon pool.
fn piece() -> usize {
    16 * rayon::current_num_threads()
}

impl Request {
    /// Reads a message that is a [`CompactRequest`], and expands it while it arrives, on all threads of the current
    /// rayon pool. The memory of an earlier request is reused. The packed message is never held whole.
    ///
    /// After an error, the request is empty.
    ///
    /// # Errors
    /// Those of [`super::Message::read_from`].
    pub fn read_compact(
        &mut self,
        contexts: &Contexts,
        mut reader: impl Read,
        limits: &Limits,
    ) -> WireResult<()> {
        let mut header = [0; HEADER_BYTES];
        let read = read_with::<CompactRequest, ()>(
            contexts,
            &mut reader,
            limits,
            &mut header,
            |counts, source| self.read_parts(contexts, counts, source),
        );
        read.map_err(|error| {
            *self = Self::default();
            explain_header(error, &header)
        })
    }

    fn read_parts(
        &mut self,
        contexts: &Contexts,
        counts: &Counts,
        source: &mut MessageSource<'_>,
    ) -> WireResult<()> {
        self.images = counts.images as usize;
        let seed = source.array("seed")?;
        self.parts.resize_with(contexts.uploads().len(), Vec::new);
        let memory = |_| WireError::Memory { field: POLYNOMIAL };
        let (mut packed, mut next) = (Vec::new(), Vec::new());
        for (part, (context, ciphertexts)) in
            contexts.uploads().iter().zip(&mut self.parts).enumerate()
        {
            let size = fresh::ciphertext_bytes(context);
            let key = fresh::uniform_key(contexts.of_upload(part), &seed);
            let count = counts.items as usize;
            ciphertexts.truncate(count);
            source.packed(piece().min(count) * size, &mut packed)?;
            for start in (0..count).step_by(piece()) {
                let end = (start + piece()).min(count);
                while ciphertexts.len() < end {
                    ciphertexts.push(Ciphertext::new().map_err(memory)?);
                }
                let expand = || {
                    let ciphertexts = ciphertexts[start..end].par_iter_mut();
                    let packed = packed.par_chunks_exact(size);
                    let both = ciphertexts.zip(packed).enumerate();
                    in_order(both.map_init(Vec::new, |bytes, (at, (encrypted, packed))| {
                        let indices = [part, start + at];
                        fresh::expand(context, &key, indices, packed, bytes, encrypted)
                    }))
                };
                let (expanded, read) = beside(expand, || {
                    source.packed(piece().min(count - end) * size, &mut next)
                });
                expanded.and(read)?;
                std::mem::swap(&mut packed, &mut next);
            }
        }
        Ok(())
    }
}

impl Client {
    /// Encrypts a batch like [`Client::encrypt_compact`], and writes the message while it encrypts, on all threads of the
    /// current rayon pool. The message is never held whole. Returns its length in bytes.
    ///
    /// # Errors
    /// [`SendError::Encrypt`] with the errors of [`Client::encrypt_compact`] or [`EngineError::Contexts`],
    /// [`SendError::Write`] if the writer fails.
    pub fn send_compact(
        &self,
        contexts: &Contexts,
        images: &[Vec<i64>],
        progress: &dyn Progress,
        mut writer: impl Write,
    ) -> Result<u64, SendError> {
        contexts.check(&self.spec).map_err(SendError::Encrypt)?;
        let parts = contexts.uploads().len();
        let encryption = self.encryption(images, "encrypt", parts, progress);
        let encryption = encryption.map_err(SendError::Encrypt)?;
        let mut failed = None;
        let counts = compact_counts(contexts, images.len()).map_err(SendError::Write)?;
        let written = write::<CompactRequest>(contexts, counts, &mut writer, |sink| {
            write_parts(contexts, &encryption, sink, &mut failed)
        });
        match failed {
            Some(error) => Err(SendError::Encrypt(error)),
            None => written.map_err(SendError::Write),
        }
    }
}

fn write_parts(
    contexts: &Contexts,
    encryption: &CompactEncryption<'_>,
    sink: &mut Sink<'_>,
    failed: &mut Option<EngineError>,
) -> WireResult<()> {
    sink.bytes("seed", encryption.seed())?;
    let (mut packed, mut next) = (Vec::new(), Vec::new());
    for (part, context) in contexts.uploads().iter().enumerate() {
        let size = fresh::ciphertext_bytes(context);
        for start in (0..contexts.inputs()).step_by(piece()) {
            let count = piece().min(contexts.inputs() - start);
            next.resize(count * size, 0);
            let encrypt = || encryption.encrypt(part, start, &mut next);
            let (encrypted, written) = beside(encrypt, || sink.bytes(POLYNOMIAL, &packed));
            if let Err(error) = encrypted {
                *failed = Some(error);
                // The message stays without its end.
                return Err(unfit("compact request"));
            }
            written?;
            std::mem::swap(&mut packed, &mut next);
        }
    }
    sink.bytes(POLYNOMIAL, &packed)
}

/// Runs work on the current rayon pool, and beside it other work on this thread.
fn beside<A: Send, B>(work: impl FnOnce() -> A + Send, other: impl FnOnce() -> B) -> (A, B) {
    let mut done = None;
    let other = rayon::in_place_scope(|scope| {
        scope.spawn(|_| done = Some(work()));
        other()
    });
    let Some(done) = done else {
        unreachable!("a scope ends when its work has ended")
    };
    (done, other)
}
