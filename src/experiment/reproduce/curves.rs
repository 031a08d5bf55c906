//! Plots the curves of one training run as SVG.

use plotters::prelude::*;

use super::{
    ReproduceError,
    legend::{LegendEntry, Mark},
    plot::{draw_axes, picture},
    ticks::Ticks,
};
use crate::train::EpochRecord;

const LOSS: RGBColor = RGBColor(120, 120, 120);
const TRAINING: RGBColor = RGBColor(0, 114, 178);
const VALIDATION: RGBColor = RGBColor(213, 94, 0);

/// Plots training loss (on the right) and training and validation accuracy (on the left) after each epoch. A ring marks
/// the epoch that would be kept; the caption names it and the bits of its logits. Returns the text of an SVG file.
///
/// # Errors
/// [`ReproduceError::Plot`] if there is no epoch, or drawing fails.
pub fn plot_curves(title: &str, epochs: &[EpochRecord]) -> Result<String, ReproduceError> {
    let Some(last) = epochs.last() else {
        return Err(ReproduceError::Plot("no epoch is done".to_owned()));
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
    let kept = kept(epochs);
    let title = match kept {
        None => format!("{title}: no epoch to keep yet"),
        Some(kept) => match kept.logit_bits {
            Some(bits) => format!(
                "{title}: epoch {} kept, logits of {bits:.2} bits",
                kept.epoch
            ),
            None => format!("{title}: epoch {} kept", kept.epoch),
        },
    };
    let entries = [
        LegendEntry::new("training loss", LOSS, Mark::Line),
        LegendEntry::new("training images", TRAINING, Mark::Line),
        LegendEntry::new("validation images", VALIDATION, Mark::Line),
        LegendEntry::new("epoch kept", VALIDATION, Mark::Ring),
    ];
    let shown = if kept.is_some() { 4 } else { 3 };
    let (low, high) = ((low - room).max(0.0), (high + room).min(100.0));
    let loss = (most * 1.05).max(1e-6);
    let across = Ticks::whole(1.0, end, 12);
    let (shares, losses) = (Ticks::linear(low, high, 9), Ticks::linear(0.0, loss, 9));
    picture(&title, &entries[..shown], |area| {
        let mut chart = ChartBuilder::on(area)
            .margin(14)
            .x_label_area_size(48)
            .y_label_area_size(64)
            .right_y_label_area_size(64)
            .build_cartesian_2d(across.axis(1.0..end), shares.axis(low..high))?;
        draw_axes(&mut chart, ("epoch", &across), ("accuracy, %", &shares))?;
        let mut chart = chart.set_secondary_coord(1.0..end, losses.axis(0.0..loss));
        chart
            .configure_secondary_axes()
            .y_desc("training loss")
            .y_label_formatter(&|y| losses.label(*y))
            .axis_desc_style(("sans-serif", 15))
            .label_style(("sans-serif", 13))
            .draw()?;
        let line = |value: fn(&EpochRecord) -> f64, colour: RGBColor| {
            let points = epochs.iter().map(move |e| (e.epoch as f64, value(e)));
            LineSeries::new(points, colour.stroke_width(2)).point_size(3)
        };
        chart.draw_secondary_series(line(|e| e.loss, LOSS))?;
        chart.draw_series(line(|e| e.train_accuracy * 100.0, TRAINING))?;
        chart.draw_series(line(|e| e.validation_accuracy * 100.0, VALIDATION))?;
        if let Some(kept) = kept {
            let at = (kept.epoch as f64, kept.validation_accuracy * 100.0);
            chart.draw_series([Circle::new(at, 8, VALIDATION.stroke_width(2))])?;
        }
        Ok(())
    })
}

/// Returns the epoch whose weights a run keeps: the best eligible one on the validation images; the first one wins a
/// tie.
fn kept(epochs: &[EpochRecord]) -> Option<&EpochRecord> {
    epochs.iter().filter(|e| e.eligible).reduce(|best, e| {
        if e.validation_accuracy > best.validation_accuracy {
            e
        } else {
            best
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn epoch(epoch: usize) -> EpochRecord {
        EpochRecord {
            epoch,
            loss: 1.0 / epoch as f64,
            train_accuracy: 0.9,
            validation_accuracy: 0.95,
            seconds: 1.0,
            eligible: true,
            logit_bits: Some(17.0 + epoch as f64 / 4.0),
        }
    }

    #[test]
    fn a_run_of_any_length_is_drawn() {
        for length in [1, 2, 30] {
            let epochs: Vec<EpochRecord> = (1..=length).map(epoch).collect();
            let text = plot_curves("a run", &epochs).unwrap();
            // The first one wins a tie.
            assert!(text.contains("a run: epoch 1 kept, logits of 17.25 bits"));
            assert!(text.contains("validation images"));
        }
        assert!(plot_curves("none", &[]).is_err());
    }

    #[test]
    fn the_caption_is_of_the_epoch_kept() {
        let mut epochs: Vec<EpochRecord> = (1..=5).map(epoch).collect();
        epochs[1].validation_accuracy = 0.99;
        epochs[3].validation_accuracy = 0.97;
        epochs[1].eligible = false;
        let text = plot_curves("a run", &epochs).unwrap();
        assert!(text.contains("a run: epoch 4 kept, logits of 18.00 bits"));
        for epoch in &mut epochs {
            epoch.eligible = false;
        }
        let text = plot_curves("a run", &epochs).unwrap();
        assert!(text.contains("no epoch to keep yet") && !text.contains("epoch kept"));
    }
}
