//! Statistics of SEAL's global memory pool (`seal::MemoryPoolHandle`), from which everything here is allocated.
//!
//! SEAL reuses the memory of freed objects but never returns it to the system, so these numbers only grow. This module
//! offers no other pools: an object must not outlive a thread-local pool, and a private pool has no safe advantage.

use super::error::{Named, Result};
use crate::ffi::memory::bridge;

/// Number of bytes that the global pool has taken from the system, in use or not. This is a snapshot: other threads may
/// allocate meanwhile.
///
/// # Errors
/// None in practice; if SEAL ever throws, the exception becomes [`super::Error::Seal`].
pub fn allocated_bytes() -> Result<usize> {
    bridge::global_pool_allocated_bytes().named("MemoryPoolHandle::alloc_byte_count")
}

/// Number of allocation sizes that the global pool serves.
///
/// # Errors
/// None in practice; if SEAL ever throws, the exception becomes [`super::Error::Seal`].
pub fn size_classes() -> Result<usize> {
    bridge::global_pool_count().named("MemoryPoolHandle::pool_count")
}

/// From now on calls `handler`, which must not return, where C++ code finds no memory. This is for programs that end
/// then; SEAL itself reports [`SealErrorKind::OutOfMemory`](super::SealErrorKind::OutOfMemory).
pub fn when_exhausted(handler: fn()) {
    bridge::when_exhausted(handler);
}
