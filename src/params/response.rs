//! The widths to which the coefficients of a response are shortened before it travels.
//!
//! A response modulo q' is sent modulo 2^b: a coefficient c becomes the nearest integer to 2^b c / q'. The client takes
//! the nearest integer to q' / 2^b times that. This adds a rounding, as if a prime of q' / 2^b were dropped. Polynomial k
//! is multiplied by s^k when it is decrypted, so each polynomial has its own width.

use super::rules::{Powers, rounding_of_each, tail};
use super::search::MARGIN_BITS;
use super::selection::Parameters;
use crate::bits::width;

/// Largest width.
const WIDTH_MAX: u32 = 60;

impl Parameters {
    /// Returns the widths, in bits, to which the coefficients of a response of `outputs` ciphertexts of `polynomials`
    /// polynomials for each plain prime are shortened, if `coefficients` of polynomial 0 travel; empty if that saves nothing, or there is no budget to spare.
    pub(crate) fn response_widths(
        &self,
        polynomials: usize,
        outputs: usize,
        coefficients: usize,
    ) -> Vec<u32> {
        let shape = ResponseShape {
            degree: self.poly_modulus_degree as f64,
            t: self.plain_moduli.iter().copied().max().unwrap_or(0) as f64,
            polynomials,
            values: (outputs * self.plain_moduli.len()) as f64,
            coefficients,
        };
        let last = self.predicted_noise.last();
        let budget = last.map_or(0.0, |response| response.budget_bits);
        shape.widths(&self.coeff_modulus[..self.response_primes], budget)
    }

    /// Returns the noise budget, in bits, that is left at least in a response when it is decrypted: what is predicted, and
    /// no more than the margin if the response is compact.
    pub fn decrypted_budget_bits(&self, compact: bool) -> f64 {
        let last = self.predicted_noise.last();
        let budget = last.map_or(0.0, |response| response.budget_bits);
        if compact {
            budget.min(MARGIN_BITS)
        } else {
            budget
        }
    }
}

/// The shape of a response, apart from its primes.
#[derive(Debug, Clone, Copy)]
pub(super) struct ResponseShape {
    /// N.
    pub degree: f64,
    /// The largest plain prime.
    pub t: f64,
    /// Number of polynomials of each ciphertext.
    pub polynomials: usize,
    /// Number of ciphertexts under all plain primes.
    pub values: f64,
    /// Number of coefficients of polynomial 0 that travel.
    pub coefficients: usize,
}

impl ResponseShape {
    /// Returns the bytes of the response in the form in which it travels, if `budget_bits` are left modulo these primes.
    pub(super) fn bytes(&self, primes: &[u64], budget_bits: f64) -> f64 {
        let widths = self.widths(primes, budget_bits);
        let bits = if widths.is_empty() {
            self.whole(primes)
        } else {
            self.shortened(&widths)
        };
        self.values * bits / 8.0
    }

    /// Returns the bits of a ciphertext with coefficients of these widths.
    fn shortened(&self, widths: &[u32]) -> f64 {
        let Some((&first, others)) = widths.split_first() else {
            return 0.0;
        };
        let others = self.degree * f64::from(others.iter().sum::<u32>());
        self.coefficients as f64 * f64::from(first) + others
    }

    /// Returns the bits of a ciphertext as it is.
    fn whole(&self, primes: &[u64]) -> f64 {
        let bits = primes.iter().map(|&prime| width(prime)).sum::<u32>();
        self.polynomials as f64 * self.degree * f64::from(bits)
    }

    /// Returns the fewest bits for each polynomial with which the margin is kept, if `budget_bits` are left modulo the
    /// primes of q'; empty if none do, or these are no fewer than there are.
    ///
    /// All roundings together stay within the bound except with a probability of 2^-43.
    fn widths(&self, primes: &[u64], budget_bits: f64) -> Vec<u32> {
        let variance = |widths: &[u32]| self.variance(primes.len(), widths);
        let room = self.room(primes, budget_bits);
        let share = room / self.polynomials as f64;
        // Give each an equal share, add bits for what fixed-point arithmetic takes, and take off what was left over.
        let width = |deviation: f64| (deviation.log2() - share.log2() / 2.0).ceil().max(1.0) as u32;
        let mut widths: Vec<u32> = self.deviations().map(width).collect();
        while variance(&widths) > room {
            if widths.iter().any(|&width| width > WIDTH_MAX) {
                return Vec::new();
            }
            for width in &mut widths {
                *width += 1;
            }
        }
        for polynomial in (0..widths.len()).rev() {
            while variance(&widths) <= room && widths[polynomial] > 0 {
                widths[polynomial] -= 1;
            }
            widths[polynomial] += 1;
        }
        let fits = widths.iter().all(|&width| width <= WIDTH_MAX);
        let shorter = self.shortened(&widths) < self.whole(primes);
        if fits && shorter { widths } else { Vec::new() }
    }

