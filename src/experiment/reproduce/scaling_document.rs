//! Shows scaling curves as a document and plots.

use std::fmt::Write as _;

use plotters::prelude::*;

use super::{
    ReproduceError,
    bars::bits_of,
    legend::{Area, LegendEntry, Mark},
    plot::{LINES, draw_axes, picture},
    ticks::{Ticks, join},
};
use crate::experiment::{Axis, ScalingPoint, ScalingRecord};

/// Plots the points of one axis in two panels, one above the other: the time of the server's evaluation (wall time, and
/// the processor time of all threads), and the largest memory. Returns the text of an SVG file.
///
/// # Errors
/// [`ReproduceError::Plot`] if there is no point, or drawing fails.
pub fn plot_scaling(title: &str, points: &[&ScalingPoint]) -> Result<String, ReproduceError> {
    let Some(first) = points.first() else {
        return Err(ReproduceError::Plot("there is no point".to_owned()));
    };
    let curve = |y: &dyn Fn(&ScalingPoint) -> Option<f64>| -> Vec<(f64, f64)> {
        let points = points.iter();
        points
            .filter_map(|point| Some((point.value as f64, y(point)?)))
            .collect()
    };
    let wall = curve(&|point| Some(point.seconds.median * 1e3));
    let cpu = curve(&|point| point.cpu_seconds.map(|seconds| seconds * 1e3));
    let memory = curve(&|point| point.peak_memory_bytes.map(|bytes| bytes as f64 / 1e9));
    let times = [
        ("wall time", wall, LINES[1]),
        ("processor time", cpu, LINES[2]),
    ];
    let memory = [("memory", memory, LINES[3])];
    let entries: Vec<LegendEntry> = times
        .iter()
        .chain(&memory)
        .filter(|(_, points, _)| !points.is_empty())
        .map(|(words, _, colour)| LegendEntry::new(*words, *colour, Mark::Line))
        .collect();
    picture(title, &entries, |area| {
        let x = first.axis.label();
        if memory[0].1.is_empty() {
            // The system does not tell the memory.
            panel(area, Some(x), "milliseconds", &times)?;
        } else {
            let (upper, lower) = area.split_vertically(300);
            panel(&upper, None, "milliseconds", &times)?;
            panel(&lower, Some(x), "memory, GB", &memory)?;
        }
        Ok(())
    })
}

type Curve<'a> = (&'a str, Vec<(f64, f64)>, RGBColor);

