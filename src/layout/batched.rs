//! The batched layout: one ciphertext per element of the tensor, one image per slot.
//!
//! With N = 8192 and images of 28 x 28, ciphertext 0 holds the first pixel of 8,192 images, and ciphertext 783 holds
//! the last. Every linear operation then works slot by slot: there are no rotations and no masks, and a weight is one
//! integer for all slots. Evaluating one image costs as much as evaluating a full batch. Source: `CryptoNets`
//! (Gilad-Bachrach et al. 2016), HCNN (Al Badawi et al. 2018).

/// The batched layout for ciphertexts of a given number of slots.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Batched {
    slots: usize,
}

impl Batched {
    /// Makes the layout for ciphertexts of `slots` slots.
    pub const fn new(slots: usize) -> Self {
        Self { slots }
    }

    /// Returns the number of images in a batch.
    pub const fn slots(self) -> usize {
        self.slots
    }

    /// Returns the slots of ciphertext `element`: that element of every image, in order. Slots without an image are
    /// left out.
    ///
    /// `images` has at most [`Batched::slots`] entries, each longer than `element`.
    pub fn gather(self, images: &[Vec<i64>], element: usize) -> Vec<i64> {
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
        let layout = Batched::new(8);
        let gathered: Vec<Vec<i64>> = (0..3).map(|e| layout.gather(&images, e)).collect();
        assert_eq!(gathered[1], [0, 10, 20, 30, 40]);
        assert_eq!(gathered[2], [0, 100, 200, 300, 400]);
        assert_eq!(Batched::new(2).gather(&images, 0), [0, 1]);
    }
}
