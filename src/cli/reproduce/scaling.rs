//! `sealquant reproduce scaling`.

use std::{
    io::Read as _,
    num::NonZeroUsize,
    path::{Path, PathBuf},
    process::{Command, ExitCode, Stdio},
};

use anyhow::{Context as _, bail};
use num_bigint::BigInt;

use crate::cli::{
    exit_code, model,
    output::{Output, check_files, note, write_text},
    run::command_line,
    table,
};
use crate::{
    experiment::reproduce::{plot_scaling, scaling_document},
    experiment::{Axis, Host, ScalingPoint, ScalingRecord, measure_scaling, write_record},
    file::ResultKind,
    file_kind::Own,
    network::{Network, random_hcnn, random_images},
    params::{BoundRule, ParamsError, Scheme, SelectOptions, select},
    process::ChildProcess,
};

/// Number of images at every point, except on the axis of images.
const BATCH: usize = 8192;
/// Percentage of weights that are not zero, on the curve over weight bits.
const DENSE_PERCENT: usize = 75;
/// Percentage of weights that are not zero, on the curve over logit bits: so low that the smallest moduli can hold the
/// logits.
const SPARSE_PERCENT: usize = 20;
/// Seed of random networks and images.
const SEED: u64 = 2026;

#[derive(Debug, clap::Args)]
pub(super) struct ScalingArguments {
    /// The network of the curves over images and threads
    #[arg(long, value_name = "DIR", default_value = model::DEFAULT_MODEL)]
    model: PathBuf,
    /// Evaluations of each point, of which the median counts, after one that warms up
    #[arg(long, value_name = "N", default_value = "3", value_parser = model::whole::<NonZeroUsize>(1..=usize::MAX))]
    repeat: NonZeroUsize,
    /// Only this curve; may be given several times [default: all]
    #[arg(long, value_name = "AXIS", value_enum)]
    only: Vec<Axis>,
    /// Two points of each curve, small batches: a check of the machinery
    #[arg(long)]
    quick: bool,
    /// The directory for scaling.md, scaling.json and the plots
    #[arg(long, value_name = "DIR", default_value = "runs/scaling")]
    document: PathBuf,
    /// For the command itself: measure one point, and print it as JSON
    #[arg(long, hide = true, num_args = 2, value_names = ["AXIS", "VALUE"])]
    point: Vec<String>,
}

impl ScalingArguments {
    /// Returns one thread for a point, except on the curve over threads.
    pub(super) fn threads(&self) -> Option<NonZeroUsize> {
        match self.point.as_slice() {
            [axis, value] if axis == Axis::Threads.name() => value.parse().ok(),
            [_, _] => Some(NonZeroUsize::MIN),
            _ => None,
        }
    }
}

/// Lists the values of a curve.
fn values(axis: Axis, quick: bool) -> Vec<u64> {
    let all: &[u64] = match axis {
        Axis::Images => &[1, 8, 51, 52, 256, 1024, 4096, 8192, 16384],
        Axis::WeightBits => &[2, 3, 4, 5, 6, 8],
        Axis::PlainBits => &[18, 20, 24, 28, 32, 40, 48, 64],
        Axis::Threads => {
            let most = std::thread::available_parallelism().map_or(1, NonZeroUsize::get) as u64;
            let powers = (0..u64::BITS).map(|power| 1 << power);
            let mut counts: Vec<u64> = powers.take_while(|&count| count < most).collect();
            counts.push(most);
            return counts;
        }
    };
    all.iter()
        .copied()
        .take(if quick { 2 } else { all.len() })
        .collect()
}

pub(super) fn run(arguments: &ScalingArguments, output: &mut Output) -> anyhow::Result<ExitCode> {
    if let [axis, value] = arguments.point.as_slice() {
        let axis = Axis::ALL.into_iter().find(|known| known.name() == axis);
        let point = point(
            arguments,
            axis.context("no such curve")?,
            value.parse().context("the value of a point")?,
        )?;
        output.line(serde_json::to_string(&point)?)?;
        return Ok(ExitCode::SUCCESS);
    }
    let plots = Axis::ALL.map(|axis| (format!("scaling-{}.svg", axis.name()), ResultKind::Plot));
    let record = ResultKind::Only(Own::ScalingRecord);
    let files = [
        ("scaling.json".to_owned(), record),
        ("scaling.md".to_owned(), ResultKind::Document),
    ];
    check_files(
        "--document",
        &arguments.document,
        plots.into_iter().chain(files),
    )?;
    let mut points = Vec::new();
    for axis in Axis::ALL {
        if !arguments.only.is_empty() && !arguments.only.contains(&axis) {
            continue;
        }
        for value in values(axis, arguments.quick) {
            note(format_args!("{}: {value}", axis.label()));
            match spawn(arguments, axis, value)? {
                Some(point) => points.push(point),
                None => note("  no parameters hold that"),
            }
        }
    }
    let record = ScalingRecord {
        command: command_line(),
        repeat: arguments.repeat.get(),
        points,
        host: Host::now(),
    };
    let shown = output.line(columns(&record));
    write(&record, &arguments.document)?;
    shown?;
    output.line(format_args!(
        "written: {}",
        arguments.document.join("scaling.md").display()
    ))?;
    let wrong: usize = record.points.iter().map(|p| p.twin_mismatches).sum();
    Ok(exit_code(wrong == 0))
}