/// Draws curves over a logarithmic x, with y starting at 0; the lowest panel names x.
fn panel(
    area: &Area<'_>,
    x_desc: Option<&str>,
    y_desc: &str,
    curves: &[Curve<'_>],
) -> Result<(), ReproduceError> {
    let all = || curves.iter().flat_map(|(_, points, _)| points);
    let most = all().map(|point| point.1).fold(f64::MIN_POSITIVE, f64::max) * 1.1;
    let left = all().map(|point| point.0).fold(f64::MAX, f64::min) / 1.1;
    let right = all().map(|point| point.0).fold(0.0, f64::max) * 1.1;
    let values: Vec<f64> = all().map(|point| point.0).collect();
    let across = Ticks::measured(&values, left, right);
    let up = Ticks::linear(0.0, most, 7);
    let mut chart = ChartBuilder::on(area)
        .margin(10)
        .x_label_area_size(if x_desc.is_some() { 44 } else { 24 })
        .y_label_area_size(64)
        .build_cartesian_2d(across.logarithmic_axis(left..right), up.axis(0.0..most))?;
    let x_name = (x_desc.unwrap_or_default(), &across);
    draw_axes(&mut chart, x_name, (y_desc, &up))?;
    for (_, points, colour) in curves {
        let line = LineSeries::new(points.iter().copied(), colour.stroke_width(2));
        chart.draw_series(line)?;
        let dots = points.iter().map(|&at| Circle::new(at, 4, colour.filled()));
        chart.draw_series(dots)?;
    }
    Ok(())
}

/// Writes a document with a table for each axis. It links to the plots by the names under which [`plot_scaling`] is
/// stored: `scaling-<axis>.svg`.
pub fn scaling_document(record: &ScalingRecord) -> String {
    let mut out =
        String::from("# Scaling\n\nWritten by `sealquant reproduce scaling --document DIR`. ");
    // Writing to a string cannot fail, here and below.
    let _ = write!(
        out,
        "Own kernels; every point ran in a process of its own, on random images, and all its logits were compared with the \
         twin's. Times are of the server's evaluation of all images: the medians of {} evaluations after one that \
         does not count, wall time with its quartiles and the processor time of all threads. Memory is the most that the process held: client, server, \
         ciphertexts and twin.\n\n```sh\n{}\n```\n\n{}, SEAL {} {} HEXL, commit {}, {}. Record: \
         [scaling.json](scaling.json).\n",
        record.repeat,
        record.command,
        record.host.cpu,
        record.host.seal_version,
        if record.host.hexl { "with" } else { "without" },
        record.host.git_commit,
        record.host.time
    );
    for axis in Axis::ALL {
        let points: Vec<&ScalingPoint> = record
            .points
            .iter()
            .filter(|point| point.axis == axis)
            .collect();
        if points.is_empty() {
            continue;
        }
        let words = match axis {
            Axis::Images => {
                "Images at once. The layout that is cheapest is taken; more images than slots take several batches."
            }
            Axis::WeightBits => {
                "Weights of random networks of HCNN-MNIST's shape, three quarters of them not zero. \
                                 The integers grow with them, and with these t and q: bounds are proven."
            }
            Axis::PlainBits => {
                "The random ternary network of that shape, a fifth of its weights not zero, with parameters for logits of so many bits. \
                                Own kernels take several plaintext primes or more primes of q, whichever is cheaper."
            }
            Axis::Threads => "Worker threads.",
        };
        let _ = write!(
            out,
            "\n## {}\n\n{words}\n\n![{}](scaling-{}.svg)\n\n",
            capital(axis.label()),
            axis.label(),
            axis.name()
        );
        table(&mut out, axis, &points);
    }
    out
}

fn capital(words: &str) -> String {
    let mut letters = words.chars();
    letters.next().map_or_else(String::new, |first| {
        first.to_uppercase().chain(letters).collect()
    })
}

fn table(out: &mut String, axis: Axis, points: &[&ScalingPoint]) {
    let _ = write!(
        out,
        "| {} | network | layout | images | threads | N | q, bits | t, bits | wall, ms | quartiles | processor, ms | images/s | encryption, ms | memory, MB | mismatches | budget left, bits |\n\
         | ---: | --- | --- | ---: | ---: | ---: | --- | --- | ---: | --- | ---: | ---: | ---: | ---: | ---: | ---: |\n",
        axis.label()
    );
    for point in points {
        let known =
            |value: Option<f64>| value.map_or("?".to_owned(), |value| format!("{value:.0}"));
        let _ = writeln!(
            out,
            "| {} | {} | {} | {} | {} | {} | {} | {} | {:.1} | {:.1}..{:.1} | {} | {:.0} | {:.0} | {} | {} | {} |",
            point.value,
            point.network,
            point.layout,
            point.images,
            point.threads,
            point.poly_modulus_degree,
            join(&point.coeff_modulus_bits, " "),
            join(bits_of(&point.plain_moduli), " "),
            point.seconds.median * 1e3,
            point.seconds.lower * 1e3,
            point.seconds.upper * 1e3,
            known(point.cpu_seconds.map(|seconds| seconds * 1e3)),
            point.images as f64 / point.seconds.median,
            point.encrypt_seconds * 1e3,
            known(point.peak_memory_bytes.map(|bytes| bytes as f64 / 1e6)),
            point.twin_mismatches,
            point.noise_budget_bits,
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::experiment::{Host, Spread};

    fn point(axis: Axis, value: u64) -> ScalingPoint {
        ScalingPoint {
            axis,
            value,
            network: "net".to_owned(),
            images: value as usize,
            batches: 1,
            threads: 1,
            kernels: "own".to_owned(),
            layout: "batched".to_owned(),
            poly_modulus_degree: 8192,
            coeff_modulus_bits: vec![41, 30],
            plain_moduli: vec![65537],
            seconds: Spread::of(vec![value as f64 / 1000.0]),
            cpu_seconds: None,
            encrypt_seconds: 0.5,
            peak_memory_bytes: Some(5_000_000),
            twin_mismatches: 0,
            noise_budget_bits: 7,
        }
    }

    #[test]
    fn documents_and_plots_show_the_points() {
        let record = ScalingRecord {
            command: "sealquant reproduce scaling".to_owned(),
            repeat: 3,
            points: vec![point(Axis::Images, 4), point(Axis::Images, 64)],
            host: Host {
                hexl: true,
                ..Host::now()
            },
        };
        let text = scaling_document(&record);
        for words in [
            "## Images",
            "| 64 | net | batched | 64 | 1 | 8192 | 41 30 | 17 | 64.0 | 64.0..64.0 | ? | 1000 | 500 | 5 | 0 | 7 |",
            "scaling-images.svg",
            "with HEXL",
        ] {
            assert!(text.contains(words), "{words} is missing in:\n{text}");
        }
        assert!(!text.contains("## Threads"));
        let plot = |points: &[ScalingPoint]| {
            let points: Vec<&ScalingPoint> = points.iter().collect();
            plot_scaling("How time grows", &points).unwrap()
        };
        let svg = plot(&record.points);
        assert!(svg.contains("How time grows") && svg.contains("memory, GB"));
        // The numbers appear under each panel, the name of the axis only once.
        assert_eq!(svg.matches(">\n64\n<").count(), 2, "{svg}");
        assert_eq!(svg.matches(">\nimages\n<").count(), 1, "{svg}");
        let mut unknown = record.points;
        for point in &mut unknown {
            point.peak_memory_bytes = None;
        }
        let svg = plot(&unknown);
        let time_only = svg.contains("milliseconds") && !svg.contains("memory");
        assert!(time_only, "{svg}");
        assert!(plot_scaling("none", &[]).is_err());
    }
}
