//! Plots accuracy against bits as SVG, and holds what all plots share.

use plotters::{
    prelude::*,
    style::text_anchor::{HPos, Pos, VPos},
};

use super::{
    AccuracyRow, Method, ReproduceError,
    legend::{Area, LegendEntry, Mark, beside},
    ticks::{PlotAxis, Ticks},
};

/// Width and height in pixels.
const SIZE: (u32, u32) = (900, 560);
/// Colours of the lines in one plot. Colour-blind readers can also tell the first seven apart (Okabe and Ito).
pub(super) const LINES: [RGBColor; 11] = [
    RGBColor(0, 0, 0),
    RGBColor(0, 114, 178),
    RGBColor(213, 94, 0),
    RGBColor(0, 158, 115),
    RGBColor(204, 121, 167),
    RGBColor(86, 180, 233),
    RGBColor(150, 120, 0),
    RGBColor(230, 159, 0),
    RGBColor(128, 0, 32),
    RGBColor(90, 90, 160),
    RGBColor(110, 110, 110),
];
/// Colour of the grid lines.
pub(super) const GRID: RGBColor = RGBColor(215, 215, 215);
/// Colours that colour-blind readers can tell apart.
const PTQ: RGBColor = RGBColor(213, 94, 0);
const QAT: RGBColor = RGBColor(0, 114, 178);
const FRONT: RGBColor = RGBColor(0, 158, 115);
const PAPER: RGBColor = RGBColor(120, 120, 120);

/// The paper's reported points: name, bits of t, and test accuracy.
const PAPER_MNIST: [(&str, f64, f64); 1] = [("paper, 2-bit weights", 24.0, 0.9846)];

/// Points of one kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Series {
    Max,
    MinError,
    Qat,
    Front,
}

impl Series {
    const ALL: [Self; 4] = [Self::Max, Self::MinError, Self::Qat, Self::Front];

    fn of(row: &AccuracyRow) -> Option<Self> {
        match row.method {
            Method::Float => None,
            Method::Ptq if row.is_rounded_by_min_error() => Some(Self::MinError),
            Method::Ptq => Some(Self::Max),
            Method::Qat => Some(Self::Qat),
            Method::Front => Some(Self::Front),
        }
    }

    fn entry(self) -> LegendEntry {
        match self {
            Self::Max => LegendEntry::new(Method::Ptq.label(), PTQ, Mark::Dot),
            Self::MinError => LegendEntry::new("PTQ, min-error", PTQ, Mark::Ring),
            Self::Qat => LegendEntry::new(Method::Qat.label(), QAT, Mark::Dot),
            Self::Front => LegendEntry::new(Method::Front.label(), FRONT, Mark::Dot),
        }
    }
}

