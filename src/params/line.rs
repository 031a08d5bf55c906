//! The line between client and server.

use std::num::{NonZeroU64, NonZeroUsize};

/// The line between client and server, for which the shortest time from images to classes is sought.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Line {
    /// Rate, in bits per second, in each direction.
    pub bits_per_second: NonZeroU64,
    /// Number of images for which a client's keys serve.
    pub images_per_key: NonZeroUsize,
}

impl Default for Line {
    /// 100 Mbit/s, and keys for 100 images.
    fn default() -> Self {
        Self {
            bits_per_second: NonZeroU64::new(100_000_000).unwrap_or(NonZeroU64::MIN),
            images_per_key: NonZeroUsize::new(100).unwrap_or(NonZeroUsize::MIN),
        }
    }
}

impl Line {
    /// Returns the nanoseconds that so many bytes take.
    pub(super) fn nanoseconds(&self, bytes: f64) -> f64 {
        8e9 * bytes / self.bits_per_second.get() as f64
    }
}
