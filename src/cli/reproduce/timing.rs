//! `sealquant reproduce timing`.

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};

use crate::cli::{
    exit_code, interrupt,
    model::{self, DataDirectory},
    output::{Output, announce, check_directory, check_file, check_files, note, write_text},
    progress::Stages,
    run::command_line,
    table,
};
use crate::{
    data::{DatasetName, Split},
    engine::reference::Part,
    experiment::reproduce::{bits_of, join, plot_timing, timing_document, two_digits},
    experiment::{
        Host, PrimeRun, PrimeSubject, TimingCase, TimingError, TimingRecord, TimingRow,
        write_record,
    },
    file::ResultKind,
    file_kind::Own,
    network::Network,
    params::ReferenceParameters,
    seal,
};
use anyhow::{Context as _, bail};
use num_bigint::BigInt;

#[derive(Debug, clap::Args)]
pub(super) struct TimingArguments {
    /// The network without quantised training, run at the larger N
    #[arg(long, value_name = "DIR", required_unless_present = "only_finished")]
    baseline: Option<PathBuf>,
    /// The network of small integers, run at both N
    #[arg(long, value_name = "DIR", default_value = model::DEFAULT_MODEL)]
    model: PathBuf,
    /// The dataset to take the image and the bounds from
    #[arg(long, value_name = "NAME", default_value = "mnist", value_enum)]
    dataset: DatasetName,
    /// The test image to classify
    #[arg(long, value_name = "NUMBER", default_value = "0", value_parser = model::whole::<usize>(0..=usize::MAX))]
    image: usize,
    /// The larger and the smaller N; twice the same where the noise leaves no choice
    #[arg(long, value_name = "N", num_args = 2, default_values_t = [16384, 8192], value_parser = model::whole::<usize>(1024..=32768))]
    degrees: Vec<usize>,
    /// At the larger and at the smaller N: so many plaintext primes that each need not have more bits than this. Larger ones
    /// take more of the noise budget
    #[arg(long, value_name = "BITS", num_args = 2, default_values_t = [40, 40], value_parser = model::whole::<u64>(14..=60))]
    plain_bits: Vec<u64>,
    /// Compute at most so many channels of each layer, for one plaintext prime, and extrapolate the rest: minutes instead of
    /// hours, logits unchecked
    #[arg(long, value_name = "K", value_parser = model::whole::<usize>(1..=usize::MAX))]
    channels: Option<usize>,
    /// Run at most so many plaintext primes of each case, whole, and extrapolate the others, for which the circuit is the
    /// same; logits are checked modulo those that ran
    #[arg(long, value_name = "K", conflicts_with = "channels", value_parser = model::whole::<u64>(1..=usize::MAX))]
    primes: Option<u64>,
    /// Run these cases only, so that others may run beside them
    #[arg(long = "case", value_name = "CASE", value_enum)]
    cases: Vec<TimingCase>,
    /// Keep the finished run of each plaintext prime in this directory, and take from there those that are finished:
    /// an interrupted comparison goes on
    #[arg(long, value_name = "DIR")]
    runs: Option<PathBuf>,
    /// Run the last case once more with the masks of the authors' program, which correctness leaves no room for
    #[arg(long)]
    masks: bool,
    /// Run nothing: write timing.md and the plots anew from the records in --document
    #[arg(long, requires = "document")]
    only_finished: bool,
    /// Write the record to this file, as one JSON object
    #[arg(long, value_name = "FILE")]
    record: Option<PathBuf>,
    /// Write timing-<dataset>.json and .svg into this directory, and timing.md of all such records there
    #[arg(long, value_name = "DIR")]
    document: Option<PathBuf>,
    #[command(flatten)]
    data: DataDirectory,
}

/// Returns the two numbers; clap has already counted them.
fn two<T: Copy>(given: &[T]) -> anyhow::Result<[T; 2]> {
    match given {
        [first, second] => Ok([*first, *second]),
        _ => bail!("two numbers are needed"),
    }
}

/// A network and the largest magnitude of its logits on the dataset.
struct Subject {
    network: Network,
    magnitude: BigInt,
}

impl Subject {
    fn load(arguments: &TimingArguments, path: &Path) -> anyhow::Result<Self> {
        let network = model::load_network(path)?;
        let source = arguments.data.source();
        let (bounds, _) = model::observe(&network, arguments.dataset, &source)?;
        let logits = bounds.last().context("the network has no layers")?;
        Ok(Self {
            magnitude: logits.interval.magnitude(),
            network,
        })
    }

    /// Returns SEAL's default primes of q, and as few plaintext primes as suffice with at most `plain_bits` bits each.
    fn parameters(&self, degree: usize, plain_bits: u64) -> anyhow::Result<ReferenceParameters> {
        let doubled: BigInt = &self.magnitude * 2;
        let bits = (doubled + 1_u32).bits();
        let primes = bits.div_ceil(plain_bits).max(1) as usize;
        Ok(ReferenceParameters::seal_default(
            degree,
            primes,
            &self.magnitude,
        )?)
    }
}