/// Measures a point in a process of its own, so that the memory is that of the point alone. Returns `None` if no
/// parameters fit.
fn spawn(
    arguments: &ScalingArguments,
    axis: Axis,
    value: u64,
) -> anyhow::Result<Option<ScalingPoint>> {
    let program = std::env::current_exe().context("cannot find this program")?;
    let mut command = Command::new(program);
    command
        .args(["reproduce", "scaling", "--point", axis.name()])
        .arg(value.to_string())
        .args(["--repeat", &arguments.repeat.to_string(), "--model"])
        .arg(&arguments.model)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit());
    if arguments.quick {
        command.arg("--quick");
    }
    let point = ChildProcess::start(&mut command).context("cannot start a point")?;
    let mut printed = Vec::new();
    if let Some(mut stdout) = point.stdout() {
        stdout
            .read_to_end(&mut printed)
            .context("cannot read from a point")?;
    }
    let status = point.wait(|| ()).context("cannot wait for a point")?;
    if !status.success() {
        bail!("the point {} = {value} failed", axis.name());
    }
    serde_json::from_slice(&printed)
        .with_context(|| format!("the point {} = {value} printed no record", axis.name()))
}

/// Measures a point, in the process started for it.
fn point(
    arguments: &ScalingArguments,
    axis: Axis,
    value: u64,
) -> anyhow::Result<Option<ScalingPoint>> {
    let network: Network = match axis {
        Axis::Images | Axis::Threads => model::load_network(&arguments.model)?,
        Axis::WeightBits => random_hcnn(SEED, u32::try_from(value)?, DENSE_PERCENT)?,
        Axis::PlainBits => random_hcnn(SEED, 2, SPARSE_PERCENT)?,
    };
    let images = match axis {
        Axis::Images => usize::try_from(value)?,
        _ if arguments.quick => 16,
        _ => BATCH,
    };
    let bound = match axis {
        Axis::PlainBits => BoundRule::Observed {
            magnitude: (BigInt::from(1) << value.saturating_sub(1)) - 1,
            source: "given, not observed".to_owned(),
        },
        _ => BoundRule::Proven,
    };
    let options = SelectOptions {
        bound,
        scheme: (axis != Axis::Images).then_some(Scheme::Batched),
        images: Some(images),
        ..SelectOptions::default()
    };
    let selection = match select(&network, &options) {
        Err(ParamsError::NothingFits { .. }) => return Ok(None),
        other => other?,
    };
    let images = random_images(SEED, &network, images);
    Ok(Some(measure_scaling(
        axis,
        value,
        &network,
        &selection,
        &images,
        arguments.repeat.get(),
    )?))
}

fn write(record: &ScalingRecord, directory: &Path) -> anyhow::Result<()> {
    let save = |name: &str, text: &str| write_text(&directory.join(name), text);
    write_record(directory.join("scaling.json"), record)?;
    save("scaling.md", &scaling_document(record))?;
    for axis in Axis::ALL {
        let points: Vec<&ScalingPoint> = record.points.iter().filter(|p| p.axis == axis).collect();
        if let Some(first) = points.first() {
            let title = format!("{}: the server's time and memory", first.network);
            let title = match axis {
                Axis::Images | Axis::Threads | Axis::PlainBits => title,
                Axis::WeightBits => "random networks: the server's time and memory".to_owned(),
            };
            let name = format!("scaling-{}.svg", axis.name());
            save(&name, &plot_scaling(&title, &points)?)?;
        }
    }
    Ok(())
}

fn columns(record: &ScalingRecord) -> String {
    let header = [
        "curve",
        "at",
        "layout",
        "time",
        "images/s",
        "memory",
        "wrong logits",
    ];
    let rows = record.points.iter().map(|point| {
        vec![
            point.axis.label().to_owned(),
            table::thousands(point.value),
            point.layout.clone(),
            table::seconds(point.seconds.median),
            format!("{:.0}", point.images as f64 / point.seconds.median),
            point
                .peak_memory_bytes
                .map_or_else(|| "-".to_owned(), table::bytes),
            point.twin_mismatches.to_string(),
        ]
    });
    table::columns(&header, rows)
}
