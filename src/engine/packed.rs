//! The last layer of the packed layout: weights as plaintexts, and masks.

use super::error::{Doing, EngineError};
use crate::bfv::{BatchEncoder, Context, Plaintext};
use crate::kernels::{LayerSpec, Prime};
use crate::layout::Packed;
use crate::modular::{centred, multiply, residue, wide_residue};
use num_bigint::BigInt;

/// The weights and biases of the last layer as polynomials modulo t.
pub(super) struct Plaintexts {
    /// One polynomial for each value that is summed, with coefficients around 0.
    weights: Vec<Vec<i64>>,
    /// Polynomial of the biases, with coefficients below t.
    bias: Vec<u64>,
    plain_modulus: u64,
}

/// Encodes slots as all N coefficients.
fn encode(encoder: &BatchEncoder, slots: &[u64]) -> Result<Vec<u64>, EngineError> {
    let plain = encoder
        .encode_u64(slots)
        .doing(|| "encoding the last layer".to_owned())?;
    let mut coefficients = plain.coefficients().to_vec();
    coefficients.resize(encoder.slot_count(), 0);
    Ok(coefficients)
}

impl Plaintexts {
    pub(super) fn new(context: &Context, packed: &Packed) -> Result<Self, EngineError> {
        let t = context.parameters().plain_modulus().value();
        let encoder = BatchEncoder::new(context).doing(|| "encoding the last layer".to_owned())?;
        let crops = packed.crops();
        let (planes, positions) = (crops.network.classes(), packed.positions());
        let weights = (0..planes)
            .map(|plane| {
                let slots = packed.spread(|logit, position| {
                    let weight = crops.weight[(logit * planes + plane) * positions + position];
                    residue(i128::from(weight), t)
                });
                let coefficients = encode(&encoder, &slots)?;
                Ok(coefficients
                    .into_iter()
                    .map(|coefficient| centred(i128::from(coefficient), t))
                    .collect())
            })
            .collect::<Result<_, EngineError>>()?;
        // The client sums the positions, so one of them carries the bias.
        let biases: Vec<u64> = crops
            .bias
            .iter()
            .map(|bias: &BigInt| wide_residue(bias, t))
            .collect();
        let slots = packed.spread(|logit, position| if position == 0 { biases[logit] } else { 0 });
        Ok(Self {
            weights,
            bias: encode(&encoder, &slots)?,
            plain_modulus: t,
        })
    }

    /// Makes the layer for the context's prime of index `index`, where values are `scale` times a BGV ciphertext of
    /// `kappa` times the slots.
    pub(super) fn layer(
        &self,
        context: &Context,
        index: usize,
        prime: &Prime,
        kappa: u64,
        scale: u64,
    ) -> Result<LayerSpec, EngineError> {
        let degree = self.bias.len();
        let transform = |rows: &mut [u64]| {
            context
                .ntt_forward(index, rows)
                .doing(|| "transforming the last layer".to_owned())
        };
        let mut weights: Vec<u64> = self
            .weights
            .iter()
            .flatten()
            .map(|&coefficient| prime.residue(i128::from(coefficient)))
            .collect();
        transform(&mut weights)?;
        let t = self.plain_modulus;
        let mut constants: Vec<u64> = self
            .bias
            .iter()
            .map(|&coefficient| {
                let scaled = multiply(coefficient, kappa, t);
                prime.residue(i128::from(centred(i128::from(scaled), t)))
            })
            .collect();
        transform(&mut constants)?;
        prime.multiply_row(&mut constants, scale);
        Ok(LayerSpec::Weighted {
            degree,
            weights,
            constants,
        })
    }
}

/// Random plaintexts whose slots add up to zero for each logit.
///
/// A mask hides a logit's partial sums from someone who sees the decrypted slots of the response to an honest request.
/// It is added as a plaintext, to polynomial 0 of the response alone: a client that crafts its request so that the
/// partial sums are in another polynomial can read them (`mask_tests`). No circuit privacy is claimed.
#[derive(Debug)]
pub(super) struct Masks {
    encoder: BatchEncoder,
    plain_modulus: u64,
    /// Number of slots of one logit.
    positions: usize,
    /// Number of slots of all images.
    used: usize,
}

impl Masks {
    pub(super) fn new(context: &Context, packed: &Packed) -> Result<Self, EngineError> {
        Ok(Self {
            encoder: BatchEncoder::new(context).doing(|| "preparing the masks".to_owned())?,
            plain_modulus: context.parameters().plain_modulus().value(),
            positions: packed.positions(),
            used: packed.images() * packed.logits() * packed.positions(),
        })
    }

    /// Makes masks for slots of which every `positions` consecutive ones are summed.
    pub(super) fn of_chunks(context: &Context, positions: usize) -> Result<Self, EngineError> {
        Ok(Self {
            encoder: BatchEncoder::new(context).doing(|| "preparing the masks".to_owned())?,
            plain_modulus: context.parameters().plain_modulus().value(),
            positions,
            used: context.parameters().poly_modulus_degree(),
        })
    }

    /// Draws a fresh mask from the operating system's random numbers: uniform except that its sums are zero.
    pub(super) fn draw(&self) -> Result<Plaintext, EngineError> {
        let mut slots = uniform(self.encoder.slot_count(), self.plain_modulus)?;
        for logit in slots[..self.used].chunks_mut(self.positions.max(1)) {
            if let Some((first, others)) = logit.split_first_mut() {
                let sum: u128 = others.iter().map(|&slot| u128::from(slot)).sum();
                let t = u128::from(self.plain_modulus);
                *first = ((t - sum % t) % t) as u64;
            }
        }
        self.encoder
            .encode_u64(&slots)
            .doing(|| "masking the response".to_owned())
    }
}

/// Draws uniform residues: words that would favour small residues are drawn again.
fn uniform(count: usize, modulus: u64) -> Result<Vec<u64>, EngineError> {
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
        let mut bytes = vec![0; (count - residues.len()) * width];
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
