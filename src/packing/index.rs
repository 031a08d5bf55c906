//! Indices of which a table may have none.

use std::num::NonZeroU32;

/// An index below 2^32 - 1. An `Option` of it takes four bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Index(NonZeroU32);

impl Index {
    /// Stores an index, which is below 2^32 - 1.
    pub const fn new(index: usize) -> Self {
        Self(NonZeroU32::MIN.saturating_add(index as u32))
    }

    /// Returns the index.
    pub const fn get(self) -> usize {
        self.0.get() as usize - 1
    }
}
