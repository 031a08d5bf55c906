//! The messages between client and server: their sizes, and the time that they take on a line.

use super::line::Line;
use super::response::ResponseShape;
use super::search::Chain;
use crate::bits::{packed_bytes, width};
use crate::circuit::{Circuit, levels};

/// Bytes of the compact messages, over all plain primes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Traffic {
    /// Request and response of a batch.
    batch: f64,
    /// Keys, which serve all plain primes.
    keys: f64,
}

impl Traffic {
    /// Counts what travels for a circuit whose response has `outputs` ciphertexts for each plain prime, with so many
    /// coefficients of polynomial 0.
    pub(super) fn of(
        (circuit, outputs, coefficients): (&Circuit, usize, usize),
        degree: usize,
        chain: &Chain,
        moduli: &[u64],
    ) -> Self {
        let (special, data) = chain.primes.split_last().unwrap_or((&0, &[]));
        let rows = |primes: &[u64]| -> usize {
            let rows = primes
                .iter()
                .map(|&prime| packed_bytes(degree, width(prime)));
            rows.sum()
        };
        let levels = levels(data.len(), &chain.drops);
        let keys = circuit.rotations(&levels).into_values();
        let keys = keys.chain(circuit.relinearizes(&levels));
        let key = |level: usize| level * (rows(&data[..level]) + rows(&[*special]));
        let response = ResponseShape {
            degree: degree as f64,
            t: moduli.iter().copied().max().unwrap_or(0) as f64,
            polynomials: circuit.polynomials(),
            values: (outputs * moduli.len()) as f64,
            coefficients,
        };
        let budget = chain.noise.last().map_or(0.0, |last| last.budget_bits);
        let uploads = if chain.shared { 1 } else { moduli.len() };
        let request = (circuit.inputs() * rows(data) * uploads) as f64;
        Self {
            batch: request + response.bytes(&data[..chain.response_primes], budget),
            keys: keys.map(key).sum::<usize>() as f64,
        }
    }

    /// Returns the nanoseconds for `batches` batches of `images` images in all.
    pub(super) fn nanoseconds(&self, line: &Line, batches: f64, images: f64) -> f64 {
        let of_keys = line.nanoseconds(self.keys) / line.images_per_key.get() as f64;
        batches * line.nanoseconds(self.batch) + images * of_keys
    }
}
