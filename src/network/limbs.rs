//! Integers with a fixed number of 64-bit limbs, for layers whose values need more than 128 bits.

use std::cmp::Ordering;

use num_bigint::{BigInt, Sign};

use super::arithmetic::Arithmetic;

/// An integer of `64 * L` bits in two's complement, with the least significant limb first. Arithmetic wraps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Limbs<const L: usize>([u64; L]);

impl<const L: usize> Limbs<L> {
    /// Width, in bits, of the largest magnitude that fits with either sign.
    pub(super) const BITS: u64 = 64 * L as u64 - 1;

    fn is_negative(&self) -> bool {
        self.0.last().is_some_and(|&limb| limb >> 63 == 1)
    }

    /// Returns the limb that extends the sign beyond the last limb.
    fn extension(&self) -> u64 {
        if self.is_negative() { u64::MAX } else { 0 }
    }

    /// Converts the integer to another width; keeps the low bits if that is too narrow.
    pub(super) fn resized<const M: usize>(&self) -> Limbs<M> {
        let mut limbs = [self.extension(); M];
        for (to, &from) in limbs.iter_mut().zip(&self.0) {
            *to = from;
        }
        Limbs(limbs)
    }

    fn negated(&self) -> Self {
        let mut carry = true;
        Self(self.0.map(|limb| {
            let (limb, over) = (!limb).overflowing_add(u64::from(carry));
            carry = over;
            limb
        }))
    }

    /// Returns the magnitude as an unsigned integer.
    fn magnitude(&self) -> Self {
        if self.is_negative() {
            self.negated()
        } else {
            *self
        }
    }

    /// Adds `weight * value`.
    #[inline]
    fn add_product(&mut self, weight: i64, value: &Self) {
        // a - b = !(!a + b), so a negative weight takes the same steps as a positive one.
        let flip = if weight < 0 { u64::MAX } else { 0 };
        let factor = weight.unsigned_abs();
        let mut carry = 0;
        for (sum, &limb) in self.0.iter_mut().zip(&value.0) {
            let low;
            (low, carry) = factor.carrying_mul_add(limb, *sum ^ flip, carry);
            *sum = low ^ flip;
        }
    }

    fn squared(&self) -> Self {
        let magnitude = self.magnitude().0;
        let mut square = [0; L];
        for (index, &factor) in magnitude.iter().enumerate() {
            if factor == 0 {
                continue;
            }
            let mut carry = 0;
            for (sum, &limb) in square.iter_mut().skip(index).zip(&magnitude) {
                (*sum, carry) = factor.carrying_mul_add(limb, *sum, carry);
            }
        }
        Self(square)
    }
}

impl<const L: usize> Ord for Limbs<L> {
    fn cmp(&self, other: &Self) -> Ordering {
        // For equal signs, two's complement has the same order as unsigned integers.
        let signs = other.is_negative().cmp(&self.is_negative());
        signs.then_with(|| self.0.iter().rev().cmp(other.0.iter().rev()))
    }
}

impl<const L: usize> PartialOrd for Limbs<L> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<const L: usize> From<i64> for Limbs<L> {
    fn from(value: i64) -> Self {
        Limbs([value.cast_unsigned()]).resized()
    }
}

impl<const L: usize> From<i128> for Limbs<L> {
    fn from(value: i128) -> Self {
        Limbs([value as u64, (value >> 64) as u64]).resized()
    }
}

impl<const L: usize> From<&BigInt> for Limbs<L> {
    /// Keeps the low bits if the integer does not fit.
    fn from(value: &BigInt) -> Self {
        let mut limbs = [0; L];
        for (limb, digit) in limbs.iter_mut().zip(value.iter_u64_digits()) {
            *limb = digit;
        }
        let magnitude = Self(limbs);
        if value.sign() == Sign::Minus {
            magnitude.negated()
        } else {
            magnitude
        }
    }
}

impl<const L: usize> From<Limbs<L>> for BigInt {
    fn from(value: Limbs<L>) -> Self {
        let bytes: Vec<u8> = value.0.iter().flat_map(|limb| limb.to_le_bytes()).collect();
        Self::from_signed_bytes_le(&bytes)
    }
}

