//! Compares BFV through this crate with SEAL called from C++ and with SEAL's C export layer.
//!
//! ```text
//! cargo bench --bench bfv [-- --quick] [--degree N]... [--only TEXT] [--out FILE] [--against FILE]
//! ```
//!
//! All three call SEAL on the very same objects: one context, one set of keys, one set of operands at the same
//! addresses. In each round every caller runs a block of calls, in an order that changes from round to round, so that
//! drifts of the machine affect all callers alike; the ratio of two callers is the median over rounds. C++ runs twice
//! in each round: the ratio of its two times is the measurement's own error. Before anything is timed, the results are
//! compared bit for bit.
//!
//! criterion is not made for differences of half a percent: it measures one function after the other and compares means
//! from different minutes. Hence this harness.
//!
//! The record is written to `target/bench/bfv.json` unless `--out` names a file; `--against` compares it with another
//! record. The linked SEAL must contain SEAL's C export layer, as the one that `seal-sys` builds does.

mod exported;
mod kit;
mod measure;
mod record;

use crate::kit::{Caller, Kit, Outcome};
use crate::measure::{Effort, measure};
use crate::record::Record;
use sealquant_native_bench::Operation;
use std::error::Error;
use std::path::PathBuf;

const DEGREES: [usize; 3] = [4096, 8192, 16384];

const FULL: Effort = Effort {
    rounds: 200,
    block_microseconds: 500,
    operation_milliseconds: 2500,
};

const QUICK: Effort = Effort {
    rounds: 16,
    block_microseconds: 200,
    operation_milliseconds: 400,
};

struct Arguments {
    effort: Effort,
    degrees: Vec<usize>,
    only: Option<String>,
    out: PathBuf,
    against: Option<PathBuf>,
}

impl Arguments {
    fn parse(given: &[String]) -> Result<Self, Box<dyn Error>> {
        let mut arguments = Self {
            effort: FULL,
            degrees: Vec::new(),
            only: None,
            out: PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("target/bench/bfv.json"),
            against: None,
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
                "--quick" => arguments.effort = QUICK,
                "--degree" => arguments.degrees.push(value()?.parse()?),
                "--only" => arguments.only = Some(value()?.clone()),
                "--out" => arguments.out = value()?.into(),
                "--against" => arguments.against = Some(value()?.into()),
                _ => return Err(format!("{argument} is not an argument of this benchmark").into()),
            }
        }
        if arguments.degrees.is_empty() {
            arguments.degrees = DEGREES.to_vec();
        }
        Ok(arguments)
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let given: Vec<String> = std::env::args().skip(1).collect();
    let arguments = Arguments::parse(&given)?;
    sealquant::experiment::check_record_path(&arguments.out)?;
    let other = arguments.against.as_deref().map(Record::read).transpose()?;
    let mut record = Record::start(given, arguments.effort);
    println!("{}\n", record.heading());
    for &degree in &arguments.degrees {
        let mut kit = Kit::new(degree)?;
        for operation in Operation::ALL {
            let wanted = |text: &String| operation.name().contains(text.as_str());
            if !arguments.only.as_ref().is_none_or(wanted) {
                continue;
            }
            compare_outcomes(&mut kit, operation)?;
            eprintln!("N = {degree}: {}", operation.name());
            record
                .rows
                .push(measure(&mut kit, operation, arguments.effort)?);
        }
    }
    println!("{}\n{}", record.table(), record.summary());
    if let Some(other) = other {
        println!("{}\n\n{}", other.heading(), record.table_against(&other));
    }
    record.write(&arguments.out)?;
    println!("record: {}", arguments.out.display());
    Ok(())
}

/// Checks that all callers compute the same, bit for bit, or, for operations with randomness, the same after
/// decryption.
fn compare_outcomes(kit: &mut Kit, operation: Operation) -> Result<(), Box<dyn Error>> {
    let native = kit.outcome(Caller::Native, operation)?;
    for caller in [Caller::Crate, Caller::Exported] {
        if kit.outcome(caller, operation)? != native {
            return Err(format!("{}: {caller:?} differs from C++", operation.name()).into());
        }
    }
    if let Outcome::Slots(slots) = native
        && slots != kit.expected_slots(operation)
    {
        return Err(format!("{}: the slots are not those encoded", operation.name()).into());
    }
    Ok(())
}