/// Lists the cases, each with one more change.
fn cases<'a>(
    arguments: &TimingArguments,
    baseline: &'a Subject,
    small: &'a Subject,
) -> anyhow::Result<Vec<(TimingCase, &'a Network, ReferenceParameters)>> {
    let [larger, smaller] = two(&arguments.degrees)?;
    if larger < smaller {
        bail!("--degrees {larger} {smaller}: the larger N comes first");
    }
    let [at_larger, at_smaller] = two(&arguments.plain_bits)?;
    let first = baseline.parameters(larger, at_larger)?;
    if small.magnitude > baseline.magnitude {
        bail!(
            "the logits of {} are larger than those of {}: --baseline takes the network of the larger integers",
            small.network.name(),
            baseline.network.name()
        );
    }
    let fewer = small.parameters(larger, at_larger)?;
    let at_smaller = if smaller == larger {
        at_larger
    } else {
        at_smaller
    };
    let last = small.parameters(smaller, at_smaller)?;
    let small_q = small.parameters(larger, at_smaller)?.with_bits_of(&last)?;
    let mut same = first.clone();
    same.logit_bits = fewer.logit_bits;
    let mut cases = vec![
        (TimingCase::Baseline, &baseline.network, first),
        (TimingCase::SmallWeights, &small.network, same.clone()),
    ];
    if fewer.plain_moduli.len() < same.plain_moduli.len() {
        cases.push((TimingCase::FewerPlainPrimes, &small.network, fewer));
    }
    // With equal degrees nothing about N changes, as when a smaller one has no room for the noise.
    if smaller < larger {
        cases.push((TimingCase::SmallQ, &small.network, small_q));
        cases.push((TimingCase::SmallN, &small.network, last.clone()));
    }
    if arguments.masks {
        cases.push((TimingCase::Masks, &small.network, last));
    }
    Ok(cases)
}

/// The kind of this record: no other file is replaced.
const RECORD: ResultKind = ResultKind::Only(Own::TimingRecord);

pub(super) fn run(arguments: &TimingArguments, output: &mut Output) -> anyhow::Result<ExitCode> {
    if let (true, Some(directory)) = (arguments.only_finished, &arguments.document) {
        return Ok(exit_code(show_again(directory)?));
    }
    if seal::HEXL {
        note(
            "SEAL was compiled with HEXL here, the authors' was not: build with \
             --no-default-features --features cli,zstd for a faithful comparison",
        );
    }
    let baseline = arguments
        .baseline
        .as_deref()
        .context("--baseline is missing")?;
    if let Some(path) = &arguments.record {
        check_file("--record", path, RECORD, None)?;
    }
    if let Some(directory) = &arguments.document {
        let of_dataset = |dataset| {
            let name = |ending| format!("timing-{dataset}.{ending}");
            [(name("json"), RECORD), (name("svg"), ResultKind::Plot)]
        };
        let files = DatasetName::ALL.into_iter().flat_map(of_dataset);
        let document = ("timing.md".to_owned(), ResultKind::Document);
        check_files("--document", directory, files.chain([document]))?;
    }
    let baseline = Subject::load(arguments, baseline)?;
    let small = Subject::load(arguments, &arguments.model)?;
    if let Some(directory) = &arguments.runs {
        std::fs::create_dir_all(directory)
            .with_context(|| format!("cannot keep runs in {}", directory.display()))?;
        check_directory("--runs", directory)?;
        let directory = directory.display().to_string();
        interrupt::say(move || {
            format!(
                "finished plaintext primes are kept in {directory}; the same command goes on from there"
            )
        });
    }
    let source = arguments.data.source();
    let test = model::load_images(&small.network, arguments.dataset, Split::Test, &source)?;
    let (number, all) = (arguments.image, test.len());
    let Some(image) = test.images().nth(number) else {
        bail!("--image {number}: there are {all} test images");
    };
    let mut rows = Vec::new();
    for (case, network, parameters) in cases(arguments, &baseline, &small)? {
        if !arguments.cases.is_empty() && !arguments.cases.contains(&case) {
            continue;
        }
        let subject = PrimeSubject {
            network,
            image,
            part: arguments.channels.map_or(Part::Whole, Part::Channels),
            masks: case == TimingCase::Masks,
        };
        let row = row(arguments, case, subject, &parameters)
            .with_context(|| format!("running {} by the authors' schedule", network.name()))?;
        rows.push(row);
    }
    if rows.is_empty() {
        bail!("--case: there is no such case in this comparison");
    }
    let record = TimingRecord {
        command: command_line(),
        dataset: arguments.dataset,
        image: arguments.image,
        rows,
        peak_memory_bytes: Host::peak_memory_bytes(),
        host: Host::now(),
    };
    // A result that took hours is shown and written wherever possible; only then does an error count.
    let shown = show(&record, output);
    let saved = arguments.record.as_ref().map_or(Ok(()), |path| {
        check_file("--record", path, RECORD, None)?;
        announce(path);
        write_record(path, &record)?;
        output.line(format_args!("record: {}", path.display()))
    });
    if let Some(directory) = &arguments.document {
        write_record(file_of(directory, record.dataset, "json"), &record)?;
        show_again(directory)?;
        let document = directory.join("timing.md");
        output.line(format_args!("written: {}", document.display()))?;
    }
    shown.and(saved)?;
    Ok(exit_code(record.rows.iter().all(TimingRow::is_right)))
}

