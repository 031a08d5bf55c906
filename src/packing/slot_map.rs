//! The slot of each value: all that a client needs to know of a packing.

use super::index::Index;
use rayon::prelude::*;
use zeroize::Zeroize;

/// The value of an image that lies in each slot of a request's ciphertexts, and the slots of a response's ciphertexts
/// that sum to each logit. It holds no weights.
///
/// An image takes the same number of consecutive slots in every ciphertext; the next image follows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SlotMap {
    pub(super) slots: usize,
    /// For each ciphertext of a request, the value of an image in each of the image's slots; it repeats over them.
    pub(super) inputs: Vec<Vec<Option<Index>>>,
    pub(super) image_slots: usize,
    pub(super) logit_slots: usize,
    pub(super) logits: usize,
    pub(super) classes: Option<SlotClasses>,
}

/// Slots of a logit that are not consecutive: in one row, `block` slots of each `period`. Their sum depends only on the
/// coefficients of the powers of x^(N / (2 `period`)): the others are 0 in the trace to the ring of these powers, which
/// gives all slots at a distance of `period` their sum (times a constant).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct SlotClasses {
    pub block: usize,
    pub period: usize,
}

impl SlotMap {
    /// Makes the map for ciphertexts of `slots` slots. `inputs` are the values of an image in each of its `image_slots`
    /// slots, which they may fill by repetition, for each ciphertext of a request. In a response, each `logit_slots` slots sum to one of `logits` logits.
    pub(super) const fn new(
        slots: usize,
        inputs: Vec<Vec<Option<Index>>>,
        image_slots: usize,
        logit_slots: usize,
        logits: usize,
    ) -> Self {
        Self {
            slots,
            inputs,
            image_slots,
            logit_slots,
            logits,
            classes: None,
        }
    }

    /// Makes the map of one image whose logits are sums of classes of slots.
    pub(super) fn with_classes(
        slots: usize,
        inputs: Vec<Vec<Option<Index>>>,
        classes: SlotClasses,
        logits: usize,
    ) -> Self {
        let logit_slots = slots / 2 / classes.period * classes.block;
        let map = Self::new(slots, inputs, slots, logit_slots, logits);
        Self {
            classes: Some(classes),
            ..map
        }
    }

    /// Hands every number of the map to `word`, for a fingerprint.
    pub(crate) fn describe(&self, word: &mut dyn FnMut(u64)) {
        let Self {
            slots,
            inputs,
            image_slots,
            logit_slots,
            logits,
            classes,
        } = self;
        for &number in [slots, image_slots, logit_slots, logits, &inputs.len()] {
            word(number as u64);
        }
        let (block, period) = classes.map_or((0, 0), |classes| (classes.block, classes.period));
        word(block as u64);
        word(period as u64);
        for values in inputs {
            word(values.len() as u64);
            for value in values {
                // 0 for no value.
                word(value.map_or(0, |index| index.get() as u64 + 1));
            }
        }
    }

    /// Returns the number of coefficients of a decrypted response, those of the powers of x^(N / number), on which the
    /// logits depend; the others may be anything.
    pub(crate) const fn response_coefficients(&self) -> usize {
        match self.classes {
            Some(SlotClasses { period, .. }) => 2 * period,
            None => self.slots,
        }
    }

    /// Returns the slots of a response ciphertext that sum to a logit of an image; `logit` counts those of one
    /// ciphertext.
    pub(crate) fn summed(&self, logit: usize, image: usize) -> impl Iterator<Item = usize> {
        let first = image * self.image_slots + logit * self.logit_slots;
        let whole = SlotClasses {
            block: self.logit_slots,
            period: self.slots,
        };
        let (first, end, SlotClasses { block, period }) = match self.classes {
            None => (first, first + self.logit_slots, whole),
            Some(classes) => {
                let (half, in_row) = (self.slots / 2, classes.period / classes.block);
                let row = logit / in_row * half;
                let first = row + logit % in_row * classes.block;
                (first, row + half, classes)
            }
        };
        (first..end)
            .step_by(period)
            .flat_map(move |first| first..first + block)
    }

