//! Feeds damaged ONNX files to the importer. Nothing may panic, and no file may take long or much memory.
//!
//! ```sh
//! cargo run --no-default-features --features inference,hexl,zstd --example onnx_torture -- 100000
//! ```
//!
//! The first argument is the number of tries, the second a seed, the third the seconds and the fourth the MiB that a
//! try may take; if a try takes more, the run fails. Seconds are processor time of all threads together where the
//! system tells it. Each try takes a file of `examples/import/onnx` and changes it: bytes as they lie, or fields of the
//! messages of which it consists, so that the changed file is still one. The output is the record: how the tries ended,
//! and the tries that took the most.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    missing_docs,
    reason = "a failed try must end the run"
)]

#[path = "../tests/support/counting.rs"]
mod counting;
#[path = "../tests/support/protobuf.rs"]
mod protobuf;

use counting::{Counting, processor_time, variant};
use protobuf::{consists_of_messages, damage};
use sealquant::network::SplitMix64;
use sealquant::onnx::{ImportOptions, import};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn main() {
    let mut arguments = std::env::args().skip(1);
    let mut argument = |default: u64| {
        let text = arguments.next();
        text.map_or(default, |text| text.parse().unwrap())
    };
    let (tries, seed, seconds, mebibytes) =
        (argument(10_000), argument(1), argument(1), argument(256));
    let samples = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/import/onnx");
    let folder = tempfile::tempdir().unwrap();
    let mut files = Vec::new();
    for entry in fs::read_dir(&samples).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_owned();
        if path
            .extension()
            .is_some_and(|extension| extension == "onnx")
        {
            files.push(fs::read(&path).unwrap());
        } else if path
            .extension()
            .is_some_and(|extension| extension == "data")
        {
            // Tensors beside a file.
            fs::copy(&path, folder.path().join(name)).unwrap();
        }
    }
    files.sort();
    assert!(!files.is_empty() && files.iter().all(|file| consists_of_messages(file)));
    let tried = folder.path().join("tried.onnx");
    let mut random = SplitMix64::new(seed);
    let mut ends: BTreeMap<String, u64> = BTreeMap::new();
    let (mut slowest, mut most) = ((Duration::ZERO, 0), (0, 0));
    let mut failures = 0;
    let start = Instant::now();
    for number in 1..=tries {
        let bytes = damage(&mut random, &files);
        fs::write(&tried, &bytes).unwrap();
        let before = Counting::mark();
        let begun = processor_time();
        let result = import(&tried, &ImportOptions::default());
        let time = processor_time().saturating_sub(begun);
        let held = Counting::peak_since(before);
        if time > Duration::from_secs(seconds) || held > (mebibytes as usize) << 20 {
            failures += 1;
            println!(
                "TOO MUCH try {number}: {:.2} s, {} MiB; a file of {} bytes",
                time.as_secs_f64(),
                held >> 20,
                bytes.len()
            );
        }
        slowest = slowest.max((time, number));
        most = most.max((held, number));
        let end = match result {
            Ok(_) => "imported".to_owned(),
            Err(error) => variant(&error),
        };
        *ends.entry(end).or_default() += 1;
    }
    println!(
        "{tries} tries (seed {seed}) in {:.1} s",
        start.elapsed().as_secs_f64()
    );
    for (end, count) in &ends {
        println!("{end}: {count}");
    }
    let (time, number) = slowest;
    println!("longest: {:.2} s (try {number})", time.as_secs_f64());
    let (bytes, number) = most;
    println!("most memory: {} MiB (try {number})", bytes >> 20);
    println!("{failures} tries took more than {seconds} s or {mebibytes} MiB");
    assert!(failures == 0, "see above");
}
