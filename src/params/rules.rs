//! What each step of a circuit does to noise: one rule for a step, which every noise model uses.
//!
//! Noise is followed as t * c(s) mod Q, a polynomial, by the root mean square of its coefficients: its *deviation*. The mean
//! is over all that is drawn: errors, the random halves of ciphertexts, **and the secret key**. N is the degree, s the
//! secret: coefficients of -1, 0 and 1, variance 2/3.
//!
//! At a root r of x^N + 1 noise is a product of powers of complex Gaussians ([`Powers`]), multiplied by its deviation
//! and sqrt(N). s(r) is one of them: E abs(s(r))^2k is k! (2N/3)^k, or a little less. The key in use is one key: for a large k a
//! single root may make s^k many times as large as it is on average (for k = 8, N = 16384, one key in 16 exceeds twice the
//! mean square, and one in 2^40 ten thousand times). So the secret's power is followed like the noise's, and has a share in
//! the tail.
//!
//! # The tail
//!
//! A coefficient is 1/N times the sum over N/2 pairs of roots. Such a sum is Gaussian but for single large summands: it stays
//! below [`GAUSSIAN_TAIL`] deviations plus what one pair of roots contributes, [`jump`]. Two large summands, or a large one
//! beside an unusual sum of the others, are less probable than the one: the logarithm of the probability of a product of
//! Gaussians grows more slowly than its size.
//!
//! # What the probability of 2^-40 covers
//!
//! A whole response, with the keys it is made with: all coefficients of all its values under all plaintext moduli. The
//! events that may make it wrong are
//!
//! - a coefficient beyond 9.8 deviations: 2^-72 for each of at most 2^26, so 2^-46;
//! - a pair of roots at which errors, masks of the request, roundings and the secret make more than a jump: 2^-41 for all
//!   pairs of all values. A model that adds up several parts gives each of them its share of the 2^-41.
//!
//! That SEAL's generator is as good as random is assumed; so is that residues dropped by a rounding are uniform.

use std::f64::consts::LN_2;

/// The variance of a coefficient of SEAL's centred binomial error.
pub(super) const ERROR_VARIANCE: f64 = 10.5;
/// The variance of a secret's coefficient.
const SECRET_VARIANCE: f64 = 2.0 / 3.0;
/// The variance of what rounding to an integer leaves.
const ROUNDING_VARIANCE: f64 = 1.0 / 12.0;
/// Gaussian coefficients lie within so many deviations.
pub(super) const GAUSSIAN_TAIL: f64 = 9.8;
/// -log2 of the probability of a jump.
const JUMP_BITS: f64 = 41.0;

/// Which powers of independent complex Gaussians noise is a product of, at a root of x^N + 1.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Powers {
    /// The power of one Gaussian: the worst of all homogeneous polynomials of this degree in errors and roundings.
    pub noise: u32,
    /// How much of this power stands for values that are given rather than drawn: plaintexts.
    pub given: u32,
    /// Gaussians to the power of 1: the quotients c(s) / Q of ciphertexts that stock squares multiply by.
    pub quotients: u32,
    /// The power of the secret.
    pub secret: u32,
}

impl Powers {
    /// A polynomial of this degree in errors.
    pub(super) const fn errors(degree: u32) -> Self {
        Self {
            noise: degree,
            given: 0,
            quotients: 0,
            secret: 0,
        }
    }

    /// What rounding leaves of a value of `degree` + 1 polynomials: one rounding times a power of the secret.
    pub(super) const fn rounding(degree: u32) -> Self {
        Self {
            secret: degree,
            ..Self::errors(1)
        }
    }

    /// A digit of a key switch times the error of the key.
    pub(super) const fn key_switch() -> Self {
        Self::errors(2)
    }

    /// Noise of a fresh ciphertext after so many stock squares.
    pub(super) const fn stock(squares: u32) -> Self {
        Self {
            quotients: squares,
            secret: squares,
            ..Self::errors(1)
        }
    }

