//! Measures of a torture run: allocated bytes and processor time.

use std::alloc::{GlobalAlloc, Layout, System};
use std::fmt::Debug;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// Counts the bytes that Rust code has allocated, and their peak.
pub struct Counting;

impl Counting {
    /// Begins to measure the peak anew, and returns the bytes that are held now.
    pub fn mark() -> usize {
        let held = HELD.load(Ordering::Relaxed);
        PEAK.store(held, Ordering::Relaxed);
        held
    }

    /// Returns by how much the peak exceeds what was held at the mark.
    pub fn peak_since(mark: usize) -> usize {
        PEAK.load(Ordering::Relaxed).saturating_sub(mark)
    }
}

static HELD: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);

fn more(size: usize) {
    let held = HELD.fetch_add(size, Ordering::Relaxed) + size;
    PEAK.fetch_max(held, Ordering::Relaxed);
}

// SAFETY: every call goes to the system's allocator unchanged; this type only keeps counters besides.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        more(layout.size());
        // SAFETY: as the caller promised.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        more(layout.size());
        // SAFETY: as the caller promised.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        HELD.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: as the caller promised.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        if let Some(grown) = size.checked_sub(layout.size()) {
            more(grown);
        } else {
            HELD.fetch_sub(layout.size() - size, Ordering::Relaxed);
        }
        // SAFETY: as the caller promised.
        unsafe { System.realloc(pointer, layout, size) }
    }
}

/// Returns the processor time of all threads together, at the resolution of the system's clock; the time of day if it
/// is not known.
pub fn processor_time() -> Duration {
    static START: OnceLock<Instant> = OnceLock::new();
    // Fields after the program's name, which may hold anything: from the third field on. Ticks are hundredths of a
    // second.
    let ticks = std::fs::read_to_string("/proc/self/stat")
        .ok()
        .and_then(|stat| {
            let mut fields = stat.rsplit_once(')')?.1.split_whitespace().skip(11);
            let user: u64 = fields.next()?.parse().ok()?;
            let system: u64 = fields.next()?.parse().ok()?;
            Some(user + system)
        });
    let start = START.get_or_init(Instant::now);
    ticks.map_or_else(
        || start.elapsed(),
        |ticks| Duration::from_millis(10 * ticks),
    )
}

/// Returns the name of an error's variant.
pub fn variant(error: &impl Debug) -> String {
    let text = format!("{error:?}");
    let end = text.find([' ', '(', '{']).unwrap_or(text.len());
    text[..end].to_owned()
}
