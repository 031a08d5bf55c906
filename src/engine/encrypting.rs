//! Encrypts a batch piece by piece, in the form in which it travels.

use super::error::EngineError;
use super::fresh::{EncryptionScratch, FreshEncryptor, RequestKeys, SEED_BYTES};
use super::spec::ClientSpec;
use super::stats::StageProgress;
use crate::packing::Tiles;
use rayon::prelude::*;
use std::sync::{Mutex, PoisonError};

/// The images to encrypt.
#[derive(Clone, Copy)]
pub(super) enum BatchValues<'a> {
    /// The same for all plain primes.
    Images(&'a [Vec<i64>]),
    /// Residues of pads, other ones for each plain prime.
    Residues(&'a [Vec<Vec<i64>>]),
}

impl<'a> BatchValues<'a> {
    /// Returns the values to encrypt for a plain prime.
    fn of_part(self, part: usize) -> &'a [Vec<i64>] {
        match self {
            Self::Images(images) => images,
            Self::Residues(parts) => parts.get(part).map_or(&[], Vec::as_slice),
        }
    }

    /// Reorders images for fast gathering, if that serves.
    fn tiles(self, spec: &ClientSpec) -> Option<Tiles> {
        match self {
            Self::Images(images) => spec.slot_map.tiles(images),
            Self::Residues(_) => None,
        }
    }
}

/// The encryption of one batch, with a fresh seed. Its ciphertexts may be made in any order, on all threads of the
/// current rayon pool.
pub(crate) struct CompactEncryption<'a> {
    spec: &'a ClientSpec,
    batch: BatchValues<'a>,
    tiles: Option<Tiles>,
    seed: [u8; SEED_BYTES],
    parts: Vec<(&'a FreshEncryptor, RequestKeys)>,
    /// Number of bytes of a ciphertext.
    size: usize,
    stage: StageProgress<'a>,
    scratch: Mutex<Vec<EncryptionScratch>>,
}

impl<'a> CompactEncryption<'a> {
    /// Draws the seeds. The batch has been checked.
    pub(super) fn new(
        spec: &'a ClientSpec,
        encryptors: &'a [FreshEncryptor],
        batch: BatchValues<'a>,
        stage: StageProgress<'a>,
    ) -> Result<Self, EngineError> {
        let mut seed = [0; SEED_BYTES];
        getrandom::fill(&mut seed)?;
        // Never moved to other memory: it holds the keys of noise.
        let mut parts = Vec::with_capacity(encryptors.len());
        for encryptor in encryptors {
            parts.push((encryptor, encryptor.keys(&seed)?));
        }
        let size = parts
            .first()
            .map_or(0, |(encryptor, _)| encryptor.ciphertext_bytes());
        Ok(Self {
            spec,
            tiles: batch.tiles(spec),
            batch,
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

    /// Encrypts as many ciphertexts as fit the bytes, from `first` on, of a part of the request.
    pub(crate) fn encrypt(
        &self,
        part: usize,
        first: usize,
        packed: &mut [u8],
    ) -> Result<(), EngineError> {
        let ciphertexts = packed.par_chunks_exact_mut(self.size).enumerate();
        ciphertexts.try_for_each(|(at, packed)| self.encrypt_one([part, first + at], packed))
    }

    fn encrypt_one(&self, [part, index]: [usize; 2], packed: &mut [u8]) -> Result<(), EngineError> {
        let (encryptor, keys) = &self.parts[part];
        let kept = || self.scratch.lock().unwrap_or_else(PoisonError::into_inner);
        let reused = kept().pop();
        let mut scratch = reused.map_or_else(|| encryptor.scratch(), Ok)?;
        if let Some(tiles) = &self.tiles {
            tiles.gather(index, &mut scratch.slots);
        } else {
            let images = self.batch.of_part(part);
            (self.spec.slot_map).gather(images, index, &mut scratch.slots);
        }
        let encrypted = encryptor.encrypt(keys, [part, index], &mut scratch, packed);
        kept().push(scratch);
        self.stage.advance();
        encrypted
    }
}
