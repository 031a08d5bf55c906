//! The layout of the paper: one image, one channel per ciphertext, in a window that repeats over all slots.
//!
//! A 28 x 28 image lies row by row in the first 784 of 1,024 slots, again in the next 1,024, and so on. A rotation by a
//! kernel tap's offset then brings the tap's values to their outputs, wherever the window begins. Strides are not
//! compacted: the outputs of a convolution of stride 2 stay two slots and two rows apart (dilation), and the slots
//! between them are never read again. Source: the authors' published experiment scripts (paper: Legiest et al., 2023).

use super::index::Index;
use super::slot_map::SlotMap;
use crate::network::Shape;

/// Slots in the window that the authors use for MNIST and CIFAR-10. Larger images get the next power of two.
const WINDOW_SLOTS: usize = 1024;

/// The placement of a layer's values: one ciphertext per channel, with the values in a window of slots.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reference {
    shape: Shape,
    /// Number of slots from one row to the next, and from one column to the next.
    strides: [usize; 2],
    period: usize,
}

impl Reference {
    /// Makes the layout of an image: each channel row by row, without gaps.
    pub fn image(shape: Shape) -> Self {
        Self {
            shape,
            strides: [shape.width, 1],
            period: (shape.height * shape.width)
                .next_power_of_two()
                .max(WINDOW_SLOTS),
        }
    }

    /// Makes the layout of a fully connected layer's outputs: value i in slot i, all in one ciphertext.
    pub fn vector(values: usize) -> Self {
        Self {
            shape: Shape::new(1, 1, values),
            strides: [values, 1],
            period: values.next_power_of_two(),
        }
    }

    /// Returns the layout after a convolution or pooling with this stride: each output lies where the first tap of its
    /// window lay.
    #[must_use]
    pub const fn dilated(self, output: Shape, stride: [usize; 2]) -> Self {
        Self {
            shape: output,
            strides: [self.strides[0] * stride[0], self.strides[1] * stride[1]],
            period: self.period,
        }
    }

    /// Returns the shape: the number of channels (one ciphertext each) and the values in each channel.
    pub const fn shape(self) -> Shape {
        self.shape
    }

    /// Returns the number of slots after which everything repeats: a power of two.
    pub const fn period(self) -> usize {
        self.period
    }

    /// Returns the slot of a value within its ciphertext's window. This is also the number of slots to rotate to the
    /// left to bring the tap at that row and column to the window's first tap.
    pub const fn slot(self, row: usize, column: usize) -> usize {
        row * self.strides[0] + column * self.strides[1]
    }

    /// Returns, for each slot of the window, the flat index within the channel of the value there, if the slot holds
    /// one.
    pub fn window(self) -> Vec<Option<usize>> {
        let mut window = vec![None; self.period];
        for row in 0..self.shape.height {
            for column in 0..self.shape.width {
                window[self.slot(row, column)] = Some(row * self.shape.width + column);
            }
        }
        window
    }

    /// Returns the map of ciphertexts of `slots` slots, a multiple of the period, for an image that lies so, and for
    /// logits in the first slots of the response.
    pub(crate) fn slot_map(self, slots: usize, logits: usize) -> SlotMap {
        let values = self.shape.height * self.shape.width;
        let window = self.window();
        let input = |channel: usize| {
            let index = |value: usize| Index::new(channel * values + value);
            window.iter().map(|value| value.map(index)).collect()
        };
        let inputs = (0..self.shape.channels).map(input).collect();
        SlotMap::new(slots, inputs, slots, 1, logits)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stride_leaves_outputs_where_their_first_tap_lay() {
        let image = Reference::image(Shape::new(1, 28, 28));
        assert_eq!((image.period(), image.slot(3, 4)), (1024, 3 * 28 + 4));
        let conv1 = image.dilated(Shape::new(5, 12, 12), [2, 2]);
        assert_eq!(conv1.slot(1, 1), image.slot(2, 2));
        let conv2 = conv1.dilated(Shape::new(50, 4, 4), [2, 2]);
        assert_eq!(conv2.slot(3, 2), image.slot(12, 8));
        let window = conv2.window();
        assert_eq!(window.iter().flatten().count(), 16);
        assert_eq!(window[image.slot(12, 8)], Some(14));
    }

    #[test]
    fn the_window_repeats() {
        let map = Reference::image(Shape::new(2, 2, 2)).slot_map(4096, 10);
        assert_eq!((map.batch_size(), map.inputs(), map.outputs()), (1, 2, 1));
        let mut slots = Vec::new();
        map.gather(&[vec![1, 2, 3, 4, 5, 6, 7, 8]], 1, &mut slots);
        assert_eq!(slots.len(), 4096);
        assert_eq!(slots[..5], [5, 6, 7, 8, 0]);
        assert_eq!(slots[1024..1029], [5, 6, 7, 8, 0]);
        let response: Vec<u64> = (0..4096).collect();
        let logits = map.collect(&[response], 1, 65537);
        assert_eq!(logits.concat(), (0..10).collect::<Vec<u64>>());
        assert_eq!(Reference::vector(10).period(), 16);
    }
}
