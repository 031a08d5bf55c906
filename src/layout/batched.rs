//! The batched layout: one ciphertext per element of the tensor, one image per slot.
//!
//! With N = 8192 and images of 28 x 28, the first ciphertext holds the first pixel of 8,192 images, and the last one
//! their last. Pixels that the network does not read have none. Every linear operation then works slot by slot: there are no rotations and no masks, and a weight is one
//! integer for all slots. Evaluating one image costs as much as evaluating a full batch. Source: `CryptoNets`
//! (Gilad-Bachrach et al. 2016), HCNN (Al Badawi et al. 2018).

/// The batched layout for ciphertexts of a given number of slots.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Batched {
    slots: usize,
    elements: Vec<u32>,
}

impl Batched {
    /// Makes the layout for ciphertexts of `slots` slots, each of which holds one of these elements.
    pub const fn new(slots: usize, elements: Vec<u32>) -> Self {
        Self { slots, elements }
    }

    /// Returns the number of images in a batch.
    pub const fn slots(&self) -> usize {
        self.slots
    }

    /// Returns the slots of a ciphertext: its element of every image, in order. Slots without an image are left out.
    ///
    /// `images` has at most [`Batched::slots`] entries, each with all elements.
    pub fn gather(&self, images: &[Vec<i64>], ciphertext: usize) -> Vec<i64> {
        let element = self.elements[ciphertext] as usize;
        images
            .iter()
            .take(self.slots)
            .map(|image| image[element])
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ciphertext_holds_one_element_of_every_image() {
        let images: Vec<Vec<i64>> = (0..5).map(|i| vec![i, 10 * i, 100 * i]).collect();
        let layout = Batched::new(8, vec![0, 1, 2]);
        let gathered: Vec<Vec<i64>> = (0..3).map(|e| layout.gather(&images, e)).collect();
        assert_eq!(gathered[1], [0, 10, 20, 30, 40]);
        assert_eq!(gathered[2], [0, 100, 200, 300, 400]);
        assert_eq!(Batched::new(2, vec![2]).gather(&images, 0), [0, 100]);
    }
}
