//! Draws images in a terminal with half blocks: each character shows two pixels, one above the other.

use std::{fmt::Write as _, ops::Range};

use crate::network::Shape;

/// Smallest grey value of a pixel that is drawn as ink.
pub(crate) const INK: u8 = 96;
/// Most columns of a preview; a wider image is drawn smaller.
const COLUMNS: usize = 64;

/// Draws one row of characters, which shows the rows `y` and `y + 1` of pixels, from where there is ink.
pub(crate) fn half_blocks(
    y: usize,
    across: Range<usize>,
    ink: impl Fn(usize, usize) -> bool,
) -> String {
    let character = |x| match (ink(y, x), ink(y + 1, x)) {
        (true, true) => '█',
        (true, false) => '▀',
        (false, true) => '▄',
        (false, false) => ' ',
    };
    across.map(character).collect()
}

/// Draws an image as it will be encrypted, in lines that end in a newline. `pixels` are in the order of [`Shape`].
///
/// With `colour`, escape sequences give each pixel its colour (24 bits), in a frame of its own size. Without, pixels that
/// are light enough are drawn as ink. An image of three channels is one of red, green and blue; of others, the first
/// channel is drawn. A vector is drawn as a square, row by row. An image wider than 64 pixels is drawn smaller. Returns
/// an empty text if the number of pixels is wrong.
pub fn preview(pixels: &[u8], shape: Shape, colour: bool) -> String {
    if pixels.len() != shape.len() || shape.is_empty() {
        return String::new();
    }
    let canvas = Canvas::new(pixels, shape);
    let mut out = String::new();
    for y in (0..canvas.height).step_by(2) {
        if colour {
            canvas.colour_row(y, &mut out);
        } else {
            let ink = |y, x| {
                canvas
                    .colour(y, x)
                    .is_some_and(|colour| luma(colour) >= INK)
            };
            let row = half_blocks(y, 0..canvas.width, ink);
            out.push_str(row.trim_end_matches(' '));
        }
        out.push('\n');
    }
    out
}

fn luma([r, g, b]: [u8; 3]) -> u8 {
    let [r, g, b] = [r, g, b].map(u32::from);
    ((19595 * r + 38470 * g + 7471 * b + 32768) >> 16) as u8
}

/// An image in the size in which it is drawn.
struct Canvas<'a> {
    pixels: &'a [u8],
    shape: Shape,
    /// Side of the square of pixels that become one.
    step: usize,
    height: usize,
    width: usize,
}

impl<'a> Canvas<'a> {
    fn new(pixels: &'a [u8], shape: Shape) -> Self {
        let shape = if shape.height * shape.width == 1 {
            // The last row may not be full.
            let side = pixels.len().isqrt().max(1);
            let width = if side * side == pixels.len() {
                side
            } else {
                side + 1
            };
            Shape::new(1, pixels.len().div_ceil(width), width)
        } else {
            shape
        };
        let step = shape
            .width
            .div_ceil(COLUMNS)
            .max(shape.height.div_ceil(4 * COLUMNS));
        Self {
            pixels,
            shape,
            step,
            height: shape.height.div_ceil(step),
            width: shape.width.div_ceil(step),
        }
    }

    /// Returns the mean colour of the pixels in a place, or `None` outside of the image.
    fn colour(&self, y: usize, x: usize) -> Option<[u8; 3]> {
        let rows = y * self.step..((y + 1) * self.step).min(self.shape.height);
        let columns = x * self.step..((x + 1) * self.step).min(self.shape.width);
        let mean = |channel: usize| {
            let (mut sum, mut count) = (0_usize, 0_usize);
            for y in rows.clone() {
                for x in columns.clone() {
                    if let Some(&value) = self.pixels.get(self.shape.index(channel, y, x)) {
                        sum += usize::from(value);
                        count += 1;
                    }
                }
            }
            sum.checked_div(count).map(|mean| mean as u8)
        };
        if self.shape.channels == 3 {
            Some([mean(0)?, mean(1)?, mean(2)?])
        } else {
            Some([mean(0)?; 3])
        }
    }

    /// Draws two rows of pixels in colour. Sequences are written where a colour changes.
    fn colour_row(&self, y: usize, out: &mut String) {
        let mut current = None;
        for x in 0..self.width {
            let pair = (self.colour(y, x), self.colour(y + 1, x));
            if current != Some(pair) {
                let mut set = |code: u8, colour: Option<[u8; 3]>| {
                    // Writing to a string does not fail.
                    let _ = match colour {
                        Some([r, g, b]) => write!(out, "\x1b[{code};2;{r};{g};{b}m"),
                        None => write!(out, "\x1b[{}m", code + 1),
                    };
                };
                set(38, pair.0);
                set(48, pair.1);
                current = Some(pair);
            }
            out.push(if pair.0.is_some() { '▀' } else { ' ' });
        }
        out.push_str("\x1b[0m");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grey_images_are_drawn_as_ink() {
        let pixels = [0, 255, 255, 200, 95, 96, 0, 0, 255];
        let drawn = preview(&pixels, Shape::new(1, 3, 3), false);
        assert_eq!(drawn, "▄▀█\n  ▀\n");
        // A vector of nine is a square, one of eight has a place too many.
        assert_eq!(preview(&pixels, Shape::vector(9), false), drawn);
        assert_eq!(preview(&pixels[..8], Shape::vector(8), false), "▄▀█\n\n");
        assert_eq!(preview(&pixels, Shape::new(1, 2, 3), false), "");
        assert_eq!(preview(&[], Shape::new(0, 2, 3), false), "");
    }

    #[test]
    fn colours_are_those_of_the_pixels() {
        // Two rows of two pixels: red above blue, twice; then an odd row.
        let shape = Shape::new(3, 3, 2);
        let red = [255, 255, 0, 0, 9, 9];
        let green = [0, 0, 0, 0, 9, 9];
        let blue = [0, 0, 255, 255, 9, 9];
        let drawn = preview(&[red, green, blue].concat(), shape, true);
        assert_eq!(
            drawn,
            "\x1b[38;2;255;0;0m\x1b[48;2;0;0;255m▀▀\x1b[0m\n\x1b[38;2;9;9;9m\x1b[49m▀▀\x1b[0m\n"
        );
    }

    #[test]
    fn large_images_are_drawn_smaller() {
        let shape = Shape::new(1, 200, 300);
        let drawn = preview(&vec![255; shape.len()], shape, false);
        assert_eq!(drawn.lines().count(), 20);
        assert!(drawn.lines().all(|line| line.chars().count() == 60));
        let tall = Shape::new(1, 100_000, 2);
        assert!(preview(&vec![0; tall.len()], tall, false).lines().count() <= 128);
    }
}
