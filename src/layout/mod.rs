//! How tensors lie in the slots of ciphertexts.

mod batched;
mod diagonal;
mod packed;
mod paper;

pub use batched::Batched;
pub use diagonal::{
    Diagonal, DiagonalError, Entry, FirstOutput, Giant, NOTHING, Rotations, Stage, StageStep, Turn,
};
pub use packed::Packed;
pub use paper::Paper;

/// A layout.
#[derive(Debug, Clone, PartialEq)]
pub enum Layout {
    /// An image in each slot.
    Batched(Batched),
    /// Few images.
    Packed(Box<Packed>),
    /// One image.
    Diagonal(Box<Diagonal>),
}

impl Layout {
    /// How many images a batch holds.
    pub fn images(&self) -> usize {
        match self {
            Self::Batched(batched) => batched.slots(),
            Self::Packed(packed) => packed.images(),
            Self::Diagonal(_) => 1,
        }
    }

    /// The slots of ciphertext `element` of a request.
    pub fn gather(&self, images: &[Vec<i64>], element: usize) -> Vec<i64> {
        match self {
            Self::Batched(batched) => batched.gather(images, element),
            Self::Packed(packed) => packed.gather(images, element),
            Self::Diagonal(diagonal) => diagonal.gather(images, element),
        }
    }

    /// From the slots of each ciphertext of a response, residues of a plaintext modulus, to those of each logit of each
    /// of the first `images` images.
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