/// Makes a picture under a title, with the names of the series beside what `draw` draws. Returns the text of an SVG
/// file.
pub(super) fn picture(
    title: &str,
    entries: &[LegendEntry],
    draw: impl FnOnce(&Area<'_>) -> Result<(), ReproduceError>,
) -> Result<String, ReproduceError> {
    let mut text = String::new();
    let area = SVGBackend::with_string(&mut text, SIZE).into_drawing_area();
    area.fill(&WHITE)?;
    let titled = area.margin(8, 0, 0, 0).titled(title, ("sans-serif", 22))?;
    draw(&beside(&titled, entries)?)?;
    area.present()?;
    drop((area, titled));
    Ok(text)
}

/// A chart with numbers at chosen places of both axes.
pub(super) type Chart<'a> = ChartContext<'a, SVGBackend<'a>, Cartesian2d<PlotAxis, PlotAxis>>;

/// Draws the grid, and the name and the numbers of each axis.
pub(super) fn draw_axes(
    chart: &mut Chart<'_>,
    (x_desc, across): (&str, &Ticks),
    (y_desc, up): (&str, &Ticks),
) -> Result<(), ReproduceError> {
    chart
        .configure_mesh()
        .x_desc(x_desc)
        .y_desc(y_desc)
        .axis_desc_style(("sans-serif", 15))
        .label_style(("sans-serif", 13))
        .x_label_formatter(&|x| across.label(*x))
        .y_label_formatter(&|y| up.label(*y))
        .bold_line_style(GRID)
        .draw()?;
    Ok(())
}

/// Plots test accuracy against the (observed) bits that the logits need, one point for each row: rounding, quantised
/// training, budgets, the paper's points, and the float network as a line. Returns the text of an SVG file.
///
/// # Errors
/// [`ReproduceError::Plot`] if there is no row with integers, or drawing fails.
pub fn plot_accuracy(title: &str, rows: &[AccuracyRow]) -> Result<String, ReproduceError> {
    let points: Vec<(&AccuracyRow, f64)> = rows
        .iter()
        .filter_map(|row| Some((row, row.widths.as_ref()?.observed.logit_bits)))
        .collect();
    let best = points.iter().map(|(row, _)| row.test_accuracy);
    let best = best.fold(f64::MIN, f64::max);
    if points.is_empty() {
        return Err(ReproduceError::Plot("no row has integers".to_owned()));
    }
    let mnist = points[0].0.dataset == crate::data::DatasetName::Mnist;
    let paper: &[_] = if mnist { &PAPER_MNIST } else { &[] };
    // Points far below the rest are drawn at the lower edge, with their value.
    let float = rows.iter().find(|row| row.method == Method::Float);
    let top = float.map_or(best, |row| row.test_accuracy.max(best));
    let span = if mnist { 0.03 } else { 0.20 };
    let (low, high) = (top - span, (top + span / 10.0).min(1.0));
    let widest = points.iter().map(|p| p.1).fold(0.0, f64::max);
    let narrowest = points.iter().map(|p| p.1).fold(f64::MAX, f64::min);
    let left = narrowest / 1.15;
    let right = widest * 1.15;
    let series = || {
        let all = Series::ALL.into_iter();
        all.filter(|kind| points.iter().any(|p| Series::of(p.0) == Some(*kind)))
    };
    let mut entries: Vec<LegendEntry> = series().map(Series::entry).collect();
    if let Some(float) = float {
        let words = format!("float: {:.2} %", float.test_accuracy * 100.0);
        entries.push(LegendEntry::new(words, PAPER, Mark::Line));
    }
    let paper_entries = paper
        .iter()
        .map(|(words, ..)| LegendEntry::new(*words, PAPER, Mark::Triangle));
    entries.extend(paper_entries);
    let bits = Ticks::doubling(left, right);
    let shares = Ticks::linear(low * 100.0, high * 100.0, 9);
    picture(title, &entries, |area| {
        let mut chart = ChartBuilder::on(area)
            .margin(14)
            .x_label_area_size(48)
            .y_label_area_size(64)
            .build_cartesian_2d(
                bits.logarithmic_axis(left..right),
                shares.axis(low * 100.0..high * 100.0),
            )?;
        let x_desc = "bits of the logits, observed: the plaintext modulus t must be larger";
        draw_axes(&mut chart, (x_desc, &bits), ("test accuracy, %", &shares))?;
        let mut labels = Labels::default();
        if let Some(float) = float {
            let y = float.test_accuracy * 100.0;
            labels.mark_line(&chart, y);
            chart.draw_series(LineSeries::new([(left, y), (right, y)], PAPER))?;
        }
        for kind in series() {
            draw_series(&mut chart, kind, &points, low, &mut labels)?;
        }
        for &(_, bits, accuracy) in paper {
            let at = (bits, accuracy * 100.0);
            labels.mark(&chart, at);
            chart.draw_series([TriangleMarker::new(at, 7, PAPER.filled())])?;
        }
        labels.draw(&chart)?;
        Ok(())
    })
}

/// Draws the rows of a kind (with their bits) as named points; those below `low` are at the lower edge, with their
/// accuracy.
fn draw_series(
    chart: &mut Chart<'_>,
    kind: Series,
    points: &[(&AccuracyRow, f64)],
    low: f64,
    labels: &mut Labels,
) -> Result<(), ReproduceError> {
    let mut of: Vec<&(&AccuracyRow, f64)> = points
        .iter()
        .filter(|p| Series::of(p.0) == Some(kind))
        .collect();
    of.sort_by(|a, b| a.1.total_cmp(&b.1));
    let LegendEntry { colour, mark, .. } = kind.entry();
    let style = if mark == Mark::Ring {
        colour.stroke_width(2)
    } else {
        colour.filled()
    };
    let at = |p: &(&AccuracyRow, f64)| (p.1, p.0.test_accuracy.max(low) * 100.0);
    chart.draw_series(of.iter().map(|p| Circle::new(at(p), 5, style)))?;
    // One name for all seeds of a width.
    let mut named: Vec<u32> = Vec::new();
    for p in of {
        labels.mark(chart, at(p));
        let bits = p.0.weight_bits.unwrap_or(0);
        if kind != Series::Front && named.contains(&bits) {
            continue;
        }
        named.push(bits);
        let mut words = match kind {
            Series::Front => p.0.name.clone(),
            _ => format!("{bits}-bit"),
        };
        let rank = if p.0.test_accuracy < low {
            words = format!("{words}: {:.1} %", p.0.test_accuracy * 100.0);
            Rank::Edge
        } else if matches!(kind, Series::Max | Series::MinError) {
            Rank::Rounded
        } else {
            Rank::Trained
        };
        labels.names.push(Name {
            words,
            at: at(p),
            colour,
            rank,
        });
    }
    Ok(())
}

/// Left, top, right and bottom in pixels.
type Rectangle = [i32; 4];

/// The kind of point that a name belongs to, in the order in which names are placed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    /// A point at the lower edge: its name states its value and stands above it.
    Edge,
    /// A trained network.
    Trained,
    /// A rounded network, which stays without a name where there is no room.
    Rounded,
}

