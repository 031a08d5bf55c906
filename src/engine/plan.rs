//! What the server computes: the network lowered to sums and squares, with what each level of SEAL's chain is for.

use super::error::EngineError;
use crate::layout::{Batched, Diagonal, Layout, Packed};
use crate::network::{Crops, LoweredLayer, LoweredOperation, Network, WeightedSums};
use crate::params::{LayoutKind, Mode, Selection};

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
    /// The last layer of the packed layout: one sum of products with plaintexts, masked (see [`Plan`]). Depth 0, but the
    /// noise of a plaintext product.
    Positions {
        /// How many ciphertexts are summed.
        count: usize,
    },
    /// Layers of the diagonal layout between squares: products with plaintexts, rotations. Depth 0, but the noise of a
    /// plaintext product.
    Diagonals {
        /// How many ciphertexts come out.
        count: usize,
    },
}

impl Step {
    /// How many ciphertexts come out.
    pub fn outputs(&self) -> usize {
        match self {
            Self::Sums(sums) => sums.len(),
            Self::Square { count, .. } | Self::Diagonals { count } => *count,
            Self::Positions { .. } => 1,
        }
    }
}

/// What client and server agree on: encryption parameters, layout, and the steps. It depends on the network alone, not
/// on images or keys. The client needs the parameters and sizes, not the weights.
///
/// # What a response shows
/// In the packed and the diagonal layout the client sums the slots of a logit, and the server adds a random mask whose
/// slots sum to zero for each logit. The mask hides the partial sums from someone who sees the decrypted slots of the
/// response to an honest request. It does not hide them from a client that crafts its request: the mask is added as a
/// plaintext, so it is in polynomial 0 of the response only, and the other polynomials are functions of the weights and
/// the request as they are. In the batched layout nothing is masked, and the same holds. No circuit privacy is claimed
/// for any layout.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    selection: Selection,
    layout: Layout,
    input_max: i64,
    inputs: usize,
    outputs: usize,
    response_primes: usize,
    layers: Vec<PlannedLayer>,
}

impl Plan {
    /// A plan in the layout of the selection.
    ///
    /// # Errors
    /// As [`Plan::batched`], [`Plan::packed`] and [`Plan::diagonal`].
    pub fn new(network: &Network, selection: &Selection) -> Result<Self, EngineError> {
        match selection.layout() {
            LayoutKind::Batched => Self::batched(network, selection),
            LayoutKind::Packed => Self::packed(network, selection),
            LayoutKind::Diagonal => Self::diagonal(network, selection),
        }
    }

    /// A plan in the batched layout.
    ///
    /// # Errors
    /// [`EngineError::EmptyPlan`] for a network that computes nothing, [`EngineError::Layout`] if the parameters were
    /// selected for another layout.
    pub fn batched(network: &Network, selection: &Selection) -> Result<Self, EngineError> {
        check_layout(selection, LayoutKind::Batched)?;
        let layers = planned(network.lower(), selection.mode());
        let outputs = layers.last().ok_or(EngineError::EmptyPlan)?.step.outputs();
        Ok(Self {
            layout: Layout::Batched(Batched::new(selection.poly_modulus_degree())),
            selection: selection.clone(),
            input_max: network.input().quantizer.max(),
            inputs: network.input().shape.len(),
            outputs,
            response_primes: selection.response_primes(),
            layers,
        })
    }

    /// A plan in the packed layout, for fast mode.
    ///
    /// # Errors
    /// [`EngineError::Layout`] if the layers before the last one are not the same for every position, or the selection
    /// is not for fast mode.
    pub fn packed(network: &Network, selection: &Selection) -> Result<Self, EngineError> {
        check_layout(selection, LayoutKind::Packed)?;
        let crops = Crops::new(network).map_err(|error| EngineError::Layout {
            reason: format!("the packed layout cannot serve this network: {error}"),
        })?;
        let mut layers = planned(crops.network.lower(), selection.mode());
        layers.push(PlannedLayer {
            name: crops.name.clone(),
            step: Step::Positions {
                count: crops.network.classes(),
            },
        });
        Ok(Self {
            input_max: network.input().quantizer.max(),
            inputs: crops.network.input().shape.len(),
            outputs: 1,
            response_primes: selection.response_primes(),
            layers,
            layout: Layout::Packed(Box::new(Packed::new(
                selection.poly_modulus_degree(),
                network.input().shape,
                crops,
            ))),
            selection: selection.clone(),
        })
    }

