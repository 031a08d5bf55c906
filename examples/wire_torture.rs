//! Throws damaged messages at the wire format's reader and watches it: no panic, nothing accepted that is not valid, no
//! allocation out of proportion.
//!
//! ```sh
//! cargo run --no-default-features --features hexl,zstd --example wire_torture -- 1000000
//! ```
//!
//! The first argument is the number of tries, the second a seed. The last line is the record.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    missing_docs,
    reason = "a failed try must end the run"
)]

#[path = "../tests/support/messages.rs"]
mod support;

use sealquant::wire::{Limits, WireError, reencode};
use std::alloc::{GlobalAlloc, Layout, System};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;
use support::{Random, context, damage, messages};

/// Counts the bytes that Rust code holds, and their peak.
struct Counting;

static HELD: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);

// SAFETY: every call goes to the system's allocator unchanged; only counters are kept beside.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let held = HELD.fetch_add(layout.size(), Ordering::Relaxed) + layout.size();
        PEAK.fetch_max(held, Ordering::Relaxed);
        // SAFETY: as the caller promised.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        HELD.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: as the caller promised.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// What a reader may hold beyond its input: a message's worth of work, whatever it promises.
const fn allowed(input: usize) -> usize {
    65_536 + 16 * input
}

fn main() {
    let mut arguments = std::env::args().skip(1);
    let tries: u64 = arguments
        .next()
        .map_or(1_000_000, |count| count.parse().unwrap());
    let seed: u64 = arguments.next().map_or(1, |seed| seed.parse().unwrap());
    let context = context();
    let all: Vec<Vec<u8>> = messages(&context)
        .into_iter()
        .map(|(_, bytes)| bytes)
        .collect();
    let limits = Limits {
        message_bytes: 1 << 20,
        memory_bytes: 1 << 20,
    };
    let mut random = Random(seed);
    let (mut accepted, mut unchanged, mut highest) = (0_u64, 0_u64, 0);
    let mut refused: BTreeMap<String, u64> = BTreeMap::new();
    let start = Instant::now();
    for number in 1..=tries {
        let bytes = damage(&mut random, &all);
        let before = HELD.load(Ordering::Relaxed);
        PEAK.store(before, Ordering::Relaxed);
        let result = reencode(&context, None, &bytes, &limits);
        let peak = PEAK.load(Ordering::Relaxed) - before;
        assert!(
            peak <= allowed(bytes.len()),
            "try {number}: {peak} bytes held for a message of {}",
            bytes.len()
        );
        highest = highest.max(peak);
        match result {
            Ok(again) => {
                assert!(
                    again == bytes,
                    "try {number}: accepted, but written otherwise"
                );
                accepted += 1;
                unchanged += u64::from(all.contains(&bytes));
            }
            Err(error) => *refused.entry(name(&error)).or_default() += 1,
        }
        if number % 100_000 == 0 {
            eprintln!("{number} tries, {:.0} s", start.elapsed().as_secs_f64());
        }
    }
    for (error, count) in &refused {
        println!("refused, {error}: {count}");
    }
    println!(
        "{tries} tries (seed {seed}) in {:.1} s: no panic; {accepted} accepted ({unchanged} of them undamaged), each \
         written again byte for byte; at most {highest} bytes held by Rust for one",
        start.elapsed().as_secs_f64()
    );
}

/// The variant, and the field if one is wrong.
fn name(error: &WireError) -> String {
    if let WireError::Field { field, .. } = error {
        return format!("Field {field}");
    }
    let text = format!("{error:?}");
    text.split([' ', '(', '{'])
        .next()
        .unwrap_or_default()
        .to_owned()
}
