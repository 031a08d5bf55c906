//! Bar charts: the time of each case, stacked by layer.

use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::{
    ReproduceError,
    legend::{LegendEntry, Mark},
    plot::{GRID, LINES, picture},
    ticks::{self, Ticks, join},
};
use crate::experiment::{PrimeLayer, TimingRow};

/// Height of the words under a bar, in pixels.
const UNDER: u32 = 84;

/// Plots the time of the whole network as a stacked bar by layer for each compared case, labelled "about" and with two
/// digits if it is extrapolated. Returns the text of an SVG file.
///
/// # Errors
/// [`ReproduceError::Plot`] if there is no case, or drawing fails.
pub fn plot_timing(title: &str, rows: &[TimingRow]) -> Result<String, ReproduceError> {
    let rows: Vec<&TimingRow> = rows.iter().filter(|row| row.is_compared()).collect();
    let Some(first) = rows.first() else {
        return Err(ReproduceError::Plot("there is no case".to_owned()));
    };
    let most = rows.iter().map(|row| row.whole_seconds).fold(0.0, f64::max);
    let colour = |index: usize| LINES[(index + 1) % LINES.len()];
    let entries: Vec<LegendEntry> = first
        .layers
        .iter()
        .enumerate()
        .map(|(index, layer)| LegendEntry::new(layer.name.clone(), colour(index), Mark::Square))
        .collect();
    let up = Ticks::linear(0.0, most * 1.12, 10);
    picture(title, &entries, |area| {
        let mut chart = ChartBuilder::on(area)
            .margin(14)
            .x_label_area_size(UNDER)
            .y_label_area_size(72)
            .build_cartesian_2d(0.0..rows.len() as f64, up.axis(0.0..most * 1.12))?;
        chart
            .configure_mesh()
            .disable_x_mesh()
            .disable_x_axis()
            .y_desc("seconds for one image, one thread")
            .y_label_formatter(&|y| up.label(*y))
            .axis_desc_style(("sans-serif", 15))
            .label_style(("sans-serif", 13))
            .bold_line_style(GRID)
            .draw()?;
        for index in 0..first.layers.len() {
            let bars = rows.iter().enumerate().map(|(at, row)| {
                let times = || row.layers.iter().map(PrimeLayer::whole_seconds);
                let below: f64 = times().take(index).sum();
                let own = times().nth(index).unwrap_or(0.0);
                let left = at as f64 + 0.2;
                let corners = [(left, below), (left + 0.6, below + own)];
                Rectangle::new(corners, colour(index).filled())
            });
            chart.draw_series(bars)?;
        }
        let style = |size: i32, side| {
            let style = ("sans-serif", size).into_font().color(&BLACK);
            style.pos(Pos::new(HPos::Center, side))
        };
        // Outside of the axes, so in pixels of the picture.
        let origin = area.get_base_pixel();
        let pixel = |x: f64, y: f64| {
            let (x, y) = chart.backend_coord(&(x, y));
            (x - origin.0, y - origin.1)
        };
        for (at, row) in rows.iter().enumerate() {
            let middle = at as f64 + 0.5;
            let bits: u32 = row.coeff_modulus_bits.iter().sum();
            let words = [
                row.case.label().to_owned(),
                row.network.clone(),
                format!("N = {}, q of {bits} bits", row.poly_modulus_degree),
                format!("t: {}", primes_of_bits(&row.plain_moduli)),
            ];
            let (x, bottom) = pixel(middle, 0.0);
            for (line, words) in (0_i32..).zip(words) {
                let size = if line == 0 { 15 } else { 12 };
                let under = (x, bottom + 8 + 16 * line);
                area.draw(&Text::new(words, under, style(size, VPos::Top)))?;
            }
            let (x, top) = pixel(middle, row.whole_seconds);
            let above = Text::new(
                time(row, first, at == 0),
                (x, top - 6),
                style(15, VPos::Bottom),
            );
            area.draw(&above)?;
        }
        Ok(())
    })
}

/// Returns a bar's time and, except for the first bar, its change.
fn time(row: &TimingRow, first: &TimingRow, is_first: bool) -> String {
    let time = ticks::seconds(row.whole_seconds, row.is_measured());
    if is_first {
        return time;
    }
    let change = 100.0 * (row.whole_seconds / first.whole_seconds - 1.0);
    format!("{time} ({change:+.0} %)")
}

/// Returns the bits of each prime.
pub(crate) fn bits_of(moduli: &[u64]) -> Vec<u32> {
    let bits = moduli.iter().map(|t| u64::BITS - t.leading_zeros());
    bits.collect()
}

/// Describes the primes: `25 bits`, `3 primes of 22, 22, 23 bits`, or `8 primes of 20 to 22 bits`.
pub(super) fn primes_of_bits(moduli: &[u64]) -> String {
    const LISTED: usize = 3;
    let bits = bits_of(moduli);
    let range = bits.iter().min().zip(bits.iter().max());
    match (bits.as_slice(), range) {
        ([one], _) => format!("{one} bits"),
        (several, Some((least, most))) if several.len() > LISTED => {
            format!("{} primes of {least} to {most} bits", several.len())
        }
        (several, _) => format!("{} primes of {} bits", several.len(), join(several, ", ")),
    }
}
