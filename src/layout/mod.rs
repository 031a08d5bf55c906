//! Layouts: which value lies in which slot of which ciphertext.

mod batched;
mod diagonal;
mod packed;
mod paper;

pub use batched::Batched;
pub use diagonal::{Diagonal, DiagonalError, NOTHING};
pub use packed::Packed;
pub use paper::Paper;

/// A layout of images in slots.
#[derive(Debug, Clone, PartialEq)]
pub enum Layout {
    /// One image per slot.
    Batched(Batched),
    /// A few images, as crops.
    Packed(Box<Packed>),
    /// One image, with rotations.
    Diagonal(Box<Diagonal>),
}

impl Layout {
    /// Returns the number of images in a batch.
    pub fn images(&self) -> usize {
        match self {
            Self::Batched(batched) => batched.slots(),
            Self::Packed(packed) => packed.images(),
            Self::Diagonal(_) => 1,
        }
    }

    /// Returns the slots of a ciphertext of a request.
    pub fn gather(&self, images: &[Vec<i64>], ciphertext: usize) -> Vec<i64> {
        match self {
            Self::Batched(batched) => batched.gather(images, ciphertext),
            Self::Packed(packed) => packed.gather(images, ciphertext),
            Self::Diagonal(diagonal) => diagonal.gather(images, ciphertext),
        }
    }

    /// Converts the slots of each response ciphertext, as residues of a plaintext modulus, to the residues of each
    /// logit for each of the first `images` images.
    pub fn collect(&self, outputs: Vec<Vec<u64>>, images: usize, modulus: u64) -> Vec<Vec<u64>> {
        match self {
            Self::Batched(_) => outputs,
            Self::Packed(packed) => outputs
                .iter()
                .flat_map(|slots| packed.collect(slots, images, modulus))
                .collect(),
            Self::Diagonal(diagonal) => diagonal.collect(&outputs, modulus),
        }
    }
}
