//! The last layer of crops: weights and biases as plaintexts.

use crate::circuit::{CircuitLayer, Entry, Op};
use crate::engine::error::{Doing, EngineError};
use crate::kernels::{KernelLayer, Prime};
use crate::modular::{centred, multiply};
use crate::packing::SlotMap;
use crate::seal::{BatchEncoder, Context};

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
    /// Encodes the plaintexts of a layer that is an [`Op::SumOfProducts`].
    pub(super) fn new(
        context: &Context,
        layer: &CircuitLayer,
        slot_map: &SlotMap,
    ) -> Result<Self, EngineError> {
        let [Op::SumOfProducts { products, biases }] = layer.ops() else {
            return Err(EngineError::Internal("a layer of products of another kind"));
        };
        let t = context.parameters().plain_modulus().value();
        let encoder = BatchEncoder::new(context).doing(|| "encoding the last layer".to_owned())?;
        let matrix = layer.matrix(t);
        // Every image has the same plaintext in its slots.
        let slots = |entries: &[Entry], residues: &[u64]| {
            let mut image = vec![0; slot_map.image_slots()];
            for entry in entries {
                image[entry.slot as usize] = residues[entry.entry as usize];
            }
            image.repeat(slot_map.batch_size())
        };
        let weights = products.iter().map(|entries| {
            let coefficients = encode(&encoder, &slots(entries, matrix.weights()))?;
            let coefficients = coefficients.into_iter();
            Ok(coefficients
                .map(|coefficient| centred(i128::from(coefficient), t))
                .collect())
        });
        Ok(Self {
            weights: weights.collect::<Result<_, EngineError>>()?,
            bias: encode(&encoder, &slots(biases, matrix.biases()))?,
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
    ) -> Result<KernelLayer, EngineError> {
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
        Ok(KernelLayer::Weighted {
            degree,
            weights,
            constants,
        })
    }
}