    /// Returns the number of slots in a ciphertext.
    pub const fn slots(&self) -> usize {
        self.slots
    }

    /// Returns the number of ciphertexts in a request.
    pub const fn inputs(&self) -> usize {
        self.inputs.len()
    }

    /// Returns the number of images in a batch.
    pub const fn batch_size(&self) -> usize {
        self.slots / self.image_slots
    }

    /// Returns the number of slots of an image.
    pub const fn image_slots(&self) -> usize {
        self.image_slots
    }

    /// Returns the number of logits of an image.
    pub const fn logits(&self) -> usize {
        self.logits
    }

    /// Returns the number of logits of an image in one ciphertext of a response.
    pub(crate) const fn logits_in_ciphertext(&self) -> usize {
        self.image_slots / self.logit_slots
    }

    /// Returns the number of ciphertexts in a response.
    pub const fn outputs(&self) -> usize {
        self.logits.div_ceil(self.logits_in_ciphertext())
    }

    /// Gathers the slots of ciphertext `ciphertext` of a request for at most [`SlotMap::batch_size`] images. Slots of
    /// missing images are left out.
    pub(crate) fn gather(&self, images: &[Vec<i64>], ciphertext: usize, slots: &mut Vec<i64>) {
        let values = &self.inputs[ciphertext];
        slots.clear();
        for image in images.iter().take(self.batch_size()) {
            let value = |index: &Option<Index>| {
                let value = index.and_then(|index| image.get(index.get()));
                value.copied().unwrap_or(0)
            };
            if let [index] = values.as_slice() {
                slots.extend(std::iter::repeat_n(value(index), self.image_slots));
            } else {
                let values = values.iter().map(value).cycle();
                slots.extend(values.take(self.image_slots));
            }
        }
    }

    /// Reorders images so that all ciphertexts can be gathered fast, if an image takes one slot of each and its values
    /// fit 16 bits: the values of an image that follow each other go to different ciphertexts.
    pub(crate) fn tiles(&self, images: &[Vec<i64>]) -> Option<Tiles> {
        if self.image_slots != 1 {
            return None;
        }
        let index = |values: &Vec<Option<Index>>| match values.as_slice() {
            [Some(index)] => Some(index.get()),
            _ => None,
        };
        let indices: Vec<usize> = self.inputs.iter().map(index).collect::<Option<_>>()?;
        let images = &images[..images.len().min(self.batch_size())];
        let tile = |images: &[Vec<i64>]| {
            let mut tile = vec![0; TILE * indices.len()];
            for (at, image) in images.iter().enumerate() {
                for (values, &index) in tile.chunks_exact_mut(TILE).zip(&indices) {
                    values[at] = u16::try_from(*image.get(index)?).ok()?;
                }
            }
            Some(tile)
        };
        Some(Tiles {
            images: images.len(),
            tiles: images.par_chunks(TILE).map(tile).collect::<Option<_>>()?,
        })
    }

    /// Sums the slots of each response ciphertext, as residues of a plaintext modulus, to the residues of each logit for
    /// each of the first `images` images.
    pub(crate) fn collect(
        &self,
        outputs: &[Vec<u64>],
        images: usize,
        modulus: u64,
    ) -> Vec<Vec<u64>> {
        let per_ciphertext = self.logits_in_ciphertext();
        let sum = |logit: usize, image: usize| {
            let slots = &outputs[logit / per_ciphertext];
            let summed = self.summed(logit % per_ciphertext, image);
            let sum: u128 = summed.map(|slot| u128::from(slots[slot])).sum();
            (sum % u128::from(modulus)) as u64
        };
        (0..self.logits)
            .map(|logit| (0..images).map(|image| sum(logit, image)).collect())
            .collect()
    }
}

/// Number of images in a tile, whose values of one ciphertext are two lines of memory.
const TILE: usize = 64;

