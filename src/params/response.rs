//! The widths to which the coefficients of a response are shortened before it travels.
//!
//! A response modulo q' is sent modulo 2^b: a coefficient c becomes the nearest integer to 2^b c / q'. The client takes
//! the nearest integer to q' / 2^b times that. This adds a rounding, as if a prime of q' / 2^b were dropped. Polynomial k
//! is multiplied by s^k when it is decrypted, so each polynomial has its own width.

use super::rules::{Powers, rounding_of_each, tail};
use super::search::MARGIN_BITS;
use super::selection::Parameters;

/// Largest width: up to here the fixed-point arithmetic of rounding takes less than 1/800 of a unit.
const WIDTH_MAX: u32 = 48;
/// Factor on the deviation for that part of a unit.
const FIXED_POINT: f64 = 1.01;

impl Parameters {
    /// Returns the widths, in bits, to which the coefficients of a response of `outputs` ciphertexts of `polynomials`
    /// polynomials for each plain prime are shortened; empty if there is no budget to spare for that.
    pub(crate) fn response_widths(&self, polynomials: usize, outputs: usize) -> Vec<u32> {
        let shape = ResponseShape {
            degree: self.poly_modulus_degree as f64,
            t: self.plain_moduli.iter().copied().max().unwrap_or(0) as f64,
            polynomials,
            values: (outputs * self.plain_moduli.len()) as f64,
        };
        let primes = self.coeff_modulus.iter().take(self.response_primes);
        let log2_q = primes.map(|&prime| (prime as f64).log2()).sum();
        let last = self.predicted_noise.last();
        let budget = last.map_or(0.0, |response| response.budget_bits);
        shape.widths(log2_q, budget)
    }
}

/// What a response is made of, apart from its primes.
#[derive(Debug, Clone, Copy)]
struct ResponseShape {
    /// N.
    degree: f64,
    /// The largest plain prime.
    t: f64,
    /// Number of polynomials of each ciphertext.
    polynomials: usize,
    /// Number of ciphertexts under all plain primes.
    values: f64,
}

impl ResponseShape {
    /// Returns the fewest bits for each polynomial with which the margin is kept, if `budget_bits` are left modulo a q'
    /// of `log2_q` bits; empty if none do.
    ///
    /// All roundings together stay within the bound except with a probability of 2^-43.
    fn widths(&self, log2_q: f64, budget_bits: f64) -> Vec<u32> {
        let degree = self.polynomials.saturating_sub(1) as u32;
        let powers = Powers::rounding(degree);
        let tail = FIXED_POINT * tail(powers, self.degree, 4.0 * self.values);
        // The noise may be q' / 2^(margin + 1), and the budget says how much of that is there.
        let left = (-MARGIN_BITS - 1.0).exp2() - (-budget_bits - 1.0).exp2();
        if left <= 0.0 {
            return Vec::new();
        }
        let variances: Vec<f64> = rounding_of_each(self.degree, self.t, degree)
            .map(|deviation| deviation * deviation)
            .collect();
        // Each polynomial is rounded twice: to 2^b, and back to q'.
        let back = variances.iter().sum::<f64>() * (-2.0 * log2_q).exp2();
        let room = (left / tail).powi(2) - back;
        if room <= 0.0 {
            return Vec::new();
        }
        let variance = |widths: &[u32]| -> f64 {
            let pairs = variances.iter().zip(widths);
            pairs
                .map(|(variance, &width)| variance * (-2.0 * f64::from(width)).exp2())
                .sum()
        };
        // Give each an equal share, and then take off what whole bits left over.
        let share = room / self.polynomials as f64;
        let width = |variance: &f64| (((variance / share).log2() / 2.0).ceil()).max(1.0) as u32;
        let mut widths: Vec<u32> = variances.iter().map(width).collect();
        for polynomial in (0..widths.len()).rev() {
            while widths[polynomial] > 1 {
                widths[polynomial] -= 1;
                if variance(&widths) > room {
                    widths[polynomial] += 1;
                    break;
                }
            }
        }
        if widths.iter().any(|&width| width > WIDTH_MAX) {
            return Vec::new();
        }
        widths
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shape(polynomials: usize) -> ResponseShape {
        ResponseShape {
            degree: 8192.0,
            t: 114_689.0,
            polynomials,
            values: 10.0,
        }
    }

    #[test]
    fn a_bit_fewer_anywhere_breaks_the_margin() {
        let left = (-MARGIN_BITS - 1.0).exp2() - (-9.0_f64).exp2();
        for polynomials in [2, 3, 5] {
            let shape = shape(polynomials);
            let widths = shape.widths(42.0, 8.0);
            assert_eq!(widths.len(), polynomials);
            let degree = polynomials as u32 - 1;
            let tail = tail(Powers::rounding(degree), shape.degree, 40.0);
            let takes = |widths: &[u32]| {
                let each = rounding_of_each(shape.degree, shape.t, degree);
                let of_each = each.zip(widths).map(|(deviation, &width)| {
                    let unit = (-f64::from(width)).exp2();
                    deviation * deviation * (unit * unit + (-84.0_f64).exp2())
                });
                1.01 * tail * of_each.sum::<f64>().sqrt()
            };
            assert!(takes(&widths) <= left, "{widths:?}");
            for polynomial in 0..polynomials {
                let mut fewer = widths.clone();
                fewer[polynomial] -= 1;
                assert!(takes(&fewer) > left, "{fewer:?}");
            }
        }
    }

    /// Polynomial 1 needs log2(2t) + 9.5 bits or so at N = 8192, polynomial 0 needs log2(t) + 3.
    #[test]
    fn widths_are_near_what_theory_says() {
        assert_eq!(shape(2).widths(42.0, 8.0), [22, 28]);
    }

    #[test]
    fn without_budget_nothing_is_shortened() {
        assert!(shape(2).widths(42.0, MARGIN_BITS).is_empty());
        assert!(shape(2).widths(30.0, 8.0).len() <= 2);
        assert!(shape(9).widths(60.0, 8.0).is_empty());
    }
}
