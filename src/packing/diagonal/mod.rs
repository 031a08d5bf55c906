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
mod grid;
mod last;
mod place;
mod stage;
mod taps;
mod windows;

pub(super) use build::pack;

use thiserror::Error;

/// The network does not fit the diagonal layout.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{reason}")]
pub struct DiagonalError {
    /// Reason, in words.
    pub reason: String,
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