/// Images in tiles: for each ciphertext of a request, the values of 64 images.
pub(crate) struct Tiles {
    images: usize,
    tiles: Vec<Vec<u16>>,
}

impl Tiles {
    /// Gathers like [`SlotMap::gather`].
    pub(crate) fn gather(&self, ciphertext: usize, slots: &mut Vec<i64>) {
        slots.clear();
        for tile in &self.tiles {
            let values = &tile[ciphertext * TILE..(ciphertext + 1) * TILE];
            slots.extend(values.iter().map(|&value| i64::from(value)));
        }
        slots.truncate(self.images);
    }
}

impl Drop for Tiles {
    /// Clears the images.
    fn drop(&mut self) {
        self.tiles.iter_mut().for_each(Zeroize::zeroize);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn indices(values: &[i32]) -> Vec<Option<Index>> {
        let index = |&value: &i32| usize::try_from(value).ok().map(Index::new);
        values.iter().map(index).collect()
    }

    #[test]
    fn a_ciphertext_holds_one_value_of_every_image() {
        let images: Vec<Vec<i64>> = (0..5).map(|i| vec![i, 10 * i, 100 * i]).collect();
        let map = SlotMap::new(8, (0..3).map(|i| indices(&[i])).collect(), 1, 1, 2);
        assert_eq!((map.batch_size(), map.inputs(), map.outputs()), (8, 3, 2));
        let mut slots = vec![7];
        map.gather(&images, 1, &mut slots);
        assert_eq!(slots, [0, 10, 20, 30, 40]);
        map.gather(&images, 2, &mut slots);
        assert_eq!(slots, [0, 100, 200, 300, 400]);
        let outputs = [vec![1, 2, 3, 0, 0, 0, 0, 0], vec![4, 5, 6, 0, 0, 0, 0, 0]];
        assert_eq!(map.collect(&outputs, 2, 7), [[1, 2], [4, 5]]);
    }

    #[test]
    fn tiles_hold_what_is_gathered() {
        let map = |image_slots| {
            let inputs = [2, 0, 1].map(|i| indices(&[i]));
            SlotMap::new(256, inputs.to_vec(), image_slots, 1, 2)
        };
        for count in [1, 63, 64, 65, 200, 300] {
            let images: Vec<Vec<i64>> = (0..count).map(|i| vec![i, 2 * i, 65_535 - i]).collect();
            let tiles = map(1).tiles(&images);
            for ciphertext in 0..3 {
                let (mut slots, mut expected) = (vec![7], Vec::new());
                if let Some(tiles) = &tiles {
                    tiles.gather(ciphertext, &mut slots);
                }
                map(1).gather(&images, ciphertext, &mut expected);
                assert_eq!(slots, expected);
            }
        }
        assert!(map(2).tiles(&[vec![0; 3]]).is_none());
        assert!(map(1).tiles(&[vec![0, 0, 65_536]]).is_none());
    }

    #[test]
    fn slots_of_a_logit_are_summed() {
        // Two logits of two slots each for an image, three logits in all: two ciphertexts.
        let map = SlotMap::new(8, vec![indices(&[1, -1, 0, 1])], 4, 2, 3);
        assert_eq!((map.batch_size(), map.outputs()), (2, 2));
        let images = [vec![3, 5], vec![7, 9]];
        let mut slots = Vec::new();
        map.gather(&images, 0, &mut slots);
        assert_eq!(slots, [5, 0, 3, 5, 9, 0, 7, 9]);
        // A value that fills the image's slots by repetition.
        let repeated = SlotMap::new(8, vec![indices(&[1])], 4, 1, 4);
        repeated.gather(&images, 0, &mut slots);
        assert_eq!(slots, [5, 5, 5, 5, 9, 9, 9, 9]);
        let outputs = [vec![1, 2, 3, 4, 5, 6, 7, 8], vec![9, 1, 0, 0, 10, 2, 0, 0]];
        assert_eq!(map.collect(&outputs, 2, 11), [[3, 0], [7, 4], [10, 1]]);
    }
}
