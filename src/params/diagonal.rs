//! Noise, cost and primes of the diagonal layout.
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

use super::diagonal_work::{WorkRates, diagonal_work};
use super::error::ParamsError;
use super::fast::{rounding, tail};
use super::fast_fit::FastFit;
use super::moments::ERROR_VARIANCE;
use super::noise::LayerNoise;
use super::options::LayoutKind;
use super::plain::plain_moduli;
use super::plaintexts::{Norm, norms};
use super::security::SecurityStandard;
use crate::bfv::coeff_modulus;
use crate::layout::{Diagonal, DiagonalError, StageStep, Turn};
use crate::network::Network;
use num_bigint::BigUint;
use std::collections::BTreeMap;

/// From this many products on a sum is as good as Gaussian.
const MANY: f64 = 8.0;
/// Bits of the largest prime.
const PRIME_BITS_MAX: u32 = crate::kernels::PRIME_BITS_MAX;
/// A drop of fewer bits is not worth a prime.
const DROP_BITS_MIN: f64 = 8.0;
/// More plaintext primes than this are not tried: the circuit runs once for each.
const PLAIN_MODULI_MAX: usize = 16;
/// Noise of one part: its degree, and its deviation.
type Parts = BTreeMap<u32, f64>;

/// What a stage does to noise.
#[derive(Debug, Clone)]
struct Shape {
    name: String,
    square: Option<String>,
    /// Rotations that are added, by groups: before the matrix, and after it.
    pool: Vec<usize>,
    folds: Vec<usize>,
    babies: usize,
    giants: usize,
    /// Ciphertexts that come out.
    outputs: usize,
}

/// A circuit in the diagonal layout.
pub(super) struct Circuit {
    layout: Diagonal,
    stages: Vec<Shape>,
    degree: f64,
}

/// Where noise is looked at.
struct Model<'a> {
    circuit: &'a Circuit,
    t: f64,
    /// Values that a response holds, under all plaintext moduli.
    values: f64,
    /// Of the stages' plaintexts.
    norms: &'a [Norm],
    /// log2 of the data primes, and of the special prime.
    data: Vec<f64>,
    special: f64,
    /// How many primes, or when they are to be found how many bits, go after each step.
    drops: Drops<'a>,
}

enum Drops<'a> {
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

impl Circuit {
    pub(super) fn new(layout: Diagonal) -> Self {
        let stages = layout
            .stages()
            .iter()
            .map(|stage| {
                let moved =
                    |turns: &[Turn]| turns.iter().filter(|turn| **turn != Turn::NONE).count();
                let mut shape = Shape {
                    name: stage.name.clone(),
                    square: stage.square.clone(),
                    pool: Vec::new(),
                    folds: Vec::new(),
                    babies: 0,
                    giants: 0,
                    outputs: 1,
                };
                match &stage.step {
                    StageStep::First { outputs } => shape.outputs = outputs.len(),
                    StageStep::Rotated {
                        pool,
                        babies,
                        giants,
                        folds,
                        ..
                    } => {
                        let giants: Vec<Turn> = giants.iter().map(|giant| giant.turn).collect();
                        shape.pool = pool.iter().map(Vec::len).collect();
                        shape.folds = folds.iter().map(Vec::len).collect();
                        shape.babies = moved(babies);
                        shape.giants = moved(&giants);
                    }
                    StageStep::Last { responses, .. } => shape.outputs = responses.len(),
                }
                shape
            })
            .collect();
        Self {
            stages,
            degree: layout.slots() as f64,
            layout,
        }
    }

    /// Values that a response holds under so many plaintext moduli.
    fn values(&self, channels: usize) -> f64 {
        let responses = self.stages.last().map_or(1, |stage| stage.outputs);
        (responses * channels) as f64
    }