    /// Returns the deviation that a rounding of each polynomial to an integer causes.
    fn deviations(&self) -> impl Iterator<Item = f64> {
        let degree = self.polynomials.saturating_sub(1) as u32;
        rounding_of_each(self.degree, self.t, degree)
    }

    /// Returns the variance that rounding to these widths causes, as a part of q'^2: for each polynomial, of a rounding
    /// of deviation 1 / sqrt(12) and of the two units of 2^-64 by which fixed-point arithmetic is off for each prime.
    fn variance(&self, primes: usize, widths: &[u32]) -> f64 {
        let of_each = self.deviations().zip(widths).map(|(deviation, &width)| {
            let width = f64::from(width);
            let off = 2.0 * primes as f64 * (width - 64.0).exp2();
            let deviation = deviation * (-width).exp2() * (1.0 + 12.0_f64.sqrt() * off);
            deviation * deviation
        });
        of_each.sum()
    }

    /// Returns the variance that there is room for, as a part of q'^2, apart from that of rounding back to q'. It is
    /// negative if there is no room.
    fn room(&self, primes: &[u64], budget_bits: f64) -> f64 {
        let powers = Powers::rounding(self.polynomials.saturating_sub(1) as u32);
        let tail = tail(powers, self.degree, 4.0 * self.values);
        // The noise may be q' / 2^(margin + 1), and the budget says how much of that is there.
        let left = (-MARGIN_BITS - 1.0).exp2() - (-budget_bits - 1.0).exp2();
        let q: f64 = primes.iter().map(|&prime| prime as f64).product();
        let back = self.deviations().map(|deviation| (deviation / q).powi(2));
        left.max(0.0).powi(2) / (tail * tail) - back.sum::<f64>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PRIME: u64 = (1 << 42) - 16_383;

    fn shape(polynomials: usize) -> ResponseShape {
        ResponseShape {
            degree: 8192.0,
            t: 114_689.0,
            polynomials,
            values: 10.0,
            coefficients: 8192,
        }
    }

    #[test]
    fn a_bit_fewer_anywhere_breaks_the_margin() {
        for polynomials in [2, 3, 5] {
            let (shape, primes) = (shape(polynomials), [PRIME, PRIME]);
            let room = shape.room(&primes, 8.0);
            let widths = shape.widths(&primes, 8.0);
            assert_eq!(widths.len(), polynomials);
            assert!(shape.variance(2, &widths) <= room, "{widths:?}");
            for polynomial in 0..polynomials {
                let mut fewer = widths.clone();
                fewer[polynomial] -= 1;
                assert!(shape.variance(2, &fewer) > room, "{fewer:?}");
            }
        }
    }

    /// For two polynomials at N = 8192 the theory has log2(2t) + 9.5 and log2(t) + 3 bits, without the margin.
    #[test]
    fn widths_are_near_what_theory_says() {
        assert_eq!(shape(2).widths(&[PRIME], 8.0), [21, 28]);
        let bytes = |budget: f64| shape(2).bytes(&[PRIME], budget) as u64;
        assert_eq!(bytes(8.0), 10 * 8192 * 49 / 8);
        assert_eq!(bytes(MARGIN_BITS), 10 * 8192 * 84 / 8);
    }

    #[test]
    fn what_saves_nothing_is_left_as_it_is() {
        assert!(shape(2).widths(&[PRIME], MARGIN_BITS).is_empty());
        assert!(shape(2).widths(&[PRIME >> 18], 8.0).is_empty());
        assert!(shape(9).widths(&[PRIME, PRIME, PRIME], 8.0).is_empty());
    }
}
