//! Tries a few hostile network files, of which `examples/network_torture.rs` tries many: none panics, and each is
//! refused or inspected within a time limit.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    missing_docs,
    reason = "a test stops at the first thing that is wrong"
)]

#[allow(dead_code, reason = "the example uses the rest")]
#[path = "support/networks.rs"]
mod support;

use sealquant::network::{Network, SplitMix64};
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::time::{Duration, Instant};
use support::{WAYS, extreme_numbers, file, inspect, known};

/// An allocator that counts the bytes that each thread has allocated and not freed, and their peak.
struct Counting;

thread_local! {
    static HELD: Cell<isize> = const { Cell::new(0) };
    static PEAK: Cell<isize> = const { Cell::new(0) };
}

fn count(bytes: isize) {
    let held = HELD.get().wrapping_add(bytes);
    HELD.set(held);
    PEAK.set(PEAK.get().max(held));
}

// SAFETY: every call goes to the system's allocator unchanged. The only addition is this thread's counters, which
// allocate nothing themselves.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size().cast_signed());
        // SAFETY: as the caller promised.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        count(-layout.size().cast_signed());
        // SAFETY: as the caller promised.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Time limit of a test: generous, because tests share their processors with others and may be compiled without
/// optimisation.
const LONGEST: Duration = Duration::from_mins(2);

#[test]
fn what_would_take_too_long_is_refused_with_its_layer_at_once() {
    let mut refused = Vec::new();
    for (name, network) in known() {
        let start = Instant::now();
        if let Err(error) = network.build() {
            assert!(error.to_string().starts_with("layers["), "{name}: {error}");
            refused.push(name);
        }
        assert!(start.elapsed() < Duration::from_secs(5), "{name}");
    }
    for name in [
        "a pool of 2048x2048 windows on 4095x4095",
        "the same twice",
        "two pools of 1024x1024 windows on 2047x2047",
        "200 copying pools on 4095x4095",
        "200 copying pools on 1024x1024",
        "60 squares",
        "9 squares of a million values",
    ] {
        assert!(refused.contains(&name), "{name} is accepted");
    }
    assert!(refused.len() < known().len(), "all are refused");
}

#[test]
fn random_and_damaged_files_are_refused_or_inspected_in_time() {
    let mut random = SplitMix64::new(1);
    let (mut accepted, mut refused) = (0, 0);
    let start = Instant::now();
    // Try enough files of both kinds, but take no longer than a test may.
    for number in 0..300 {
        let bytes = file(&mut random);
        match Network::from_slice(&bytes) {
            // Large networks are left to the example.
            Ok(network) if bytes.len() < 20_000 => {
                accepted += 1;
                let began = Instant::now();
                inspect(&network, &WAYS[..3], || Duration::ZERO, |_, _| ());
                assert!(began.elapsed() < LONGEST, "try {number}");
            }
            Ok(_) => {}
            Err(error) => {
                refused += 1;
                let text = error.to_string();
                assert!(text.len() < 2000 && !text.contains('\n'), "{text}");
            }
        }
        if start.elapsed() > LONGEST {
            break;
        }
    }
    assert!(accepted > 5 && refused > 20, "{accepted}, {refused}");
}

/// A file takes memory in proportion to its length until it is refused or accepted, whatever its numbers promise.
#[test]
fn extreme_numbers_take_no_memory() {
    let mut random = SplitMix64::new(2);
    let (mut accepted, mut refused, mut most) = (0, 0, 0.0_f64);
    for number in 0..20_000 {
        let bytes = extreme_numbers(&mut random);
        let before = HELD.get();
        PEAK.set(before);
        match Network::from_slice(&bytes) {
            Ok(_) => accepted += 1,
            Err(_) => refused += 1,
        }
        let held = PEAK.get() - before;
        let allowed = 100_000 + 64 * bytes.len().cast_signed();
        assert!(held <= allowed, "try {number}: {held} of {allowed} bytes");
        most = most.max(held as f64 / bytes.len() as f64);
    }
    assert!(accepted > 10 && refused > 10_000, "{accepted}, {refused}");
    println!("{accepted} accepted, {refused} refused, at most {most:.1} times a file's length");
}

/// The unpacked size of `network.json.gz` is bounded, and so are the numbers that are kept of it.
#[test]
fn a_small_file_of_many_numbers_is_refused_before_they_are_kept() {
    let text = format!("{{\"layers\": [[{}0]]}}", "0,".repeat(40 << 20));
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    std::io::Write::write_all(&mut encoder, text.as_bytes()).unwrap();
    let packed = encoder.finish().unwrap();
    let length = text.len().cast_signed();
    drop(text);
    assert!(packed.len() < 1 << 20);
    let before = HELD.get();
    PEAK.set(before);
    let error = Network::from_slice(&packed).unwrap_err();
    assert!(error.to_string().contains("values, at most"), "{error}");
    // The peak is the text itself, which grows by doubling and is then copied once more.
    assert!(PEAK.get() - before < 4 * length);
}
