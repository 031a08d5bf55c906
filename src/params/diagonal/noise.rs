//! The noise of the diagonal layout.
//!
//! As in `fast`, noise is the phase of the BGV ciphertext, t * c(s) mod Q, by the root mean square of its coefficients
//! (its deviation). It is a sum of parts, each a polynomial of some degree in Gaussians: the degree says how heavy its
//! tail is.
//!
//! | step | deviation afterwards |
//! | --- | --- |
//! | fresh | t * sqrt(10.5 + 1/4): noise, and a message of at most t / 2 |
//! | sum of products with plaintexts | times the norm of the plaintexts, see `plaintexts`: the products are those of different ciphertexts, or of different rotations, whose values at a root of x^N + 1 are uncorrelated. One degree more, but none if all roots are alike; at most 2 where at least 8 products count |
//! | adding k rotations of itself | k + 1 times, plus k key switches |
//! | square | of parts of degrees m and n: sqrt(C(m+n, m) * N) times both (Bombieri's inequality); m + n |
//! | key switch | + t * sqrt(10.5 N * sum of `q_i`^2 / 12) / P: digits around 0, and rounding |
//! | drop of p | 1/p, plus rounding, as in `fast` |
//! | bias | + t / 2 |

use super::super::fast::{rounding, tail};
use super::super::moments::ERROR_VARIANCE;
use super::super::noise::LayerNoise;
use super::plaintexts::Norm;
use super::{Circuit, PRIME_BITS_MAX};
use std::collections::BTreeMap;

/// From this many products on a sum is as good as Gaussian.
const MANY: f64 = 8.0;
/// A drop of fewer bits is not worth a prime.
const DROP_BITS_MIN: f64 = 8.0;
/// Noise of one part: its degree, and its deviation.
pub(super) type Parts = BTreeMap<u32, f64>;

/// Where noise is looked at.
pub(super) struct Model<'a> {
    pub circuit: &'a Circuit,
    pub t: f64,
    /// Values that a response holds, under all plaintext moduli.
    pub values: f64,
    /// Of the stages' plaintexts.
    pub norms: &'a [Norm],
    /// log2 of the data primes, and of the special prime.
    pub data: Vec<f64>,
    pub special: f64,
    /// How many primes, or when they are to be found how many bits, go after each step.
    pub drops: Drops<'a>,
}

pub(super) enum Drops<'a> {
    Counts(&'a [usize]),
    /// Down to this many bits above the noise of rounding.
    Above(f64),
}

fn total(parts: &Parts) -> f64 {
    parts.values().sum()
}

fn add(parts: &mut Parts, degree: u32, deviation: f64) {
    *parts.entry(degree).or_default() += deviation;
}

fn scale(parts: &mut Parts, factor: f64) {
    for deviation in parts.values_mut() {
        *deviation *= factor;
    }
}

