//! `seal::MemoryPoolHandle`: what may be known of the global pool, from which everything here is allocated.
//!
//! SEAL never returns this memory to the system: the numbers only grow, and freed objects are reused. Other pools are not
//! offered: an object must not outlive a thread-local pool, and a pool of one's own brings nothing that is safe.

use super::error::{Named, Result};
use crate::ffi::memory::bridge;

/// Bytes the global pool has taken from the system, in use or not. A snapshot: other threads allocate meanwhile.
///
/// # Errors
/// None in practice: [`super::Error::Seal`] is decoded if SEAL ever throws.
pub fn allocated_bytes() -> Result<usize> {
    bridge::global_pool_allocated_bytes().named("MemoryPoolHandle::alloc_byte_count")
}

/// How many sizes of allocation the global pool serves.
///
/// # Errors
/// None in practice: [`super::Error::Seal`] is decoded if SEAL ever throws.
pub fn size_classes() -> Result<usize> {
    bridge::global_pool_count().named("MemoryPoolHandle::pool_count")
}
