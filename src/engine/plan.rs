//! The server's computation: the network lowered to sums and squares, or to the stages of its layout.

use super::error::EngineError;
use crate::circuit::Op;
use crate::layout::{Batched, Diagonal, Layout, Packed};
use crate::network::{Crops, LoweredLayer, LoweredOperation, Network, WeightedSums};
use crate::params::{LayoutKind, Mode, Selection};

/// A layer of a plan.
#[derive(Debug, Clone, PartialEq)]
pub struct PlannedLayer {
    /// Name of the network's layer.
    pub name: String,
    /// Computation of the layer.
    pub step: Step,
}

/// The computation of one layer of a plan, over all its ciphertexts.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Step {
    /// Weighted sums of ciphertexts. Depth 0.
    Sums(WeightedSums),
    /// Squares of all ciphertexts. Depth 1.
    Square {
        /// Number of ciphertexts.
        count: usize,
        /// True if the squares are relinearised to size 2. The last squares of a network are not: sums and decryption
        /// take size 3, and nothing after them squares again. In fast mode, only the diagonal layout relinearises.
        relinearize: bool,
    },
    /// The last layer of the packed layout: one sum of products with plaintexts, masked (see [`Plan`]). Depth 0, but
    /// with the noise of a plaintext product.
    Positions {
        /// Number of ciphertexts that are summed.
        count: usize,
    },
    /// Layers of the diagonal layout between squares: products with plaintexts, and rotations. Depth 0, but with the
    /// noise of a plaintext product.
    Diagonals {
        /// Number of output ciphertexts.
        count: usize,
    },
}

impl Step {
    /// Returns the number of output ciphertexts.
    pub fn outputs(&self) -> usize {
        match self {
            Self::Sums(sums) => sums.len(),
            Self::Square { count, .. } | Self::Diagonals { count } => *count,
            Self::Positions { .. } => 1,
        }
    }
}

/// The agreement between client and server: encryption parameters, layout, and steps.
///
/// A plan depends on the network and the selected parameters, not on images or keys. The client needs the parameters
/// and sizes, not the weights.
///
/// # What a response reveals
/// In the packed and diagonal layouts, the client sums the slots of a logit, and the server adds a random mask whose
/// slots sum to zero for each logit. The mask hides the partial sums from someone who sees the decrypted slots of the
/// response to an honest request.
///
/// The mask does not hide them from a client that crafts its request. It is added as a plaintext, so it is only in
/// polynomial 0 of the response; the other polynomials are unmasked functions of the weights and the request. The
/// batched layout has no mask, and the same holds there. No circuit privacy is claimed for any layout.
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
    /// Makes a plan in the layout of the selection.
    ///
    /// # Errors
    /// The errors of [`Plan::batched`], [`Plan::packed`] and [`Plan::diagonal`].
    pub fn new(network: &Network, selection: &Selection) -> Result<Self, EngineError> {
        match selection.layout() {
            LayoutKind::Batched => Self::batched(network, selection),
            LayoutKind::Packed => Self::packed(network, selection),
            LayoutKind::Diagonal => Self::diagonal(network, selection),
        }
    }

    /// Makes a plan in the batched layout.
    ///
    /// # Errors
    /// [`EngineError::Layout`] if the parameters were selected for another layout.
    pub fn batched(network: &Network, selection: &Selection) -> Result<Self, EngineError> {
        check_layout(selection, LayoutKind::Batched)?;
        let layers = planned(network.lower(), selection.mode());
        let outputs = layers
            .last()
            .ok_or(EngineError::Internal("a plan without layers"))?
            .step
            .outputs();
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

    /// Makes a plan in the packed layout, for fast mode.
    ///
    /// # Errors
    /// [`EngineError::Layout`] if the layers before the last one do not compute the same function at every position, or
    /// the parameters were selected for another layout.
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

    /// Makes a plan in the diagonal layout, for fast mode.
    ///
    /// # Errors
    /// [`EngineError::Layout`] if the network does not fit the slots, or the parameters were selected for another
    /// layout.
    pub fn diagonal(network: &Network, selection: &Selection) -> Result<Self, EngineError> {
        check_layout(selection, LayoutKind::Diagonal)?;
        let slots = selection.poly_modulus_degree();
        let diagonal = Diagonal::new(network, slots).map_err(|error| EngineError::Layout {
            reason: format!("the diagonal layout cannot serve this network: {error}"),
        })?;
        let circuit = diagonal.circuit();
        let layers = circuit.layers().iter().zip(circuit.outputs());
        let layers = layers.map(|(layer, count)| PlannedLayer {
            name: layer.name().to_owned(),
            step: if layer.ops().contains(&Op::SumOfSquares) {
                Step::Square {
                    count,
                    relinearize: layer.ops().contains(&Op::Relinearize),
                }
            } else {
                Step::Diagonals { count }
            },
        });
        let layers = layers.collect();
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

    /// Returns the Galois elements for which the server needs keys, in ascending order; empty except in the diagonal
    /// layout.
    pub fn galois_elements(&self) -> Vec<u32> {
        let Layout::Diagonal(diagonal) = &self.layout else {
            return Vec::new();
        };
        let slots = self.selection.poly_modulus_degree();
        let rotations = diagonal.circuit().rotations(&[]).into_keys();
        let mut elements: Vec<u32> = rotations.map(|turn| turn.element(slots)).collect();
        elements.sort_unstable();
        elements
    }

    /// Returns the encryption parameters.
    pub const fn selection(&self) -> &Selection {
        &self.selection
    }

    /// Returns the number of images in a batch.
    pub fn slots(&self) -> usize {
        self.layout.images()
    }

    /// Returns the layout.
    pub const fn layout(&self) -> &Layout {
        &self.layout
    }

    /// Returns the number of values of an image.
    pub fn image_values(&self) -> usize {
        match &self.layout {
            Layout::Batched(_) => self.inputs,
            Layout::Packed(packed) => packed.image().len(),
            Layout::Diagonal(diagonal) => diagonal.image().len(),
        }
    }

    /// Returns the largest integer that the network reads; the smallest is 0.
    pub const fn input_max(&self) -> i64 {
        self.input_max
    }

    /// Returns the number of ciphertexts in a request, for each plaintext modulus.
    pub const fn inputs(&self) -> usize {
        self.inputs
    }

    /// Returns the number of ciphertexts in a response, for each plaintext modulus: one per logit in the batched
    /// layout, one in the packed layout, and as many as all logits take in the diagonal layout.
    pub const fn outputs(&self) -> usize {
        self.outputs
    }

    /// Returns the layers.
    pub fn layers(&self) -> &[PlannedLayer] {
        &self.layers
    }

    /// Returns the number of primes that the response keeps.
    pub const fn response_primes(&self) -> usize {
        self.response_primes
    }

    /// Returns the plan of the first `layers` layers with all primes kept, in which the last layer computes at most
    /// `outputs` of its results. It serves to measure the noise between layers.
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
            // The results are each layer's ciphertexts; those of the first stage before they are squared.
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

    /// Tells whether the server needs relinearisation keys.
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
