//! Ranges of integers.

use std::fmt;

use num_bigint::BigInt;
use num_traits::ToPrimitive;
use serde::{Serialize, Serializer};

/// All integers from `min` to `max`, both included.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize)]
pub struct Interval {
    /// Smallest integer.
    #[serde(serialize_with = "decimal")]
    pub min: BigInt,
    /// Largest integer; not below `min`.
    #[serde(serialize_with = "decimal")]
    pub max: BigInt,
}

impl Interval {
    /// Makes the interval between two integers, given in any order.
    pub fn new(a: impl Into<BigInt>, b: impl Into<BigInt>) -> Self {
        let (a, b) = (a.into(), b.into());
        if a <= b {
            Self { min: a, max: b }
        } else {
            Self { min: b, max: a }
        }
    }

    /// Returns the smallest interval that holds all of these integers, given by lower and upper ends; that of 0 if there
    /// are none, as in no tensor of a validated network.
    pub(super) fn of_all<'a, T: Ord + Clone + Into<BigInt> + 'a>(
        ends: impl Iterator<Item = (&'a T, &'a T)> + Clone,
    ) -> Self {
        let min = ends.clone().map(|(min, _)| min).min();
        let max = ends.map(|(_, max)| max).max();
        let [min, max] = [min, max].map(|end| end.cloned().map(Into::into).unwrap_or_default());
        Self { min, max }
    }

    /// Returns the largest absolute value in it.
    pub fn magnitude(&self) -> BigInt {
        self.min
            .magnitude()
            .max(self.max.magnitude())
            .clone()
            .into()
    }

    /// Returns the bits that a plaintext modulus needs to hold it: `ceil(log2(2 * magnitude + 1))`.
    ///
    /// A modulus `t` holds the interval, centred on 0, exactly when `t >= 2 * magnitude + 1`.
    pub fn bits(&self) -> u64 {
        // 2m + 1 is odd, so it is a power of two only for m = 0.
        match self.magnitude().bits() {
            0 => 0,
            bits => bits + 1,
        }
    }

    /// Returns `log2(2 * magnitude + 1)`: [`bits`](Self::bits) without rounding up.
    pub fn bits_exact(&self) -> f64 {
        let states = self.magnitude() * 2u32 + 1u32;
        // A double holds less than 2^1024, so shift wider integers into range; the lost bits are far beyond its
        // precision.
        let shift = states.bits().saturating_sub(1000);
        (states >> shift).to_f64().map_or(f64::INFINITY, f64::log2) + shift as f64
    }

    /// Tells whether `value` lies in it.
    pub fn contains(&self, value: &BigInt) -> bool {
        self.min <= *value && *value <= self.max
    }

    /// Tells whether all of `other` lies in it.
    pub fn encloses(&self, other: &Self) -> bool {
        self.min <= other.min && other.max <= self.max
    }

    /// Returns the smallest interval that holds both.
    #[must_use]
    pub fn hull(self, other: Self) -> Self {
        Self {
            min: self.min.min(other.min),
            max: self.max.max(other.max),
        }
    }
}

/// Displays an integer for people: all digits if they are few, otherwise the first ones and the width in bits.
pub(crate) struct Abbreviated<'a>(pub &'a BigInt);

impl fmt::Display for Abbreviated<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const WHOLE: usize = 40;
        const SHOWN: usize = 12;
        let text = self.0.to_string();
        let digits = text.trim_start_matches('-').len();
        if digits <= WHOLE {
            return f.write_str(&text);
        }
        let shown = &text[..text.len() - digits + SHOWN];
        write!(f, "{shown}... ({digits} digits, {} bits)", self.0.bits())
    }
}

fn decimal<S: Serializer>(value: &BigInt, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_integers_are_abbreviated_for_people() {
        let shown = |value: &BigInt| Abbreviated(value).to_string();
        assert_eq!(shown(&BigInt::from(-1_234)), "-1234");
        let wide = BigInt::from(10).pow(39);
        assert_eq!(shown(&wide), wide.to_string());
        let wider: BigInt = BigInt::from(10).pow(600) * 7 / 3;
        assert_eq!(shown(&wider), "233333333333... (601 digits, 1995 bits)");
        assert_eq!(shown(&-wider), "-233333333333... (601 digits, 1995 bits)");
    }

    #[test]
    fn bits_are_what_a_modulus_needs() {
        for (magnitude, bits) in [(0, 0), (1, 2), (2, 3), (3, 3), (4, 4), (127, 8), (128, 9)] {
            assert_eq!(Interval::new(-magnitude, 0).bits(), bits);
            assert_eq!(Interval::new(magnitude, 0).bits(), bits);
            let exact = Interval::new(0, magnitude).bits_exact();
            assert_eq!(exact.ceil() as u64, bits);
            assert!((exact - f64::from(2 * magnitude + 1).log2()).abs() < 1e-12);
        }
        let wide = Interval::new(0, BigInt::from(3) << 5000u32);
        assert_eq!(wide.bits(), 5003);
        assert!((wide.bits_exact() - (5001.0 + 3f64.log2())).abs() < 1e-9);
    }
}
