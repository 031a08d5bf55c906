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
mod turn;

pub use turn::Turn;

use crate::network::{Shape, SparseMatrix, WeightedSums};
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

/// A position in a plaintext: the slot that takes a residue of a layer's matrix or of its bias.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry {
    /// Slot of the residue.
    pub slot: u32,
    /// Index of the entry in the matrix, or of the row in the bias.
    pub entry: u32,
}

/// A ciphertext after the first layer.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct FirstOutput {
    /// Index of each ciphertext of the request, with the plaintext that multiplies it.
    pub products: Vec<(u32, Vec<Entry>)>,
    /// Biases that are added.
    pub biases: Vec<Entry>,
}

/// A giant step: diagonals whose sum is rotated once more.
#[derive(Debug, Clone, PartialEq)]
pub struct Giant {
    /// Rotation of the sum.
    pub turn: Turn,
    /// Index of each baby step, with the plaintext that multiplies it.
    pub diagonals: Vec<(u32, Vec<Entry>)>,
}

/// The computation of a stage.
#[derive(Debug, Clone, PartialEq)]
pub enum StageStep {
    /// The stage before the first square.
    First {
        /// Ciphertexts to be squared; their squares are summed.
        outputs: Vec<FirstOutput>,
    },
    /// A stage between squares.
    Rotated {
        /// Rotate-and-sum before the matrix, group after group: a pool.
        pool: Vec<Vec<Turn>>,
        /// Baby steps: rotations of the ciphertext.
        babies: Vec<Turn>,
        /// Giant steps, which are summed.
        giants: Vec<Giant>,
        /// Rotate-and-sum after the matrix, group after group.
        folds: Vec<Vec<Turn>>,
        /// Biases that are added at the end.
        biases: Vec<Entry>,
    },
    /// The stage after the last square.
    Last {
        /// The plaintext that multiplies and the one that is added, for each ciphertext of the response.
        responses: Vec<[Vec<Entry>; 2]>,
        /// Number of slots that sum to one logit.
        period: usize,
    },
}

/// A stage: consecutive linear layers between squares.
#[derive(Debug, Clone, PartialEq)]
pub struct Stage {
    /// Names of the layers.
    pub name: String,
    /// Name of the square after it, if any.
    pub square: Option<String>,
    /// Computation of the stage.
    pub step: StageStep,
    layers: Vec<WeightedSums>,
    inputs: usize,
}

impl Stage {
    /// Computes the matrix modulo t to which the entries refer.
    pub fn matrix(&self, modulus: u64) -> SparseMatrix {
        let layers: Vec<&WeightedSums> = self.layers.iter().collect();
        SparseMatrix::new(&layers, self.inputs, modulus)
    }

    /// Returns the largest number of products with plaintexts that a result sums.
    pub fn products(&self) -> usize {
        match &self.step {
            StageStep::First { outputs } => outputs
                .iter()
                .map(|output| output.products.len())
                .max()
                .unwrap_or(0),
            StageStep::Rotated { giants, .. } => {
                giants.iter().map(|giant| giant.diagonals.len()).sum()
            }
            StageStep::Last { .. } => 1,
        }
    }

    /// Returns the number of output ciphertexts. The first stage's are squared and summed.
    pub fn outputs(&self) -> usize {
        match &self.step {
            StageStep::First { outputs } => outputs.len(),
            StageStep::Rotated { .. } => 1,
            StageStep::Last { responses, .. } => responses.len(),
        }
    }

    /// Counts the rotations of the stage.
    pub fn rotations(&self) -> Rotations {
        let StageStep::Rotated {
            pool,
            babies,
            giants,
            folds,
            ..
        } = &self.step
        else {
            return Rotations::default();
        };
        let moves = |turn: &Turn| *turn != Turn::NONE;
        Rotations {
            pool: pool.iter().map(Vec::len).collect(),
            babies: babies.iter().copied().filter(moves).count(),
            giants: giants.iter().map(|giant| giant.turn).filter(moves).count(),
            folds: folds.iter().map(Vec::len).collect(),
        }
    }
}

/// The number of rotations in a stage; identities do not count.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rotations {
    /// Rotations before the matrix that are summed, group by group.
    pub pool: Vec<usize>,
    /// Baby steps: rotations of the ciphertext.
    pub babies: usize,
    /// Giant steps: rotations of sums.
    pub giants: usize,
    /// Rotations after the matrix that are summed, group by group.
    pub folds: Vec<usize>,
}

impl Rotations {
    /// Returns the number of rotate-and-sum rotations, before and after the matrix.
    pub fn added(&self) -> usize {
        self.pool.iter().chain(&self.folds).sum()
    }

    /// Returns the number of all rotations.
    pub fn total(&self) -> usize {
        self.added() + self.babies + self.giants
    }
}

/// The diagonal layout of a network.
#[derive(Debug, Clone, PartialEq)]
pub struct Diagonal {
    slots: usize,
    image: Shape,
    logits: usize,
    uploads: Vec<Vec<u32>>,
    stages: Vec<Stage>,
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

    /// Returns the stages, in order: the linear layers between squares.
    pub fn stages(&self) -> &[Stage] {
        &self.stages
    }

    /// Returns the number of ciphertexts in a request.
    pub const fn uploads(&self) -> usize {
        self.uploads.len()
    }

    /// Returns the number of ciphertexts that are squared first.
    pub fn first_outputs(&self) -> usize {
        self.stages.first().map_or(0, Stage::outputs)
    }

    /// Returns the number of ciphertexts in a response, and the number of slots of a logit in them.
    pub fn responses(&self) -> (usize, usize) {
        match self.stages.last().map(|stage| &stage.step) {
            Some(StageStep::Last { responses, period }) => (responses.len(), *period),
            _ => (0, 1),
        }
    }

    /// Returns the rotations for which the server needs keys, each once.
    pub fn turns(&self) -> Vec<Turn> {
        let mut turns = std::collections::BTreeSet::new();
        for stage in &self.stages {
            if let StageStep::Rotated {
                pool,
                babies,
                giants,
                folds,
                ..
            } = &stage.step
            {
                turns.extend(pool.iter().chain(folds).flatten().chain(babies).copied());
                turns.extend(giants.iter().map(|giant| giant.turn));
            }
        }
        turns.remove(&Turn::NONE);
        turns.into_iter().collect()
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
