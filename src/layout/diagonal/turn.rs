//! Rotations of the slots, which are two rows of N/2.

/// A rotation: slot (row, column) takes what is in (row or the other one, column + steps).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Turn {
    /// Whether the rows are swapped.
    pub swap: bool,
    /// To the left, below N/2.
    pub steps: usize,
}

impl Turn {
    /// Nothing moves.
    pub const NONE: Self = Self {
        swap: false,
        steps: 0,
    };

    /// By which what is in slot `from` comes to slot `to`, of `slots`.
    pub const fn between(from: usize, to: usize, slots: usize) -> Self {
        let half = slots / 2;
        Self {
            swap: from / half != to / half,
            steps: (from % half + half - to % half) % half,
        }
    }

    /// By so many slots, fewer than N/2; or N/2: the rows swapped.
    pub const fn by(amount: usize, slots: usize) -> Self {
        if amount == slots / 2 {
            Self {
                swap: true,
                steps: 0,
            }
        } else {
            Self {
                swap: false,
                steps: amount,
            }
        }
    }

    /// Where a slot takes its value from.
    pub const fn source(self, slot: usize, slots: usize) -> usize {
        let half = slots / 2;
        let row = (slot / half) ^ self.swap as usize;
        row * half + (slot % half + self.steps) % half
    }

    /// The automorphism x -> x^element that does it in SEAL's order of slots.
    pub const fn element(self, slots: usize) -> u32 {
        let modulus = 2 * slots as u64;
        let (mut element, mut base, mut steps) = (1, 3, self.steps);
        while steps > 0 {
            if steps % 2 == 1 {
                element = element * base % modulus;
            }
            base = base * base % modulus;
            steps /= 2;
        }
        if self.swap {
            element = modulus - element;
        }
        element as u32
    }
}
