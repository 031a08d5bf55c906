//! The end of a program for which the system has no memory left.

use std::io::{self, Cursor, Write as _};

use super::interrupt::exit_at_once;
use crate::seal::memory_pool;

/// Ends the program when C++ code finds no memory. (For Rust code, the allocator in `main.rs` does that.)
pub(super) fn watch() {
    memory_pool::when_exhausted(|| end(None));
}

/// Ends the program with an error in one line. `bytes` is how many the system refuses, if that is known.
pub(super) fn end(bytes: Option<usize>) -> ! {
    // Nothing here allocates: the line is put together on the stack.
    let mut line = Cursor::new([0; 256]);
    let _ = match bytes {
        Some(bytes) => write!(
            line,
            "error: out of memory: the system refuses {bytes} bytes more"
        ),
        None => write!(line, "error: out of memory"),
    };
    let _ = writeln!(
        line,
        "; take fewer images at a time or fewer --threads, or raise the limit (ulimit -v)"
    );
    let length = line.position() as usize;
    let _ = io::stderr().write_all(&line.get_ref()[..length]);
    // Other threads go on, so neither destructors nor exit handlers may run.
    exit_at_once(1)
}
