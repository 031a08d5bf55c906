//! The public benchmark's programs without its harness: `cargo bench --bench fhe_benchmark`.
//!
//! Builds the submission of `examples/fhe_benchmark` and runs its programs for each size in folders of the harness's layout, on
//! the first test images of MNIST. Times are those of whole processes, from file to file, and start-up counts. Options, after
//! `--`:
//!
//! | option | |
//! | --- | --- |
//! | `--sizes 0,1,2,3` | sizes; default all: 1, 15, 1,000 and 10,000 images |
//! | `--repeat N` | runs that count, after one that does not; default 5 |
//! | `--out FILE` | path of the record; default `target/bench/fhe_benchmark.json` |

#[path = "../common/fhe_harness.rs"]
mod fhe_harness;
#[path = "../common/record.rs"]
mod record;

use fhe_harness::{Harness, HarnessRun};
use record::{Record, default_path};
use sealquant::experiment::Spread;
use serde::Serialize;
use std::collections::BTreeMap;
use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A size.
#[derive(Debug, Serialize)]
struct Row {
    size: String,
    images: usize,
    runs: usize,
    /// Milliseconds of all programs.
    total_milliseconds: Spread,
    /// Milliseconds of each program.
    milliseconds: BTreeMap<String, Spread>,
    public_key_bytes: u64,
    upload_bytes: u64,
    download_bytes: u64,
    /// Images that were classified as their labels say.
    right: usize,
}

impl Row {
    fn of(runs: &[HarnessRun]) -> Option<Self> {
        let first = runs.first()?;
        let mut programs = BTreeMap::<_, Vec<f64>>::new();
        for (program, time) in runs.iter().flat_map(|run| &run.milliseconds) {
            programs.entry(program.clone()).or_default().push(*time);
        }
        let programs = programs.into_iter();
        Some(Self {
            size: first.size.clone(),
            images: first.images,
            runs: runs.len(),
            total_milliseconds: Spread::of(runs.iter().map(|run| run.total_milliseconds).collect()),
            milliseconds: programs
                .map(|(name, times)| (name, Spread::of(times)))
                .collect(),
            public_key_bytes: first.public_key_bytes,
            upload_bytes: first.upload_bytes,
            download_bytes: first.download_bytes,
            right: runs.iter().map(|run| run.right).min()?,
        })
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (mut sizes, mut repeat, mut out) = (vec![0, 1, 2, 3], 5, default_path("fhe_benchmark"));
    let mut given = arguments.iter();
    while let Some(name) = given.next() {
        if name == "--bench" {
            continue;
        }
        let value = given.next().ok_or(format!("{name} needs a value"))?;
        match name.as_str() {
            "--sizes" => sizes = value.split(',').map(str::parse).collect::<Result<_, _>>()?,
            "--repeat" => repeat = value.parse()?,
            "--out" => out = PathBuf::from(value),
            other => return Err(format!("no option {other}").into()),
        }
    }
    if let Some(size) = sizes.iter().find(|&&size| size > 3) {
        return Err(format!("no size {size}").into());
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folder = tempfile::tempdir()?;
    let programs = folder.path().join("submission/build");
    let built = Command::new(root.join("examples/fhe_benchmark/build.sh"))
        .arg(&programs)
        .status()?;
    if !built.success() {
        return Err("the submission cannot be built".into());
    }
    let mut rows = Vec::new();
    for size in sizes {
        let harness = Harness::new(folder.path(), &programs, size)?;
        harness.run()?;
        let runs = (0..repeat)
            .map(|_| harness.run())
            .collect::<Result<Vec<_>, _>>()?;
        let row = Row::of(&runs).ok_or("--repeat is at least 1")?;
        let Spread {
            lower,
            median,
            upper,
        } = row.total_milliseconds;
        println!(
            "{}: {} images, {median:.0} ms ({lower:.0}..{upper:.0}), {} right; keys {:.2} MB, up {:.2} MB, down {:.2} MB",
            row.size,
            row.images,
            row.right,
            row.public_key_bytes as f64 / 1e6,
            row.upload_bytes as f64 / 1e6,
            row.download_bytes as f64 / 1e6,
        );
        for (program, Spread { median, .. }) in &row.milliseconds {
            println!("  {program}: {median:.1} ms");
        }
        rows.push(row);
    }
    Record::new(arguments, rows).write(&out)
}
