//! The noise of the diagonal layout.
//!
//! As in `fused_noise`, noise is the phase of the BGV ciphertext, t * c(s) mod Q, tracked by the root mean square of its
//! coefficients (its deviation). It is a sum of parts. Each part is a product of powers of Gaussians, which determine
//! how heavy its tail is ([`Powers`]). `rules.rs` has the effect of a single step.
//!
//! | step | deviation afterwards |
//! | --- | --- |
//! | fresh | noise, and a message of at most t / 2; of a shared upload, T times the noise and a message of at most T / 2 |
//! | sum of products with plaintexts | times the norm of the plaintexts, see `plaintexts`: the products are those of different ciphertexts, or of different rotations, whose values at a root of x^N + 1 are uncorrelated. The degree grows by one, but not if all roots are alike; where at least 8 products count, it is at most 2, with the secret's power included, because rotations move roots |
//! | adding k rotations of itself | k + 1 times, plus k key switches |
//! | square | the product of each pair of parts |
//! | key switch | + centred digits times errors, and a rounding of two polynomials |
//! | drop of p | 1/p, plus a rounding |
//! | adding a plaintext | + t / 2 |
//!
//! # Plaintexts that are added: biases, and the layer of a masked image
//!
//! A plaintext m is added as k / t mod Q, where k is the residue of kappa m modulo t of least magnitude. As t is invertible
//! modulo Q, nothing is rounded: t * c(s) grows by exactly k, a polynomial of integers of at most t / 2, **whatever m is**.
//!
//! So the model covers pads as it is (see [`crate::engine::Pad`]). A pad encrypts residues modulo t, or T if uploads are shared: a
//! message of at most t / 2, or T / 2, as an image does. The layer that is computed on it is the circuit's own, with its norms and its drop. And where the
//! biases b are added to an image's layer, one plaintext is added to a pad's, too: that of W (x - r) + b. It is rather less
//! harmful than biases are: x - r is uniform and does not depend on any error, whereas biases are the same for all images.
//! `engine::pads` has tests that compare the noise after each layer with this model.

use super::super::rules::{self, Digits, Powers, key_switch, product, tail};
use super::super::stock_noise::LayerNoise;
use super::plaintexts::PlaintextNorm;
use super::{HoistedCircuit, NoiseOp, PRIME_BITS_MAX};
use std::collections::BTreeMap;

/// Number of products from which on a sum is as good as Gaussian.
const MANY: f64 = 8.0;
/// Fewest bits for which a drop is worth a prime.
const DROP_BITS_MIN: f64 = 8.0;
/// The parts of noise, with the deviation of each.
pub(super) type NoiseParts = BTreeMap<Powers, f64>;

/// The noise model of a circuit under one plaintext modulus.
pub(super) struct NoiseModel<'a> {
    pub circuit: &'a HoistedCircuit,
    pub t: f64,
    /// The plain prime, or the product of all that an upload serves.
    pub encrypted: f64,
    /// Number of values in a response, under all plaintext moduli.
    pub values: f64,
    /// Norms of the stages' plaintexts.
    pub norms: &'a [PlaintextNorm],
    /// log2 of the data primes, and of the special prime.
    pub data: Vec<f64>,
    pub special: f64,
    /// Number of primes to drop after each step, or the rule that finds the number of bits.
    pub drops: Drops<'a>,
}

pub(super) enum Drops<'a> {
    Counts(&'a [usize]),
    /// Drop down to this many bits above the noise of rounding.
    Above(f64),
}

fn total(parts: &NoiseParts) -> f64 {
    parts.values().sum()
}

fn add(parts: &mut NoiseParts, powers: Powers, deviation: f64) {
    *parts.entry(powers).or_default() += deviation;
}

fn scale(parts: &mut NoiseParts, factor: f64) {
    for deviation in parts.values_mut() {
        *deviation *= factor;
    }
}

/// Returns the powers of a sum of products with plaintexts.
fn multiplied(powers: Powers, norm: PlaintextNorm) -> Powers {
    let spread = u32::from(!norm.is_flat);
    if norm.products >= MANY {
        // Products with other rotations have the secret's values at other roots, so their sum has the mean.
        let degree = (powers.noise + powers.secret + spread).min(2);
        return Powers {
            given: (powers.given + spread).min(degree - 1),
            ..Powers::errors(degree)
        };
    }
    Powers {
        noise: powers.noise + spread,
        given: powers.given + spread,
        ..powers
    }
}

/// Multiplies by plaintexts of this norm, and sums the products.
fn multiply(parts: &NoiseParts, norm: Option<PlaintextNorm>) -> NoiseParts {
    let norm = norm.unwrap_or(PlaintextNorm::NONE);
    let mut all = NoiseParts::new();
    for (&powers, deviation) in parts {
        let powers = multiplied(powers, norm);
        add(&mut all, powers, deviation * norm.deviation);
    }
    all
}

/// Sums `count` squares, at degree `n`.
fn squares(n: f64, parts: &NoiseParts, count: usize) -> NoiseParts {
    let mut squared = NoiseParts::new();
    for (&one, &a) in parts {
        for (&other, &b) in parts {
            let deviation = product(n, one, other) * a * b;
            add(&mut squared, one.product(other), deviation * count as f64);
        }
    }
    squared
}