/// The name of a point.
struct Name {
    words: String,
    at: (f64, f64),
    colour: RGBColor,
    rank: Rank,
}

/// Names of points, placed so that they cover neither points nor each other where possible.
#[derive(Default)]
struct Labels {
    taken: Vec<Rectangle>,
    names: Vec<Name>,
}

impl Labels {
    /// Offsets of a name's middle from its point, in half widths and in pixels; the nearest first.
    const PLACES: [(i32, i32, i32); 11] = [
        (0, 0, -15),
        (0, 0, 15),
        (1, 10, 0),
        (-1, -10, 0),
        (1, 6, -12),
        (-1, -6, -12),
        (1, 6, 12),
        (-1, -6, 12),
        (0, 0, -30),
        (0, 0, 30),
        (0, 0, -45),
    ];
    const HALF_HEIGHT: i32 = 7;
    /// Average width of a character, in pixels.
    const WIDTH: i32 = 6;

    /// Marks a point that no name should cover.
    fn mark(&mut self, chart: &Chart<'_>, at: (f64, f64)) {
        let (x, y) = chart.backend_coord(&at);
        self.taken.push([x - 5, y - 5, x + 5, y + 5]);
    }

    /// Marks a horizontal line that no name should cross.
    fn mark_line(&mut self, chart: &Chart<'_>, y: f64) {
        let (across, _) = chart.plotting_area().get_pixel_range();
        let (_, y) = chart.backend_coord(&(64.0, y));
        self.taken.push([across.start, y - 1, across.end, y + 1]);
    }

    /// Draws all names, after all points have been marked.
    fn draw(mut self, chart: &Chart<'_>) -> Result<(), ReproduceError> {
        let area = chart.plotting_area();
        // Reserve the place of the axis numbers.
        let (across, down) = area.get_pixel_range();
        self.taken
            .push([across.start, down.end, across.end, down.end + 30]);
        self.names.sort_by_key(|name| name.rank);
        for name in self.names {
            let (x, y) = chart.backend_coord(&name.at);
            let half = Self::WIDTH * i32::try_from(name.words.len()).unwrap_or(0) / 2;
            let middle = |(halves, dx, dy): (i32, i32, i32)| (halves * half + dx, dy);
            let rectangle = |place| {
                let (dx, dy) = middle(place);
                let (x, y) = (x + dx, y + dy);
                let height = Self::HALF_HEIGHT;
                [x - half, y - height, x + half, y + height]
            };
            let possible = |place: &(i32, i32, i32)| {
                let above = place.0 == 0 && place.2 < 0;
                above || name.rank != Rank::Edge
            };
            let covered = |place: (i32, i32, i32)| covered(rectangle(place), &self.taken);
            let places = Self::PLACES.into_iter().filter(possible);
            let Some(place) = places.min_by_key(|place| covered(*place)) else {
                continue;
            };
            if name.rank == Rank::Rounded && covered(place) > 0 {
                continue;
            }
            self.taken.push(rectangle(place));
            let middle = middle(place);
            let style = ("sans-serif", 13).into_font().color(&name.colour);
            let style = style.pos(Pos::new(HPos::Center, VPos::Center));
            area.draw(&(EmptyElement::at(name.at) + Text::new(name.words, middle, style)))?;
        }
        Ok(())
    }
}

/// Returns the number of pixels of a rectangle that others cover.
fn covered(rectangle: Rectangle, others: &[Rectangle]) -> i32 {
    let [left, top, right, bottom] = rectangle;
    let shared = |other: &Rectangle| {
        let width = right.min(other[2]) - left.max(other[0]);
        let height = bottom.min(other[3]) - top.max(other[1]);
        width.max(0) * height.max(0)
    };
    others.iter().map(shared).sum()
}

#[cfg(test)]
mod tests {
    use super::super::claims::tests::table;
    use super::*;

    #[test]
    fn plots_name_what_they_show() {
        let text = plot_accuracy("MNIST", &table()).unwrap();
        for word in [
            "MNIST",
            "float: 99.00 %",
            "t17",
            "2-bit: 50.0 %",
            "paper",
            "test accuracy",
        ] {
            assert!(text.contains(word), "{word}");
        }
        assert!(!text.contains("min-error"));
        let mut rows = table();
        rows[2].rounding = Some(crate::quant::WeightRule::MinError);
        let text = plot_accuracy("MNIST", &rows).unwrap();
        let both = text.contains("PTQ, min-error") && text.contains(">\nPTQ\n<");
        assert!(both, "{text}");
        assert!(plot_accuracy("none", &[]).is_err());
    }

    #[test]
    fn covered_pixels_are_counted() {
        let others = [[0, 0, 10, 10], [20, 0, 30, 10]];
        assert_eq!(covered([5, 5, 25, 15], &others), 25 + 25);
        assert_eq!(covered([10, 0, 20, 10], &others), 0);
    }
}