    /// A product of both.
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

/// C(n, k).
fn binomial(n: u32, k: u32) -> f64 {
    (1..=k).fold(1.0, |product, i| {
        product * f64::from(n - k + i) / f64::from(i)
    })
}

/// The deviation of a fresh ciphertext: its error, and a message of at most t / 2.
pub(super) fn fresh(t: f64) -> f64 {
    t * (ERROR_VARIANCE + 0.25).sqrt()
}

/// The deviation that rounding all polynomials of a value of `degree` + 1 of them makes, as when a prime is dropped:
/// t * sqrt(sum over k of k! (2N/3)^k / 12). Its powers are [`Powers::rounding`].
pub(super) fn rounding(n: f64, t: f64, degree: u32) -> f64 {
    let power = |k: u32| factorial(k) * (SECRET_VARIANCE * n).powi(k.cast_signed());
    let sum: f64 = (0..=degree).map(power).sum();
    t * (ROUNDING_VARIANCE * sum).sqrt()
}

/// How the digits of a key switch are represented.
#[derive(Debug, Clone, Copy)]
pub(super) enum Digits {
    /// By 0 to q - 1, as SEAL does.
    Unsigned,
    /// Around 0.
    Centred,
}

/// The deviation that a key switch makes, without its rounding; `log2_digits` are the primes of the digits and
/// `log2_special` the special prime. Its powers are [`Powers::key_switch`].
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

/// The factor between the product of two deviations and the deviation of the product: E abs(PQ)^2 <= C(m+n, m) E
/// abs(P)^2 E abs(Q)^2 for homogeneous polynomials of degrees m and n in complex Gaussians (Bombieri's inequality,
/// Beauzamy et al. 1990), at every root; powers of the secret reach it. The coefficients of a product are sums of N.
pub(super) fn product(n: f64, a: Powers, b: Powers) -> f64 {
    let noise = binomial(a.noise + b.noise, a.noise);
    let secret = binomial(a.secret + b.secret, a.secret);
    (noise * secret * n).sqrt()
}

/// The factor by which a stock square makes noise grow that has a power of the secret: 2t times the quotient c(s) / q of
/// the ciphertext, of variance N/18 + 1/12, and the message, at most t / 2. Its powers are those of [`Powers::stock`].
pub(super) fn stock_square(n: f64, t: f64, secret: u32) -> f64 {
    let quotient = (ROUNDING_VARIANCE * (1.0 + SECRET_VARIANCE * n)).sqrt();
    2.0 * t * n.sqrt() * (quotient * f64::from(secret + 1).sqrt() + 0.5)
}

/// The square of a complex Gaussian of variance 1 lies below this at all roots of so many `values` with ciphertexts of
/// degree `n`, but for a probability of 2^-41.
pub(super) fn root_tail(n: f64, values: f64) -> f64 {
    LN_2 * JUMP_BITS + (n / 2.0 * values).ln()
}

/// What one pair of roots adds to a coefficient at most, in deviations, but for a probability of 2^-`bits` for all pairs
/// of all `values`.
///
/// At a root the square of the magnitude is a product of powers p of exponentially distributed numbers E, divided by
/// its mean, the product of the p!. If the sum of m such E stays below L, the product is largest where each E has a share of L in
/// proportion to its power. The sum exceeds L with a probability of exp(-L) times the sum over k < m of L^k / k!.
pub(super) fn jump(powers: Powers, n: f64, values: f64, bits: f64) -> f64 {
    // Powers, and how many Gaussians have each.
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
    // A contraction: the sum's logarithm grows by less than m / L.
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

/// How many deviations the largest coefficient has at most, but for a probability of 2^-41 for all of so many `values`
/// (and what [`GAUSSIAN_TAIL`] leaves).
pub(super) fn tail(powers: Powers, n: f64, values: f64) -> f64 {
    GAUSSIAN_TAIL + jump(powers, n, values, JUMP_BITS)
}

#[cfg(test)]
#[path = "rules_tests.rs"]
mod tests;