/// Runs those requested plaintext primes of a case that are not finished.
fn row(
    arguments: &TimingArguments,
    case: TimingCase,
    subject: PrimeSubject<'_>,
    parameters: &ReferenceParameters,
) -> anyhow::Result<TimingRow> {
    let moduli = &parameters.plain_moduli;
    let wanted = match (arguments.channels, arguments.primes) {
        (Some(_), _) => 1,
        (None, Some(primes)) => moduli.len().min(usize::try_from(primes)?),
        (None, None) => moduli.len(),
    };
    let mut runs = Vec::with_capacity(wanted);
    for (number, &t) in moduli.iter().take(wanted).enumerate() {
        note(format_args!(
            "{}: {}, N = {}, t = {t} ({} of {wanted})",
            case.label(),
            subject.network.name(),
            parameters.poly_modulus_degree,
            number + 1
        ));
        runs.push(prime_run(arguments, subject, parameters, t)?);
    }
    Ok(TimingRow::new(case, parameters, &runs)?)
}

/// Returns the run of one plaintext prime: a finished one, or a new one.
fn prime_run(
    arguments: &TimingArguments,
    subject: PrimeSubject<'_>,
    parameters: &ReferenceParameters,
    t: u64,
) -> Result<PrimeRun, TimingError> {
    let Some(directory) = &arguments.runs else {
        return subject.run(parameters, t, &Stages::new());
    };
    if let Some(run) = subject.setting(parameters, t).kept(directory)? {
        note(format_args!(
            "finished {} at commit {}, kept in {}",
            run.time,
            run.git_commit,
            directory.display()
        ));
        return Ok(run);
    }
    let run = subject.run(parameters, t, &Stages::new())?;
    // A run that may have taken an hour is not lost to a full disk.
    if let Err(error) = run.keep(directory) {
        note(format_args!(
            "this run counts here but could not be kept for the next time: {:#}",
            anyhow::Error::from(error)
        ));
    }
    Ok(run)
}

fn file_of(directory: &Path, dataset: DatasetName, ending: &str) -> PathBuf {
    directory.join(format!("timing-{dataset}.{ending}"))
}

/// Writes the plots and the document of all records in the directory. Returns true if all their logits are right.
fn show_again(directory: &Path) -> anyhow::Result<bool> {
    let records = DatasetName::ALL
        .into_iter()
        .map(|dataset| file_of(directory, dataset, "json"))
        .filter(|path| path.exists())
        .map(|path| TimingRecord::load(&path))
        .collect::<Result<Vec<_>, _>>()?;
    for record in &records {
        let dataset = record.dataset;
        let title = format!("{}: one image by the authors' schedule", dataset.title());
        let plot = plot_timing(&title, &record.rows)?;
        write_text(&file_of(directory, dataset, "svg"), &plot)?;
    }
    write_text(&directory.join("timing.md"), &timing_document(&records))?;
    let mut rows = records.iter().flat_map(|record| &record.rows);
    Ok(rows.all(TimingRow::is_right))
}

fn show(record: &TimingRecord, output: &mut Output) -> anyhow::Result<()> {
    let first = record.rows.first().map_or(1.0, |row| row.whole_seconds);
    let rows = record.rows.iter().map(|row| {
        let ops = row.ops();
        vec![
            format!("{}: {}", row.case.label(), row.network),
            row.poly_modulus_degree.to_string(),
            row.coeff_modulus_bits.iter().sum::<u32>().to_string(),
            join(bits_of(&row.plain_moduli), " + "),
            table::thousands(ops.key_switches()),
            table::seconds(row.evaluate_seconds),
            if row.is_measured() {
                table::seconds(row.whole_seconds)
            } else {
                format!("about {}", table::seconds(two_digits(row.whole_seconds)))
            },
            format!("{:+.0} %", 100.0 * (row.whole_seconds / first - 1.0)),
            match row.twin_mismatches {
                Some(count) => count.to_string(),
                None if row.noise_budget_bits == 0 => "too noisy".to_owned(),
                None => "a part".to_owned(),
            },
            row.noise_budget_bits.to_string(),
        ]
    });
    let header = [
        "case",
        "N",
        "bits of q",
        "bits of t",
        "key switches",
        "ran, wall time",
        "whole, processor",
        "change",
        "wrong logits",
        "budget left",
    ];
    output.line(table::columns(&header, rows))
}
