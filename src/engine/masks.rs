//! Masks of responses.

use super::error::{Doing, EngineError};
use crate::packing::SlotMap;
use crate::seal::{BatchEncoder, Context, Plaintext};
use zeroize::Zeroizing;

/// Random plaintexts whose slots add up to zero for each logit.
///
/// A mask hides a logit's partial sums from someone who sees the decrypted slots of the response to an honest request.
/// It is added as a plaintext, to polynomial 0 of the response alone: a client that crafts its request so that the
/// partial sums are in another polynomial can read them (`mask_tests`). No circuit privacy is claimed.
#[derive(Debug)]
pub(super) struct Masks {
    encoder: BatchEncoder,
    plain_modulus: u64,
    slot_map: SlotMap,
}

impl Masks {
    /// Makes masks for the slots of a response.
    pub(super) fn new(context: &Context, slot_map: &SlotMap) -> Result<Self, EngineError> {
        Ok(Self {
            encoder: BatchEncoder::new(context).doing(|| "preparing the masks".to_owned())?,
            plain_modulus: context.parameters().plain_modulus().value(),
            slot_map: slot_map.clone(),
        })
    }

    /// Draws a fresh mask from the operating system's random numbers: uniform except that its sums are zero.
    pub(super) fn draw(&self) -> Result<Plaintext, EngineError> {
        let mut slots = uniform(self.encoder.slot_count(), self.plain_modulus)?;
        let map = &self.slot_map;
        for image in 0..map.batch_size() {
            for logit in 0..map.logits_in_ciphertext() {
                let mut summed = map.summed(logit, image);
                if let Some(first) = summed.next() {
                    let sum: u128 = summed.map(|slot| u128::from(slots[slot])).sum();
                    let t = u128::from(self.plain_modulus);
                    slots[first] = ((t - sum % t) % t) as u64;
                }
            }
        }
        self.encoder
            .encode_u64(&slots)
            .doing(|| "masking the response".to_owned())
    }
}

/// Draws uniform residues: words that would favour small residues are drawn again. The bytes behind them are cleared, and
/// the residues are never moved to other memory.
pub(super) fn uniform(count: usize, modulus: u64) -> Result<Vec<u64>, EngineError> {
    // Random bytes cost more than everything else here, so a word has four bytes where that is enough.
    let (width, largest) = if modulus >> 31 == 0 {
        (size_of::<u32>(), u64::from(u32::MAX))
    } else {
        (size_of::<u64>(), u64::MAX)
    };
    let limit = largest - largest % modulus;
    let word = |bytes: &[u8]| {
        let bytes = bytes.iter().rev();
        bytes.fold(0, |word, &byte| word << 8 | u64::from(byte))
    };
    let mut residues = Vec::with_capacity(count);
    while residues.len() < count {
        let mut bytes = Zeroizing::new(vec![0; (count - residues.len()) * width]);
        getrandom::fill(&mut bytes)?;
        residues.extend(
            bytes
                .chunks_exact(width)
                .map(word)
                .filter(|&word| word < limit)
                .map(|word| word % modulus),
        );
    }
    Ok(residues)
}
