//! Plots of the tables, as SVG.

use plotters::{
    coord::{CoordTranslate, Shift, combinators::LogCoord},
    prelude::*,
    style::text_anchor::{HPos, Pos, VPos},
};

use super::{Method, ReproduceError, Row};

/// Width and height in pixels.
pub(super) const SIZE: (u32, u32) = (900, 560);
/// Lines of one plot. The first seven are told apart by colour-blind readers too (Okabe and Ito).
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
/// Colours that stay apart for colour-blind readers.
const PTQ: RGBColor = RGBColor(213, 94, 0);
const QAT: RGBColor = RGBColor(0, 114, 178);
const FRONT: RGBColor = RGBColor(0, 158, 115);
const PAPER: RGBColor = RGBColor(120, 120, 120);

/// What the paper reports: a name, bits of t, and test accuracy.
const PAPER_MNIST: [(&str, f64, f64); 1] = [("paper, 2-bit weights", 24.0, 0.9846)];

pub(super) fn failed(error: impl std::fmt::Display) -> ReproduceError {
    ReproduceError::Plot(error.to_string())
}

fn colour(method: Method) -> RGBColor {
    match method {
        Method::Float => PAPER,
        Method::Ptq => PTQ,
        Method::Qat => QAT,
        Method::Front => FRONT,
    }
}

pub(super) fn canvas(
    text: &mut String,
) -> Result<DrawingArea<SVGBackend<'_>, Shift>, ReproduceError> {
    let area = SVGBackend::with_string(text, SIZE).into_drawing_area();
    area.fill(&WHITE).map_err(failed)?;
    Ok(area)
}

/// The names of a chart's series, in a corner of it.
pub(super) fn legend<'a, B: DrawingBackend + 'a, C: CoordTranslate>(
    chart: &mut ChartContext<'a, B, C>,
    position: SeriesLabelPosition,
) -> Result<(), ReproduceError> {
    chart
        .configure_series_labels()
        .position(position)
        .background_style(WHITE.mix(0.9))
        .border_style(RGBColor(200, 200, 200))
        .label_font(("sans-serif", 14))
        .draw()
        .map_err(failed)
}

/// Test accuracy against the bits that the logits need (observed), a point a row: rounding, quantised training, budgets,
/// the paper's points, and the float network as a line. The text of an SVG file.
///
/// # Errors
/// [`ReproduceError::Plot`] if there is no row with integers, or drawing fails.
pub fn plot_accuracy(title: &str, rows: &[Row]) -> Result<String, ReproduceError> {
    let points: Vec<(&Row, f64)> = rows
        .iter()
        .filter_map(|row| Some((row, row.widths.as_ref()?.observed.logit_bits)))
        .collect();
    let best = points.iter().map(|(row, _)| row.test_accuracy);
    let best = best.fold(f64::MIN, f64::max);
    if points.is_empty() {
        return Err(failed("no row has integers"));
    }
    let mnist = points[0].0.dataset == crate::data::DatasetName::Mnist;
    let paper: &[_] = if mnist { &PAPER_MNIST } else { &[] };
    // What is far below the rest is drawn at the lower edge, with its value.
    let float = rows.iter().find(|row| row.method == Method::Float);
    let top = float.map_or(best, |row| row.test_accuracy.max(best));
    let span = if mnist { 0.03 } else { 0.20 };
    let (low, high) = (top - span, (top + span / 10.0).min(1.0));
    let widest = points.iter().map(|p| p.1).fold(0.0, f64::max);
    let narrowest = points.iter().map(|p| p.1).fold(f64::MAX, f64::min);
    let mut text = String::new();
    {
        let area = canvas(&mut text)?;
        let mut chart = ChartBuilder::on(&area)
            .caption(title, ("sans-serif", 22))
            .margin(14)
            .x_label_area_size(48)
            .y_label_area_size(64)
            .build_cartesian_2d(
                (narrowest / 1.15..widest * 1.15).log_scale().base(2.0),
                low * 100.0..high * 100.0,
            )
            .map_err(failed)?;
        chart
            .configure_mesh()
            .x_desc("bits of the logits, observed: the plaintext modulus t must be larger")
            .y_desc("test accuracy, %")
            .axis_desc_style(("sans-serif", 15))
            .label_style(("sans-serif", 13))
            .max_light_lines(2)
            .x_label_formatter(&|x| format!("{x:.0}"))
            .y_label_formatter(&|y| format!("{y:.1}"))
            .light_line_style(RGBColor(240, 240, 240))
            .draw()
            .map_err(failed)?;
        if let Some(float) = float {
            let y = float.test_accuracy * 100.0;
            chart
                .draw_series(LineSeries::new(
                    [(narrowest / 1.15, y), (widest * 1.15, y)],
                    PAPER,
                ))
                .map_err(failed)?
                .label(format!("float: {y:.2} %"))
                .legend(|(x, y)| PathElement::new([(x, y), (x + 14, y)], PAPER));
        }
        let mut labels = Labels::default();
        for method in [Method::Ptq, Method::Qat, Method::Front] {
            draw_method(&mut chart, method, &points, low, &mut labels)?;
        }
        for &(words, bits, accuracy) in paper {
            let at = (bits, accuracy * 100.0);
            labels.mark(&chart, at);
            chart
                .draw_series([TriangleMarker::new(at, 7, PAPER.filled())])
                .map_err(failed)?
                .label(words)
                .legend(|(x, y)| TriangleMarker::new((x + 7, y), 7, PAPER.filled()));
        }
        labels.draw(&chart)?;
        legend(&mut chart, SeriesLabelPosition::LowerRight)?;
        area.present().map_err(failed)?;
    }
    Ok(text)
}

