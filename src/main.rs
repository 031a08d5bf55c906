//! The command `sealquant`.

use std::{
    alloc::{GlobalAlloc, Layout, System},
    process::ExitCode,
};

use sealquant::cli;

fn main() -> ExitCode {
    cli::run(std::env::args_os())
}

/// The system's allocator. When the system gives no more memory, the program ends with an error in one line; Rust alone
/// would abort.
struct Allocator;

#[global_allocator]
static ALLOCATOR: Allocator = Allocator;

// SAFETY: every call goes to the system's allocator as it is.
unsafe impl GlobalAlloc for Allocator {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's promise is the same.
        or_end(unsafe { System.alloc(layout) }, layout.size())
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's promise is the same.
        or_end(unsafe { System.alloc_zeroed(layout) }, layout.size())
    }

    unsafe fn realloc(&self, old: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: the caller's promise is the same.
        or_end(unsafe { System.realloc(old, layout, size) }, size)
    }

    unsafe fn dealloc(&self, old: *mut u8, layout: Layout) {
        // SAFETY: the caller's promise is the same.
        unsafe { System.dealloc(old, layout) }
    }
}

/// Returns the memory, or ends the process if there is none.
fn or_end(memory: *mut u8, size: usize) -> *mut u8 {
    if memory.is_null() {
        cli::out_of_memory(size);
    }
    memory
}
