//! The number of primes left after each step, and the factor that squares leave on the plaintext.

use crate::modular::{multiply, power};

/// The state after a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::engine) struct Point {
    /// Number of data primes left.
    pub level: usize,
    /// Multiple of its values, modulo t, to which a ciphertext decrypts.
    pub gamma: u64,
    /// Factor of the values in BGV form: -gamma * Q mod t, for the Q that is left.
    pub kappa: u64,
}

/// Computes the points after each run of linear layers and each square, alternately, except for the last run, which
/// changes nothing.
///
/// A square divided by t has the BGV factor kappa^2 = (gamma Q)^2, so gamma' = -gamma^2 Q. Dropping a prime is SEAL's
/// own step and does not change gamma.
pub(in crate::engine) fn schedule(
    data: &[u64],
    drops: &[usize],
    squares: usize,
    t: u64,
) -> Vec<Point> {
    let product = |level: usize| {
        data[..level]
            .iter()
            .fold(1 % t, |product, &prime| multiply(product, prime % t, t))
    };
    let (mut level, mut gamma) = (data.len(), 1 % t);
    let mut points = Vec::with_capacity(2 * squares);
    for step in 0..2 * squares {
        if step % 2 == 1 {
            gamma = (t - multiply(multiply(gamma, gamma, t), product(level), t)) % t;
        }
        let drop = drops.get(step).copied().unwrap_or(0);
        level = level.saturating_sub(drop).max(1);
        points.push(Point {
            level,
            gamma,
            kappa: (t - multiply(gamma, product(level), t)) % t,
        });
    }
    points
}

/// Returns the factor by which a client multiplies decrypted slots: 1 / gamma mod t, for t prime.
pub(in crate::engine) fn correction(data: &[u64], drops: &[usize], squares: usize, t: u64) -> u64 {
    let points = schedule(data, drops, squares, t);
    points
        .last()
        .map_or(1, |point| power(point.gamma, t - 2, t))
}
