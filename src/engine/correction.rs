//! The factors that squares leave on a plaintext, which a client divides out.

use crate::modular::{multiply, power};
use crate::params::{Parameters, Scheme};

/// Returns the factor, for each plain prime, by which a client multiplies decrypted slots.
pub(super) fn corrections(parameters: &Parameters, squares: usize) -> Vec<u64> {
    let of_prime = |&t: &u64| match parameters.scheme() {
        Scheme::Stock => 1,
        Scheme::Batched | Scheme::Crops => fused(parameters.layer_primes(), squares, t),
        Scheme::Diagonal | Scheme::FewUploads => hoisted(after_upload(parameters), squares, t),
    };
    parameters.plain_moduli().iter().map(of_prime).collect()
}

/// Computes -Q mod t for the product Q of the data primes.
pub(super) fn minus_q(data_primes: &[u64], t: u64) -> u64 {
    let product = data_primes.iter().fold(1u128, |product, &prime| {
        product * u128::from(prime) % u128::from(t)
    });
    ((u128::from(t) - product) % u128::from(t)) as u64
}

/// Returns the factor by which a client multiplies decrypted slots after fused kernels: 1 / (-kappa / Q) mod t with kappa = (-Q)^(2^squares).
fn fused(data: &[u64], squares: usize, t: u64) -> u64 {
    let minus_q = minus_q(data, t);
    let mut kappa = minus_q;
    for _ in 0..squares {
        kappa = multiply(kappa, kappa, t);
    }
    // By Fermat's little theorem, as t is prime.
    let inverse = power(kappa, t - 2, t);
    multiply(minus_q, inverse, t)
}

/// The state after a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Point {
    /// Number of data primes left.
    pub level: usize,
    /// Multiple of its values, modulo t, to which a ciphertext decrypts.
    pub gamma: u64,
    /// Factor of the values in BGV form: -gamma * Q mod t, for the Q that is left.
    pub kappa: u64,
}

/// Computes the points after each run of linear layers and each square, alternately, except for the last run, which
/// changes nothing. `drops` are those after each of them.
///
/// A square divided by t has the BGV factor kappa^2 = (gamma Q)^2, so gamma' = -gamma^2 Q. Dropping a prime is SEAL's
/// own step and does not change gamma.
pub(super) fn schedule(data: &[u64], drops: &[usize], squares: usize, t: u64) -> Vec<Point> {
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

/// Returns the data primes under which layouts that rotate compute their layers, and the drops after these. Those of a
/// shared upload that are dropped first leave gamma at 1.
pub(super) fn after_upload(parameters: &Parameters) -> (&[u64], &[usize]) {
    let (data, drops) = (parameters.coeff_modulus(), parameters.drops());
    let data = &data[..data.len().saturating_sub(1)];
    match drops.split_first() {
        Some((&first, drops)) if parameters.shared_upload() => {
            (&data[..data.len().saturating_sub(first)], drops)
        }
        _ => (data, drops),
    }
}

/// Returns the factor by which a client multiplies decrypted slots after hoisted kernels: 1 / gamma mod t, for t prime.
fn hoisted((data, drops): (&[u64], &[usize]), squares: usize, t: u64) -> u64 {
    let points = schedule(data, drops, squares, t);
    points
        .last()
        .map_or(1, |point| power(point.gamma, t - 2, t))
}
