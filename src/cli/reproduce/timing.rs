//! `sealquant reproduce timing`.

use std::path::PathBuf;

use crate::cli::{
    Outcome,
    model::{self, DataDirectory, dataset_parser},
    output::{Output, note},
    progress::Stages,
    run::command_line,
    table,
};
use crate::{
    bfv,
    data::{DatasetName, Split},
    engine::paper::Part,
    network::Network,
    params::PaperParameters,
    report::{Host, TimingRecord, TimingRow, time_paper},
};
use anyhow::{Context as _, bail};
use num_bigint::BigInt;

/// Plaintext primes are taken as few as keep each within this many bits: larger ones cost noise that no N here has.
const PLAIN_BITS_MAX: u64 = 40;

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// The network without quantised training, run at the larger N
    #[arg(long, value_name = "DIR")]
    baseline: PathBuf,
    /// The network of small integers, run at both N
    #[arg(long, value_name = "DIR", default_value = model::DEFAULT_MODEL)]
    model: PathBuf,
    /// The dataset to take the image and the bounds from
    #[arg(long, value_name = "NAME", default_value = "mnist", value_parser = dataset_parser())]
    dataset: DatasetName,
    /// Which test image
    #[arg(long, value_name = "NUMBER", default_value_t = 0)]
    image: usize,
    /// The larger and the smaller N
    #[arg(long, value_name = "N", num_args = 2, default_values_t = [16384, 8192])]
    degrees: Vec<usize>,
    /// Compute at most so many channels of each layer and extrapolate the rest: minutes instead of hours, logits
    /// unchecked
    #[arg(long, value_name = "K")]
    channels: Option<usize>,
    /// Write the record to this file, as one JSON object
    #[arg(long, value_name = "FILE")]
    record: Option<PathBuf>,
    #[command(flatten)]
    data: DataDirectory,
}

/// The larger and the smaller N: clap has counted them.
fn degrees(given: &[usize]) -> anyhow::Result<[usize; 2]> {
    match given {
        [larger, smaller] if larger > smaller => Ok([*larger, *smaller]),
        _ => bail!("--degrees takes two numbers, the larger first"),
    }
}

pub(super) fn run(arguments: &Arguments, output: &mut Output) -> anyhow::Result<Outcome> {
    let [larger, smaller] = degrees(&arguments.degrees)?;
    if bfv::HEXL {
        note(
            "SEAL was compiled with HEXL here, the authors' was not: build with \
             --no-default-features --features cli,zstd for a faithful comparison",
        );
    }
    let baseline = model::load_network(&arguments.baseline)?;
    let small = model::load_network(&arguments.model)?;
    let source = arguments.data.source();
    let test = model::load_images(&baseline, arguments.dataset, Split::Test, &source)?;
    let Some(image) = test.images().nth(arguments.image) else {
        bail!(
            "--image {}: there are {} test images",
            arguments.image,
            test.len()
        );
    };
    let magnitude = |network: &Network| -> anyhow::Result<BigInt> {
        let (bounds, _) = model::observe(network, arguments.dataset, &source)?;
        let logits = bounds.last().context("the network has no layers")?;
        Ok(logits.interval.magnitude())
    };
    let magnitudes = [magnitude(&baseline)?, magnitude(&small)?];
    let at = |degree, magnitude: &BigInt| -> anyhow::Result<PaperParameters> {
        let doubled: BigInt = magnitude * 2;
        let bits = (doubled + 1_u32).bits();
        let primes = bits.div_ceil(PLAIN_BITS_MAX) as usize;
        Ok(PaperParameters::seal_default(degree, primes, magnitude)?)
    };
    let smaller_parameters = at(smaller, &magnitudes[1])?;
    let cases = [
        ("baseline", &baseline, at(larger, &magnitudes[0])?),
        ("small weights", &small, at(larger, &magnitudes[1])?),
        (
            "small weights, small q",
            &small,
            at(larger, &magnitudes[1])?.with_bits_of(&smaller_parameters)?,
        ),
        (
            "small weights, small q, small N",
            &small,
            smaller_parameters,
        ),
    ];
    let part = arguments.channels.map_or(Part::Whole, Part::Channels);
    let mut rows = Vec::new();
    for (case, network, parameters) in cases {
        note(format_args!(
            "{case}: {}, N = {}",
            network.name(),
            parameters.poly_modulus_degree
        ));
        let row = time_paper(case, network, parameters, image, part, &Stages::new())
            .with_context(|| format!("running {} by the authors' schedule", network.name()))?;
        rows.push(row);
    }
    let host = Host::now();
    let record = TimingRecord {
        command: command_line(),
        image: format!("{} test image {}", arguments.dataset, arguments.image),
        rows,
        seal_version: bfv::SEAL_VERSION.to_owned(),
        hexl: bfv::HEXL,
        cpu: host.cpu,
        git_commit: host.git_commit,
        time: host.time,
    };
    show(&record, output)?;
    if let Some(path) = &arguments.record {
        record.save(path)?;
        output.line(format_args!("record: {}", path.display()))?;
    }
    let right = |row: &TimingRow| row.twin_mismatches.is_none_or(|mismatches| mismatches == 0);
    Ok(if record.rows.iter().all(right) {
        Outcome::Success
    } else {
        Outcome::Failure
    })
}

fn show(record: &TimingRecord, output: &mut Output) -> anyhow::Result<()> {
    let first = record.rows.first().map_or(1.0, |row| row.whole_seconds);
    let rows = record.rows.iter().map(|row| {
        let sum = |count: fn(&crate::engine::LayerOps) -> u64| -> u64 {
            row.layers.iter().map(|layer| count(&layer.ops)).sum()
        };
        vec![
            row.case.clone(),
            row.network.clone(),
            row.poly_modulus_degree.to_string(),
            row.coeff_modulus_bits.iter().sum::<u32>().to_string(),
            row.plain_moduli
                .iter()
                .map(|t| (u64::BITS - t.leading_zeros()).to_string())
                .collect::<Vec<_>>()
                .join(" + "),
            table::thousands(sum(|ops| ops.rotations)),
            table::thousands(sum(|ops| ops.rotation_key_switches + ops.relinearizations)),
            table::seconds(row.evaluate_seconds),
            table::seconds(row.whole_seconds),
            format!("{:+.1} %", 100.0 * (row.whole_seconds / first - 1.0)),
            row.twin_mismatches
                .map_or_else(|| "extrapolated".to_owned(), |count| count.to_string()),
            row.noise_budget_bits
                .map_or_else(|| "-".to_owned(), |bits| bits.to_string()),
        ]
    });
    let header = [
        "case",
        "network",
        "N",
        "log2 q",
        "bits of t",
        "rotations",
        "key switches",
        "measured",
        "whole network",
        "against the first",
        "mismatches",
        "budget left",
    ];
    output.line(table::columns(&header, rows))
}