/// Exact evaluation in integers of `L` limbs. The caller has proven that every sum, and every partial sum, has a
/// magnitude of at most [`Limbs::BITS`] bits.
pub(super) struct ExactLimbs<const L: usize>;

impl<const L: usize> Arithmetic for ExactLimbs<L> {
    type Value = Limbs<L>;
    type Sum = Limbs<L>;

    fn bias(&self, bias: &BigInt) -> Limbs<L> {
        Limbs::from(bias)
    }

    fn mul_add(&self, sums: &mut [Limbs<L>], weight: i64, values: &[Limbs<L>]) {
        for (sum, value) in sums.iter_mut().zip(values) {
            sum.add_product(weight, value);
        }
    }

    fn value(&self, sum: Limbs<L>) -> Limbs<L> {
        sum
    }

    fn square(&self, value: &Limbs<L>) -> Limbs<L> {
        value.squared()
    }
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*};

    use super::*;

    /// Generates integers of up to 800 bits and either sign, many of them at or beside a power of two.
    fn integer() -> impl Strategy<Value = BigInt> {
        let sized = (vec(any::<u8>(), 100), 0..=800_u32);
        let sized =
            sized.prop_map(|(bytes, drop)| BigInt::from_bytes_le(Sign::Plus, &bytes) >> drop);
        let beside =
            (0..=800_u32, -2..=2_i32).prop_map(|(bits, by)| (BigInt::from(1) << bits) + by);
        let limbs = (0..=12_u32, -1..=1_i32, any::<bool>());
        let limbs = limbs.prop_map(|(limbs, by, half)| {
            (BigInt::from(1) << (64 * limbs).saturating_sub(u32::from(half))) + by
        });
        let magnitude = prop_oneof![sized, beside, limbs];
        (magnitude, any::<bool>())
            .prop_map(|(value, negative)| if negative { -value } else { value })
    }

    fn weight() -> impl Strategy<Value = i64> {
        let ends = prop_oneof![Just(i64::MIN), Just(i64::MAX), Just(1), Just(-1)];
        prop_oneof![any::<i64>(), -100_000..100_000_i64, ends]
    }

    fn check<const L: usize>(a: &BigInt, b: &BigInt, weight: i64) -> Result<(), TestCaseError> {
        let (one, two) = (Limbs::<L>::from(a), Limbs::<L>::from(b));
        if a.bits() <= Limbs::<L>::BITS {
            prop_assert_eq!(&BigInt::from(one), a);
            prop_assert_eq!(one.resized::<13>(), Limbs::<13>::from(a));
        }
        // From here on, both are what the limbs hold, and results are compared modulo 2^(64 L).
        let (a, b) = (&BigInt::from(one), &BigInt::from(two));
        prop_assert_eq!(&Limbs::<L>::from(a), &one);
        let mut sum = one;
        sum.add_product(weight, &two);
        let exact = a + b * weight;
        prop_assert_eq!(sum, Limbs::from(&exact));
        if exact.bits() <= Limbs::<L>::BITS {
            prop_assert_eq!(BigInt::from(sum), exact);
        }
        prop_assert_eq!(two.squared(), Limbs::from(&(b * b)));
        prop_assert_eq!(one.cmp(&two), a.cmp(b));
        Ok(())
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]

        #[test]
        fn limbs_equal_integers_of_any_width(a in integer(), b in integer(), weight in weight()) {
            check::<2>(&a, &b, weight)?;
            check::<4>(&a, &b, weight)?;
            check::<6>(&a, &b, weight)?;
            check::<8>(&a, &b, weight)?;
            check::<12>(&a, &b, weight)?;
        }

        #[test]
        fn narrow_integers_are_extended_by_their_sign(small: i64, wide: i128) {
            prop_assert_eq!(BigInt::from(Limbs::<4>::from(small)), BigInt::from(small));
            prop_assert_eq!(BigInt::from(Limbs::<6>::from(wide)), BigInt::from(wide));
        }
    }
}
