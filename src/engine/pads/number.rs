//! Numbers of pads.

use std::fmt;

/// The number of a pad: 16 bytes that the client draws, so that no two pads of any client have the same one. It is not
/// secret. It is written as 32 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PadNumber(pub [u8; Self::BYTES]);

impl PadNumber {
    /// Size in bytes.
    pub const BYTES: usize = 16;

    /// Draws a number.
    pub(super) fn draw() -> Result<Self, getrandom::Error> {
        let mut bytes = [0; Self::BYTES];
        getrandom::fill(&mut bytes)?;
        Ok(Self(bytes))
    }
}

impl fmt::Display for PadNumber {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut bytes = self.0.iter();
        bytes.try_for_each(|byte| write!(formatter, "{byte:02x}"))
    }
}

impl fmt::Debug for PadNumber {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "PadNumber({self})")
    }
}
