//! Plots how integers grow through the layers.

use plotters::prelude::*;

use super::{
    AccuracyRow, LayerWidth, Method, ReproduceError, Widths,
    legend::{LegendEntry, Mark},
    plot::{GRID, LINES, picture},
    ticks::Ticks,
};

/// Plots the bits of the integers at the input and after each layer, proven and observed, as one line for each row:
/// trained networks with weights of up to 8 bits (the first seed of each), networks with budgets, and the network with
/// 4-bit weights rounded by the paper's rule. Returns the text of an SVG file.
///
/// # Errors
/// [`ReproduceError::Plot`] if there is no row with integers, or drawing fails.
pub fn plot_layers(title: &str, rows: &[AccuracyRow]) -> Result<String, ReproduceError> {
    let shown: Vec<(&AccuracyRow, &Widths)> = rows
        .iter()
        .filter(|row| is_shown(row))
        .filter_map(|row| Some((row, row.widths.as_ref()?)))
        .collect();
    // Networks may differ in their last layers: the longest one names the axis.
    let Some((_, longest)) = shown.iter().max_by_key(|(_, widths)| widths.layers.len()) else {
        return Err(ReproduceError::Plot("no row has integers".to_owned()));
    };
    let names: Vec<String> = longest.layers.iter().map(|l| l.name.clone()).collect();
    let most = shown
        .iter()
        .map(|(_, w)| w.proven.widest_bits)
        .fold(0.0, f64::max);
    let coloured = || {
        let lines = shown.iter().enumerate();
        lines.map(|(index, &(row, widths))| (row, widths, LINES[index % LINES.len()]))
    };
    let entries: Vec<LegendEntry> = coloured()
        .map(|(row, _, colour)| LegendEntry::new(words(row), colour, Mark::Line))
        .collect();
    picture(title, &entries, |area| {
        let last = names.len().saturating_sub(1) as f64;
        let places = Ticks::places(names.len());
        let bits = Ticks::linear(0.0, most * 1.05, 10);
        let mut chart = ChartBuilder::on(area)
            .margin(14)
            .x_label_area_size(48)
            .y_label_area_size(64)
            .build_cartesian_2d(places.axis(-0.3..last + 0.3), bits.axis(0.0..most * 1.05))?;
        chart
            .configure_mesh()
            .x_label_formatter(&|x| names.get(x.round() as usize).cloned().unwrap_or_default())
            .y_desc("bits of an integer: solid observed, dashed proven")
            .y_label_formatter(&|y| bits.label(*y))
            .axis_desc_style(("sans-serif", 15))
            .label_style(("sans-serif", 12))
            .bold_line_style(GRID)
            .draw()?;
        for (_, widths, colour) in coloured() {
            let line = |bits: fn(&LayerWidth) -> f64| {
                let points = widths.layers.iter().enumerate();
                points
                    .map(|(at, layer)| (at as f64, bits(layer)))
                    .collect::<Vec<_>>()
            };
            let observed = LineSeries::new(line(|l| l.observed_bits), colour.stroke_width(3));
            chart.draw_series(observed)?;
            let proven = line(|l| l.proven_bits);
            let proven = DashedLineSeries::new(proven, 6, 4, colour.stroke_width(1));
            chart.draw_series(proven)?;
        }
        Ok(())
    })
}

fn is_shown(row: &AccuracyRow) -> bool {
    match row.method {
        Method::Float => false,
        Method::Ptq => row.weight_bits == Some(4) && !row.is_rounded_by_min_error(),
        Method::Qat => row.weight_bits.is_some_and(|b| b <= 8) && row.seed == Some(1),
        Method::Front => true,
    }
}

fn words(row: &AccuracyRow) -> String {
    match (row.method, row.weight_bits) {
        (Method::Front, _) | (_, None) => row.name.clone(),
        (method, Some(bits)) => format!("{}, {bits}-bit weights", method.label()),
    }
}

#[cfg(test)]
mod tests {
    use super::super::claims::tests::table;
    use super::*;

    #[test]
    fn lines_name_their_networks() {
        let text = plot_layers("MNIST", &table()).unwrap();
        assert!(
            text.contains("linear1") && text.contains("QAT, 2-bit weights") && text.contains("t17")
        );
        assert!(text.contains("PTQ, 4-bit") && !text.contains("PTQ, 8-bit"));
        assert!(plot_layers("none", &[]).is_err());
    }
}
