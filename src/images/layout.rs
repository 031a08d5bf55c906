//! Readings of the axes of an array as images.

use crate::network::Shape;

/// The order of the pixels of each image in an array whose last axis runs fastest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    /// Channel by channel.
    Planar,
    /// The channels of a pixel beside each other.
    Interleaved,
}

/// Number of images in an array, and the order of their pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Layout {
    pub images: usize,
    pub order: Order,
}

impl Layout {
    /// Finds the way to read an array as images of `shape`. Returns a sentence if there is none, or if there are two that
    /// differ.
    pub(super) fn find(dims: &[usize], shape: Shape) -> Result<Self, String> {
        let Shape {
            channels: c,
            height: h,
            width: w,
        } = shape;
        let (planar, interleaved) = ([c, h, w], [h, w, c]);
        let mut found: Vec<Self> = Vec::new();
        let mut add = |images, order| {
            // With one channel or one pixel, both orders are the same.
            let order = if c == 1 || h * w == 1 {
                Order::Planar
            } else {
                order
            };
            let layout = Self { images, order };
            if !found.contains(&layout) {
                found.push(layout);
            }
        };
        if let Some((&n, rest)) = dims.split_first() {
            if rest == planar || rest == [shape.len()] || c == 1 && rest == [h, w] {
                add(n, Order::Planar);
            }
            if rest == interleaved {
                add(n, Order::Interleaved);
            }
        }
        if dims == planar || dims == [shape.len()] || c == 1 && dims == [h, w] {
            add(1, Order::Planar);
        }
        if dims == interleaved {
            add(1, Order::Interleaved);
        }
        let shown = tuple(dims);
        match found.as_slice() {
            [one] => Ok(*one),
            [] => Err(format!(
                "an array of shape {shown} holds no images of {shape}, which the network reads; expected {}",
                expected(shape)
            )),
            _ => Err(format!(
                "an array of shape {shown} can be read as images of {shape} in two ways; reshape it to (n, {}), each \
                 image channel by channel",
                shape.len()
            )),
        }
    }
}

fn expected(shape: Shape) -> String {
    let Shape {
        channels: c,
        height: h,
        width: w,
    } = shape;
    let all = shape.len();
    if h * w == 1 {
        format!("(n, {all})")
    } else if c == 1 {
        format!("(n, {h}, {w}), (n, 1, {h}, {w}) or (n, {all})")
    } else {
        format!(
            "(n, {c}, {h}, {w}), (n, {h}, {w}, {c}) or (n, {all}), each image channel by channel"
        )
    }
}

/// Shows a shape or an index as Python does.
pub(super) fn tuple(numbers: &[usize]) -> String {
    match numbers {
        [one] => format!("({one},)"),
        all => {
            let all: Vec<String> = all.iter().map(usize::to_string).collect();
            format!("({})", all.join(", "))
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may stop at a surprise")]
mod tests {
    use super::*;

    #[test]
    fn every_shape_is_read_in_its_one_way() {
        use Order::{Interleaved, Planar};
        let colour = Shape::new(3, 4, 5);
        let grey = Shape::new(1, 4, 5);
        let vector = Shape::vector(20);
        let cases: [(&[usize], Shape, usize, Order); 18] = [
            (&[7, 3, 4, 5], colour, 7, Planar),
            (&[7, 4, 5, 3], colour, 7, Interleaved),
            (&[3, 4, 5], colour, 1, Planar),
            (&[4, 5, 3], colour, 1, Interleaved),
            (&[7, 60], colour, 7, Planar),
            (&[60], colour, 1, Planar),
            (&[7, 1, 4, 5], grey, 7, Planar),
            (&[7, 4, 5, 1], grey, 7, Planar),
            (&[7, 4, 5], grey, 7, Planar),
            (&[1, 4, 5], grey, 1, Planar),
            (&[4, 5, 1], grey, 1, Planar),
            (&[4, 5], grey, 1, Planar),
            (&[7, 20], grey, 7, Planar),
            (&[20], grey, 1, Planar),
            (&[7, 20], vector, 7, Planar),
            (&[20], vector, 1, Planar),
            (&[0, 20], grey, 0, Planar),
            (&[20, 1, 1], vector, 1, Planar),
        ];
        for (dims, shape, images, order) in cases {
            let found = Layout::find(dims, shape).unwrap();
            assert_eq!(found, Layout { images, order }, "{dims:?} as {shape}");
        }
    }

    #[test]
    fn what_does_not_fit_or_fits_twice_is_refused() {
        let message = |dims: &[usize], shape| Layout::find(dims, shape).unwrap_err();
        let cube = Shape::new(3, 3, 3);
        let twice = message(&[3, 3, 3], cube);
        assert!(
            twice.contains("(3, 3, 3) can be read") && twice.contains("(n, 27)"),
            "{twice}"
        );
        assert!(message(&[9, 3, 3, 3], cube).contains("two ways"));
        let grey = Shape::new(1, 28, 28);
        let none = message(&[10, 32, 32], grey);
        assert!(
            none.contains("(10, 32, 32)") && none.contains("(n, 28, 28)"),
            "{none}"
        );
        assert!(message(&[10, 28, 28], Shape::new(3, 28, 28)).contains("(n, 28, 28, 3)"));
        for dims in [&[][..], &[28], &[28, 28, 28, 28], &[1, 1, 1, 28, 28]] {
            assert!(Layout::find(dims, grey).is_err(), "{dims:?}");
        }
    }
}
