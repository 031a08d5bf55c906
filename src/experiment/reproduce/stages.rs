//! Bar charts: the stages of a request on the user's clock, before and after.

use std::collections::BTreeMap;

use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};
use serde::Deserialize;

use super::{
    ReproduceError,
    legend::{Area, LegendEntry, Mark},
    plot::{GRID, LINES, picture},
    ticks::Ticks,
};
use crate::experiment::Spread;
use crate::params::Scheme;

/// Rate of the line for which the time is written, as records name it.
const LINE: &str = "100 Mbit per second";
/// The stages as they are drawn, from below: the client's, but for the server's evaluation and what it does besides while
/// the client waits. They make up the whole time.
const STAGES: [&str; 4] = ["encrypt, send", "read, expand", "evaluate", "read, decrypt"];
/// Height of the words under the bars, in pixels.
const UNDER: u32 = 40;
/// Name of the layout of few uploads.
const FEW_UPLOADS: &str = Scheme::FewUploads.layout();

/// The record of the benchmark `endtoend`.
#[derive(Debug, Clone, Deserialize)]
pub struct EndToEndRecord {
    rows: Vec<EndToEndRow>,
}

/// A row of the record: one network, layout and client.
#[derive(Debug, Clone, Deserialize)]
struct EndToEndRow {
    network: String,
    client: String,
    layout: String,
    images: usize,
    threads: usize,
    /// Milliseconds of each stage.
    stages: BTreeMap<String, Spread>,
    /// Milliseconds of a request, and with lines.
    warm: Spread,
    on_lines: BTreeMap<String, f64>,
}

impl EndToEndRow {
    /// Returns the milliseconds of each of [`STAGES`].
    fn stages(&self) -> [f64; STAGES.len()] {
        let of = |names: &[&str]| -> f64 {
            let medians = names.iter().filter_map(|name| self.stages.get(*name));
            medians.map(|spread| spread.median).sum()
        };
        let evaluate = of(&["server: evaluate"]);
        [
            of(&[
                "client: quantise",
                "client: encrypt",
                "client: write",
                "client: send",
                "client: encrypt, send",
            ]),
            (of(&["client: wait"]) - evaluate).max(0.0),
            evaluate,
            of(&["client: read", "client: decrypt"]),
        ]
    }

    /// Describes the time with a line.
    fn on_line(&self) -> String {
        time(self.on_lines.get(LINE).copied().unwrap_or_default())
    }
}

/// Formats milliseconds, in seconds from one on.
fn time(milliseconds: f64) -> String {
    if milliseconds < 1e3 {
        format!("{milliseconds:.0} ms")
    } else {
        format!("{:.2} s", milliseconds / 1e3)
    }
}

/// A workload on two threads: with SEAL's client in the layout that was fastest on the server, and with the project's own
/// client, in few uploads if there is one image.
struct Workload<'a> {
    before: &'a EndToEndRow,
    after: &'a EndToEndRow,
}

impl Workload<'_> {
    /// Finds the workloads of which the records have both.
    fn all(records: &[EndToEndRecord]) -> Vec<Workload<'_>> {
        let rows = || {
            let rows = records.iter().flat_map(|record| &record.rows);
            rows.filter(|row| row.threads == 2)
        };
        let befores = rows().filter(|row| row.client == "seal" && row.layout != FEW_UPLOADS);
        let pairs = befores.filter_map(|before| {
            let layout = if before.images == 1 {
                FEW_UPLOADS
            } else {
                before.layout.as_str()
            };
            let after = rows().find(|row| {
                row.client == "own"
                    && row.layout == layout
                    && (&row.network, row.images) == (&before.network, before.images)
            })?;
            Some(Workload { before, after })
        });
        pairs.collect()
    }

    fn name(&self) -> String {
        let images = match self.before.images {
            1 => "one image".to_owned(),
            images => format!("{images} images"),
        };
        format!("{}, {images}", self.before.network)
    }
}

/// Plots the stages of the user's clock for each workload, before and after, side by side. Returns the text of an SVG
/// file.
///
/// # Errors
/// [`ReproduceError::Plot`] if no workload has both, or drawing fails.
pub fn plot_stages(title: &str, records: &[EndToEndRecord]) -> Result<String, ReproduceError> {
    let workloads = Workload::all(records);
    if workloads.is_empty() {
        let reason = "no network was measured with both clients on two threads";
        return Err(ReproduceError::Plot(reason.to_owned()));
    }
    let colour = |index: usize| LINES[index + 1];
    let entries = STAGES.iter().enumerate();
    let entries: Vec<LegendEntry> = entries
        .map(|(index, stage)| LegendEntry::new(*stage, colour(index), Mark::Square))
        .collect();
    picture(title, &entries, |area| {
        let columns = (workloads.len() as f64).sqrt().ceil() as usize;
        let panels = area.split_evenly((workloads.len().div_ceil(columns), columns));
        for (panel, workload) in panels.iter().zip(&workloads) {
            draw(panel, workload, &colour)?;
        }
        Ok(())
    })
}

