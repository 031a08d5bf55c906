//! The agreement between client and server: parameters, packing, and circuit.

use super::correction::corrections;
use super::error::EngineError;
use super::response_form::ResponseForm;
use super::spec::{ClientSpec, Upload};
use crate::circuit::{Circuit, CircuitLayer, levels};
use crate::network::Network;
use crate::packing::Packing;
use crate::params::{MemoryForecast, Parameters, Scheme};
use crate::seal::SecurityLevel;
use std::sync::Arc;

/// All that the server computes: encryption parameters and circuit, with the weights; and the specification for clients.
///
/// A plan depends on the network and the selected parameters, not on images or keys. A client needs only
/// [`Plan::client_spec`].
///
/// # What a response reveals
/// With crops and in the diagonal layout, the client sums the slots of a logit, and the server adds a random mask whose
/// slots sum to zero for each logit. The mask hides the partial sums from someone who sees the decrypted slots of the
/// response to an honest request.
///
/// The mask does not hide them from a client that crafts its request. It is added as a plaintext, so it is only in
/// polynomial 0 of the response; the other polynomials are unmasked functions of the weights and the request. The
/// batched layout has no mask, and the same holds there. No circuit privacy is claimed for any layout.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    parameters: Parameters,
    spec: Arc<ClientSpec>,
    outputs: usize,
    response_primes: usize,
    is_prefix: bool,
    /// Number of squares in the whole circuit.
    squares: usize,
    circuit: Arc<Circuit>,
}

impl Plan {
    /// Makes a plan in the layout for which the parameters were selected.
    ///
    /// # Errors
    /// [`EngineError::Layout`] if that layout cannot serve the network, because the parameters were selected for another
    /// one.
    pub fn new(network: &Network, parameters: &Parameters) -> Result<Self, EngineError> {
        let slots = parameters.poly_modulus_degree();
        let scheme = parameters.scheme();
        let refused = |reason: &dyn std::fmt::Display| EngineError::Layout {
            reason: format!(
                "the {} layout cannot serve this network: {reason}",
                scheme.layout()
            ),
        };
        let packing = match scheme {
            Scheme::Stock | Scheme::Batched => Packing::batched(network, slots, scheme.is_stock()),
            Scheme::Crops => Packing::crops(network, slots).map_err(|error| refused(&error))?,
            Scheme::Diagonal => {
                Packing::diagonal(network, slots).map_err(|error| refused(&error))?
            }
            Scheme::FewUploads => {
                Packing::few_uploads(network, slots).map_err(|error| refused(&error))?
            }
        };
        let Packing { circuit, slot_map } = if scheme.rotates() && parameters.shared_upload() {
            packing.of_shared_upload()
        } else {
            packing
        };
        if slot_map.batch_size() == 0 {
            let taken = slot_map.image_slots();
            return Err(refused(&format!(
                "an image takes {taken} slots, a ciphertext has {slots}"
            )));
        }
        let data = parameters.coeff_modulus().len().saturating_sub(1);
        let levels = levels(data, parameters.drops());
        let rotations = circuit.rotations(&levels).into_iter();
        let mut rotations: Vec<(u32, usize)> = rotations
            .map(|(rotation, level)| (rotation.element(slots), level))
            .collect();
        rotations.sort_unstable();
        let relin = circuit.relinearizes(&levels);
        let of_rotations = rotations.iter().map(|&(_, level)| level);
        let key_levels = relin.into_iter().chain(of_rotations);
        let (outputs, coefficients) = (slot_map.outputs(), slot_map.response_coefficients());
        let spec = ClientSpec {
            poly_modulus_degree: slots,
            coeff_modulus: parameters.coeff_modulus().to_vec(),
            plain_moduli: parameters.plain_moduli().to_vec(),
            shared_upload: parameters.shared_upload(),
            security: SecurityLevel::Bits128,
            takes_pads: scheme.rotates() && circuit.pad_point().is_some(),
            slot_map,
            input: network.input().clone(),
            upload: if scheme.is_stock() {
                Upload::Secret
            } else {
                Upload::SecretNtt
            },
            corrections: corrections(parameters, circuit.squares()),
            needs_relin_keys: relin.is_some(),
            key_levels: if scheme.is_stock() {
                Vec::new()
            } else {
                key_levels.collect()
            },
            galois_elements: rotations.iter().map(|&(element, _)| element).collect(),
            response: ResponseForm {
                primes: parameters.response_primes(),
                widths: parameters.response_widths(circuit.polynomials(), outputs, coefficients),
                coefficients,
            },
        };
        Ok(Self {
            outputs,
            spec: Arc::new(spec),
            response_primes: parameters.response_primes(),
            is_prefix: false,
            squares: circuit.squares(),
            parameters: parameters.clone(),
            circuit: Arc::new(circuit),
        })
    }

    /// Returns what a client must know: no weights.
    pub fn client_spec(&self) -> &ClientSpec {
        &self.spec
    }

    /// Returns the encryption parameters.
    pub const fn parameters(&self) -> &Parameters {
        &self.parameters
    }

    /// Returns the number of images in a batch.
    pub fn batch_size(&self) -> usize {
        self.spec.batch_size()
    }

    /// Returns the number of ciphertexts in each part of a request: one part for each plain prime, or one for all.
    pub fn inputs(&self) -> usize {
        self.circuit.inputs()
    }

    /// Returns the number of ciphertexts in a response, for each plain prime.
    pub const fn outputs(&self) -> usize {
        self.outputs
    }

    /// Returns what the server computes.
    pub fn circuit(&self) -> &Circuit {
        &self.circuit
    }

    /// Returns what the server computes, to keep.
    pub(super) fn shared_circuit(&self) -> Arc<Circuit> {
        Arc::clone(&self.circuit)
    }

    /// Returns the layers of the circuit.
    pub fn layers(&self) -> &[CircuitLayer] {
        self.circuit.layers()
    }

    /// Predicts the memory of client and server for batches of at most `images` images (full ones if `None`).
    pub fn memory(&self, images: Option<usize>) -> MemoryForecast {
        let values = self.spec.image_values();
        MemoryForecast::new(&self.parameters, &self.circuit, values, images)
    }

    /// Returns the number of primes that the response keeps.
    pub const fn response_primes(&self) -> usize {
        self.response_primes
    }

    /// True if the circuit ends before the logits: its results are not masked.
    pub(super) const fn is_prefix(&self) -> bool {
        self.is_prefix
    }

    /// Returns the number of squares in the whole circuit, of which this may be a prefix.
    pub(super) const fn squares(&self) -> usize {
        self.squares
    }

    /// Returns the plan of the first `layers` layers with all primes kept, in which the last layer computes at most
    /// `outputs` of its results. It serves to measure the noise between layers.
    #[must_use]
    pub fn prefix(&self, layers: usize, outputs: usize) -> Self {
        let circuit = self.circuit.prefix(layers, outputs);
        let primes = if self.parameters.scheme().rotates() {
            self.parameters.coeff_modulus().len().saturating_sub(1)
        } else {
            self.parameters.layer_primes().len()
        };
        Self {
            outputs: circuit.outputs().last().copied().unwrap_or(0),
            response_primes: primes.max(1),
            is_prefix: self.is_prefix || layers < self.layers().len(),
            circuit: Arc::new(circuit),
            ..self.clone()
        }
    }
}