/// A chart of accuracy against bits.
type Chart<'a> = ChartContext<
    'a,
    SVGBackend<'a>,
    Cartesian2d<LogCoord<f64>, plotters::coord::types::RangedCoordf64>,
>;

/// The rows of a method (with their bits) as named points; those below `low` at the lower edge, with their accuracy.
fn draw_method(
    chart: &mut Chart<'_>,
    method: Method,
    points: &[(&Row, f64)],
    low: f64,
    labels: &mut Labels,
) -> Result<(), ReproduceError> {
    let mut of: Vec<&(&Row, f64)> = points.iter().filter(|p| p.0.method == method).collect();
    of.sort_by(|a, b| a.1.total_cmp(&b.1));
    if of.is_empty() {
        return Ok(());
    }
    let colour = colour(method);
    let at = |p: &(&Row, f64)| (p.1, p.0.test_accuracy.max(low) * 100.0);
    chart
        .draw_series(of.iter().map(|p| Circle::new(at(p), 5, colour.filled())))
        .map_err(failed)?
        .label(method.label())
        .legend(move |(x, y)| Circle::new((x + 7, y), 5, colour.filled()));
    // One name for the seeds of a width.
    let mut named: Vec<u32> = Vec::new();
    for p in of {
        labels.mark(chart, at(p));
        let bits = p.0.weight_bits.unwrap_or(0);
        if method != Method::Front && named.contains(&bits) {
            continue;
        }
        named.push(bits);
        let mut words = match method {
            Method::Front => p.0.name.clone(),
            _ => format!("{bits}-bit"),
        };
        if p.0.test_accuracy < low {
            words = format!("{words}: {:.1} %", p.0.test_accuracy * 100.0);
        }
        labels.add(words, at(p), colour);
    }
    Ok(())
}

/// Left, top, right and bottom in pixels.
type Rectangle = [i32; 4];

/// Names of points, placed so that they cover neither points nor each other where that can be.
#[derive(Default)]
struct Labels {
    taken: Vec<Rectangle>,
    names: Vec<(String, (f64, f64), RGBColor)>,
}

impl Labels {
    /// Where the middle of a name lies from its point, in half widths and in pixels: the nearest first.
    const PLACES: [(i32, i32, i32); 10] = [
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
    ];
    const HALF_HEIGHT: i32 = 7;
    /// Of a character, on average.
    const WIDTH: i32 = 7;

    /// A point, that no name is to cover.
    fn mark(&mut self, chart: &Chart<'_>, at: (f64, f64)) {
        let (x, y) = chart.backend_coord(&at);
        self.taken.push([x - 5, y - 5, x + 5, y + 5]);
    }

    fn add(&mut self, words: String, at: (f64, f64), colour: RGBColor) {
        self.names.push((words, at, colour));
    }

    /// Draws all names, once all points are marked.
    fn draw(mut self, chart: &Chart<'_>) -> Result<(), ReproduceError> {
        let area = chart.plotting_area();
        // The numbers of the axis.
        let (across, down) = area.get_pixel_range();
        self.taken
            .push([across.start, down.end, across.end, down.end + 30]);
        for (words, at, colour) in self.names {
            let (x, y) = chart.backend_coord(&at);
            let half = Self::WIDTH * i32::try_from(words.len()).unwrap_or(0) / 2;
            let middle = |(halves, dx, dy): (i32, i32, i32)| (halves * half + dx, dy);
            let rectangle = |place| {
                let (dx, dy) = middle(place);
                let (x, y) = (x + dx, y + dy);
                let height = Self::HALF_HEIGHT;
                [x - half, y - height, x + half, y + height]
            };
            let covered =
                |place: &(i32, i32, i32)| -> i32 { covered(rectangle(*place), &self.taken) };
            let Some(place) = Self::PLACES.into_iter().min_by_key(covered) else {
                continue;
            };
            self.taken.push(rectangle(place));
            let middle = middle(place);
            let style = ("sans-serif", 13).into_font().color(&colour);
            let style = style.pos(Pos::new(HPos::Center, VPos::Center));
            area.draw(&(EmptyElement::at(at) + Text::new(words, middle, style)))
                .map_err(failed)?;
        }
        Ok(())
    }
}

