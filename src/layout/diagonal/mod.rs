//! The diagonal layout: one image in the slots of few ciphertexts, for the least time to an answer.
//!
//! The client repeats pixels so that the first linear layer needs no rotation: ciphertext k of a request holds, in the slot
//! of each value after the first layer, the k-th pixel which that value depends on. Every later linear layer is a sparse
//! matrix on slots, computed along its diagonals: the sum over rotations of plaintext * rotated ciphertext (Halevi and
//! Shoup 2014), the rotations split into baby steps and giant steps. The values of a convolution lie in blocks: a block
//! is a channel at one phase of the strides still to come, a slot in it a position. So a convolution with any stride is a
//! matrix between blocks, and a pool behind a square is a sum over blocks.
//!
//! The last layer multiplies by plaintexts and rotates nothing: the client sums the slots of each logit. A mask hides them,
//! but for their sum, in the decrypted slots of the response to an honest request (see [`crate::engine::Plan`]).

mod build;
mod place;
mod turn;

pub use turn::Turn;

use crate::network::{Shape, SparseMatrix, WeightedSums};
use thiserror::Error;

/// A slot, or a place in a table, that holds nothing.
pub const NOTHING: u32 = u32::MAX;

/// Why a network does not fit.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{reason}")]
pub struct DiagonalError {
    /// Why, in words.
    pub reason: String,
}

/// A residue of a layer's matrix (or its bias) in a slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry {
    /// The slot.
    pub slot: u32,
    /// The entry of the matrix, or the row of the bias.
    pub entry: u32,
}

/// A ciphertext after the first layer.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct FirstOutput {
    /// The ciphertexts of the request, each with the plaintext that multiplies it.
    pub products: Vec<(u32, Vec<Entry>)>,
    /// Added.
    pub biases: Vec<Entry>,
}

/// Diagonals that are rotated together once more.
#[derive(Debug, Clone, PartialEq)]
pub struct Giant {
    /// The rotation of the sum.
    pub turn: Turn,
    /// The baby steps, each with the plaintext that multiplies it.
    pub diagonals: Vec<(u32, Vec<Entry>)>,
}

/// What a run of linear layers between squares computes.
#[derive(Debug, Clone, PartialEq)]
pub enum StageStep {
    /// Before the first square.
    First {
        /// The ciphertexts to be squared; the squares are summed.
        outputs: Vec<FirstOutput>,
    },
    /// Between squares.
    Rotated {
        /// Rotations that are added to the ciphertext before the matrix, group after group: a pool.
        pool: Vec<Vec<Turn>>,
        /// The rotations of the ciphertext.
        babies: Vec<Turn>,
        /// What is summed.
        giants: Vec<Giant>,
        /// Rotations that are added after the matrix, group after group.
        folds: Vec<Vec<Turn>>,
        /// Added at the end.
        biases: Vec<Entry>,
    },
    /// After the last square.
    Last {
        /// For each ciphertext of the response the plaintext that multiplies, and what is added.
        responses: Vec<[Vec<Entry>; 2]>,
        /// Slots of a logit.
        period: usize,
    },
}

/// A run of linear layers between squares.
#[derive(Debug, Clone, PartialEq)]
pub struct Stage {
    /// The layers' names.
    pub name: String,
    /// The square after it, if any.
    pub square: Option<String>,
    /// What is computed.
    pub step: StageStep,
    layers: Vec<WeightedSums>,
    inputs: usize,
}

impl Stage {
    /// The matrix modulo t that entries refer to.
    pub fn matrix(&self, modulus: u64) -> SparseMatrix {
        let layers: Vec<&WeightedSums> = self.layers.iter().collect();
        SparseMatrix::new(&layers, self.inputs, modulus)
    }

    /// How many products with plaintexts a result sums, at most.
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

    /// Ciphertexts that come out; those of the first stage are squared and summed.
    pub fn outputs(&self) -> usize {
        match &self.step {
            StageStep::First { outputs } => outputs.len(),
            StageStep::Rotated { .. } => 1,
            StageStep::Last { responses, .. } => responses.len(),
        }
    }

    /// Its rotations.
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

/// How many rotations a stage takes; what is not moved does not count.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rotations {
    /// Those added before the matrix, group by group.
    pub pool: Vec<usize>,
    /// Of the ciphertext.
    pub babies: usize,
    /// Of sums.
    pub giants: usize,
    /// Those added after the matrix, group by group.
    pub folds: Vec<usize>,
}

impl Rotations {
    /// Those that are added, before and after the matrix.
    pub fn added(&self) -> usize {
        self.pool.iter().chain(&self.folds).sum()
    }

    /// All of them.
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
    /// Slots of a ciphertext.
    pub const fn slots(&self) -> usize {
        self.slots
    }

    /// The shape of an image.
    pub const fn image(&self) -> Shape {
        self.image
    }

    /// The linear layers between squares, in order.
    pub fn stages(&self) -> &[Stage] {
        &self.stages
    }

    /// Ciphertexts of a request.
    pub const fn uploads(&self) -> usize {
        self.uploads.len()
    }

    /// Ciphertexts that are squared first.
    pub fn first_outputs(&self) -> usize {
        self.stages.first().map_or(0, Stage::outputs)
    }

    /// Ciphertexts of a response, and the slots of a logit in them.
    pub fn responses(&self) -> (usize, usize) {
        match self.stages.last().map(|stage| &stage.step) {
            Some(StageStep::Last { responses, period }) => (responses.len(), *period),
            _ => (0, 1),
        }
    }

    /// The rotations that the server needs keys for: each once.
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

    /// The slots of ciphertext `element` of a request.
    pub fn gather(&self, images: &[Vec<i64>], element: usize) -> Vec<i64> {
        let Some(image) = images.first() else {
            return vec![0; self.slots];
        };
        self.uploads[element]
            .iter()
            .map(|&pixel| image.get(pixel as usize).copied().unwrap_or(0))
            .collect()
    }

    /// From the slots of each ciphertext of a response to each logit's residue, of the one image.
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
