//! Encrypts a batch piece by piece, in the form in which it travels.

use super::error::EngineError;
use super::fresh::{FreshEncryptor, RequestKeys, SEED_BYTES, Scratch};
use super::secret::SecretPrime;
use super::spec::ClientSpec;
use super::stats::StageProgress;
use rayon::prelude::*;
use std::sync::{Mutex, PoisonError};

/// Number of ciphertexts whose values are gathered at once: those of one memory line of an image.
pub(crate) const GATHERED: usize = 8;

/// The encryption of one batch, with a fresh seed. Its ciphertexts may be made in any order, on all threads of the
/// current rayon pool.
pub(crate) struct CompactEncryption<'a> {
    spec: &'a ClientSpec,
    images: &'a [Vec<i64>],
    seed: [u8; SEED_BYTES],
    parts: Vec<(&'a FreshEncryptor, RequestKeys)>,
    /// Number of bytes of a ciphertext.
    size: usize,
    stage: StageProgress<'a>,
    scratch: Mutex<Vec<Scratch>>,
}

impl<'a> CompactEncryption<'a> {
    /// Draws the seeds. The images have been checked.
    pub(super) fn new(
        spec: &'a ClientSpec,
        primes: &'a [SecretPrime],
        images: &'a [Vec<i64>],
        stage: StageProgress<'a>,
    ) -> Result<Self, EngineError> {
        let mut seed = [0; SEED_BYTES];
        getrandom::fill(&mut seed)?;
        let parts = primes.iter().map(|prime| {
            let encryptor = prime.fresh().ok_or(EngineError::Compact)?;
            Ok((encryptor, encryptor.keys(&seed)?))
        });
        let parts = parts.collect::<Result<Vec<_>, EngineError>>()?;
        let size = parts
            .first()
            .map_or(0, |(encryptor, _)| encryptor.ciphertext_bytes());
        Ok(Self {
            spec,
            images,
            seed,
            parts,
            size,
            stage,
            scratch: Mutex::default(),
        })
    }

    /// Returns the public seed.
    pub(crate) const fn seed(&self) -> &[u8; SEED_BYTES] {
        &self.seed
    }

    /// Encrypts as many ciphertexts as fit the bytes, from `first` on, for a plain prime.
    pub(crate) fn encrypt(
        &self,
        part: usize,
        first: usize,
        packed: &mut [u8],
    ) -> Result<(), EngineError> {
        let gathered = if self.spec.slot_map.image_slots() == 1 {
            GATHERED
        } else {
            1
        };
        packed
            .par_chunks_mut(gathered * self.size)
            .enumerate()
            .try_for_each(|(block, packed)| {
                self.encrypt_block(part, first + block * gathered, packed)
            })
    }

    fn encrypt_block(
        &self,
        part: usize,
        first: usize,
        packed: &mut [u8],
    ) -> Result<(), EngineError> {
        let (encryptor, keys) = &self.parts[part];
        let kept = || self.scratch.lock().unwrap_or_else(PoisonError::into_inner);
        let reused = kept().pop();
        let mut scratch = reused.map_or_else(|| encryptor.scratch(), Ok)?;
        let mut slots = std::mem::take(&mut scratch.slots);
        slots.resize_with(packed.len() / self.size, Vec::new);
        self.spec.slot_map.gather(self.images, first, &mut slots);
        let mut ciphertexts = slots
            .iter()
            .zip(packed.chunks_exact_mut(self.size))
            .enumerate();
        let encrypted = ciphertexts.try_for_each(|(at, (slots, packed))| {
            encryptor.encrypt(slots, keys, [part, first + at], &mut scratch, packed)?;
            self.stage.advance();
            Ok(())
        });
        scratch.slots = slots;
        kept().push(scratch);
        encrypted
    }
}
