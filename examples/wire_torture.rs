//! Feeds damaged messages to the wire format's reader and watches it: no panic, nothing invalid accepted, no
//! disproportionate allocation.
//!
//! ```sh
//! cargo run --no-default-features --features inference,hexl,zstd --example wire_torture -- 1000000
//! ```
//!
//! The first argument is the number of tries, the second a seed. The output is the record: how the tries ended, for
//! each kind, as named in the damaged message's header. With `seal` as the first argument, it feeds damaged files of SEAL
//! to the reader of SEAL's own format.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    missing_docs,
    reason = "a failed try must end the run"
)]

#[path = "../tests/support/seal_files.rs"]
mod seal_files;
#[path = "../tests/support/messages.rs"]
mod support;

use seal_files::{SealKind, damage_seal, read_seal, seal_context, seal_files};
use sealquant::seal::{Context, SeededCiphertext, memory_pool};
use sealquant::wire::{Kind, Limits, Message, WireError, WireResult, reencode};
use std::alloc::{GlobalAlloc, Layout, System};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;
use support::{Random, World, damage, worlds};

/// Counts the bytes that Rust code has allocated, and their peak.
struct Counting;

static HELD: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);

// SAFETY: every call goes to the system's allocator unchanged; this type only keeps counters besides.
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

/// Returns the bytes that a reader may allocate beyond its input, in Rust's heap and in SEAL's pool: the work for one
/// message, whatever size the message claims.
const fn allowed(input: usize) -> usize {
    65_536 + 16 * input
}

/// Largest size of SEAL's pool at the end of the run, in bytes. It never shrinks.
const POOL_ALLOWED: usize = 1 << 20;

/// Counts of how the tries ended.
#[derive(Default)]
struct Tally {
    accepted: u64,
    undamaged: u64,
    /// Most bytes that Rust allocated for one try, and most bytes by which SEAL's pool grew for one.
    held: usize,
    pooled: usize,
    /// Number of tries for each kind and end.
    ends: BTreeMap<(String, String), u64>,
}

/// Reads a message: usually as what it says it is, within wide limits; sometimes within narrow limits, or as another
/// kind.
fn read(random: &mut Random, world: &World, bytes: &[u8]) -> WireResult<Vec<u8>> {
    let mut limits = Limits {
        message_bytes: 1 << 20,
        memory_bytes: 1 << 20,
    };
    match random.below(16) {
        0 => limits.message_bytes = random.below(2048) as u64,
        1 => limits.memory_bytes = random.below(2048) as u64,
        2 => {
            return SeededCiphertext::from_wire(&world.context, bytes, &limits)?
                .to_wire(&world.context);
        }
        _ => {}
    }
    reencode(&world.context, Some(&world.plan), bytes, &limits)
}

impl Tally {
    fn count(&mut self, number: u64, random: &mut Random, world: &World) {
        let bytes = damage(random, &world.messages);
        let pool = memory_pool::allocated_bytes().unwrap();
        let before = HELD.load(Ordering::Relaxed);
        PEAK.store(before, Ordering::Relaxed);
        let result = read(random, world, &bytes);
        let held = PEAK.load(Ordering::Relaxed) - before;
        let pooled = memory_pool::allocated_bytes().unwrap() - pool;
        let allowed = allowed(bytes.len());
        assert!(
            held <= allowed && pooled <= allowed,
            "try {number}: {held} bytes held and {pooled} taken by SEAL for a message of {}",
            bytes.len()
        );
        self.held = self.held.max(held);
        self.pooled = self.pooled.max(pooled);
        let end = match result {
            Ok(again) => {
                assert!(
                    again == bytes,
                    "try {number}: accepted, but written otherwise"
                );
                self.accepted += 1;
                let undamaged = world.messages.iter().any(|(_, message)| *message == bytes);
                self.undamaged += u64::from(undamaged);
                "accepted".to_owned()
            }
            Err(error) => variant(&error),
        };
        *self.ends.entry((kind(&bytes), end)).or_default() += 1;
    }

