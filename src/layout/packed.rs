//! The packed layout: few images at a time, without rotations.
//!
//! What lies before the last linear layer is the same for every position (see [`Crops`]). A ciphertext holds one pixel
//! of the crop, for every position in a slot of its own. An image takes a slot for each logit and position: the same
//! pixels for each logit, and other weights of the last layer, which are multiplied as plaintexts. So the response is one
//! ciphertext: the client sums the slots of a logit, which a mask hides as far as [`crate::engine::Plan`] says.

use crate::network::{Crops, Shape};

/// The packed layout of a network.
#[derive(Debug, Clone, PartialEq)]
pub struct Packed {
    slots: usize,
    image: Shape,
    crops: Crops,
}

impl Packed {
    /// For ciphertexts of `slots` slots and images of shape `image`.
    pub const fn new(slots: usize, image: Shape, crops: Crops) -> Self {
        Self {
            slots,
            image,
            crops,
        }
    }

    /// The network cut into crops.
    pub const fn crops(&self) -> &Crops {
        &self.crops
    }

    /// The shape of an image.
    pub const fn image(&self) -> Shape {
        self.image
    }

    /// Slots of one logit of an image: its positions.
    pub const fn positions(&self) -> usize {
        self.crops.position_count()
    }

    /// Logits of an image.
    pub fn logits(&self) -> usize {
        self.crops.logits()
    }

    /// How many images a batch holds.
    pub fn images(&self) -> usize {
        self.slots / (self.positions() * self.logits()).max(1)
    }

    /// The slots of ciphertext `element`: that pixel of each position's crop, for every logit of every image.
    pub fn gather(&self, images: &[Vec<i64>], element: usize) -> Vec<i64> {
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

    /// The slots of a plaintext of the last layer: `value(logit, position)` for every image.
    pub fn spread(&self, value: impl Fn(usize, usize) -> u64) -> Vec<u64> {
        let image: Vec<u64> = (0..self.logits())
            .flat_map(|logit| (0..self.positions()).map(move |position| (logit, position)))
            .map(|(logit, position)| value(logit, position))
            .collect();
        image.repeat(self.images())
    }

    /// From the slots of the response to the logits' residues: for each logit those of the first `images` images.
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
