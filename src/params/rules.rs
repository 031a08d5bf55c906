//! The rules for the noise of each step of a circuit, which all noise models share.
//!
//! Noise is tracked as t * c(s) mod Q, a polynomial, by the root mean square of its coefficients: its *deviation*. The
//! mean is over everything that is drawn: errors, the random halves of ciphertexts, **and the secret key**. N is the
//! degree and s the secret, whose coefficients are -1, 0 and 1 (variance 2/3).
//!
//! At a root r of x^N + 1, noise is a product of powers of complex Gaussians ([`Powers`]), multiplied by its deviation
//! and sqrt(N). One of these Gaussians is s(r): E abs(s(r))^2k is k! (2N/3)^k, or a little less. The key in use,
//! however, is a single one. For a large k, a single root may make s^k many times as large as it is on average. For k =
//! 8 and N = 16384, one key in 16 exceeds twice the mean square, and one in 2^40 exceeds ten thousand times the
//! mean square. The power of the secret is therefore tracked like that of the noise, and has a share in the tail.
//!
//! # The tail
//!
//! A coefficient is 1/N times the sum over N/2 pairs of roots. Such a sum is Gaussian except for single large terms: it
//! stays below [`GAUSSIAN_TAIL`] deviations plus the contribution of one pair of roots, [`jump`]. Two large terms, or a
//! large one beside an unusual sum of the others, are less probable than one large term alone, because the logarithm of
//! the probability of a product of Gaussians grows more slowly than its size.
//!
//! # Events that the probability of 2^-40 covers
//!
//! The probability covers a whole response together with the keys of its run: all coefficients of all its values under
//! all plaintext moduli. The events that may make the response wrong are
//!
//! - a coefficient beyond 9.8 deviations: 2^-72 for each of at most 2^26, so 2^-46;
//! - the same for the roundings of a compact response: another 2^-46, and 2^-43 for their pairs of roots;
//! - a pair of roots at which errors, masks of the request, roundings and the secret make more than a jump: 2^-41 for
//!   all pairs of all values. A model that adds up several parts gives each of them its share of the 2^-41.
//!
//! Two assumptions are made: SEAL's generator is as good as random, and the residues that a rounding drops are uniform.

use std::f64::consts::LN_2;

/// Variance of a coefficient of SEAL's centred binomial error.
pub(super) const ERROR_VARIANCE: f64 = 10.5;
/// Variance of a secret's coefficient.
const SECRET_VARIANCE: f64 = 2.0 / 3.0;
/// Variance of the remainder of rounding to an integer.
const ROUNDING_VARIANCE: f64 = 1.0 / 12.0;
/// Number of deviations within which Gaussian coefficients lie.
pub(super) const GAUSSIAN_TAIL: f64 = 9.8;
/// -log2 of the probability of a jump.
const JUMP_BITS: f64 = 41.0;

/// The powers of independent complex Gaussians whose product the noise is, at a root of x^N + 1.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Powers {
    /// Power of one Gaussian: the worst of all homogeneous polynomials of this degree in errors and roundings.
    pub noise: u32,
    /// Part of this power that stands for values that are given rather than drawn: plaintexts.
    pub given: u32,
    /// Number of Gaussians to the power of 1: the quotients c(s) / Q of ciphertexts, by which stock squares multiply.
    pub quotients: u32,
    /// Power of the secret.
    pub secret: u32,
}

impl Powers {
    /// Returns the powers of a polynomial of degree `degree` in errors.
    pub(super) const fn errors(degree: u32) -> Self {
        Self {
            noise: degree,
            given: 0,
            quotients: 0,
            secret: 0,
        }
    }

    /// Returns the powers of a polynomial of degree `degree` in the noise of ciphertexts from which a prime was dropped.
    pub(super) const fn dropped(degree: u32) -> Self {
        Self {
            secret: degree,
            ..Self::errors(degree)
        }
    }

    /// Returns the powers of a rounding of a value of `degree` + 1 polynomials: one rounding error times a power of the
    /// secret.
    pub(super) const fn rounding(degree: u32) -> Self {
        Self {
            secret: degree,
            ..Self::errors(1)
        }
    }

