//! The specification for a client: parameters and sizes, no weights.

use super::response_form::ResponseForm;
use crate::network::{InputError, InputSpec, Shape};
use crate::packing::SlotMap;
use crate::seal::SecurityLevel;

/// The form in which a client encrypts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Upload {
    /// With the secret key.
    Secret,
    /// With the secret key, in NTT form: this saves own kernels the transforms.
    SecretNtt,
    /// With a public key, as the paper's authors do.
    Public,
}

/// All that a client must know of a plan to quantise and encrypt images, to make keys and to decrypt. It holds no
/// weights.
///
/// It does tell how many layers square, which pixels the weights read, the size of the bound on the logits, and, in the
/// diagonal layout, which rotations the weights need.
#[derive(Debug, Clone, PartialEq)]
pub struct ClientSpec {
    pub(crate) poly_modulus_degree: usize,
    pub(crate) coeff_modulus: Vec<u64>,
    pub(crate) plain_moduli: Vec<u64>,
    /// True if one upload serves all plain primes.
    pub(crate) shared_upload: bool,
    pub(crate) security: SecurityLevel,
    pub(crate) slot_map: SlotMap,
    pub(crate) input: InputSpec,
    pub(crate) upload: Upload,
    /// For each plain prime, the factor by which decrypted slots are multiplied.
    pub(crate) corrections: Vec<u64>,
    pub(crate) needs_relin_keys: bool,
    pub(crate) galois_elements: Vec<u32>,
    /// For own kernels, the number of data primes of each key: first the relinearisation key, if the server needs one,
    /// then those of the Galois elements. Empty for SEAL's calls, which need whole keys.
    pub(crate) key_levels: Vec<usize>,
    pub(crate) response: ResponseForm,
    /// True if the circuit takes pads, see [`crate::circuit::Circuit::pad_point`].
    pub(crate) takes_pads: bool,
}

/// A key that own kernels need.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NeededKey {
    /// The Galois element of its rotation; `None` for the relinearisation key.
    pub element: Option<u32>,
    /// The largest number of data primes of ciphertexts that it switches.
    pub level: usize,
}

impl NeededKey {
    /// Returns the keys, in the order in which they travel; `None` if the server needs whole keys.
    pub(crate) fn all(
        needs_relin_keys: bool,
        galois_elements: &[u32],
        levels: &[usize],
    ) -> Option<Vec<Self>> {
        let relin = needs_relin_keys.then_some(None);
        let elements = galois_elements.iter().copied().map(Some);
        let elements: Vec<Option<u32>> = relin.into_iter().chain(elements).collect();
        let keys = elements.iter().zip(levels);
        let keys = keys.map(|(&element, &level)| Self { element, level });
        (elements.len() == levels.len()).then(|| keys.collect())
    }
}

impl ClientSpec {
    /// Returns the keys that own kernels need, see [`NeededKey::all`].
    pub(crate) fn needed_keys(&self) -> Option<Vec<NeededKey>> {
        NeededKey::all(
            self.needs_relin_keys,
            &self.galois_elements,
            &self.key_levels,
        )
    }

    /// Returns N.
    pub const fn poly_modulus_degree(&self) -> usize {
        self.poly_modulus_degree
    }

    /// Returns the primes of q, with the special prime last.
    pub fn coeff_modulus(&self) -> &[u64] {
        &self.coeff_modulus
    }

    /// Returns the plain primes, whose product takes the place of t.
    pub fn plain_moduli(&self) -> &[u64] {
        &self.plain_moduli
    }

    /// Returns the number of parts of a request: one for each plain prime, or one for all of them.
    pub const fn uploads(&self) -> usize {
        if self.shared_upload {
            1
        } else {
            self.plain_moduli.len()
        }
    }

    /// Returns which value lies in which slot.
    pub const fn slot_map(&self) -> &SlotMap {
        &self.slot_map
    }

    /// Returns the number of images in a batch.
    pub const fn batch_size(&self) -> usize {
        self.slot_map.batch_size()
    }

    /// Converts an image of pixels to the integers that the network reads.
    ///
    /// # Errors
    /// [`InputError::Length`] for another number of pixels than the network's input takes.
    pub fn quantize_image(&self, pixels: &[u8]) -> Result<Vec<i64>, InputError> {
        self.input.quantize_image(pixels)
    }

    /// Returns the shape of the images that [`ClientSpec::quantize_image`] takes.
    pub fn image_shape(&self) -> Shape {
        self.input.quantizer.image_shape(self.input.shape)
    }

    /// Returns the number of integers of an image.
    pub(super) const fn image_values(&self) -> usize {
        self.input.shape.len()
    }

    /// Returns the largest integer that the network reads; the smallest is 0.
    pub fn input_max(&self) -> i64 {
        self.input.quantizer.max()
    }

    /// Returns the number of ciphertexts in each part of a request.
    pub const fn inputs(&self) -> usize {
        self.slot_map.inputs()
    }

    /// Returns the number of ciphertexts in a response, for each plain prime: one per logit in the batched layout, one
    /// with crops, and as many as all logits take in the diagonal layout.
    pub const fn outputs(&self) -> usize {
        self.slot_map.outputs()
    }

    /// Tells whether the server needs relinearisation keys.
    pub const fn needs_relin_keys(&self) -> bool {
        self.needs_relin_keys
    }

    /// Returns the Galois elements for which the server needs keys, in ascending order; empty if it rotates nothing.
    pub fn galois_elements(&self) -> &[u32] {
        &self.galois_elements
    }
}