    /// A plan in the diagonal layout, for fast mode.
    ///
    /// # Errors
    /// [`EngineError::Layout`] if the network does not fit the slots, or the parameters were selected for another layout.
    pub fn diagonal(network: &Network, selection: &Selection) -> Result<Self, EngineError> {
        check_layout(selection, LayoutKind::Diagonal)?;
        let slots = selection.poly_modulus_degree();
        let diagonal = Diagonal::new(network, slots).map_err(|error| EngineError::Layout {
            reason: format!("the diagonal layout cannot serve this network: {error}"),
        })?;
        let squares = diagonal.stages().len().saturating_sub(1);
        let mut layers = Vec::with_capacity(2 * squares + 1);
        for (index, stage) in diagonal.stages().iter().enumerate() {
            let count = match index {
                0 => diagonal.first_outputs(),
                _ if index == squares => diagonal.responses().0,
                _ => 1,
            };
            layers.push(PlannedLayer {
                name: stage.name.clone(),
                step: Step::Diagonals { count },
            });
            if let Some(name) = &stage.square {
                layers.push(PlannedLayer {
                    name: name.clone(),
                    step: Step::Square {
                        count: 1,
                        relinearize: index + 1 < squares,
                    },
                });
            }
        }
        Ok(Self {
            input_max: network.input().quantizer.max(),
            inputs: diagonal.uploads(),
            outputs: diagonal.responses().0,
            response_primes: selection.response_primes(),
            layers,
            layout: Layout::Diagonal(Box::new(diagonal)),
            selection: selection.clone(),
        })
    }

    /// The Galois elements that the server needs keys for, ascending; none but in the diagonal layout.
    pub fn galois_elements(&self) -> Vec<u32> {
        let Layout::Diagonal(diagonal) = &self.layout else {
            return Vec::new();
        };
        let slots = self.selection.poly_modulus_degree();
        let mut elements: Vec<u32> = diagonal
            .turns()
            .into_iter()
            .map(|turn| turn.element(slots))
            .collect();
        elements.sort_unstable();
        elements
    }

    /// The encryption parameters.
    pub const fn selection(&self) -> &Selection {
        &self.selection
    }

    /// How many images a batch holds.
    pub fn slots(&self) -> usize {
        self.layout.images()
    }

    /// The layout.
    pub const fn layout(&self) -> &Layout {
        &self.layout
    }

    /// How many values an image has.
    pub fn image_values(&self) -> usize {
        match &self.layout {
            Layout::Batched(_) => self.inputs,
            Layout::Packed(packed) => packed.image().len(),
            Layout::Diagonal(diagonal) => diagonal.image().len(),
        }
    }

    /// The largest integer that the network reads; the smallest is 0.
    pub const fn input_max(&self) -> i64 {
        self.input_max
    }

    /// How many ciphertexts a request holds for each plaintext modulus.
    pub const fn inputs(&self) -> usize {
        self.inputs
    }

    /// How many ciphertexts a response holds for each plaintext modulus: one a logit, or one in the packed layout.
    pub const fn outputs(&self) -> usize {
        self.outputs
    }

    /// The layers.
    pub fn layers(&self) -> &[PlannedLayer] {
        &self.layers
    }

    /// How many primes the response keeps.
    pub const fn response_primes(&self) -> usize {
        self.response_primes
    }

    /// The plan of the first `layers` layers with all primes kept, in which the last layer computes at most `outputs`
    /// of its results: for measuring the noise between layers.
    #[must_use]
    pub fn prefix(&self, layers: usize, outputs: usize) -> Self {
        let mut prefix = self.clone();
        prefix.layers.truncate(layers);
        prefix.response_primes = self
            .selection
            .coeff_modulus()
            .len()
            .saturating_sub(1)
            .max(1);
        if let Layout::Diagonal(_) = &prefix.layout {
            // Each layer's ciphertexts are the results; the first stage's before they are squared.
            prefix.outputs = prefix.layers.last().map_or(0, |layer| layer.step.outputs());
            return prefix;
        }
        for layer in prefix.layers.iter_mut().rev() {
            match &mut layer.step {
                Step::Sums(sums) => {
                    sums.truncate(outputs);
                    break;
                }
                Step::Square { .. } => {}
                Step::Positions { .. } | Step::Diagonals { .. } => break,
            }
        }
        let mut values = self.inputs;
        for layer in &mut prefix.layers {
            if let Step::Square { count, .. } = &mut layer.step {
                *count = values;
            }
            values = layer.step.outputs();
        }
        prefix.outputs = values;
        prefix
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

fn check_layout(selection: &Selection, layout: LayoutKind) -> Result<(), EngineError> {
    if selection.layout() == layout {
        return Ok(());
    }
    Err(EngineError::Layout {
        reason: format!(
            "the parameters were selected for the {} layout, not the {} one",
            selection.layout().name(),
            layout.name()
        ),
    })
}

fn planned(lowered: Vec<LoweredLayer>, mode: Mode) -> Vec<PlannedLayer> {
    let last_square = lowered
        .iter()
        .rposition(|layer| matches!(layer.operation, LoweredOperation::Square { .. }));
    lowered
        .into_iter()
        .enumerate()
        .map(|(index, layer)| PlannedLayer {
            name: layer.name,
            step: match layer.operation {
                LoweredOperation::Sums(sums) => Step::Sums(sums),
                LoweredOperation::Square { count } => Step::Square {
                    count,
                    relinearize: mode == Mode::Stock && Some(index) != last_square,
                },
            },
        })
        .collect()
}
