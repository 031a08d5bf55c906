//! The diagonal layout: one image in the slots of a few ciphertexts, for the shortest time to an answer.
//!
//! The client repeats pixels so that the first linear layer needs no rotation. In ciphertext k of a request, the slot
//! of each value after the first layer holds the k-th pixel on which that value depends.
//!
//! Every later linear layer is a sparse matrix on slots, evaluated along its diagonals: a sum of plaintexts times
//! rotated ciphertexts (Halevi and Shoup 2014), with the rotations split into baby steps and giant steps. The values of
//! a convolution lie in blocks. A block is one channel at one phase of the strides still to come, and a slot in it is
//! one position. A convolution with any stride is therefore a matrix between blocks, and a pool after a square is a sum
//! over blocks.
//!
//! The last layer multiplies by plaintexts and rotates nothing: the client sums the slots of each logit. In the
//! decrypted slots of the response to an honest request, a mask hides everything but that sum (see
//! [`crate::engine::Plan`]).

mod build;
mod place;

use crate::circuit::Circuit;
use crate::network::Shape;
use thiserror::Error;

/// Marks a slot, or an entry of a table, that holds nothing.
pub const NOTHING: u32 = u32::MAX;

/// The network does not fit the layout.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{reason}")]
pub struct DiagonalError {
    /// Reason, in words.
    pub reason: String,
}

/// The diagonal layout of a network.
#[derive(Debug, Clone, PartialEq)]
pub struct Diagonal {
    slots: usize,
    image: Shape,
    logits: usize,
    uploads: Vec<Vec<u32>>,
    /// Number of ciphertexts in a response.
    responses: usize,
    /// Number of slots that sum to one logit.
    period: usize,
    circuit: Circuit,
}

impl Diagonal {
    /// Returns the number of slots in a ciphertext.
    pub const fn slots(&self) -> usize {
        self.slots
    }

    /// Returns the shape of an image.
    pub const fn image(&self) -> Shape {
        self.image
    }

    /// Returns what is computed: linear layers and squares, alternately.
    pub const fn circuit(&self) -> &Circuit {
        &self.circuit
    }

    /// Returns the number of ciphertexts in a request.
    pub const fn uploads(&self) -> usize {
        self.uploads.len()
    }

    /// Returns the number of ciphertexts in a response, and the number of slots of a logit in them.
    pub const fn responses(&self) -> (usize, usize) {
        (self.responses, self.period)
    }

    /// Returns the slots of ciphertext `element` of a request.
    pub fn gather(&self, images: &[Vec<i64>], element: usize) -> Vec<i64> {
        let Some(image) = images.first() else {
            return vec![0; self.slots];
        };
        self.uploads[element]
            .iter()
            .map(|&pixel| image.get(pixel as usize).copied().unwrap_or(0))
            .collect()
    }

    /// Sums the slots of each response ciphertext to each logit's residue, for the one image.
    pub fn collect(&self, outputs: &[Vec<u64>], modulus: u64) -> Vec<Vec<u64>> {
        let (_, period) = self.responses();
        outputs
            .iter()
            .flat_map(|slots| slots.chunks(period.max(1)))
            .take(self.logits)
            .map(|slots| {
                let sum: u128 = slots.iter().map(|&slot| u128::from(slot)).sum();
                vec![(sum % u128::from(modulus)) as u64]
            })
            .collect()
    }
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
