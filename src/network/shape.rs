//! The shape of a tensor.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The shape of one image or of one layer's output: `channels` planes of `height` rows with `width` values each.
///
/// Values are stored flat, channel-major: the value of channel `c`, row `y`, column `x` is at
/// `(c * height + y) * width + x`. A vector of `n` values has shape `(n, 1, 1)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Shape {
    /// Number of channels (planes).
    pub channels: usize,
    /// Number of rows in a channel.
    pub height: usize,
    /// Number of values in a row.
    pub width: usize,
}

impl Shape {
    /// Makes the shape `channels x height x width`.
    pub const fn new(channels: usize, height: usize, width: usize) -> Self {
        Self {
            channels,
            height,
            width,
        }
    }

    /// Makes the shape of a vector of `n` values.
    pub const fn vector(n: usize) -> Self {
        Self::new(n, 1, 1)
    }

    /// Returns the number of values (saturating, so an unchecked shape cannot overflow).
    pub const fn len(self) -> usize {
        self.channels
            .saturating_mul(self.height)
            .saturating_mul(self.width)
    }

    /// Tells whether it holds no value at all. No shape in a validated network is empty.
    pub const fn is_empty(self) -> bool {
        self.len() == 0
    }

    /// Returns the index in flat order of the value at channel `c`, row `y`, column `x`.
    pub const fn index(self, c: usize, y: usize, x: usize) -> usize {
        (c * self.height + y) * self.width + x
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}x{}x{}", self.channels, self.height, self.width)
    }
}