    /// Returns the powers of a key switch's digit times the error of the key.
    pub(super) const fn key_switch() -> Self {
        Self::errors(2)
    }

    /// Returns the powers of a fresh ciphertext's noise after `squares` stock squares.
    pub(super) const fn stock(squares: u32) -> Self {
        Self {
            quotients: squares,
            secret: squares,
            ..Self::errors(1)
        }
    }

    /// Returns the powers of the product of both.
    pub(super) const fn product(self, other: Self) -> Self {
        Self {
            noise: self.noise + other.noise,
            given: self.given + other.given,
            quotients: self.quotients + other.quotients,
            secret: self.secret + other.secret,
        }
    }
}

fn factorial(n: u32) -> f64 {
    (1..=n).map(f64::from).product()
}

/// Computes C(n, k).
fn binomial(n: u32, k: u32) -> f64 {
    (1..=k).fold(1.0, |product, i| {
        product * f64::from(n - k + i) / f64::from(i)
    })
}

/// Returns the deviation of a fresh ciphertext: its error, and a message of at most t / 2.
pub(super) fn fresh(t: f64) -> f64 {
    t * (ERROR_VARIANCE + 0.25).sqrt()
}

/// Returns the mean of abs(s^k)^2 at a root for k = 0 to `degree`.
fn secret_powers(n: f64, degree: u32) -> impl Iterator<Item = f64> {
    (0..=degree).map(move |k| factorial(k) * (SECRET_VARIANCE * n).powi(k.cast_signed()))
}

/// Returns the deviation of rounding each polynomial of a value of `degree` + 1 of them: for polynomial k, t * sqrt(k!
/// (2N/3)^k / 12).
pub(super) fn rounding_of_each(n: f64, t: f64, degree: u32) -> impl Iterator<Item = f64> {
    secret_powers(n, degree).map(move |power| t * (ROUNDING_VARIANCE * power).sqrt())
}

/// Returns the deviation of rounding all polynomials of a value of `degree` + 1 of them, as when a prime is dropped. Its
/// powers are [`Powers::rounding`].
pub(super) fn rounding(n: f64, t: f64, degree: u32) -> f64 {
    t * (ROUNDING_VARIANCE * secret_powers(n, degree).sum::<f64>()).sqrt()
}

/// Returns the factor between the deviation of a polynomial of degree `degree` in the noise of ciphertexts from which a
/// prime was dropped, and the same as if these noises were independent Gaussians.
///
/// Such a noise is e / p + r0 + r1 s with roundings r0 and r1. At a root, given the secret, these noises are independent
/// Gaussians of variance a + b abs(s)^2, with the same s in all. The mean square of a polynomial in them is at most one
/// in the root of this variance, of degree 2 `degree` and with coefficients that are not negative. As E abs(s)^2k <=
/// k! (2N/3)^k, the mean of the k-th power of the variance is at most k! times the k-th power of its mean; for halves
/// of odd numbers, the Gamma function takes the place of k!.
pub(super) fn common_secret(degree: u32) -> f64 {
    factorial(degree).sqrt()
}

/// The representation of a key switch's digits.
#[derive(Debug, Clone, Copy)]
pub(super) enum Digits {
    /// 0 to q - 1, as in SEAL.
    Unsigned,
    /// Centred around 0.
    Centred,
}

/// Returns the deviation of a key switch, without its rounding. `log2_digits` are log2 of the digits' primes, and
/// `log2_special` that of the special prime. Its powers are [`Powers::key_switch`].
pub(super) fn key_switch(
    n: f64,
    t: f64,
    digits: Digits,
    log2_digits: &[f64],
    log2_special: f64,
) -> f64 {
    let variance = match digits {
        Digits::Unsigned => 1.0 / 3.0,
        Digits::Centred => 1.0 / 12.0,
    };
    let ratios = log2_digits
        .iter()
        .map(|log2| (2.0 * (log2 - log2_special)).exp2());
    t * (ERROR_VARIANCE * n * variance * ratios.sum::<f64>()).sqrt()
}

