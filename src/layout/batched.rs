//! The batched layout: a ciphertext for every element of the tensor, an image in every slot.
//!
//! With N = 8192 and images of 28 x 28, ciphertext 0 holds the first pixel of 8,192 images, ciphertext 783 the last.
//! Everything linear is then pointwise: no rotation, no mask, and a weight is one integer for all slots. An image alone
//! costs as much as a full batch. Source: `CryptoNets` (Gilad-Bachrach et al. 2016), HCNN (Al Badawi et al. 2018).

/// The batched layout for ciphertexts of a given number of slots.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Batched {
    slots: usize,
}

impl Batched {
    /// For ciphertexts of `slots` slots.
    pub const fn new(slots: usize) -> Self {
        Self { slots }
    }

    /// How many images a batch holds.
    pub const fn slots(self) -> usize {
        self.slots
    }

    /// The slots of ciphertext `element`: that element of every image, in order. Slots without an image are left out.
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
