//! The packed layout (crops): a few images at a time, without rotations.
//!
//! The layers before the last linear layer compute the same function at every position (see [`Crops`]). Each ciphertext
//! holds one pixel of the crop, with one slot per position. An image takes one slot for each pair of logit and
//! position: the pixels are the same for every logit, but the weights of the last layer differ, and are multiplied as
//! plaintexts.
//!
//! The response is therefore one ciphertext. The client sums the slots of each logit; a mask hides these slots to the
//! extent that [`crate::engine::Plan`] describes.

use crate::network::{Crops, Shape};

/// The packed layout of a network.
#[derive(Debug, Clone, PartialEq)]
pub struct Packed {
    slots: usize,
    image: Shape,
    crops: Crops,
    elements: Vec<u32>,
}

impl Packed {
    /// Makes the layout for ciphertexts of `slots` slots and images of shape `image`. Each ciphertext holds one of these
    /// pixels of a crop.
    pub const fn new(slots: usize, image: Shape, crops: Crops, elements: Vec<u32>) -> Self {
        Self {
            slots,
            image,
            crops,
            elements,
        }
    }

    /// Returns the network split into crops.
    pub const fn crops(&self) -> &Crops {
        &self.crops
    }

    /// Returns the shape of an image.
    pub const fn image(&self) -> Shape {
        self.image
    }

    /// Returns the number of slots of one logit of an image: one per position.
    pub const fn positions(&self) -> usize {
        self.crops.position_count()
    }

    /// Returns the number of logits of an image.
    pub fn logits(&self) -> usize {
        self.crops.logits()
    }

    /// Returns the number of images in a batch.
    pub fn images(&self) -> usize {
        self.slots / (self.positions() * self.logits()).max(1)
    }

    /// Returns the slots of a ciphertext: its pixel of each position's crop, for every logit of every image.
    pub fn gather(&self, images: &[Vec<i64>], ciphertext: usize) -> Vec<i64> {
        let element = self.elements[ciphertext] as usize;
        let mut slots = Vec::with_capacity(self.slots);
        for image in images.iter().take(self.images()) {
            let pixels: Vec<i64> = (0..self.positions())
                .map(|position| self.crops.pixel(image, self.image, position, element))
                .collect();
            for _ in 0..self.logits() {
                slots.extend_from_slice(&pixels);
            }
        }
        slots
    }

    /// Returns the slots of a plaintext of the last layer: `value(logit, position)` for every image.
    pub fn spread(&self, value: impl Fn(usize, usize) -> u64) -> Vec<u64> {
        let image: Vec<u64> = (0..self.logits())
            .flat_map(|logit| (0..self.positions()).map(move |position| (logit, position)))
            .map(|(logit, position)| value(logit, position))
            .collect();
        image.repeat(self.images())
    }

    /// Sums the slots of the response to the residues of each logit, for each of the first `images` images.
    pub fn collect(&self, slots: &[u64], images: usize, modulus: u64) -> Vec<Vec<u64>> {
        let sums: Vec<u64> = slots
            .chunks(self.positions().max(1))
            .map(|slots| {
                slots.iter().fold(0, |sum, &slot| {
                    ((u128::from(sum) + u128::from(slot)) % u128::from(modulus)) as u64
                })
            })
            .collect();
        (0..self.logits())
            .map(|logit| {
                sums.iter()
                    .skip(logit)
                    .step_by(self.logits())
                    .take(images)
                    .copied()
                    .collect()
            })
            .collect()
    }
}
