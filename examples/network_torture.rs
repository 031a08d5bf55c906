//! Feeds network files to the reader and to what `sealquant inspect` does. Nothing may panic, and no accepted file may
//! then take long or much memory.
//!
//! ```sh
//! cargo run --no-default-features --features inference,hexl,zstd --example network_torture -- 10000
//! ```
//!
//! The first argument is the number of tries, the second a seed, the third the seconds and the fourth the MiB that a
//! try may take; if a try takes more, the run fails. Seconds are processor time of all threads together where the
//! system tells it, so that other load does not count. The time of a try is that of `sealquant inspect`: reading,
//! bounds and operations twice, and the slowest way to choose parameters. The output is the record: how the tries
//! ended, and the tries that took the most time in each step and the most memory.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    missing_docs,
    reason = "a failed try must end the run"
)]

#[path = "../tests/support/counting.rs"]
mod counting;
#[path = "../tests/support/networks.rs"]
mod support;

use counting::{Counting, processor_time};
use sealquant::network::{FormatError, MAX_TERMS, Network, SplitMix64};
use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::{Duration, Instant};
use support::{WAYS, file, inspect, known};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// The current try: its name and the processor time at its start.
static UNDER_WAY: Mutex<Option<(String, Duration)>> = Mutex::new(None);

/// The limits of a try.
#[derive(Clone, Copy)]
struct Allowed {
    time: Duration,
    bytes: usize,
}

#[derive(Default)]
struct Tally {
    /// Number of tries for each way they end.
    ends: BTreeMap<String, u64>,
    /// Longest time of each step, and the try.
    longest: BTreeMap<String, (Duration, String)>,
    /// Largest number of bytes allocated, and the try.
    most: (usize, String),
    /// Longest time of all steps together, and the try.
    slowest: (Duration, String),
    failures: Vec<String>,
}

impl Tally {
    /// Reads bytes and, if they are a network, inspects it.
    fn try_bytes(&mut self, name: &str, bytes: &[u8], allowed: Allowed) {
        *UNDER_WAY.lock().unwrap() = Some((name.to_owned(), processor_time()));
        let before = Counting::mark();
        let start = processor_time();
        let since = |start| processor_time().saturating_sub(start);
        let mut steps: Vec<(String, Duration)> = Vec::new();
        let end = match Network::from_slice(bytes) {
            Ok(network) => {
                steps.push(("load".into(), since(start)));
                inspect(&network, &WAYS, processor_time, |step, time| {
                    steps.push((step.to_owned(), time));
                });
                "accepted".to_owned()
            }
            Err(error) => {
                steps.push(("refuse".into(), since(start)));
                refusal(&error)
            }
        };
        let held = Counting::peak_since(before);
        let time = of_inspect(&steps);
        if time > allowed.time || held > allowed.bytes {
            let steps: Vec<_> = steps
                .iter()
                .map(|(step, time)| format!("{step} {:.2}", time.as_secs_f64()))
                .collect();
            let failure = format!(
                "{name}: {:.2} s, {} MiB; a file of {} bytes; seconds of the processor by step: {}",
                time.as_secs_f64(),
                held >> 20,
                bytes.len(),
                steps.join(", ")
            );
            println!("TOO MUCH {failure}");
            self.failures.push(failure);
        }
        if held > self.most.0 {
            self.most = (held, name.to_owned());
        }
        if time > self.slowest.0 {
            self.slowest = (time, name.to_owned());
        }
        for (step, time) in steps {
            let longest = self.longest.entry(step).or_default();
            if time > longest.0 {
                *longest = (time, name.to_owned());
            }
        }
        *self.ends.entry(end).or_default() += 1;
        *UNDER_WAY.lock().unwrap() = None;
    }
}

/// Adds up the steps of one `inspect`, with only the slowest way of choosing parameters: bounds and operations are
/// computed twice, for tables and for parameters.
fn of_inspect(steps: &[(String, Duration)]) -> Duration {
    let (mut once, mut way) = (Duration::ZERO, Duration::ZERO);
    for (step, time) in steps {
        match step.as_str() {
            "load" | "refuse" => once += *time,
            "bounds" | "operations" => once += 2 * *time,
            _ => way = way.max(*time),
        }
    }
    once + way
}

/// Returns the field at fault, without its indices, or the name of the error's variant.
fn refusal(error: &FormatError) -> String {
    if let FormatError::Network(error) = error {
        return error.field.replace(|c: char| c.is_ascii_digit(), "");
    }
    counting::variant(error)
}

/// Ends the process if a try does not end.
fn watch(allowed: Allowed) {
    std::thread::spawn(move || {
        loop {
            std::thread::sleep(Duration::from_secs(1));
            let under_way = UNDER_WAY.lock().unwrap().clone();
            if let Some((name, start)) = under_way
                && processor_time().saturating_sub(start) > 60 * allowed.time
            {
                println!("ENDLESS {name}: more than {:?}", 60 * allowed.time);
                std::process::exit(1);
            }
        }
    });
}

fn main() {
    let mut arguments = std::env::args().skip(1);
    let mut argument = |default: u64| {
        let text = arguments.next();
        text.map_or(default, |text| text.parse().unwrap())
    };
    let (tries, seed, seconds, mebibytes) =
        (argument(1000), argument(1), argument(10), argument(1024));
    let allowed = Allowed {
        time: Duration::from_secs(seconds),
        bytes: (mebibytes as usize) << 20,
    };
    watch(allowed);
    let mut tally = Tally::default();
    let start = Instant::now();
    for (name, network) in known() {
        match network.build() {
            Ok(network) => tally.try_bytes(name, network.to_json().as_bytes(), allowed),
            Err(error) => println!("refused: {name}: {error}"),
        }
    }
    let mut random = SplitMix64::new(seed);
    for number in 1..=tries {
        let bytes = file(&mut random);
        tally.try_bytes(&format!("try {number}"), &bytes, allowed);
    }
    println!(
        "{tries} tries (seed {seed}) and {} known networks in {:.1} s; at most {MAX_TERMS} terms",
        known().len(),
        start.elapsed().as_secs_f64()
    );
    for (end, count) in &tally.ends {
        println!("{end}: {count}");
    }
    for (step, (time, name)) in &tally.longest {
        println!("longest {step}: {:.2} s ({name})", time.as_secs_f64());
    }
    let (time, name) = &tally.slowest;
    println!("longest of all: {:.2} s ({name})", time.as_secs_f64());
    let (bytes, name) = &tally.most;
    println!("most memory: {} MiB ({name})", bytes >> 20);
    println!(
        "{} tries took more than {seconds} s or {mebibytes} MiB",
        tally.failures.len()
    );
    assert!(tally.failures.is_empty(), "see above");
}
