//! The kinds of arithmetic in which a network can be evaluated.
//!
//! One loop over a layer ([`Affine::evaluate`](super::steps::Affine::evaluate)) serves all of them: exact integers of
//! several widths (`limbs` has those of a few limbs), integers modulo `t`, intervals (`bounds`), and counts of
//! operations (`ops`).

use crate::modular::{multiply, residue, wide_residue};
use num_bigint::BigInt;

/// The values and weighted sums of one kind of arithmetic, and the operations between them.
///
/// Values come in lanes: one slice holds the same element of several images.
pub(super) trait Arithmetic {
    /// One element of a tensor.
    type Value: Clone;
    /// A sum that is being added up.
    type Sum: Clone;

    /// Starts a sum at `bias`.
    fn bias(&self, bias: &BigInt) -> Self::Sum;
    /// Computes `sums[i] += weight * values[i]`; `weight` is not 0.
    fn mul_add(&self, sums: &mut [Self::Sum], weight: i64, values: &[Self::Value]);
    /// Turns a finished sum into a value.
    fn value(&self, sum: Self::Sum) -> Self::Value;
    /// Computes `value * value`.
    fn square(&self, value: &Self::Value) -> Self::Value;
}

/// Exact evaluation in 64-bit integers.
///
/// The caller has proven that every sum, and every partial sum, fits. The operations wrap only so that a build with
/// overflow checks can still use vector instructions.
pub(super) struct Exact64;

impl Arithmetic for Exact64 {
    type Value = i64;
    type Sum = i64;

    fn bias(&self, bias: &BigInt) -> i64 {
        // Every bias fits, because the proven reach of its sum includes it.
        i64::try_from(bias).unwrap_or_default()
    }

    fn mul_add(&self, sums: &mut [i64], weight: i64, values: &[i64]) {
        let pairs = sums.iter_mut().zip(values);
        match weight {
            1 => pairs.for_each(|(sum, &value)| *sum = sum.wrapping_add(value)),
            -1 => pairs.for_each(|(sum, &value)| *sum = sum.wrapping_sub(value)),
            _ => pairs.for_each(|(sum, &value)| {
                *sum = sum.wrapping_add(weight.wrapping_mul(value));
            }),
        }
    }

    fn value(&self, sum: i64) -> i64 {
        sum
    }

    fn square(&self, value: &i64) -> i64 {
        value.wrapping_mul(*value)
    }
}

/// Exact evaluation in 128-bit integers, under the same condition as [`Exact64`].
pub(super) struct Exact128;

impl Arithmetic for Exact128 {
    type Value = i128;
    type Sum = i128;

    fn bias(&self, bias: &BigInt) -> i128 {
        // Every bias fits, as for 64 bits.
        i128::try_from(bias).unwrap_or_default()
    }

    fn mul_add(&self, sums: &mut [i128], weight: i64, values: &[i128]) {
        let weight = i128::from(weight);
        for (sum, &value) in sums.iter_mut().zip(values) {
            *sum = sum.wrapping_add(weight.wrapping_mul(value));
        }
    }

    fn value(&self, sum: i128) -> i128 {
        sum
    }

    fn square(&self, value: &i128) -> i128 {
        value.wrapping_mul(*value)
    }
}

/// Exact evaluation in integers of any width.
pub(super) struct ExactBig;

impl Arithmetic for ExactBig {
    type Value = BigInt;
    type Sum = BigInt;

    fn bias(&self, bias: &BigInt) -> BigInt {
        bias.clone()
    }

    fn mul_add(&self, sums: &mut [BigInt], weight: i64, values: &[BigInt]) {
        let pairs = sums.iter_mut().zip(values);
        match weight {
            1 => pairs.for_each(|(sum, value)| *sum += value),
            -1 => pairs.for_each(|(sum, value)| *sum -= value),
            _ => pairs.for_each(|(sum, value)| *sum += value * weight),
        }
    }

    fn value(&self, sum: BigInt) -> BigInt {
        sum
    }

    fn square(&self, value: &BigInt) -> BigInt {
        value * value
    }
}

/// Evaluation modulo `t`: values are in `0..t`.
pub(super) struct Modular {
    t: u64,
}

impl Modular {
    /// Makes the arithmetic modulo `t`; `None` if `t` is 0.
    pub(super) fn new(t: u64) -> Option<Self> {
        (t > 0).then_some(Self { t })
    }

    /// Reduces `value` modulo `t`.
    pub(super) fn reduce(&self, value: i64) -> u64 {
        residue(i128::from(value), self.t)
    }
}

impl Arithmetic for Modular {
    type Value = u64;
    type Sum = u128;

    fn bias(&self, bias: &BigInt) -> u128 {
        u128::from(wide_residue(bias, self.t))
    }

    fn mul_add(&self, sums: &mut [u128], weight: i64, values: &[u64]) {
        let weight = u128::from(self.reduce(weight));
        for (sum, &value) in sums.iter_mut().zip(values) {
            let product = weight * u128::from(value);
            // Reduce only when the sum would overflow; it is then at most (t - 1) + (t - 1)^2 < 2^128.
            *sum = sum
                .checked_add(product)
                .unwrap_or_else(|| *sum % u128::from(self.t) + product);
        }
    }

    fn value(&self, sum: u128) -> u64 {
        (sum % u128::from(self.t)) as u64
    }

    fn square(&self, value: &u64) -> u64 {
        multiply(*value, *value, self.t)
    }
}