/// Pixels of a rectangle that others cover.
fn covered(rectangle: Rectangle, others: &[Rectangle]) -> i32 {
    let [left, top, right, bottom] = rectangle;
    let shared = |other: &Rectangle| {
        let width = right.min(other[2]) - left.max(other[0]);
        let height = bottom.min(other[3]) - top.max(other[1]);
        width.max(0) * height.max(0)
    };
    others.iter().map(shared).sum()
}

/// Bits of the integers at the input and after each layer, proven and observed, a line a row: trained
/// networks of up to 8-bit weights (the first seed of each), budgets, and the rounded one of 4-bit weights.
/// The text of an SVG file.
///
/// # Errors
/// [`ReproduceError::Plot`] if there is no row with integers, or drawing fails.
pub fn plot_layers(title: &str, rows: &[Row]) -> Result<String, ReproduceError> {
    let shown: Vec<(&Row, &super::Widths)> = rows
        .iter()
        .filter(|row| row.method != Method::Ptq || row.weight_bits == Some(4))
        .filter(|row| row.method != Method::Qat || row.weight_bits.is_some_and(|b| b <= 8))
        .filter(|row| row.method != Method::Qat || row.seed == Some(1))
        .filter_map(|row| Some((row, row.widths.as_ref()?)))
        .collect();
    let Some((_, first)) = shown.first() else {
        return Err(failed("no row has integers"));
    };
    let names: Vec<String> = first.layers.iter().map(|l| l.name.clone()).collect();
    let most = shown
        .iter()
        .map(|(_, w)| w.proven.widest_bits)
        .fold(0.0, f64::max);
    let mut text = String::new();
    {
        let area = canvas(&mut text)?;
        let last = names.len().saturating_sub(1) as f64;
        let mut chart = ChartBuilder::on(&area)
            .caption(title, ("sans-serif", 22))
            .margin(14)
            .x_label_area_size(48)
            .y_label_area_size(64)
            .build_cartesian_2d(-0.3..last + 0.3, 0.0..most * 1.05)
            .map_err(failed)?;
        chart
            .configure_mesh()
            .x_labels(names.len() * 2)
            .x_label_formatter(&|x| {
                let at = x.round();
                if (x - at).abs() > 0.01 || at < 0.0 {
                    return String::new();
                }
                names.get(at as usize).cloned().unwrap_or_default()
            })
            .y_desc("bits of an integer: solid observed, dashed proven")
            .axis_desc_style(("sans-serif", 15))
            .label_style(("sans-serif", 13))
            .max_light_lines(2)
            .light_line_style(RGBColor(240, 240, 240))
            .draw()
            .map_err(failed)?;
        for (index, (row, widths)) in shown.iter().enumerate() {
            let colour = LINES[index % LINES.len()];
            let line = |bits: fn(&super::LayerWidth) -> f64| {
                let points = widths.layers.iter().enumerate();
                points
                    .map(|(at, layer)| (at as f64, bits(layer)))
                    .collect::<Vec<_>>()
            };
            chart
                .draw_series(LineSeries::new(
                    line(|l| l.observed_bits),
                    colour.stroke_width(3),
                ))
                .map_err(failed)?
                .label(match (row.method, row.weight_bits) {
                    (Method::Front, _) | (_, None) => row.name.clone(),
                    (method, Some(bits)) => format!("{}, {bits}-bit weights", method.label()),
                })
                .legend(move |(x, y)| {
                    PathElement::new([(x, y), (x + 14, y)], colour.stroke_width(3))
                });
            chart
                .draw_series(DashedLineSeries::new(
                    line(|l| l.proven_bits),
                    6,
                    4,
                    colour.stroke_width(1),
                ))
                .map_err(failed)?;
        }
        legend(&mut chart, SeriesLabelPosition::UpperLeft)?;
        area.present().map_err(failed)?;
    }
    Ok(text)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may stop at a surprise")]
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
        let text = plot_layers("MNIST", &table()).unwrap();
        assert!(
            text.contains("linear1") && text.contains("QAT, 2-bit weights") && text.contains("t17")
        );
        assert!(text.contains("PTQ, 4-bit") && !text.contains("PTQ, 8-bit"));
        assert!(plot_accuracy("none", &[]).is_err() && plot_layers("none", &[]).is_err());
    }

    #[test]
    fn covered_pixels_are_counted() {
        let others = [[0, 0, 10, 10], [20, 0, 30, 10]];
        assert_eq!(covered([5, 5, 25, 15], &others), 25 + 25);
        assert_eq!(covered([10, 0, 20, 10], &others), 0);
    }
}
