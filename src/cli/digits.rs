//! Draws grey images in the terminal with half-block characters.

use console::{Alignment, pad_str, style};

use crate::images::{INK, half_blocks};

/// Number of columns between two images.
const GAP: usize = 4;

/// An image to draw: one plane, row by row.
pub(super) struct Drawing<'a> {
    /// Grey values.
    pub(super) pixels: &'a [u8],
    /// The text below it.
    pub(super) caption: String,
    /// True if the caption is good news.
    pub(super) right: bool,
}

/// Draws images of the same size side by side, as many in a row as fit in `columns`. Each character shows two pixels,
/// one above the other; margins that are empty in all images are cut off.
pub(super) fn draw(
    drawings: &[Drawing<'_>],
    height: usize,
    width: usize,
    columns: usize,
) -> String {
    let ink = |drawing: &Drawing<'_>, y: usize, x: usize| {
        y < height
            && drawing
                .pixels
                .get(y * width + x)
                .is_some_and(|&grey| grey >= INK)
    };
    let any = |y: usize, x: usize| drawings.iter().any(|drawing| ink(drawing, y, x));
    let rows = span((0..height).filter(|&y| (0..width).any(|x| any(y, x))));
    let across = span((0..width).filter(|&x| (0..height).any(|y| any(y, x))));
    let caption = drawings
        .iter()
        .map(|drawing| drawing.caption.chars().count())
        .max();
    let cell = across.len().max(caption.unwrap_or(0));
    let in_a_row = ((columns + GAP) / (cell + GAP)).max(1);

    let mut out = String::new();
    for line in drawings.chunks(in_a_row) {
        for y in rows.clone().step_by(2) {
            for drawing in line {
                let row = half_blocks(y, across.clone(), |y, x| ink(drawing, y, x));
                out.push_str(&pad_str(&row, cell + GAP, Alignment::Left, None));
            }
            end_line(&mut out);
        }
        for drawing in line {
            let text = style(&drawing.caption);
            let text = if drawing.right {
                text.green()
            } else {
                text.red().bold()
            };
            let text = text.to_string();
            out.push_str(&pad_str(&text, cell + GAP, Alignment::Left, None));
        }
        end_line(&mut out);
        out.push('\n');
    }
    out
}

/// Returns the range from the first to the last of ascending numbers.
fn span(mut numbers: impl Iterator<Item = usize>) -> std::ops::Range<usize> {
    let Some(first) = numbers.next() else {
        return 0..0;
    };
    first..numbers.last().unwrap_or(first) + 1
}

fn end_line(out: &mut String) {
    out.truncate(out.trim_end_matches(' ').len());
    out.push('\n');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_pixels_make_a_character_and_margins_are_cut() {
        // A border of empty pixels around a 2x2 image, and another image with a single pixel.
        let first = [0, 0, 0, 0, 0, 255, 200, 0, 0, 0, 255, 0, 0, 0, 0, 0];
        let mut second = [0; 16];
        second[10] = 255;
        let drawings = [&first, &second].map(|pixels| Drawing {
            pixels,
            caption: "ok".to_owned(),
            right: true,
        });
        console::set_colors_enabled(false);
        assert_eq!(draw(&drawings, 4, 4, 80), "▀█     ▄\nok    ok\n\n");
        assert_eq!(draw(&drawings[..1], 4, 4, 1), "▀█\nok\n\n");
    }

    #[test]
    fn nothing_to_draw_is_drawn_as_nothing() {
        assert_eq!(draw(&[], 4, 4, 80), "");
        let empty = [Drawing {
            pixels: &[0; 16],
            caption: "none".to_owned(),
            right: false,
        }];
        console::set_colors_enabled(false);
        assert_eq!(draw(&empty, 4, 4, 80), "none\n\n");
    }
}
