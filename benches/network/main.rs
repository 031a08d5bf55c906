//! Compares whole networks by stock SEAL calls: this crate's engine against the same calls written in C++.
//!
//! ```text
//! cargo bench --bench network [-- --rounds N] [--only stock|paper] [--layers L] [--channels K] [--out FILE]
//! ```
//!
//! It runs `mnist-w2` by stock SEAL calls, batched (611 ciphertexts; its first L layers, all by default), and in the authors'
//! schedule at N = 8192 (a part of each layer: K channels, 2 by default). Both sides work on the same ciphertexts, keys
//! and contexts in one process, on one thread, and their responses are compared word for word. In each round C++, this
//! crate and C++ again run once, in an order that changes; a ratio is the median over the rounds, from processor times.
//! The record is written to `target/bench/network.json` unless `--out` names a file.

mod paper;
#[path = "../common/record.rs"]
mod record;
mod stock;

use record::Record;
use sealquant::experiment::Spread;
use sealquant::network::Network;
use sealquant::seal::Ciphertext;
use sealquant_native_bench::network::thread_nanoseconds;
use serde::Serialize;
use std::error::Error;
use std::ffi::c_void;
use std::fmt::Write as _;
use std::path::PathBuf;

/// The common interface of both benchmarks.
trait Schedule {
    /// Describes what is evaluated, including the parameters.
    fn name(&self) -> String;
    /// Evaluates from C++ and keeps the response.
    fn native(&mut self) -> Result<(), Box<dyn Error>>;
    /// Evaluates with this crate's engine and keeps the response.
    fn engine(&mut self) -> Result<(), Box<dyn Error>>;
    /// Tells whether the two responses are equal, word for word, and not empty.
    fn is_equal(&self) -> bool;
}

/// One schedule, measured.
#[derive(Debug, Serialize)]
struct Row {
    name: String,
    rounds: usize,
    native_seconds: Spread,
    crate_seconds: Spread,
    /// This crate's time divided by C++'s; both runs of C++ count.
    ratio: Spread,
    /// C++'s second run divided by its first: the measurement's own error.
    control: Spread,
}

struct Arguments {
    rounds: usize,
    only: Option<String>,
    layers: usize,
    channels: usize,
    out: PathBuf,
}

impl Arguments {
    fn parse(given: &[String]) -> Result<Self, Box<dyn Error>> {
        let mut arguments = Self {
            rounds: 12,
            only: None,
            layers: usize::MAX,
            channels: 2,
            out: record::default_path("network"),
        };
        let mut rest = given.iter();
        while let Some(argument) = rest.next() {
            let mut value = || {
                rest.next()
                    .ok_or_else(|| format!("{argument} needs a value"))
            };
            match argument.as_str() {
                // Passed by cargo.
                "--bench" => {}
                "--rounds" => arguments.rounds = value()?.parse::<usize>()?.max(1),
                "--only" => arguments.only = Some(value()?.clone()),
                "--layers" => arguments.layers = value()?.parse()?,
                "--channels" => arguments.channels = value()?.parse()?,
                "--out" => arguments.out = value()?.into(),
                _ => return Err(format!("{argument} is not an argument of this benchmark").into()),
            }
        }
        Ok(arguments)
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let given: Vec<String> = std::env::args().skip(1).collect();
    let arguments = Arguments::parse(&given)?;
    sealquant::experiment::check_record_path(&arguments.out)?;
    let network = Network::load(concat!(env!("CARGO_MANIFEST_DIR"), "/models/mnist-w2"))?;
    let wanted = |name: &str| arguments.only.as_deref().is_none_or(|only| only == name);
    let mut rows = Vec::new();
    if wanted("stock") {
        let mut stock = stock::Stock::new(&network, arguments.layers)?;
        rows.push(measure(&mut stock, arguments.rounds)?);
    }
    if wanted("paper") {
        let mut paper = paper::Paper::new(&network, arguments.channels)?;
        rows.push(measure(&mut paper, arguments.rounds)?);
    }
    let record = Record::new(given, rows);
    println!("{}", table(&record));
    record.write(&arguments.out)
}

/// Measures the calling thread's processor time in seconds.
fn timed(work: impl FnOnce() -> Result<(), Box<dyn Error>>) -> Result<f64, Box<dyn Error>> {
    let start = thread_nanoseconds();
    work()?;
    Ok((thread_nanoseconds() - start) as f64 / 1e9)
}

/// Runs one round that does not count, in which the responses are compared, and then the rounds that count.
fn measure(schedule: &mut dyn Schedule, rounds: usize) -> Result<Row, Box<dyn Error>> {
    schedule.native()?;
    schedule.engine()?;
    if !schedule.is_equal() {
        return Err(format!("{}: the responses differ", schedule.name()).into());
    }
    let mut times = [const { Vec::new() }; 3];
    for round in 0..rounds {
        for turn in 0..3 {
            // Each caller runs at each position, and after each of the others.
            let place = if round % 6 < 3 { turn } else { 2 - turn };
            let caller = (round + place) % 3;
            times[caller].push(match caller {
                1 => timed(|| schedule.engine())?,
                _ => timed(|| schedule.native())?,
            });
        }
        eprintln!("{}: round {} of {rounds}", schedule.name(), round + 1);
    }
    if !schedule.is_equal() {
        return Err(format!("{}: the responses differ", schedule.name()).into());
    }
    let [native, engine, control] = times;
    let ratios = |over: &[f64], under: &[f64]| -> Vec<f64> {
        over.iter().zip(under).map(|(a, b)| a / b).collect()
    };
    let mut ratio = ratios(&engine, &native);
    ratio.extend(ratios(&engine, &control));
    Ok(Row {
        name: schedule.name(),
        rounds,
        ratio: Spread::of(ratio),
        control: Spread::of(ratios(&control, &native)),
        native_seconds: Spread::of(native),
        crate_seconds: Spread::of(engine),
    })
}

fn table(record: &Record<Row>) -> String {
    let mut text = format!(
        "{}, SEAL {} {}, commit {}, {}\n\n\
         | schedule | rounds | C++, s | this crate, s | crate / C++ | quartiles | C++ / C++ | quartiles |\n\
         | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |\n",
        record.cpu,
        record.seal_version,
        if record.hexl {
            "with HEXL"
        } else {
            "without HEXL"
        },
        record.git_commit,
        record.time
    );
    for row in &record.rows {
        let _ = writeln!(
            text,
            "| {} | {} | {:.3} | {:.3} | {:.4} | {:.4}..{:.4} | {:.4} | {:.4}..{:.4} |",
            row.name,
            row.rounds,
            row.native_seconds.median,
            row.crate_seconds.median,
            row.ratio.median,
            row.ratio.lower,
            row.ratio.upper,
            row.control.median,
            row.control.lower,
            row.control.upper
        );
    }
    text
}

/// Returns pointers to SEAL's objects.
fn pointers(ciphertexts: &[Ciphertext]) -> Vec<*const c_void> {
    ciphertexts.iter().map(Ciphertext::as_seal_ptr).collect()
}

/// Tells whether two lists of ciphertexts hold the same words.
fn same(a: &[Ciphertext], b: &[Ciphertext]) -> bool {
    !a.is_empty()
        && a.len() == b.len()
        && a.iter()
            .zip(b)
            .all(|(a, b)| a.size() == b.size() && !a.limbs().is_empty() && a.limbs() == b.limbs())
}
