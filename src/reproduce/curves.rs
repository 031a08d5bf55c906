//! The curves of one training run, as SVG.

use plotters::prelude::*;

use super::{
    ReproduceError,
    plot::{canvas, failed, legend},
};
use crate::train::EpochRecord;

const LOSS: RGBColor = RGBColor(120, 120, 120);
const TRAINING: RGBColor = RGBColor(0, 114, 178);
const VALIDATION: RGBColor = RGBColor(213, 94, 0);

/// Training loss (on the right), training and validation accuracy (on the left) after each epoch; in the caption the bits
/// of the logits after the last. The text of an SVG file.
///
/// # Errors
/// [`ReproduceError::Plot`] if there is no epoch, or drawing fails.
pub fn plot_curves(title: &str, epochs: &[EpochRecord]) -> Result<String, ReproduceError> {
    let Some(last) = epochs.last() else {
        return Err(failed("no epoch is done"));
    };
    let accuracies = || {
        let pairs = epochs.iter();
        pairs.flat_map(|e| [e.train_accuracy, e.validation_accuracy])
    };
    let low = accuracies().fold(1.0, f64::min) * 100.0;
    let high = accuracies().fold(0.0, f64::max) * 100.0;
    let room = ((high - low) * 0.1).max(0.2);
    let most = epochs.iter().map(|e| e.loss).fold(0.0, f64::max);
    let end = last.epoch.max(2) as f64;
    let title = match last.logit_bits {
        Some(bits) => format!("{title}: logits of {bits:.2} bits"),
        None => title.to_owned(),
    };
    let mut text = String::new();
    {
        let area = canvas(&mut text)?;
        let mut chart = ChartBuilder::on(&area)
            .caption(title, ("sans-serif", 22))
            .margin(14)
            .x_label_area_size(48)
            .y_label_area_size(64)
            .right_y_label_area_size(64)
            .build_cartesian_2d(1.0..end, (low - room).max(0.0)..(high + room).min(100.0))
            .map_err(failed)?
            .set_secondary_coord(1.0..end, 0.0..(most * 1.05).max(1e-6));
        chart
            .configure_mesh()
            .x_desc("epoch")
            .y_desc("accuracy, %")
            .axis_desc_style(("sans-serif", 15))
            .label_style(("sans-serif", 13))
            .max_light_lines(2)
            .x_label_formatter(&|x| format!("{x:.0}"))
            .y_label_formatter(&|y| format!("{y:.1}"))
            .light_line_style(RGBColor(240, 240, 240))
            .draw()
            .map_err(failed)?;
        chart
            .configure_secondary_axes()
            .y_desc("training loss")
            .axis_desc_style(("sans-serif", 15))
            .label_style(("sans-serif", 13))
            .draw()
            .map_err(failed)?;
        let key = |colour: RGBColor| {
            move |(x, y)| PathElement::new([(x, y), (x + 14, y)], colour.stroke_width(2))
        };
        let line = |value: fn(&EpochRecord) -> f64, colour: RGBColor| {
            let points = epochs.iter().map(move |e| (e.epoch as f64, value(e)));
            LineSeries::new(points, colour.stroke_width(2)).point_size(3)
        };
        chart
            .draw_secondary_series(line(|e| e.loss, LOSS))
            .map_err(failed)?
            .label("training loss")
            .legend(key(LOSS));
        chart
            .draw_series(line(|e| e.train_accuracy * 100.0, TRAINING))
            .map_err(failed)?
            .label("training images")
            .legend(key(TRAINING));
        chart
            .draw_series(line(|e| e.validation_accuracy * 100.0, VALIDATION))
            .map_err(failed)?
            .label("validation images")
            .legend(key(VALIDATION));
        legend(&mut chart, SeriesLabelPosition::MiddleRight)?;
        area.present().map_err(failed)?;
    }
    Ok(text)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may stop at a surprise")]
mod tests {
    use super::*;

    #[test]
    fn a_run_of_any_length_is_drawn() {
        let epoch = |epoch: usize| EpochRecord {
            epoch,
            loss: 1.0 / epoch as f64,
            train_accuracy: 0.9,
            validation_accuracy: 0.95,
            seconds: 1.0,
            eligible: true,
            logit_bits: Some(17.25),
        };
        for length in [1, 2, 30] {
            let epochs: Vec<EpochRecord> = (1..=length).map(epoch).collect();
            let text = plot_curves("a run", &epochs).unwrap();
            assert!(
                text.contains("a run: logits of 17.25 bits") && text.contains("validation images")
            );
        }
        assert!(plot_curves("none", &[]).is_err());
    }
}
