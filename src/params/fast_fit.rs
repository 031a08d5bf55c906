//! Parameters for fast mode without rotations: the cheapest degree, plaintext primes and data primes for a number of
//! images.

use super::diagonal::WorkRates;
use super::error::ParamsError;
use super::fast::FastNoise;
use super::noise::LayerNoise;
use super::options::LayoutKind;
use super::plain::plain_moduli;
use super::scaled::Noises;
use super::security::SecurityStandard;
use crate::bfv::{CIPHERTEXT_SIZES, coeff_modulus};
use crate::kernels::{LANES, PRIME_BITS_MAX, square_work, sum_work, weighted_work};
use crate::network::{Crops, LoweredLayer, LoweredOperation, Network};
use num_bigint::BigUint;

/// Largest width of the special prime, in bits. It is unused here, so it is small to leave room for the data primes.
const SPECIAL_BITS_MAX: u32 = 30;
/// Largest number of data primes: more do not fit the largest degree's cap.
const DATA_PRIMES_MAX: u32 = 24;
/// Largest number of plaintext primes that is tried: the circuit runs once for each.
const PLAIN_MODULI_MAX: usize = 16;

/// The chosen parameters.
pub(super) struct FastFit {
    pub layout: LayoutKind,
    pub degree: usize,
    pub plain_moduli: Vec<u64>,
    /// Primes of q, with the special prime last.
    pub coeff_modulus: Vec<u64>,
    /// See [`super::Selection::drops`].
    pub drops: Vec<usize>,
    pub response_primes: usize,
    pub noise: Vec<LayerNoise>,
    /// Predicted nanoseconds for all images on one thread, at nominal rates; if their number is not known, nanoseconds
    /// per image of a full batch.
    pub cost: f64,
}

/// The circuit of a network in one layout.
pub(super) struct Circuit {
    pub layout: LayoutKind,
    pub layers: Vec<LoweredLayer>,
    pub inputs: usize,
    /// Name of the last layer in the packed layout, and its number of products with plaintexts.
    pub weighted: Option<(String, usize)>,
    /// Number of slots that an image takes.
    pub slots: usize,
}

impl Circuit {
    /// Builds the circuit of a network in a layout; `None` if the layout cannot serve it.
    pub(super) fn new(network: &Network, layout: LayoutKind) -> Option<Self> {
        Some(match layout {
            LayoutKind::Batched => Self {
                layout,
                layers: network.lower(),
                inputs: network.input().shape.len(),
                weighted: None,
                slots: 1,
            },
            LayoutKind::Diagonal => return None,
            LayoutKind::Packed => {
                let crops = Crops::new(network).ok()?;
                Self {
                    layout,
                    layers: crops.network.lower(),
                    inputs: crops.network.input().shape.len(),
                    slots: crops.position_count() * crops.logits(),
                    weighted: Some((crops.name, crops.network.classes())),
                }
            }
        })
    }

    /// Estimates the number of vector operations on eight coefficients of one prime.
    fn work(&self) -> f64 {
        let (mut size, mut values) = (2, self.inputs);
        let mut work = 0.0;
        for layer in &self.layers {
            match &layer.operation {
                LoweredOperation::Sums(sums) => {
                    values = sums.len();
                    work += sum_work(size, sums.term_count(), values);
                }
                LoweredOperation::Square { .. } => {
                    work += square_work(size, values, values);
                    size = 2 * size - 1;
                }
            }
        }
        let products = self.weighted.as_ref().map_or(0, |(_, count)| *count);
        work + weighted_work(size, products)
    }

    /// Returns the number of polynomials in a response.
    fn response_polynomials(&self) -> usize {
        let squares =
            |layer: &&LoweredLayer| matches!(layer.operation, LoweredOperation::Square { .. });
        let size = (1 << self.layers.iter().filter(squares).count()) + 1;
        if self.weighted.is_some() {
            return size;
        }
        let last = self
            .layers
            .iter()
            .rev()
            .find_map(|layer| match &layer.operation {
                LoweredOperation::Sums(sums) => Some(sums.len()),
                LoweredOperation::Square { .. } => None,
            });
        size * last.unwrap_or(self.inputs)
    }

    /// Predicts the nanoseconds for a batch on one thread at nominal rates: the model of `Plan::forecast`, without
    /// caches.
    fn nanoseconds(&self, degree: usize, primes: usize, channels: usize) -> f64 {
        let read = WorkRates::nominal(degree).stream * (2 * self.inputs) as f64;
        let chunk = self.work() * OPERATION_NANOSECONDS + read;
        let respond = (self.response_polynomials() * degree) as f64 * RESPOND_NANOSECONDS;
        (primes * channels) as f64 * ((degree / LANES) as f64 * chunk + respond)
    }
}

/// Nanoseconds for a vector operation: between the value for layers whose windows fit in the first-level cache and that
/// for other layers.
const OPERATION_NANOSECONDS: f64 = 0.38;
/// Nanoseconds for a word of the results: assembling, transforming, and dropping primes.
pub const RESPOND_NANOSECONDS: f64 = 15.0;

/// Finds the cheapest parameters for `images` images (a full batch if `None`) whose plaintext primes have a product of
/// at least `product`; `None` if nothing fits.
pub(super) fn fast_fit(
    circuit: &Circuit,
    standard: SecurityStandard,
    product: &BigUint,
    images: Option<usize>,
    margin: f64,
) -> Result<Option<FastFit>, ParamsError> {
    search(&mut Noises::new(circuit), standard, product, images, margin)
}