    fn print(&self) {
        let kinds: BTreeSet<&String> = self.ends.keys().map(|(kind, _)| kind).collect();
        for kind in kinds {
            let mut ends: Vec<_> = self
                .ends
                .iter()
                .filter(|((of, _), _)| of == kind)
                .map(|((_, end), count)| (*count, end))
                .collect();
            ends.sort_by(|a, b| b.cmp(a));
            let total: u64 = ends.iter().map(|(count, _)| count).sum();
            let ends: Vec<_> = ends
                .iter()
                .map(|(count, end)| format!("{end} {count}"))
                .collect();
            println!("{kind}: {total} tries: {}", ends.join(", "));
        }
        let mut all = BTreeMap::<&String, u64>::new();
        for ((_, end), count) in &self.ends {
            *all.entry(end).or_default() += count;
        }
        for (end, count) in all {
            println!("all kinds, {end}: {count}");
        }
    }
}

/// Returns the kind that a message's header names.
fn kind(bytes: &[u8]) -> String {
    const KINDS: [Kind; 19] = [
        Kind::Ciphertext,
        Kind::SeededCiphertext,
        Kind::PublicKey,
        Kind::SeededPublicKey,
        Kind::RelinKeys,
        Kind::SeededRelinKeys,
        Kind::GaloisKeys,
        Kind::SeededGaloisKeys,
        Kind::EvaluationKeys,
        Kind::SeededEvaluationKeys,
        Kind::Request,
        Kind::SeededRequest,
        Kind::Response,
        Kind::CompactRequest,
        Kind::CompactKeys,
        Kind::CompactResponse,
        Kind::Pad,
        Kind::MaskedImage,
        Kind::PreparedPad,
    ];
    let Some(&byte) = bytes.get(6) else {
        return "no kind (cut off before it)".to_owned();
    };
    KINDS
        .iter()
        .find(|&&kind| kind as u8 == byte)
        .map_or("no kind (no such number)".to_owned(), |kind| {
            format!("kind {byte:2} {kind:?}")
        })
}

/// Returns the name of the error's variant.
fn variant(error: &WireError) -> String {
    let text = format!("{error:?}");
    let end = text.find([' ', '(', '{']).unwrap_or(text.len());
    text[..end].to_owned()
}

/// Largest size in memory of a damaged file of SEAL, in bytes.
const SEAL_MEMORY: u64 = 1 << 18;
/// Memory of a Zstandard reader: a block, its literals and sequences, and tables.
const ZSTANDARD_MEMORY: usize = 4 << 20;

impl Tally {
    /// Reads a damaged file of SEAL, usually as what it was, within wide limits.
    fn count_seal(
        &mut self,
        number: u64,
        random: &mut Random,
        context: &Context,
        files: &[(SealKind, Vec<u8>)],
    ) {
        let bytes = damage_seal(&mut |limit| random.below(limit), files);
        let kind = SealKind::ALL[random.below(SealKind::ALL.len())];
        let mut limits = Limits {
            message_bytes: 1 << 20,
            memory_bytes: SEAL_MEMORY,
        };
        match random.below(16) {
            0 => limits.message_bytes = random.below(2048) as u64,
            1 => limits.memory_bytes = random.below(2048) as u64,
            _ => {}
        }
        let coding = bytes.get(5).copied();
        let allowed = allowed(bytes.len())
            + match coding {
                // What compressed bytes expand to does not depend on their number.
                Some(1) => 2 * SEAL_MEMORY as usize,
                Some(2) => 2 * SEAL_MEMORY as usize + ZSTANDARD_MEMORY,
                _ => 0,
            };
        let pool = memory_pool::allocated_bytes().unwrap();
        let before = HELD.load(Ordering::Relaxed);
        PEAK.store(before, Ordering::Relaxed);
        let result = read_seal(context, kind, &bytes, &limits);
        let held = PEAK.load(Ordering::Relaxed) - before;
        let pooled = memory_pool::allocated_bytes().unwrap() - pool;
        assert!(
            held <= allowed && pooled <= allowed,
            "try {number}: {held} bytes held and {pooled} taken by SEAL for a file of {}",
            bytes.len()
        );
        self.held = self.held.max(held);
        self.pooled = self.pooled.max(pooled);
        let end = match result {
            Ok(()) => {
                self.accepted += 1;
                let undamaged = files.iter().any(|(_, file)| *file == bytes);
                self.undamaged += u64::from(undamaged);
                "accepted".to_owned()
            }
            Err(error) => {
                let of_the_bytes = !matches!(
                    error,
                    WireError::Io { .. } | WireError::Memory { .. } | WireError::Seal(_)
                );
                assert!(of_the_bytes, "try {number}: {error}");
                variant(&error)
            }
        };
        let coding = match coding {
            Some(0) => "uncompressed",
            Some(1) => "zlib",
            Some(2) => "Zstandard",
            _ => "no compression",
        };
        let read_as = format!("{kind:?}, {coding}");
        *self.ends.entry((read_as, end)).or_default() += 1;
    }
}

