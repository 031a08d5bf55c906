//! Compares the rules with sampled keys, errors and roundings, at small degrees and at a probability large enough to be
//! observed.
#![allow(clippy::cast_possible_wrap, reason = "degrees are small")]

use super::*;
use crate::network::SplitMix64;
use rayon::prelude::*;
use std::f64::consts::PI;

/// A complex number.
type Complex = (f64, f64);

fn times((a, b): Complex, (c, d): Complex) -> Complex {
    (a * c - b * d, a * d + b * c)
}

/// A source of random polynomials of degree below N, as their values at the roots of x^N + 1.
struct Draw<'a> {
    random: SplitMix64,
    /// The 2N-th roots of 1.
    roots: &'a [Complex],
}

fn roots(n: usize) -> Vec<Complex> {
    let angle = |index: usize| PI * index as f64 / n as f64;
    (0..2 * n)
        .map(|index| (angle(index).cos(), angle(index).sin()))
        .collect()
}

/// Computes the discrete Fourier transform.
fn transform(values: &[Complex], roots: &[Complex]) -> Vec<Complex> {
    let n = values.len();
    if n == 1 {
        return values.to_vec();
    }
    let half = |odd: usize| -> Vec<Complex> {
        let part: Vec<Complex> = values.iter().skip(odd).step_by(2).copied().collect();
        transform(&part, roots)
    };
    let (even, odd) = (half(0), half(1));
    let mut result = vec![(0.0, 0.0); n];
    for k in 0..n / 2 {
        let turned = times(odd[k], roots[k * roots.len() / n]);
        result[k] = (even[k].0 + turned.0, even[k].1 + turned.1);
        result[k + n / 2] = (even[k].0 - turned.0, even[k].1 - turned.1);
    }
    result
}

/// Returns the largest magnitude of the coefficients of a polynomial with these values at the roots.
fn largest_coefficient(values: &[Complex], roots: &[Complex]) -> f64 {
    let n = values.len() as f64;
    // The inverse transform, as the transform of the conjugates.
    let conjugates: Vec<Complex> = values.iter().map(|&(re, im)| (re, -im)).collect();
    transform(&conjugates, roots)
        .iter()
        .zip(roots)
        .map(|(&value, &root)| (times(value, root).0 / n).abs())
        .fold(0.0, f64::max)
}

impl Draw<'_> {
    fn polynomial(&mut self, coefficient: impl Fn(u64) -> f64) -> Vec<Complex> {
        let twisted: Vec<Complex> = self.roots[..self.roots.len() / 2]
            .iter()
            .map(|root| {
                let coefficient = coefficient(self.random.next_u64());
                (coefficient * root.0, coefficient * root.1)
            })
            .collect();
        transform(&twisted, self.roots)
    }

    fn secret(&mut self) -> Vec<Complex> {
        self.polynomial(|word| (word % 3) as f64 - 1.0)
    }

    /// Draws a polynomial of rounding errors.
    fn rounding(&mut self) -> Vec<Complex> {
        self.polynomial(|word| (word >> 11) as f64 / (1u64 << 53) as f64 - 0.5)
    }

    /// Draws SEAL's centred binomial error: the difference of two sums of 21 bits.
    fn error(&mut self) -> Vec<Complex> {
        self.polynomial(|word| {
            let ones = |word: u64| f64::from((word & 0x1f_ffff).count_ones());
            ones(word) - ones(word >> 32)
        })
    }

    /// Draws the rounding of a value of `degree` + 1 polynomials.
    fn rounded(&mut self, secret: &[Complex], degree: u32) -> Vec<Complex> {
        let mut sum = self.rounding();
        for _ in 0..degree {
            let next = self.rounding();
            for ((sum, next), s) in sum.iter_mut().zip(next).zip(secret) {
                *sum = times(*sum, *s);
                *sum = (sum.0 + next.0, sum.1 + next.1);
            }
        }
        sum
    }
}

fn multiply(a: &[Complex], b: &[Complex]) -> Vec<Complex> {
    a.iter().zip(b).map(|(&a, &b)| times(a, b)).collect()
}

/// -log2 of the probability that is tested.
const BITS: f64 = 6.0;
const TRIALS: u64 = 1000;