/// Returns the factor between the product of two deviations and the deviation of the product.
///
/// For homogeneous polynomials P and Q of degrees m and n in complex Gaussians, E abs(PQ)^2 <= C(m+n, m) E abs(P)^2 E
/// abs(Q)^2 at every root (Bombieri's inequality, Beauzamy et al. 1990); powers of the secret reach it. A coefficient
/// of a product is a sum of N products.
pub(super) fn product(n: f64, a: Powers, b: Powers) -> f64 {
    let noise = binomial(a.noise + b.noise, a.noise);
    let secret = binomial(a.secret + b.secret, a.secret);
    (noise * secret * n).sqrt()
}

/// Returns the factor by which a stock square makes noise grow that has the power `secret` of the secret: 2t times the
/// ciphertext's quotient c(s) / q, of variance N/18 + 1/12, and the message, at most t / 2. Its powers are
/// [`Powers::stock`].
pub(super) fn stock_square(n: f64, t: f64, secret: u32) -> f64 {
    let quotient = (ROUNDING_VARIANCE * (1.0 + SECRET_VARIANCE * n)).sqrt();
    2.0 * t * n.sqrt() * (quotient * f64::from(secret + 1).sqrt() + 0.5)
}

/// Returns a bound on the square of a complex Gaussian of variance 1 at all roots of `values` values in ciphertexts of
/// degree `n`, except with a probability of 2^-41.
pub(super) fn root_tail(n: f64, values: f64) -> f64 {
    LN_2 * JUMP_BITS + (n / 2.0 * values).ln()
}

/// Returns the largest contribution of one pair of roots to a coefficient, in deviations, except with a probability of
/// 2^-`bits` for all pairs of all `values`.
///
/// At a root, the square of the magnitude is a product of powers p of exponentially distributed numbers E, divided by
/// its mean, the product of the p!. If the sum of m such E stays below L, the product is largest where each E has a
/// share of L in proportion to its power. The sum exceeds L with a probability of exp(-L) times the sum over k < m of
/// L^k / k!.
pub(super) fn jump(powers: Powers, n: f64, values: f64, bits: f64) -> f64 {
    // Each power, and the number of Gaussians with that power.
    let factors = [
        (powers.noise.saturating_sub(powers.given), 1),
        (powers.secret, 1),
        (1, powers.quotients),
    ];
    let drawn = factors.iter().filter(|(power, _)| *power > 0);
    let (number, total) = drawn.fold((0, 0), |(number, total), (power, count)| {
        (number + count, total + power * count)
    });
    let exponent = LN_2 * bits + (n / 2.0 * values).ln();
    let mut most = exponent;
    // This iteration is a contraction: the sum's logarithm grows by less than m / L.
    for _ in 0..32 {
        let (mut term, mut sum) = (1.0, 0.0);
        for k in 0..number.max(1) {
            sum += term;
            term *= most / f64::from(k + 1);
        }
        let before = std::mem::replace(&mut most, exponent + f64::ln(sum));
        if (most - before).abs() < 1e-9 {
            break;
        }
    }
    let share = |power: u32| {
        let power = f64::from(power);
        let share = most * power / f64::from(total);
        if power > 0.0 { power * share.ln() } else { 0.0 }
    };
    let shares = factors.map(|(power, count)| f64::from(count) * share(power));
    let log_size = shares.iter().sum::<f64>() + f64::from(powers.given) * most.ln()
        - factorial(powers.noise).ln()
        - factorial(powers.secret).ln();
    2.0 * (log_size / 2.0).exp() / n.sqrt()
}

/// Returns the largest number of deviations of a coefficient, except with a probability of 2^-41 for all of `values`
/// values (plus the probability that [`GAUSSIAN_TAIL`] leaves).
pub(super) fn tail(powers: Powers, n: f64, values: f64) -> f64 {
    GAUSSIAN_TAIL + jump(powers, n, values, JUMP_BITS)
}

#[cfg(test)]
#[path = "rules_tests.rs"]
mod tests;