impl Model<'_> {
    fn rounding(&self, size: u32) -> f64 {
        rounding(self.circuit.degree, self.t, size - 1)
    }

    /// What a key switch adds at a level, without rounding.
    fn switch(&self, level: usize) -> f64 {
        let n = self.circuit.degree;
        let digits: f64 = self.data[..level.min(self.data.len())]
            .iter()
            .map(|log2| (2.0 * (log2 - self.special)).exp2())
            .sum();
        self.t * (ERROR_VARIANCE * n * digits / 12.0).sqrt()
    }

    /// Drops primes after a step; also says how many bits went.
    fn drop(&self, step: usize, level: &mut usize, parts: &mut Parts) -> f64 {
        let (bits, count) = match &self.drops {
            Drops::Counts(counts) => {
                let count = counts.get(step).copied().unwrap_or(0);
                for _ in 0..count {
                    *level = level.saturating_sub(1);
                    let log2 = self.data.get(*level).copied().unwrap_or(0.0);
                    scale(parts, (-log2).exp2());
                    add(parts, 1, self.rounding(2));
                }
                return 0.0;
            }
            Drops::Above(slack) => {
                let bits = (total(parts) / self.rounding(2)).log2() - slack;
                if bits < DROP_BITS_MIN {
                    return 0.0;
                }
                let smallest = f64::from((2.0 * self.circuit.degree).log2() as u32 + 6);
                let count = (bits / f64::from(PRIME_BITS_MAX)).ceil();
                ((bits / count).round().max(smallest) * count, count)
            }
        };
        scale(parts, (-bits).exp2());
        add(parts, 1, count * self.rounding(2));
        bits
    }

    /// The noise after every step, and the bits that were dropped after each.
    pub(super) fn run(&self) -> (Vec<(String, usize, Parts)>, Vec<f64>) {
        let (n, t) = (self.circuit.degree, self.t);
        let mut level = self.data.len();
        let mut parts = Parts::from([(1, (ERROR_VARIANCE + 0.25).sqrt() * t)]);
        let mut steps = vec![("fresh".to_owned(), level, parts.clone())];
        let mut dropped = Vec::new();
        let count = self.circuit.stages.len();
        for (index, stage) in self.circuit.stages.iter().enumerate() {
            let fold = |parts: &mut Parts, groups: &[usize], level: usize| {
                for &turns in groups {
                    let turns = turns as f64;
                    scale(parts, turns + 1.0);
                    add(parts, 1, turns * self.switch(level) + self.rounding(2));
                }
            };
            fold(&mut parts, &stage.rotations.pool, level);
            if stage.rotations.babies > 0 {
                add(&mut parts, 1, self.switch(level));
            }
            let norm = self.norms.get(index).copied().unwrap_or(Norm::NONE);
            parts = parts
                .into_iter()
                .fold(Parts::new(), |mut all, (degree, deviation)| {
                    let degree = match degree + u32::from(!norm.is_flat) {
                        degree if norm.products >= MANY => degree.min(2),
                        degree => degree,
                    };
                    add(&mut all, degree, deviation * norm.deviation);
                    all
                });
            let is_rotated = index > 0 && index + 1 < count;
            if is_rotated {
                let giants = stage.rotations.giants as f64;
                add(
                    &mut parts,
                    1,
                    giants * self.switch(level) + (giants + 1.0) * self.rounding(2),
                );
                fold(&mut parts, &stage.rotations.folds, level);
            }
            if index + 1 < count {
                dropped.push(self.drop(2 * index, &mut level, &mut parts));
            }
            add(&mut parts, 1, t / 2.0);
            steps.push((stage.name.clone(), level, parts.clone()));
            let Some(square) = &stage.square else {
                continue;
            };
            let mut squared = Parts::new();
            for (&m, &a) in &parts {
                for (&k, &b) in &parts {
                    let deviation = (binomial(m + k, m) * n).sqrt() * a * b;
                    add(&mut squared, m + k, deviation * stage.outputs as f64);
                }
            }
            parts = squared;
            if index + 2 < count {
                add(&mut parts, 1, self.switch(level) + self.rounding(2));
                dropped.push(self.drop(2 * index + 1, &mut level, &mut parts));
            }
            steps.push((square.clone(), level, parts.clone()));
        }
        (steps, dropped)
    }

    pub(super) fn bound(&self, parts: &Parts) -> f64 {
        parts
            .iter()
            .map(|(&degree, deviation)| tail(degree, self.circuit.degree, self.values) * deviation)
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
                add(&mut parts, 1, self.rounding(3));
            }
            noise.push(LayerNoise {
                name: "response".to_owned(),
                budget_bits: log2_q(response_primes) - self.bound(&parts).log2() - 1.0,
            });
        }
        noise
    }
}

/// C(n, k).
fn binomial(n: u32, k: u32) -> f64 {
    (1..=k).fold(1.0, |product, i| {
        product * f64::from(n - k + i) / f64::from(i)
    })
}
