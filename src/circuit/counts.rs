//! Operation counts.

use std::{iter::Sum, ops::AddAssign};

use num_bigint::Sign;
use serde::{Deserialize, Serialize};

use super::{Circuit, Op, SlotRotation, Step};

/// Numbers of operations on ciphertexts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpCounts {
    /// Additions, subtractions and negations of ciphertexts.
    pub additions: u64,
    /// Products of a ciphertext and an integer other than 1 and -1.
    pub constant_multiplications: u64,
    /// Products of a ciphertext and a plaintext with different slots.
    #[serde(default)]
    pub plain_multiplications: u64,
    /// Additions of a plaintext (biases).
    pub plain_additions: u64,
    /// Squares.
    pub squares: u64,
    /// Relinearisations, with a key switch each.
    pub relinearizations: u64,
    /// Rotations of the slots.
    #[serde(default)]
    pub rotations: u64,
    /// Key switches of the rotations: with keys for powers of two only, a rotation takes several.
    #[serde(default)]
    pub rotation_key_switches: u64,
    /// Drops of a prime.
    pub mod_switches: u64,
}

impl OpCounts {
    /// Returns the number of key switches: of relinearisations and of rotations.
    pub const fn key_switches(&self) -> u64 {
        self.relinearizations + self.rotation_key_switches
    }
}

impl AddAssign for OpCounts {
    fn add_assign(&mut self, other: Self) {
        self.additions += other.additions;
        self.constant_multiplications += other.constant_multiplications;
        self.plain_multiplications += other.plain_multiplications;
        self.plain_additions += other.plain_additions;
        self.squares += other.squares;
        self.relinearizations += other.relinearizations;
        self.rotations += other.rotations;
        self.rotation_key_switches += other.rotation_key_switches;
        self.mod_switches += other.mod_switches;
    }
}

impl Sum for OpCounts {
    fn sum<I: Iterator<Item = Self>>(items: I) -> Self {
        items.fold(Self::default(), |mut total, item| {
            total += item;
            total
        })
    }
}

impl Circuit {
    /// Counts the operations of each layer, for one plaintext modulus.
    pub fn counts(&self, levels: &[usize]) -> Vec<OpCounts> {
        let walk = self.walk(levels);
        walk.map(|(_, steps)| steps.iter().map(Step::counts).sum())
            .collect()
    }
}

/// Counts the rotations that move something.
pub(crate) fn moving<'a>(rotations: impl IntoIterator<Item = &'a SlotRotation>) -> usize {
    let rotations = rotations.into_iter();
    rotations
        .filter(|rotation| **rotation != SlotRotation::NONE)
        .count()
}

impl Step<'_> {
    /// Counts the operations of the step.
    fn counts(&self) -> OpCounts {
        let none = OpCounts::default();
        match self.op {
            Op::LinearCombination(sums) => {
                let mut counts = none;
                for (terms, bias) in sums.outputs() {
                    let scaled = terms.iter().filter(|term| term.weight.unsigned_abs() != 1);
                    counts.additions += terms.len().saturating_sub(1) as u64;
                    counts.constant_multiplications += scaled.count() as u64;
                    counts.plain_additions += u64::from(bias.sign() != Sign::NoSign);
                }
                counts
            }
            Op::Squares => OpCounts {
                squares: self.ciphertexts as u64,
                ..none
            },
            Op::SumOfProducts { .. } => OpCounts {
                plain_multiplications: self.ciphertexts as u64,
                additions: self.ciphertexts.saturating_sub(1) as u64,
                plain_additions: 1,
                ..none
            },
            Op::PlainProducts(sums) => {
                let products = sums.iter().map(Vec::len);
                let additions = products.clone().map(|products| products.saturating_sub(1));
                OpCounts {
                    plain_multiplications: products.sum::<usize>() as u64,
                    additions: additions.sum::<usize>() as u64,
                    ..none
                }
            }
            Op::LinearTransform { babies, giants } => {
                let products: usize = giants.iter().map(|giant| giant.diagonals.len()).sum();
                let rotations = moving(babies) + moving(giants.iter().map(|giant| &giant.rotation));
                let of_all = |count: usize| (self.ciphertexts * count) as u64;
                OpCounts {
                    plain_multiplications: of_all(products),
                    additions: of_all(products.saturating_sub(1)),
                    rotations: of_all(rotations),
                    rotation_key_switches: of_all(rotations),
                    ..none
                }
            }
            Op::RotateAndSum(rotations) => {
                let rotations = (self.ciphertexts * rotations.len()) as u64;
                OpCounts {
                    additions: rotations,
                    rotations,
                    rotation_key_switches: rotations,
                    ..none
                }
            }
            Op::ModSwitch => OpCounts {
                mod_switches: (self.ciphertexts * (self.level - self.keep)) as u64,
                ..none
            },
            Op::FromShared => OpCounts {
                constant_multiplications: self.ciphertexts as u64,
                mod_switches: (self.ciphertexts * (self.level - self.keep)) as u64,
                ..none
            },
            Op::AddPlain(plaintexts) => OpCounts {
                plain_additions: plaintexts.len() as u64,
                ..none
            },
            Op::SumOfSquares => OpCounts {
                squares: self.ciphertexts as u64,
                additions: self.ciphertexts.saturating_sub(1) as u64,
                ..none
            },
            Op::Relinearize => OpCounts {
                relinearizations: self.ciphertexts as u64,
                ..none
            },
        }
    }
}
