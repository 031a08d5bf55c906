//! Crops: a few images at a time, without rotations.
//!
//! The layers before the last linear layer compute the same function at every position (see [`CropNetwork`]). Each
//! ciphertext holds one pixel of the crop, with one slot per position. An image takes one slot for each pair of logit and
//! position: the pixels are the same for every logit, but the weights of the last layer differ, and are multiplied as
//! plaintexts.
//!
//! The response is therefore one ciphertext. The client sums the slots of each logit; a mask hides these slots to the
//! extent that [`crate::engine::Plan`] describes.

use super::index::Index;
use super::slot_map::SlotMap;
use crate::circuit::Circuit;
use crate::network::{CropNetwork, Shape};

/// Makes the slot map of a circuit of crops of an image of shape `image`.
pub(super) fn slot_map(
    slots: usize,
    image: Shape,
    crops: &CropNetwork,
    circuit: &Circuit,
) -> SlotMap {
    let (positions, logits) = (crops.position_count(), crops.logits());
    let inputs = circuit.elements().iter().map(|&element| {
        let pixel = |position| crops.pixel(image, position, element as usize);
        // The same pixels for each logit.
        (0..positions).map(|at| pixel(at).map(Index::new)).collect()
    });
    SlotMap::new(
        slots,
        inputs.collect(),
        positions * logits,
        positions,
        logits,
    )
}