/// Checks that noise with these powers and this deviation exceeds the tail as rarely as stated, and that the tail is
/// tight: less than `slack` bits above the size that is exceeded as often.
fn check(
    name: &str,
    n: usize,
    powers: Powers,
    deviation: f64,
    slack: f64,
    draw: impl Fn(&mut Draw<'_>) -> Vec<Complex> + Sync,
) {
    let degree = n as f64;
    // Bound that one of N Gaussian coefficients exceeds with the same probability.
    let gaussian = (2.0 * LN_2 * (BITS + 1.0 + degree.log2())).sqrt();
    let bound = (gaussian + jump(powers, degree, 1.0, BITS)) * deviation;
    let roots = &roots(n);
    let mut largest: Vec<f64> = (0..TRIALS)
        .into_par_iter()
        .map(|seed| {
            let random = SplitMix64::new(seed);
            largest_coefficient(&draw(&mut Draw { random, roots }), roots)
        })
        .collect();
    largest.sort_unstable_by(f64::total_cmp);
    let expected = TRIALS as f64 * 2.0 * (-BITS).exp2();
    let exceeding = largest.iter().filter(|&&value| value > bound).count() as f64;
    let quantile = largest[largest.len() - expected as usize];
    let above = (bound / quantile).log2();
    println!("{name}, N = {n}: {exceeding} of {expected:.0} beyond, {above:.2} bits above");
    // Four standard deviations of the expected number.
    assert!(
        exceeding <= expected + 4.0 * expected.sqrt(),
        "{name}, N = {n}: {exceeding} of {TRIALS} exceed the bound"
    );
    assert!(
        above < slack,
        "{name}, N = {n}: {above} bits above the sampled"
    );
}

#[test]
fn roundings_exceed_their_tail_as_rarely_as_stated_whatever_the_key() {
    for n in [64, 256] {
        for degree in [1, 2, 4, 8] {
            let deviation = rounding(n as f64, 1.0, degree);
            let name = format!("rounding of degree {degree}");
            check(&name, n, Powers::rounding(degree), deviation, 2.5, |draw| {
                let secret = draw.secret();
                draw.rounded(&secret, degree)
            });
        }
    }
}

#[test]
fn squares_of_roundings_and_errors_exceed_their_tail_as_rarely_as_stated() {
    let n = 128;
    let degree = n as f64;
    let powers = Powers::rounding(1);
    let deviation = product(degree, powers, powers) * rounding(degree, 1.0, 1).powi(2);
    check(
        "square of a rounding",
        n,
        powers.product(powers),
        deviation,
        1.5,
        |draw| {
            let secret = draw.secret();
            let value = draw.rounded(&secret, 1);
            multiply(&value, &value)
        },
    );
    let mut powers = Powers::errors(1);
    let mut deviation = ERROR_VARIANCE.sqrt();
    for squares in 1..=3 {
        deviation = product(degree, powers, powers) * deviation.powi(2);
        powers = powers.product(powers);
        let name = format!("{squares} squares of an error");
        check(&name, n, powers, deviation, 1.5, |draw| {
            let value = draw.error();
            (0..squares).fold(value, |value, _| multiply(&value, &value))
        });
    }
}

#[test]
fn stock_squares_exceed_their_tail_as_rarely_as_stated() {
    let n = 128;
    let degree = n as f64;
    let mut deviation = fresh(1.0);
    for squares in 1..=4 {
        deviation *= stock_square(degree, 1.0, squares - 1);
        let name = format!("{squares} stock squares");
        check(&name, n, Powers::stock(squares), deviation, 3.5, |draw| {
            let secret = draw.secret();
            let mut value = draw.error();
            for _ in 0..squares {
                // c(s) / q, uniform in both polynomials, and a message of t / 2 with random signs.
                let quotient = draw.rounded(&secret, 1);
                let message = draw.polynomial(|word| (word % 2) as f64 - 0.5);
                for ((value, quotient), message) in value.iter_mut().zip(quotient).zip(message) {
                    let factor = (quotient.0 + message.0, quotient.1 + message.1);
                    *value = times(*value, (2.0 * factor.0, 2.0 * factor.1));
                }
            }
            value
        });
    }
}

#[test]
fn powers_of_a_key_are_on_average_as_large_as_stated_and_one_key_may_be_far_off() {
    for n in [256, 1024] {
        let roots = &roots(n);
        // abs(s(r))^2 relative to its mean, for each key.
        let keys: Vec<Vec<f64>> = (0..TRIALS)
            .into_par_iter()
            .map(|seed| {
                let random = SplitMix64::new(seed);
                let secret = Draw { random, roots }.secret();
                let mean = SECRET_VARIANCE * n as f64;
                let sizes = secret.iter().map(|(re, im)| (re * re + im * im) / mean);
                sizes.collect()
            })
            .collect();
        for k in [1, 2, 4, 8_u32] {
            let norms = keys.iter().map(|key| {
                let sum: f64 = key.iter().map(|size| size.powi(k as i32)).sum();
                sum / n as f64 / factorial(k)
            });
            let mean = norms.clone().sum::<f64>() / TRIALS as f64;
            // The mean of a few keys' eighth powers is uncertain: a single key may have a hundred times as much.
            let most = if k == 8 { 3.0 } else { 1.05 };
            assert!(mean < most && mean > 0.6, "N = {n}, k = {k}: {mean}");
            let above = norms.filter(|&norm| norm > 2.0).count() as f64 / TRIALS as f64;
            if k == 8 {
                assert!((0.03..0.15).contains(&above), "N = {n}: {above}");
            }
        }
        let tail = LN_2 * BITS + (n as f64 / 2.0).ln();
        let beyond = |key: &&Vec<f64>| key.iter().any(|&size| size > tail);
        let beyond = keys.iter().filter(beyond).count() as f64;
        let expected = TRIALS as f64 * (-BITS).exp2();
        assert!(
            beyond <= expected + 4.0 * expected.sqrt(),
            "N = {n}: {beyond}"
        );
    }
}

#[test]
fn a_jump_of_one_gaussian_is_that_of_its_power() {
    let (n, values) = (8192.0, 10.0);
    for degree in [1, 2, 4, 8] {
        let powers = Powers::errors(degree);
        let size = root_tail(n, values).powf(f64::from(degree) / 2.0);
        let expected = 2.0 * size / (factorial(degree) * n).sqrt();
        let actual = jump(powers, n, values, JUMP_BITS);
        assert!(
            (actual / expected - 1.0).abs() < 1e-9,
            "{actual} {expected}"
        );
        // Given values are at their largest, whatever is drawn beside them.
        let given = Powers {
            given: degree - 1,
            ..powers
        };
        assert!((jump(given, n, values, JUMP_BITS) / expected - 1.0).abs() < 1e-9);
    }
    // More factors reach further; a product of independent factors reaches less far than a power of one.
    let jump = |powers| jump(powers, n, values, JUMP_BITS);
    assert!(jump(Powers::rounding(1)) > jump(Powers::errors(1)));
    assert!(jump(Powers::rounding(1)) < jump(Powers::errors(2)));
    assert!(jump(Powers::rounding(8)) > 10.0 * jump(Powers::rounding(4)));
}

/// The mean of the k-th power of a + b S for an exponentially distributed S is at most k! times the k-th power of its
/// mean: it is the sum of C(k, j) a^(k-j) b^j j!.
#[test]
fn the_common_secret_is_a_bound() {
    for degree in 1..=8 {
        for a in [0.0, 0.01, 1.0, 100.0] {
            let moment: f64 = (0..=degree)
                .map(|j| {
                    binomial(degree, j) * f64::powi(a, (degree - j).cast_signed()) * factorial(j)
                })
                .sum();
            let bound = common_secret(degree).powi(2) * f64::powi(a + 1.0, degree.cast_signed());
            assert!(
                moment <= bound * (1.0 + 1e-12),
                "{degree} {a}: {moment} {bound}"
            );
        }
    }
}

/// The factor of a product of powers of the secret is the factor of the whole.
#[test]
fn squares_make_the_factor_of_the_common_secret() {
    let mut factor = 1.0;
    for square in 0..3 {
        let degree = 1 << square;
        let [with, without] = [Powers::dropped(degree), Powers::errors(degree)]
            .map(|powers| product(1024.0, powers, powers));
        factor = factor * factor * with / without;
        assert!((factor / common_secret(2 * degree) - 1.0).abs() < 1e-9);
    }
}