/// Draws the two bars of a workload.
fn draw(
    area: &Area<'_>,
    workload: &Workload<'_>,
    colour: &dyn Fn(usize) -> RGBColor,
) -> Result<(), ReproduceError> {
    let bars = [("before", workload.before), ("after", workload.after)];
    let most = bars.map(|(_, row)| row.stages().iter().sum::<f64>());
    let most = most.into_iter().fold(f64::MIN_POSITIVE, f64::max) * 1.15;
    let up = Ticks::linear(0.0, most, 5);
    let mut chart = ChartBuilder::on(area)
        .margin(10)
        .caption(workload.name(), ("sans-serif", 15))
        .x_label_area_size(UNDER)
        .y_label_area_size(60)
        .build_cartesian_2d(0.0..bars.len() as f64, up.axis(0.0..most))?;
    chart
        .configure_mesh()
        .disable_x_mesh()
        .disable_x_axis()
        .y_desc("milliseconds")
        .y_label_formatter(&|y| up.label(*y))
        .axis_desc_style(("sans-serif", 13))
        .label_style(("sans-serif", 12))
        .bold_line_style(GRID)
        .draw()?;
    let style = |side| {
        let style = ("sans-serif", 12).into_font().color(&BLACK);
        style.pos(Pos::new(HPos::Center, side))
    };
    let origin = area.get_base_pixel();
    for (at, (name, row)) in bars.into_iter().enumerate() {
        let left = at as f64 + 0.25;
        let mut below = 0.0;
        for (index, milliseconds) in row.stages().into_iter().enumerate() {
            let corners = [(left, below), (left + 0.5, below + milliseconds)];
            chart.draw_series([Rectangle::new(corners, colour(index).filled())])?;
            below += milliseconds;
        }
        // Outside of the axes, so in pixels of the panel.
        let pixel = |y: f64| {
            let (x, y) = chart.backend_coord(&(left + 0.25, y));
            (x - origin.0, y - origin.1)
        };
        let (x, bottom) = pixel(0.0);
        let words = [
            format!("{name}: {}", row.layout),
            format!("{} at 100 Mbit/s", row.on_line()),
        ];
        for (line, words) in (0_i32..).zip(words) {
            let under = (x, bottom + 8 + 16 * line);
            area.draw(&Text::new(words, under, style(VPos::Top)))?;
        }
        let (x, top) = pixel(below);
        area.draw(&Text::new(
            time(row.warm.median),
            (x, top - 4),
            style(VPos::Bottom),
        ))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a failed test may panic")]
    use super::*;

    fn record(rows: &[(&str, &str, usize, f64)]) -> EndToEndRecord {
        let spread =
            |median: f64| serde_json::json!({"lower": median, "median": median, "upper": median});
        let rows = rows.iter().map(|&(client, layout, images, evaluate)| {
            serde_json::json!({
                "network": "net", "client": client, "layout": layout, "images": images, "threads": 2,
                "stages": {
                    "client: encrypt, send": spread(3.0), "client: wait": spread(evaluate + 1.0),
                    "client: decrypt": spread(2.0), "server: evaluate": spread(evaluate),
                },
                "warm": spread(evaluate + 6.0),
                "on_lines": {LINE: evaluate + 106.0},
            })
        });
        let rows: Vec<_> = rows.collect();
        serde_json::from_value(serde_json::json!({ "rows": rows })).unwrap()
    }

    #[test]
    fn stages_make_up_the_whole_and_are_drawn_for_each_workload() {
        let records = [
            record(&[
                ("seal", "diagonal", 1, 40.0),
                ("seal", "few-uploads", 1, 70.0),
                ("own", "few-uploads", 1, 60.0),
            ]),
            record(&[
                ("seal", "batched", 8192, 400.0),
                ("own", "batched", 8192, 200.0),
                ("own", "batched", 16, 1.0),
            ]),
        ];
        for row in records.iter().flat_map(|record| &record.rows) {
            let sum: f64 = row.stages().iter().sum();
            assert!((sum - row.warm.median).abs() < 1e-9, "{row:?}");
        }
        let svg = plot_stages("Before and after", &records).unwrap();
        for words in [
            "net, one image",
            "net, 8192 images",
            "before: diagonal",
            "after: few-uploads",
            "166 ms at 100 Mbit/s",
            "206 ms",
            "evaluate",
        ] {
            assert!(svg.contains(words), "{words} is missing in:\n{svg}");
        }
        assert!(!svg.contains("before: few-uploads"));
        plot_stages("none", &records[..0]).unwrap_err();
    }
}
