//! Parameters for the diagonal layout: primes that its noise requires, and the cost.

mod noise;
mod plaintexts;
mod work;

pub use work::{Work, WorkRates, diagonal_work};

use self::noise::{Drops, Model};
use self::plaintexts::{COEFFICIENTS_MAX, Norm, norms};
use super::error::ParamsError;
use super::fast_fit::FastFit;
use super::noise::LayerNoise;
use super::options::LayoutKind;
use super::plain::plain_moduli;
use super::security::SecurityStandard;
use crate::bfv::coeff_modulus;
use crate::layout::{Diagonal, DiagonalError, Rotations};
use crate::network::Network;
use num_bigint::BigUint;

/// Width of the largest prime, in bits.
const PRIME_BITS_MAX: u32 = crate::kernels::PRIME_BITS_MAX;
/// Largest number of plaintext primes that is tried: the circuit runs once for each.
const PLAIN_MODULI_MAX: usize = 16;

/// The properties of a stage on which its noise depends.
#[derive(Debug, Clone)]
struct Shape {
    name: String,
    square: Option<String>,
    rotations: Rotations,
    /// Number of output ciphertexts.
    outputs: usize,
}

/// A circuit in the diagonal layout.
pub(super) struct Circuit {
    layout: Diagonal,
    stages: Vec<Shape>,
    degree: f64,
}

impl Circuit {
    pub(super) fn new(layout: Diagonal) -> Self {
        let stages = layout
            .stages()
            .iter()
            .map(|stage| Shape {
                name: stage.name.clone(),
                square: stage.square.clone(),
                rotations: stage.rotations(),
                outputs: stage.outputs(),
            })
            .collect();
        Self {
            stages,
            degree: layout.slots() as f64,
            layout,
        }
    }

    /// Returns the number of values in a response under `channels` plaintext moduli.
    fn values(&self, channels: usize) -> f64 {
        let responses = self.stages.last().map_or(1, |stage| stage.outputs);
        (responses * channels) as f64
    }

    /// Predicts the nanoseconds for one plaintext modulus, from [`diagonal_work`].
    fn nanoseconds(&self, levels: &[usize]) -> f64 {
        let rates = WorkRates::nominal(self.layout.slots());
        let work = diagonal_work(&self.layout, levels);
        work.iter().map(|work| work.nanoseconds(&rates)).sum()
    }
}

/// A plaintext modulus, with the norms of the plaintexts under it.
struct Channel {
    t: u64,
    norms: Vec<Norm>,
}

/// A chain of primes: primes, drops, primes of the response, noise, and the nanoseconds for one plaintext modulus.
struct Chain {
    primes: Vec<u64>,
    drops: Vec<usize>,
    response_primes: usize,
    noise: Vec<LayerNoise>,
    work: f64,
}

/// Finds the cheapest chain within the cap that leaves `margin` bits under every plaintext modulus; `None` if there is
/// none, or none that takes less than `most` nanoseconds.
///
/// The effect of plaintexts on noise takes long to compute. It is computed for one modulus if a chain fits without it,
/// and for the other moduli if a chain fits under that one, while coefficients are left in `budget`.
fn chain(
    circuit: &Circuit,
    cap: u32,
    moduli: &[u64],
    margin: f64,
    (most, budget): (f64, &mut usize),
) -> Option<Chain> {
    let fits = |channels: &[Channel]| {
        let found = chain_under(circuit, cap, channels, moduli.len(), margin);
        found.filter(|chain| chain.work < most)
    };
    let (&largest, others) = moduli.split_last()?;
    let quiet = circuit.stages.iter().map(|_| Norm::NONE).collect();
    fits(&[Channel {
        t: largest,
        norms: quiet,
    }])?;
    let mut channel = |t: u64| Channel {
        t,
        norms: norms(&circuit.layout, t, budget),
    };
    let mut channels = vec![channel(largest)];
    let found = fits(&channels)?;
    if others.is_empty() {
        return Some(found);
    }
    channels.splice(0..0, others.iter().map(|&t| channel(t)));
    fits(&channels)
}

/// Finds the cheapest chain for the given moduli, of `count` in all.
fn chain_under(
    circuit: &Circuit,
    cap: u32,
    channels: &[Channel],
    count: usize,
    margin: f64,
) -> Option<Chain> {
    let mut best: Option<Chain> = None;
    let values = circuit.values(count);
    let largest = channels.iter().max_by_key(|channel| channel.t)?;
    // Slack from 0.5 to 3.5 bits above a rounding: noise is dropped to about the size of the rounding itself.
    for slack in 1..=7 {
        for special in (30..=PRIME_BITS_MAX).rev().step_by(2) {
            // Digits larger than the special prime would be noisy.
            let bits = special.min(PRIME_BITS_MAX);
            let sketch = Model {
                circuit,
                t: largest.t as f64,
                values,
                norms: &largest.norms,
                data: vec![f64::from(bits) - 2.0; 4],
                special: f64::from(special),
                drops: Drops::Above(f64::from(slack) / 2.0),
            };
            let (steps, dropped) = sketch.run();
            let (_, _, last) = steps.last()?;
            let base = (sketch.bound(last).log2() + 1.0 + margin).ceil();
            // The range check also excludes noise that overflows.
            let total = base + dropped.iter().sum::<f64>();
            if !(0.0..=f64::from(cap)).contains(&total) {
                continue;
            }
            let base = base as u32;
            for spare in 0..4 {
                let found = build(
                    circuit,
                    cap,
                    (channels, values),
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

/// Builds a chain with `base` bits for the modulus that is left at the end, and primes for each drop.
fn build(
    circuit: &Circuit,
    cap: u32,
    (channels, values): (&[Channel], f64),
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
                    values,
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

/// Finds the cheapest parameters for `images` images, one at a time; `None` if nothing fits.
///
/// # Errors
/// The inner [`DiagonalError`] if no degree has room for the network.
pub(super) fn diagonal_fit(
    network: &Network,
    standard: SecurityStandard,
    product: &BigUint,
    images: usize,
    margin: f64,
) -> Result<Result<Option<FastFit>, DiagonalError>, ParamsError> {
    let mut best: Option<FastFit> = None;
    let mut refused = None;
    let mut budget = COEFFICIENTS_MAX;
    for degree in SecurityStandard::degrees() {
        let cap = standard.max_coeff_modulus_bits(degree).unwrap_or_default();
        let mut circuit = None;
        for count in 1..=PLAIN_MODULI_MAX {
            let Some(moduli) = plain_moduli(degree, count, product)? else {
                continue;
            };
            // Building the layout takes time, so it is done only where the smallest chain could fit.
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
            let runs = (images * count) as f64;
            let most = best.as_ref().map_or(f64::INFINITY, |best| best.cost / runs);
            if let Some(chain) = chain(circuit, cap, &moduli, margin, (most, &mut budget)) {
                let cost = runs * chain.work;
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
