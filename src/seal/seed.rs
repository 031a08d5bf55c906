//! Seeds of SEAL's generator.

/// A seed of SEAL's Blake2xb generator that stands for a uniformly random polynomial. It is public and part of what
/// is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Seed(pub [u64; 8]);

impl Seed {
    /// Size in bytes.
    pub const BYTES: usize = 64;
}
