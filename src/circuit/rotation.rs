//! Rotations of the slots, which form two rows of N/2.

/// A rotation: slot (row, column) takes the value at column + steps, in the same row or in the other one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct SlotRotation {
    /// True if the rows are swapped.
    pub swap: bool,
    /// Number of slots to the left, below N/2.
    pub steps: usize,
}

impl SlotRotation {
    /// The identity: nothing moves.
    pub const NONE: Self = Self {
        swap: false,
        steps: 0,
    };

    /// Returns the rotation that brings the value in slot `from` to slot `to`, of `slots` slots.
    pub const fn between(from: usize, to: usize, slots: usize) -> Self {
        let half = slots / 2;
        Self {
            swap: from / half != to / half,
            steps: (from % half + half - to % half) % half,
        }
    }

    /// Returns the rotation by `amount` slots (fewer than N/2); an `amount` of N/2 swaps the rows.
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

    /// Returns the rotation that, after `before`, makes this one.
    #[must_use]
    pub const fn without(self, before: Self, slots: usize) -> Self {
        let half = slots / 2;
        Self {
            swap: self.swap != before.swap,
            steps: (self.steps + half - before.steps) % half,
        }
    }

    /// Returns the slot from which `slot` takes its value.
    pub const fn source(self, slot: usize, slots: usize) -> usize {
        let half = slots / 2;
        let row = (slot / half) ^ self.swap as usize;
        row * half + (slot % half + self.steps) % half
    }

    /// Returns the Galois element: x -> x^element is the automorphism for this rotation in SEAL's order of slots.
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
