//! Bars: the time of each case, stacked by layer.

use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::{
    ReproduceError,
    plot::{LINES, canvas, failed, legend},
};
use crate::report::TimingRow;

/// The width that is left for the legend, in bars.
const LEGEND: f64 = 0.5;

/// The whole network's time, a bar for each case that is compared, its layers stacked; "about" where it is
/// extrapolated. The text of an SVG file.
///
/// # Errors
/// [`ReproduceError::Plot`] if there is no case, or drawing fails.
pub fn plot_timing(title: &str, rows: &[TimingRow]) -> Result<String, ReproduceError> {
    let rows: Vec<&TimingRow> = rows.iter().filter(|row| row.is_compared()).collect();
    let Some(first) = rows.first() else {
        return Err(failed("there is no case"));
    };
    let most = rows.iter().map(|row| row.whole_seconds).fold(0.0, f64::max);
    let mut text = String::new();
    {
        let area = canvas(&mut text)?;
        let mut chart = ChartBuilder::on(&area)
            .caption(title, ("sans-serif", 22))
            .margin(14)
            .x_label_area_size(20)
            .y_label_area_size(72)
            .build_cartesian_2d(0.0..rows.len() as f64 + LEGEND, -0.16 * most..most * 1.12)
            .map_err(failed)?;
        chart
            .configure_mesh()
            .disable_x_mesh()
            .disable_x_axis()
            .y_desc("seconds for one image, one thread")
            .y_label_formatter(&|y| {
                if *y < 0.0 {
                    String::new()
                } else {
                    format!("{y:.0}")
                }
            })
            .axis_desc_style(("sans-serif", 15))
            .label_style(("sans-serif", 13))
            .max_light_lines(2)
            .light_line_style(RGBColor(240, 240, 240))
            .draw()
            .map_err(failed)?;
        for (index, layer) in first.layers.iter().enumerate() {
            let colour = LINES[(index + 1) % LINES.len()];
            let bars = rows.iter().enumerate().map(|(at, row)| {
                let times = || {
                    row.layers
                        .iter()
                        .map(crate::engine::paper::PaperLayerTime::whole_seconds)
                };
                let below: f64 = times().take(index).sum();
                let own = times().nth(index).unwrap_or(0.0);
                let left = at as f64 + 0.2;
                Rectangle::new([(left, below), (left + 0.6, below + own)], colour.filled())
            });
            chart
                .draw_series(bars)
                .map_err(failed)?
                .label(layer.name.clone())
                .legend(move |(x, y)| {
                    Rectangle::new([(x, y - 5), (x + 10, y + 5)], colour.filled())
                });
        }
        let style = |size: i32, side| {
            let style = ("sans-serif", size).into_font().color(&BLACK);
            style.pos(Pos::new(HPos::Center, side))
        };
        for (at, row) in rows.iter().enumerate() {
            let middle = at as f64 + 0.5;
            let seconds = row.whole_seconds;
            let about = if row.is_measured() { "" } else { "about " };
            let time = if at == 0 {
                format!("{about}{seconds:.1} s")
            } else {
                let change = 100.0 * (seconds / first.whole_seconds - 1.0);
                format!("{about}{seconds:.1} s ({change:+.0} %)")
            };
            let bits: u32 = row.coeff_modulus_bits.iter().sum();
            let words = [
                row.case.label().to_owned(),
                row.network.clone(),
                format!("N = {}, q of {bits} bits", row.poly_modulus_degree),
                format!("t: {}", primes_of_bits(&row.plain_moduli)),
            ];
            let lines = (0_i32..).zip(words).map(|(line, words)| {
                let size = if line == 0 { 15 } else { 12 };
                EmptyElement::at((middle, 0.0))
                    + Text::new(words, (0, 6 + 16 * line), style(size, VPos::Top))
            });
            chart.draw_series(lines).map_err(failed)?;
            let above = EmptyElement::at((middle, seconds))
                + Text::new(time, (0, -6), style(15, VPos::Bottom));
            chart.draw_series([above]).map_err(failed)?;
        }
        legend(&mut chart, SeriesLabelPosition::UpperRight)?;
        area.present().map_err(failed)?;
    }
    Ok(text)
}

/// `25 bits`, `3 primes of 22, 22, 23 bits`, or `8 primes of 20 to 22 bits`.
pub(super) fn primes_of_bits(moduli: &[u64]) -> String {
    const LISTED: usize = 3;
    let bits: Vec<u32> = moduli
        .iter()
        .map(|t| u64::BITS - t.leading_zeros())
        .collect();
    let range = bits.iter().min().zip(bits.iter().max());
    match (bits.as_slice(), range) {
        ([one], _) => format!("{one} bits"),
        (several, Some((least, most))) if several.len() > LISTED => {
            format!("{} primes of {least} to {most} bits", several.len())
        }
        (several, _) => {
            let listed: Vec<String> = several.iter().map(u32::to_string).collect();
            format!("{} primes of {} bits", several.len(), listed.join(", "))
        }
    }
}
