//! What the server computes: the network lowered to sums and squares, with what each level of SEAL's chain is for.

use super::error::EngineError;
use crate::layout::Batched;
use crate::network::{LoweredOperation, Network, WeightedSums};
use crate::params::{Mode, Selection};

/// A layer of a plan.
#[derive(Debug, Clone, PartialEq)]
pub struct PlannedLayer {
    /// The name of the network's layer.
    pub name: String,
    /// What it computes.
    pub step: Step,
}

/// What a layer of a plan computes, over all its ciphertexts.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Step {
    /// Weighted sums of ciphertexts. Depth 0.
    Sums(WeightedSums),
    /// Every ciphertext squared. Depth 1.
    Square {
        /// How many.
        count: usize,
        /// Whether the squares are brought back to size 2. The last squares of a network are not: sums and decryption
        /// take size 3, and nothing after them squares again. In fast mode none are.
        relinearize: bool,
    },
}

impl Step {
    /// How many ciphertexts come out.
    pub fn outputs(&self) -> usize {
        match self {
            Self::Sums(sums) => sums.len(),
            Self::Square { count, .. } => *count,
        }
    }
}

/// What client and server agree on: encryption parameters, layout, and the steps. It depends on the network alone, not
/// on images or keys. The client needs the parameters and sizes, not the weights.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    selection: Selection,
    layout: Batched,
    inputs: usize,
    outputs: usize,
    layers: Vec<PlannedLayer>,
}

impl Plan {
    /// A plan in the batched layout.
    ///
    /// # Errors
    /// [`EngineError::EmptyPlan`] for a network that computes nothing.
    pub fn batched(network: &Network, selection: &Selection) -> Result<Self, EngineError> {
        let lowered = network.lower();
        let last_square = lowered
            .iter()
            .rposition(|layer| matches!(layer.operation, LoweredOperation::Square { .. }));
        let layers: Vec<PlannedLayer> = lowered
            .into_iter()
            .enumerate()
            .map(|(index, layer)| PlannedLayer {
                name: layer.name,
                step: match layer.operation {
                    LoweredOperation::Sums(sums) => Step::Sums(sums),
                    LoweredOperation::Square { count } => Step::Square {
                        count,
                        relinearize: selection.mode() == Mode::Stock && Some(index) != last_square,
                    },
                },
            })
            .collect();
        let outputs = layers.last().ok_or(EngineError::EmptyPlan)?.step.outputs();
        Ok(Self {
            layout: Batched::new(selection.poly_modulus_degree()),
            selection: selection.clone(),
            inputs: network.input().shape.len(),
            outputs,
            layers,
        })
    }

    /// The encryption parameters.
    pub const fn selection(&self) -> &Selection {
        &self.selection
    }

    /// How many images a batch holds.
    pub const fn slots(&self) -> usize {
        self.layout.slots()
    }

    /// The layout.
    pub const fn layout(&self) -> Batched {
        self.layout
    }

    /// How many ciphertexts a request holds for each plaintext modulus.
    pub const fn inputs(&self) -> usize {
        self.inputs
    }

    /// How many ciphertexts a response holds for each plaintext modulus: one a logit.
    pub const fn outputs(&self) -> usize {
        self.outputs
    }

    /// The layers.
    pub fn layers(&self) -> &[PlannedLayer] {
        &self.layers
    }

    /// Whether the server needs relinearisation keys.
    pub fn needs_relin_keys(&self) -> bool {
        self.layers.iter().any(|layer| {
            matches!(
                layer.step,
                Step::Square {
                    relinearize: true,
                    ..
                }
            )
        })
    }
}
