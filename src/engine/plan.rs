//! The agreement between client and server: parameters, layout, and circuit.

use super::error::EngineError;
use crate::circuit::{Circuit, CircuitLayer};
use crate::layout::{Batched, Diagonal, Layout, Packed};
use crate::network::{Crops, Network};
use crate::params::{LayoutKind, Mode, Selection};

/// The agreement between client and server: encryption parameters, layout, and circuit.
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
    image_values: usize,
    outputs: usize,
    response_primes: usize,
    circuit: Circuit,
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
        let circuit = Circuit::of_values(network, selection.mode() == Mode::Stock).without_unread();
        let elements = circuit.elements().to_vec();
        let layout = Layout::Batched(Batched::new(selection.poly_modulus_degree(), elements));
        Ok(Self::of(network, selection, layout, circuit))
    }

    fn of(network: &Network, selection: &Selection, layout: Layout, circuit: Circuit) -> Self {
        Self {
            input_max: network.input().quantizer.max(),
            image_values: network.input().shape.len(),
            outputs: circuit.outputs().last().copied().unwrap_or(0),
            response_primes: selection.response_primes(),
            selection: selection.clone(),
            layout,
            circuit,
        }
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
        let circuit = Circuit::of_crops(&crops).without_unread();
        let layout = Layout::Packed(Box::new(Packed::new(
            selection.poly_modulus_degree(),
            network.input().shape,
            crops,
            circuit.elements().to_vec(),
        )));
        Ok(Self::of(network, selection, layout, circuit))
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
        let circuit = diagonal.circuit().clone();
        let layout = Layout::Diagonal(Box::new(diagonal));
        Ok(Self::of(network, selection, layout, circuit))
    }

    /// Returns the Galois elements for which the server needs keys, in ascending order; empty except in the diagonal
    /// layout.
    pub fn galois_elements(&self) -> Vec<u32> {
        let slots = self.selection.poly_modulus_degree();
        let rotations = self.circuit.rotations(&[]).into_keys();
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
    pub const fn image_values(&self) -> usize {
        self.image_values
    }

    /// Returns the largest integer that the network reads; the smallest is 0.
    pub const fn input_max(&self) -> i64 {
        self.input_max
    }

    /// Returns the number of ciphertexts in a request, for each plaintext modulus.
    pub const fn inputs(&self) -> usize {
        self.circuit.inputs()
    }

    /// Returns the number of ciphertexts in a response, for each plaintext modulus: one per logit in the batched
    /// layout, one in the packed layout, and as many as all logits take in the diagonal layout.
    pub const fn outputs(&self) -> usize {
        self.outputs
    }

    /// Returns what the server computes.
    pub const fn circuit(&self) -> &Circuit {
        &self.circuit
    }

    /// Returns the layers of the circuit.
    pub fn layers(&self) -> &[CircuitLayer] {
        self.circuit.layers()
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
        prefix.circuit = self.circuit.prefix(layers, outputs);
        prefix.outputs = prefix.circuit.outputs().last().copied().unwrap_or(0);
        prefix.response_primes = self
            .selection
            .coeff_modulus()
            .len()
            .saturating_sub(1)
            .max(1);
        prefix
    }

    /// Tells whether the server needs relinearisation keys.
    pub fn needs_relin_keys(&self) -> bool {
        self.circuit.relinearizes(&[]).is_some()
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
