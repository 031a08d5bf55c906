//! Writes the names of a chart's series beside the chart, where they never cover a point.

use plotters::{
    coord::Shift,
    prelude::*,
    style::text_anchor::{HPos, Pos, VPos},
};

use super::ReproduceError;

/// A whole picture, or a part of it, in pixels.
pub(super) type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;

/// The symbol of a series.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mark {
    Line,
    Dot,
    Ring,
    Triangle,
    Square,
}

/// A series in the legend.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct LegendEntry {
    pub(super) words: String,
    pub(super) colour: RGBColor,
    pub(super) mark: Mark,
}

impl LegendEntry {
    pub(super) fn new(words: impl Into<String>, colour: RGBColor, mark: Mark) -> Self {
        Self {
            words: words.into(),
            colour,
            mark,
        }
    }
}

/// Height of a line of names, in pixels.
const LINE: i32 = 22;
/// Average width of a character, in pixels.
const CHARACTER: usize = 6;
/// Width of the symbol before a name and the space around it, in pixels.
const BEFORE: i32 = 30;

/// Writes the series at the right of `area`; returns the rest of it, for the chart.
pub(super) fn beside<'a>(
    area: &Area<'a>,
    entries: &[LegendEntry],
) -> Result<Area<'a>, ReproduceError> {
    let longest = entries.iter().map(|entry| entry.words.len()).max();
    let Some(longest) = longest else {
        return Ok(area.clone());
    };
    let (width, _) = area.dim_in_pixel();
    let own = BEFORE as u32 + (CHARACTER * longest) as u32 + 8;
    let (chart, side) = area.split_horizontally(width.saturating_sub(own));
    let style = ("sans-serif", 13).into_font().color(&BLACK);
    let style = style.pos(Pos::new(HPos::Left, VPos::Center));
    for (line, entry) in (0_i32..).zip(entries) {
        let y = LINE + LINE * line;
        let (colour, middle) = (entry.colour, (12, y));
        match entry.mark {
            Mark::Line => side.draw(&PathElement::new([(4, y), (20, y)], colour.stroke_width(3))),
            Mark::Dot => side.draw(&Circle::new(middle, 5, colour.filled())),
            Mark::Ring => side.draw(&Circle::new(middle, 5, colour.stroke_width(2))),
            Mark::Triangle => side.draw(&TriangleMarker::new(middle, 7, colour.filled())),
            Mark::Square => {
                let corners = [(7, y - 5), (17, y + 5)];
                side.draw(&Rectangle::new(corners, colour.filled()))
            }
        }?;
        side.draw(&Text::new(entry.words.clone(), (BEFORE, y), style.clone()))?;
    }
    Ok(chart)
}