    /// Nanoseconds for one plaintext modulus, as [`diagonal_work`].
    fn nanoseconds(&self, levels: &[usize]) -> f64 {
        let rates = WorkRates::nominal(self.layout.slots());
        let work = diagonal_work(&self.layout, levels);
        work.iter().map(|work| work.nanoseconds(&rates)).sum()
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
    fn run(&self) -> (Vec<(String, usize, Parts)>, Vec<f64>) {
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
            fold(&mut parts, &stage.pool, level);
            if stage.babies > 0 {
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
                let giants = stage.giants as f64;
                add(
                    &mut parts,
                    1,
                    giants * self.switch(level) + (giants + 1.0) * self.rounding(2),
                );
                fold(&mut parts, &stage.folds, level);
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

    fn bound(&self, parts: &Parts) -> f64 {
        parts
            .iter()
            .map(|(&degree, deviation)| tail(degree, self.circuit.degree, self.values) * deviation)
            .sum()
    }

    fn predict(&self, response_primes: usize) -> Vec<LayerNoise> {
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

/// A plaintext modulus.
struct Channel {
    t: u64,
    norms: Vec<Norm>,
}

/// Primes, drops, primes of the response, noise, and the nanoseconds for one plaintext modulus.
struct Chain {
    primes: Vec<u64>,
    drops: Vec<usize>,
    response_primes: usize,
    noise: Vec<LayerNoise>,
    work: f64,
}

/// The cheapest chain within the cap, if any leaves `margin` bits under every plaintext modulus.
fn chain(circuit: &Circuit, cap: u32, moduli: &[u64], margin: f64) -> Option<Chain> {
    let mut best: Option<Chain> = None;
    let channels: Vec<Channel> = moduli
        .iter()
        .map(|&t| Channel {
            t,
            norms: norms(&circuit.layout, t),
        })
        .collect();
    let largest = channels.iter().max_by_key(|channel| channel.t)?;
    for slack in 0..=6 {
        for special in (30..=PRIME_BITS_MAX).rev().step_by(2) {
            // Digits as large as the special prime would be noisy.
            let bits = special.min(PRIME_BITS_MAX);
            let sketch = Model {
                circuit,
                t: largest.t as f64,
                values: circuit.values(channels.len()),
                norms: &largest.norms,
                data: vec![f64::from(bits) - 2.0; 4],
                special: f64::from(special),
                drops: Drops::Above(f64::from(slack) / 2.0),
            };
            let (steps, dropped) = sketch.run();
            let (_, _, last) = steps.last()?;
            let base = (sketch.bound(last).log2() + 1.0 + margin).ceil() as u32;
            for spare in 0..4 {
                let found = build(
                    circuit,
                    cap,
                    &channels,
                    margin,
                    special,
                    base + 2 * spare,
                    &dropped,
                );
                if let Some(found) = found {
                    if best.as_ref().is_none_or(|best| found.work < best.work) {
                        best = Some(found);
                    }
                    break;
                }
            }
        }
    }
    best
}

/// A chain of `base` bits for what is left at the end, and primes for each drop.
fn build(
    circuit: &Circuit,
    cap: u32,
    channels: &[Channel],
    margin: f64,
    special: u32,
    base: u32,
    dropped: &[f64],
) -> Option<Chain> {
    let count = base.div_ceil(special.min(PRIME_BITS_MAX)).max(1);
    let mut sizes: Vec<u32> = (0..count)
        .map(|index| base / count + u32::from(index < base % count))
        .collect();
    let mut drops = Vec::with_capacity(dropped.len());
    let mut tail: Vec<Vec<u32>> = Vec::new();
    for &bits in dropped {
        let count = (bits / f64::from(PRIME_BITS_MAX)).ceil() as usize;
        drops.push(count);
        let share = bits as u32 / (count as u32).max(1);
        tail.push(vec![share; count]);
    }
    for bits in tail.into_iter().rev() {
        sizes.extend(bits);
    }
    let smallest = (2.0 * circuit.degree).log2() as u32 + 2;
    if sizes
        .iter()
        .any(|&bits| bits > PRIME_BITS_MAX || bits < smallest)
        || sizes.iter().sum::<u32>() + special > cap
    {
        return None;
    }
    sizes.push(special);
    let sizes: Vec<i32> = sizes.iter().map(|bits| bits.cast_signed()).collect();
    let primes: Vec<u64> = coeff_modulus::create(circuit.degree as usize, &sizes)
        .ok()?
        .into_iter()
        .map(u64::from)
        .collect();
    if channels.iter().any(|channel| primes.contains(&channel.t)) {
        return None;
    }
    let log2: Vec<f64> = primes.iter().map(|&prime| (prime as f64).log2()).collect();
    let (&special, data) = log2.split_last()?;
    let predict = |response: usize| -> Vec<LayerNoise> {
        channels
            .iter()
            .map(|channel| {
                Model {
                    circuit,
                    t: channel.t as f64,
                    values: circuit.values(channels.len()),
                    norms: &channel.norms,
                    data: data.to_vec(),
                    special,
                    drops: Drops::Counts(&drops),
                }
                .predict(response)
            })
            .reduce(|mut worst, other| {
                for (a, b) in worst.iter_mut().zip(other) {
                    a.budget_bits = a.budget_bits.min(b.budget_bits);
                }
                worst
            })
            .unwrap_or_default()
    };
    let enough = |noise: &[LayerNoise]| noise.iter().all(|layer| layer.budget_bits >= margin);
    let left = data.len() - drops.iter().sum::<usize>();
    let response_primes = (1..=left).find(|&response| enough(&predict(response)))?;
    let mut levels = vec![data.len()];
    for drop in &drops {
        levels.push(levels.last().copied().unwrap_or(1) - drop);
    }
    Some(Chain {
        noise: predict(response_primes),
        work: circuit.nanoseconds(&levels),
        response_primes,
        primes,
        drops,
    })
}

/// The cheapest parameters for so many images, one at a time; `None` if nothing fits.
///
/// # Errors
/// [`DiagonalError`] inside if no degree has room for the network.
pub(super) fn diagonal_fit(
    network: &Network,
    standard: SecurityStandard,
    product: &BigUint,
    images: usize,
    margin: f64,
) -> Result<Result<Option<FastFit>, DiagonalError>, ParamsError> {
    let mut best: Option<FastFit> = None;
    let mut refused = None;
    for degree in SecurityStandard::degrees() {
        let cap = standard.max_coeff_modulus_bits(degree).unwrap_or_default();
        let mut circuit = None;
        for count in 1..=PLAIN_MODULI_MAX {
            let Some(moduli) = plain_moduli(degree, count, product)? else {
                continue;
            };
            // The layout takes time to make: only where the smallest of chains could fit.
            if cap < 3 * moduli[0].ilog2() + 60 {
                continue;
            }
            if circuit.is_none() {
                match Diagonal::new(network, degree) {
                    Ok(layout) => circuit = Some(Circuit::new(layout)),
                    Err(error) => {
                        refused = Some(error);
                        break;
                    }
                }
            }
            let Some(circuit) = &circuit else { break };
            if let Some(chain) = chain(circuit, cap, &moduli, margin) {
                let cost = (images * count) as f64 * chain.work;
                if best.as_ref().is_none_or(|best| cost < best.cost) {
                    best = Some(FastFit {
                        layout: LayoutKind::Diagonal,
                        degree,
                        plain_moduli: moduli.clone(),
                        coeff_modulus: chain.primes,
                        drops: chain.drops,
                        response_primes: chain.response_primes,
                        noise: chain.noise,
                        cost,
                    });
                }
            }
            if moduli[0] < 4 * degree as u64 {
                break;
            }
        }
        // A larger degree costs more than twice as much.
        if best.is_some() {
            break;
        }
    }
    match (best, refused) {
        (None, Some(refused)) => Ok(Err(refused)),
        (best, _) => Ok(Ok(best)),
    }
}

/// C(n, k).
fn binomial(n: u32, k: u32) -> f64 {
    (1..=k).fold(1.0, |product, i| {
        product * f64::from(n - k + i) / f64::from(i)
    })
}
