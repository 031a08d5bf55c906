//! The record that a benchmark writes. Benchmarks share this file through `#[path]`.

use sealquant::experiment::{Host, write_record};
use sealquant::seal::{HEXL, SEAL_VERSION};
use serde::Serialize;
use std::error::Error;
use std::path::{Path, PathBuf};

/// Place, time and results of a benchmark.
#[derive(Debug, Serialize)]
pub struct Record<R> {
    pub time: String,
    pub git_commit: String,
    pub cpu: String,
    pub seal_version: String,
    pub hexl: bool,
    pub arguments: Vec<String>,
    /// Environment variables that choose HEXL's instructions.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub environment: Vec<String>,
    pub rows: Vec<R>,
}

impl<R: Serialize> Record<R> {
    /// Makes a record of rows that were just measured.
    pub fn new(mut arguments: Vec<String>, rows: Vec<R>) -> Self {
        let host = Host::now();
        // The path of the record is not part of it.
        if let Some(at) = arguments.iter().position(|argument| argument == "--out") {
            arguments.drain(at..(at + 2).min(arguments.len()));
        }
        // Other variables may not be valid text.
        let environment = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value)))
            .filter(|(name, _)| name.starts_with("HEXL_"));
        Self {
            time: host.time,
            git_commit: host.git_commit,
            cpu: host.cpu,
            seal_version: SEAL_VERSION.to_owned(),
            hexl: HEXL,
            arguments,
            environment: environment
                .map(|(name, value)| format!("{name}={}", value.to_string_lossy()))
                .collect(),
            rows,
        }
    }

    /// Writes the record to a file and prints its path.
    pub fn write(&self, path: &Path) -> Result<(), Box<dyn Error>> {
        write_record(path, self)?;
        println!("record: {}", path.display());
        Ok(())
    }
}

/// Returns the path of a benchmark's record if no other is requested.
pub fn default_path(benchmark: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("target/bench")
        .join(benchmark)
        .with_extension("json")
}