impl NoiseModel<'_> {
    /// Returns the deviation of a rounding of two polynomials.
    fn rounding(&self) -> f64 {
        rules::rounding(self.circuit.degree, self.t, 1)
    }

    fn add_roundings(&self, parts: &mut NoiseParts, count: f64) {
        add(parts, Powers::rounding(1), count * self.rounding());
    }

    /// Adds the noise of `count` key switches at a level, without their roundings.
    fn add_switches(&self, parts: &mut NoiseParts, count: f64, level: usize) {
        let digits = &self.data[..level.min(self.data.len())];
        let deviation = key_switch(
            self.circuit.degree,
            self.t,
            Digits::Centred,
            digits,
            self.special,
        );
        add(parts, Powers::key_switch(), count * deviation);
    }

    /// Drops primes after a step; returns the number of bits dropped.
    fn drop(&self, step: usize, level: &mut usize, parts: &mut NoiseParts) -> f64 {
        let (bits, count) = match &self.drops {
            Drops::Counts(counts) => {
                let count = counts.get(step).copied().unwrap_or(0);
                for _ in 0..count {
                    *level = level.saturating_sub(1);
                    let log2 = self.data.get(*level).copied().unwrap_or(0.0);
                    scale(parts, (-log2).exp2());
                    self.add_roundings(parts, 1.0);
                }
                return 0.0;
            }
            Drops::Above(slack) => {
                let bits = (total(parts) / self.rounding()).log2() - slack;
                if bits < DROP_BITS_MIN {
                    return 0.0;
                }
                let smallest = f64::from((2.0 * self.circuit.degree).log2() as u32 + 6);
                let count = (bits / f64::from(PRIME_BITS_MAX)).ceil();
                ((bits / count).round().max(smallest) * count, count)
            }
        };
        scale(parts, (-bits).exp2());
        self.add_roundings(parts, count);
        bits
    }

    /// Returns the noise after every step, and the number of bits dropped after each.
    pub(super) fn run(&self) -> (Vec<(String, usize, NoiseParts)>, Vec<f64>) {
        let (n, t) = (self.circuit.degree, self.t);
        let mut level = self.data.len();
        let mut parts = NoiseParts::from([(Powers::errors(1), rules::fresh(self.encrypted))]);
        let mut steps = vec![("fresh".to_owned(), level, parts.clone())];
        let mut dropped = Vec::new();
        let mut norms = self.norms.iter().copied();
        for (layer, ops) in &self.circuit.layers {
            for op in ops {
                match *op {
                    NoiseOp::RotateAndSum(rotations) => {
                        let rotations = rotations as f64;
                        scale(&mut parts, rotations + 1.0);
                        self.add_switches(&mut parts, rotations, level);
                        self.add_roundings(&mut parts, 1.0);
                    }
                    NoiseOp::PlainProducts => parts = multiply(&parts, norms.next()),
                    NoiseOp::LinearTransform { babies, giants } => {
                        if babies > 0 {
                            self.add_switches(&mut parts, 1.0, level);
                        }
                        parts = multiply(&parts, norms.next());
                        self.add_switches(&mut parts, giants as f64, level);
                        self.add_roundings(&mut parts, giants as f64 + 1.0);
                    }
                    NoiseOp::ModSwitch | NoiseOp::FromShared => {
                        dropped.push(self.drop(dropped.len(), &mut level, &mut parts));
                    }
                    NoiseOp::AddPlain => add(&mut parts, Powers::errors(1), t / 2.0),
                    NoiseOp::SumOfSquares(count) => parts = squares(n, &parts, count),
                    NoiseOp::Relinearize => {
                        self.add_switches(&mut parts, 1.0, level);
                        self.add_roundings(&mut parts, 1.0);
                    }
                }
            }
            steps.push((layer.clone(), level, parts.clone()));
        }
        (steps, dropped)
    }

    /// Returns the largest coefficient, except with a probability of 2^-41, of which each part has its share.
    pub(super) fn bound(&self, parts: &NoiseParts) -> f64 {
        let events = self.values * parts.len() as f64;
        parts
            .iter()
            .map(|(&powers, deviation)| tail(powers, self.circuit.degree, events) * deviation)
            .sum()
    }

    pub(super) fn predict(&self, response_primes: usize) -> Vec<LayerNoise> {
        let (steps, _) = self.run();
        let log2_q = |level: usize| self.data[..level.min(self.data.len())].iter().sum::<f64>();
        let mut noise: Vec<LayerNoise> = steps
            .iter()
            .map(|(name, level, parts)| LayerNoise {
                name: name.clone(),
                budget_bits: log2_q(*level) - self.bound(parts).log2() - 1.0,
            })
            .collect();
        if let Some((_, level, parts)) = steps.last() {
            let mut parts = parts.clone();
            for gone in (response_primes..*level).rev() {
                scale(&mut parts, (-self.data[gone]).exp2());
                let degree = self.circuit.packing.circuit.polynomials() as u32 - 1;
                let deviation = rules::rounding(self.circuit.degree, self.t, degree);
                add(&mut parts, Powers::rounding(degree), deviation);
            }
            noise.push(LayerNoise {
                name: "response".to_owned(),
                budget_bits: log2_q(response_primes) - self.bound(&parts).log2() - 1.0,
            });
        }
        noise
    }
}
