//! What a service survives, recorded: `cargo bench --bench faults`.
//!
//! Service, workers and three NATS nodes (`scripts/nats.sh`) are processes of their own on this machine. Each answer must equal
//! the twin's in every logit. The scenarios are those of the test `queue`: `tests/queue/faults.rs`. Hostile bodies are a part of
//! the benchmark `service`.
//!
//! Options, after `--`: `--requests N` for the run in which processes are killed, default 200; `--out FILE`, default
//! `target/bench/service_faults.json`.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a wrong answer ends the benchmark"
)]

#[path = "../../tests/queue/faults.rs"]
mod faults;
#[allow(dead_code, reason = "the tests use more of it")]
#[path = "../../tests/queue/kit.rs"]
mod kit;
#[allow(dead_code, reason = "the tests use more of it")]
#[path = "../../tests/support/nats.rs"]
mod nats;
#[path = "../common/record.rs"]
mod record;

use std::{error::Error, path::PathBuf};

use faults::Fault;
use record::{Record, default_path};
use serde::Serialize;

/// A fault that the service survived.
#[derive(Debug, Serialize)]
struct Row {
    what: &'static str,
    /// Requests that were answered, each in every logit as by the twin.
    answered: usize,
    refused: usize,
    /// Milliseconds of a request as its client sees it, with all its attempts.
    median: f64,
    longest: f64,
    seconds: f64,
}

impl From<Fault> for Row {
    fn from(fault: Fault) -> Self {
        let times = &fault.milliseconds;
        Self {
            what: fault.what,
            answered: times.len(),
            refused: fault.refused,
            median: times[times.len() / 2],
            longest: times[times.len() - 1],
            seconds: fault.seconds,
        }
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (mut requests, mut out) = (200, default_path("service_faults"));
    let mut given = arguments.iter();
    while let Some(name) = given.next() {
        if name == "--bench" {
            continue;
        }
        let value = given.next().ok_or(format!("{name} needs a value"))?;
        match name.as_str() {
            "--requests" => requests = value.parse()?,
            "--out" => out = PathBuf::from(value),
            other => return Err(format!("no option {other}").into()),
        }
    }
    let program = nats::program().ok_or("there is no nats-server")?;
    let faults = [
        Some(faults::killed(&program, requests)),
        faults::full_disk(),
        Some(faults::warm_restart()),
        Some(faults::few_files(100)),
    ];
    let rows: Vec<Row> = faults.into_iter().flatten().map(Row::from).collect();
    for row in &rows {
        println!(
            "{}: {} answered, {} refused, median {:.0} ms, longest {:.0} ms, {:.1} s",
            row.what, row.answered, row.refused, row.median, row.longest, row.seconds
        );
    }
    Record::new(arguments, rows).write(&out)
}