/// Feeds damaged files of SEAL to the reader, and prints the record.
fn torture_seal(tries: u64, seed: u64) {
    let (context, files) = (seal_context(), seal_files());
    let mut random = Random(seed);
    let mut tally = Tally::default();
    let start = Instant::now();
    for number in 1..=tries {
        tally.count_seal(number, &mut random, &context, &files);
    }
    let seconds = start.elapsed().as_secs_f64();
    let pool = memory_pool::allocated_bytes().unwrap();
    assert!(pool <= POOL_ALLOWED, "SEAL's pool holds {pool} bytes");
    tally.print();
    println!(
        "SEAL's own format: {tries} tries (seed {seed}) in {seconds:.1} s: no panic; {} accepted ({} of them undamaged), \
         all valid",
        tally.accepted, tally.undamaged
    );
    println!(
        "memory for one try: at most {} bytes held by Rust, {} bytes taken by SEAL's pool; allowed {} and 16 times the \
         file, {} more for compressed files, {ZSTANDARD_MEMORY} more for Zstandard; SEAL's pool at the end {pool} \
         bytes, allowed {POOL_ALLOWED}",
        tally.held,
        tally.pooled,
        allowed(0),
        2 * SEAL_MEMORY
    );
}

fn main() {
    let mut arguments = std::env::args().skip(1).peekable();
    let is_seal = arguments.next_if(|argument| argument == "seal").is_some();
    let tries: u64 = arguments
        .next()
        .map_or(1_000_000, |count| count.parse().unwrap());
    let seed: u64 = arguments.next().map_or(1, |seed| seed.parse().unwrap());
    if is_seal {
        return torture_seal(tries, seed);
    }
    let worlds = worlds();
    let mut random = Random(seed);
    let mut tally = Tally::default();
    let start = Instant::now();
    for number in 1..=tries {
        // One try in eight uses the small degree.
        let world = &worlds[usize::from(random.below(8) == 0)];
        tally.count(number, &mut random, world);
    }
    let seconds = start.elapsed().as_secs_f64();
    let pool = memory_pool::allocated_bytes().unwrap();
    assert!(pool <= POOL_ALLOWED, "SEAL's pool holds {pool} bytes");
    tally.print();
    let Tally {
        accepted,
        undamaged,
        held,
        pooled,
        ..
    } = tally;
    println!(
        "{tries} tries (seed {seed}) in {seconds:.1} s: no panic; {accepted} accepted ({undamaged} of them undamaged), \
         each written again byte for byte"
    );
    println!(
        "memory for one try: at most {held} bytes held by Rust, {pooled} bytes taken by SEAL's pool; allowed {} and 16 \
         times the message; SEAL's pool at the end {pool} bytes, allowed {POOL_ALLOWED}",
        allowed(0)
    );
}
