//! The chosen encryption parameters.

use num_bigint::BigInt;

use super::options::{BoundRule, Scheme};
use super::security::SecurityStandard;
use super::stock_noise::LayerNoise;
use crate::bits::width;

/// The bound that decided t.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bound {
    /// Origin of the bound.
    pub rule: BoundRule,
    /// Largest magnitude of a logit.
    pub magnitude: BigInt,
    /// Width of a signed integer within the bound, in bits: ceil(log2(2 * magnitude + 1)).
    pub bits: u64,
}

/// Encryption parameters for a network: secure, large enough for its logits, and with noise budget to spare.
#[derive(Debug, Clone, PartialEq)]
pub struct Parameters {
    pub(super) scheme: Scheme,
    pub(super) scheme_given: bool,
    pub(super) standard: SecurityStandard,
    pub(super) bound: Bound,
    pub(super) poly_modulus_degree: usize,
    pub(super) plain_moduli: Vec<u64>,
    pub(super) coeff_modulus: Vec<u64>,
    pub(super) drops: Vec<usize>,
    pub(super) shared_upload: bool,
    pub(super) response_primes: usize,
    pub(super) predicted_noise: Vec<LayerNoise>,
}

impl Bound {
    /// Takes a magnitude, which is not negative.
    pub(super) fn new(rule: BoundRule, magnitude: BigInt) -> Self {
        Self {
            rule,
            // 2m + 1 is odd, so its bit length is the ceiling of its logarithm.
            bits: (BigInt::from(2) * &magnitude + 1u32).bits(),
            magnitude,
        }
    }
}

impl Parameters {
    /// Returns the backend of the server and the arrangement of images in slots.
    pub const fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// True if [`super::SelectOptions::scheme`] requested this scheme. Otherwise, it is the cheapest one.
    pub const fn scheme_given(&self) -> bool {
        self.scheme_given
    }

    /// Returns N.
    pub const fn poly_modulus_degree(&self) -> usize {
        self.poly_modulus_degree
    }

    /// Returns t, or the CRT primes whose product takes its place.
    pub fn plain_moduli(&self) -> &[u64] {
        &self.plain_moduli
    }

    /// Returns the primes of q, with the special prime last.
    pub fn coeff_modulus(&self) -> &[u64] {
        &self.coeff_modulus
    }

    /// Returns the width in bits of each prime of q, with the special prime last.
    pub fn coeff_modulus_bits(&self) -> Vec<u32> {
        self.coeff_modulus.iter().copied().map(width).collect()
    }

    /// Returns the table that caps q.
    pub const fn standard(&self) -> SecurityStandard {
        self.standard
    }

    /// Returns the bound that decided t.
    pub const fn bound(&self) -> &Bound {
        &self.bound
    }

    /// Returns the numbers of primes that are dropped on the way, the last ones first. If an upload is shared, the first
    /// is before the first layer. For the layouts with rotations follow those after each run of linear layers and after
    /// each square, alternately; none are dropped after the last square.
    pub fn drops(&self) -> &[usize] {
        &self.drops
    }

    /// True if the client encrypts each value once, modulo the product of all plain primes, and the server makes a
    /// ciphertext for each plain prime of it.
    pub const fn shared_upload(&self) -> bool {
        self.shared_upload
    }

    /// Returns the primes under which the batched and crop layouts compute their layers: those of q
    /// without the special prime and those that are dropped before the first layer.
    pub(crate) fn layer_primes(&self) -> &[u64] {
        let dropped = self.drops.first().copied().unwrap_or(0);
        let left = self.coeff_modulus.len().saturating_sub(1 + dropped);
        &self.coeff_modulus[..left]
    }

    /// Returns the number of primes that the response keeps: as few as its noise allows.
    pub const fn response_primes(&self) -> usize {
        self.response_primes
    }

    /// Returns the predicted noise budget of a fresh ciphertext, after every layer, and of the response: the worst over
    /// the CRT primes.
    pub fn predicted_noise(&self) -> &[LayerNoise] {
        &self.predicted_noise
    }
}
