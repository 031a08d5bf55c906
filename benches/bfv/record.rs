//! The record of a run, its table, and its comparison with another record.

use crate::measure::{Effort, Row, geometric_mean};
use sealquant::experiment::{Host, write_record};
use sealquant::seal::{HEXL, SEAL_VERSION};
use serde::{Deserialize, Serialize};
use std::error::Error;
use std::fmt::Write as _;
use std::path::Path;

/// The measurements, and the machine they were made on.
#[derive(Debug, Serialize, Deserialize)]
pub struct Record {
    /// Time of the record: RFC 3339, UTC.
    pub time: String,
    /// The commit, with `-dirty` if files differ from it.
    pub git_commit: String,
    /// The processor's model.
    pub cpu: String,
    /// Number of processors that the system offers.
    pub processors: usize,
    /// SEAL's version.
    pub seal_version: String,
    /// True if SEAL was compiled with Intel HEXL.
    pub hexl: bool,
    /// This crate's version.
    pub package_version: String,
    /// The command's arguments.
    pub arguments: Vec<String>,
    /// The amount of measuring.
    pub effort: Effort,
    /// The measured operations.
    pub rows: Vec<Row>,
}

impl Record {
    /// Makes an empty record of this machine and program.
    pub fn start(arguments: Vec<String>, effort: Effort) -> Self {
        let host = Host::now();
        Self {
            time: host.time,
            git_commit: host.git_commit,
            cpu: host.cpu,
            processors: std::thread::available_parallelism().map_or(1, usize::from),
            seal_version: SEAL_VERSION.to_owned(),
            hexl: HEXL,
            package_version: env!("CARGO_PKG_VERSION").to_owned(),
            arguments,
            effort,
            rows: Vec::new(),
        }
    }

    /// Reads a record.
    pub fn read(path: &Path) -> Result<Self, Box<dyn Error>> {
        Ok(serde_json::from_slice(&std::fs::read(path)?)?)
    }

    /// Writes the record.
    pub fn write(&self, path: &Path) -> Result<(), Box<dyn Error>> {
        Ok(write_record(path, self)?)
    }

    /// Describes the machine and the versions in a line of Markdown.
    pub fn heading(&self) -> String {
        format!(
            "{} x {}, SEAL {} {}, commit {}, {}",
            self.processors,
            self.cpu,
            self.seal_version,
            if self.hexl {
                "with HEXL"
            } else {
                "without HEXL"
            },
            self.git_commit.get(..12).unwrap_or(&self.git_commit),
            self.time
        )
    }

    /// Formats the rows and the summary as Markdown.
    pub fn table(&self) -> String {
        let mut text = String::from(
            "| N | operation | C++, µs | this crate, µs | C layer, µs | crate / C++ | quartiles | crate / C layer | \
             C++ / C++ |\n| ---: | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |\n",
        );
        for row in &self.rows {
            let _ = writeln!(
                text,
                "| {} | {} | {} | {} | {} | {:.3} | {:.3}..{:.3} | {:.3} | {:.3} |",
                row.poly_modulus_degree,
                row.operation,
                microseconds(row.native_us.median),
                microseconds(row.crate_us.median),
                microseconds(row.exported_us.median),
                row.crate_to_native.median,
                row.crate_to_native.lower,
                row.crate_to_native.upper,
                row.crate_to_exported.median,
                row.control.median
            );
        }
        text
    }

    /// Formats the geometric means and the worst operations as a Markdown list.
    pub fn summary(&self) -> String {
        let mean = |ratio: fn(&Row) -> f64| geometric_mean(self.rows.iter().map(ratio));
        let same = self.rows.iter().filter(|row| !row.is_own);
        let worst = |ratio: fn(&Row) -> f64| {
            self.rows
                .iter()
                .max_by(|a, b| ratio(a).total_cmp(&ratio(b)))
                .map_or_else(String::new, |row| {
                    format!(
                        "{:.3} ({}, N = {})",
                        ratio(row),
                        row.operation,
                        row.poly_modulus_degree
                    )
                })
        };
        let to_native = |row: &Row| row.crate_to_native.median;
        let to_exported = |row: &Row| row.crate_to_exported.median;
        let control = |row: &Row| row.control.median;
        let within = self
            .rows
            .iter()
            .filter(|row| to_native(row) <= 1.02)
            .count();
        format!(
            "- crate / C++: geometric mean {:.4}, worst {}, at most 1.02 in {within} of {} rows\n\
             - crate / C++ where both call the same function of SEAL: geometric mean {:.4}\n\
             - crate / C layer: geometric mean {:.4}, worst {}\n\
             - C++ / C++ (the measurement's own error): geometric mean {:.4}, worst {}\n",
            mean(to_native),
            worst(to_native),
            self.rows.len(),
            geometric_mean(same.map(to_native)),
            mean(to_exported),
            worst(to_exported),
            mean(control),
            worst(control)
        )
    }

    /// Compares this crate's medians in this record with those in another, as Markdown.
    pub fn table_against(&self, other: &Self) -> String {
        let name = |record: &Self| {
            if record.hexl {
                "with HEXL"
            } else {
                "without HEXL"
            }
        };
        let mut text = format!(
            "| N | operation | {}, µs | {}, µs | ratio |\n| ---: | --- | ---: | ---: | ---: |\n",
            name(other),
            name(self)
        );
        for row in &self.rows {
            let same = |candidate: &&Row| {
                candidate.operation == row.operation
                    && candidate.poly_modulus_degree == row.poly_modulus_degree
            };
            if let Some(before) = other.rows.iter().find(same) {
                let _ = writeln!(
                    text,
                    "| {} | {} | {} | {} | {:.2} |",
                    row.poly_modulus_degree,
                    row.operation,
                    microseconds(before.crate_us.median),
                    microseconds(row.crate_us.median),
                    before.crate_us.median / row.crate_us.median
                );
            }
        }
        text
    }
}

/// Formats at least three significant digits.
fn microseconds(value: f64) -> String {
    if value < 10.0 {
        format!("{value:.2}")
    } else if value < 100.0 {
        format!("{value:.1}")
    } else {
        format!("{value:.0}")
    }
}
