//! The shape of a tensor.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The shape of one image or of one layer's output: `channels` planes of `height` rows of `width` values.
///
/// Values are stored flat, channel-major: the value of channel `c`, row `y`, column `x` is at
/// `(c * height + y) * width + x`. A vector of `n` values has shape `(n, 1, 1)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Shape {
    /// Number of planes.
    pub channels: usize,
    /// Rows of a plane.
    pub height: usize,
    /// Values in a row.
    pub width: usize,
}

impl Shape {
    /// The shape `channels x height x width`.
    pub const fn new(channels: usize, height: usize, width: usize) -> Self {
        Self {
            channels,
            height,
            width,
        }
    }

    /// The shape of a vector of `n` values.
    pub const fn vector(n: usize) -> Self {
        Self::new(n, 1, 1)
    }

    /// How many values it holds (saturating, so that an unchecked shape cannot overflow).
    pub const fn len(self) -> usize {
        self.channels
            .saturating_mul(self.height)
            .saturating_mul(self.width)
    }

    /// Whether it holds no value at all. No shape inside a validated network does.
    pub const fn is_empty(self) -> bool {
        self.len() == 0
    }

    /// Where the value of channel `c`, row `y`, column `x` is in the flat order.
    pub const fn index(self, c: usize, y: usize, x: usize) -> usize {
        (c * self.height + y) * self.width + x
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}x{}x{}", self.channels, self.height, self.width)
    }
}