/// Searches like [`fast_fit`], with the circuit's noise given.
pub(super) fn search(
    noises: &mut Noises<'_>,
    standard: SecurityStandard,
    product: &BigUint,
    images: Option<usize>,
    margin: f64,
) -> Result<Option<FastFit>, ParamsError> {
    let circuit = noises.circuit;
    let layers = &circuit.layers;
    let squares = layers
        .iter()
        .filter(|layer| matches!(layer.operation, LoweredOperation::Square { .. }))
        .count();
    // A value of degree d in the secret key has d + 1 polynomials.
    if squares >= 8 || (1 << squares) + 1 > *CIPHERTEXT_SIZES.end() {
        return Ok(None);
    }
    let mut best: Option<FastFit> = None;
    for degree in SecurityStandard::degrees() {
        let cap = standard.max_coeff_modulus_bits(degree).unwrap_or_default();
        let batch = degree / circuit.slots;
        if batch == 0 {
            continue;
        }
        let batches = images.map_or(1, |images| images.div_ceil(batch).max(1));
        for count in 1..=PLAIN_MODULI_MAX {
            let Some(moduli) = plain_moduli(degree, count, product)? else {
                continue;
            };
            if let Some((coeff_modulus, response_primes, noise)) =
                fit_under(noises, degree, cap, &moduli, margin)
            {
                let primes = coeff_modulus.len() - 1;
                let cost = batches as f64 * circuit.nanoseconds(degree, primes, count);
                // Full batches of different sizes are compared by the time per image.
                let cost = if images.is_some() {
                    cost
                } else {
                    cost / batch as f64
                };
                if best.as_ref().is_none_or(|best| cost < best.cost) {
                    best = Some(FastFit {
                        layout: circuit.layout,
                        degree,
                        plain_moduli: moduli.clone(),
                        coeff_modulus,
                        drops: Vec::new(),
                        response_primes,
                        noise,
                        cost,
                    });
                }
            }
            // More primes do not help once they are as small as batching allows.
            if moduli[0] < 4 * degree as u64 {
                break;
            }
        }
    }
    Ok(best)
}

type Fit = (Vec<u64>, usize, Vec<LayerNoise>);

/// Runs [`fit`] for these plaintext moduli. The noise itself is not computed if even a lower bound on it does not fit.
fn fit_under(
    noises: &mut Noises<'_>,
    degree: usize,
    cap: u32,
    moduli: &[u64],
    margin: f64,
) -> Option<Fit> {
    let least: Vec<FastNoise> = moduli
        .iter()
        .filter_map(|&t| noises.least(degree, t))
        .collect();
    needed(&least, degree, cap, margin)?;
    let of_moduli: Vec<FastNoise> = moduli
        .iter()
        .map(|&t| noises.under(degree, t).in_channels(moduli.len()))
        .collect();
    fit(&of_moduli, degree, cap, moduli, margin)
}

/// Returns the smallest width, in bits, of a prime of q: at that width there must be primes = 1 mod 2N.
fn least_prime_bits(degree: usize) -> u32 {
    (2 * degree).ilog2() + 2
}

/// Returns the bits that q must have without the special prime; `None` if the cap does not allow them.
fn needed(noises: &[FastNoise], degree: usize, cap: u32, margin: f64) -> Option<f64> {
    let needed = noises
        .iter()
        .map(|noise| noise.bits_needed(margin))
        .fold(0.0, f64::max);
    let fits = needed + f64::from(least_prime_bits(degree)) <= f64::from(cap);
    (needed.is_finite() && fits).then_some(needed)
}

/// Finds the fewest, then smallest primes within the cap that leave `margin` bits under every plaintext modulus.
fn fit(noises: &[FastNoise], degree: usize, cap: u32, moduli: &[u64], margin: f64) -> Option<Fit> {
    let needed = needed(noises, degree, cap, margin)?;
    let special_min = least_prime_bits(degree);
    for count in 1..=DATA_PRIMES_MAX {
        let smallest = (needed / f64::from(count)).ceil() as u32;
        for bits in smallest.max(special_min)..=PRIME_BITS_MAX {
            let Some(room) = cap.checked_sub(bits * count) else {
                break;
            };
            let special = room.min(SPECIAL_BITS_MAX).min(bits);
            if special < special_min {
                break;
            }
            let Some(primes) = chain(degree, bits, count, special, moduli) else {
                continue;
            };
            let (_, data) = primes.split_last()?;
            let log2: Vec<f64> = data.iter().map(|&prime| (prime as f64).log2()).collect();
            if log2.iter().sum::<f64>() < needed {
                continue;
            }
            let predict = |response| worst(noises, &log2, response);
            let enough =
                |noise: &Vec<LayerNoise>| noise.iter().all(|layer| layer.budget_bits >= margin);
            let found = (1..=data.len()).find(|&response| enough(&predict(response)));
            if let Some(response) = found {
                return Some((primes, response, predict(response)));
            }
        }
    }
    None
}

/// Makes distinct primes, with the special prime last; `None` if one of them is a plaintext modulus.
fn chain(degree: usize, bits: u32, count: u32, special: u32, moduli: &[u64]) -> Option<Vec<u64>> {
    let mut sizes = vec![bits.cast_signed(); count as usize];
    sizes.push(special.cast_signed());
    let primes: Vec<u64> = coeff_modulus::create(degree, &sizes)
        .ok()?
        .into_iter()
        .map(u64::from)
        .collect();
    (!primes.iter().any(|prime| moduli.contains(prime))).then_some(primes)
}

/// Returns the smallest budget under any plaintext modulus.
fn worst(noises: &[FastNoise], log2_primes: &[f64], response: usize) -> Vec<LayerNoise> {
    noises
        .iter()
        .map(|noise| noise.predict(log2_primes, response))
        .reduce(|mut worst, other| {
            for (a, b) in worst.iter_mut().zip(other) {
                a.budget_bits = a.budget_bits.min(b.budget_bits);
            }
            worst
        })
        .unwrap_or_default()
}
