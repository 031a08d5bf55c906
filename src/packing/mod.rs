//! Packings: which value lies in which slot of which ciphertext, and the circuit that computes a network on them.

mod crops;
mod diagonal;
mod index;
mod reference;
mod slot_map;
mod slot_map_literal;

pub use diagonal::DiagonalError;
pub use reference::Reference;
pub use slot_map::SlotMap;
pub(crate) use slot_map::Tiles;
pub use slot_map_literal::SlotMapError;
pub(crate) use slot_map_literal::SlotMapLiteral;

use self::index::Index;
use crate::circuit::Circuit;
use crate::network::{CropError, CropNetwork, Network};

/// A network on ciphertexts: what the server computes, and what the client must know of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Packing {
    /// The computation, with the weights.
    pub circuit: Circuit,
    /// The slot of each value, without weights.
    pub slot_map: SlotMap,
}

impl Packing {
    /// Packs one image per slot, one ciphertext per value of an image. With `relinearize`, all squares but the last are
    /// relinearised.
    ///
    /// With N = 8192 and images of 28 x 28, the first ciphertext holds the first pixel of 8,192 images, and the last one
    /// their last. Pixels that the network does not read have none. Every linear operation then works slot by slot:
    /// there are no rotations and no masks, and a weight is one integer for all slots. Evaluating one image costs as
    /// much as evaluating a full batch. Source: `CryptoNets` (Gilad-Bachrach et al. 2016), HCNN (Al Badawi et al. 2018).
    pub fn batched(network: &Network, slots: usize, relinearize: bool) -> Self {
        let circuit = Circuit::of_values(network, relinearize).without_unread();
        let input = |&element: &u32| vec![Some(Index::new(element as usize))];
        let inputs = circuit.elements().iter().map(input).collect();
        Self {
            slot_map: SlotMap::new(slots, inputs, 1, 1, network.classes()),
            circuit,
        }
    }

    /// Packs a few images as crops: one ciphertext per pixel of a crop, one slot per logit and position.
    ///
    /// # Errors
    /// [`CropError`] if the layers before the last one do not compute the same function at every position.
    pub fn crops(network: &Network, slots: usize) -> Result<Self, CropError> {
        let crops = CropNetwork::new(network)?;
        let circuit = Circuit::of_crops(&crops).without_unread();
        let slot_map = crops::slot_map(slots, network.input().shape, &crops, &circuit);
        Ok(Self { circuit, slot_map })
    }

    /// Packs one image into a few ciphertexts of `slots` slots, a power of two, with rotations.
    ///
    /// # Errors
    /// [`DiagonalError`] with the reason if the network does not fit.
    pub fn diagonal(network: &Network, slots: usize) -> Result<Self, DiagonalError> {
        let (circuit, slot_map) = diagonal::pack(network, slots, false)?;
        Ok(Self { circuit, slot_map })
    }

    /// Packs one image into as few ciphertexts of `slots` slots, a power of two, as can be: with rotations also in the
    /// first layer.
    ///
    /// # Errors
    /// [`DiagonalError`] with the reason if the network does not fit.
    pub fn few_uploads(network: &Network, slots: usize) -> Result<Self, DiagonalError> {
        let (circuit, slot_map) = diagonal::pack(network, slots, true)?;
        Ok(Self { circuit, slot_map })
    }

    /// Makes the packing, one of those with rotations, for a request that serves several plain primes.
    #[must_use]
    pub fn of_shared_upload(self) -> Self {
        Self {
            circuit: self.circuit.of_shared_upload(),
            ..self
        }
    }
}
