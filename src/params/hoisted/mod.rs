//! Parameters for the diagonal layout: primes that its noise requires, and the cost.

mod noise;
mod plaintexts;
mod work;

pub use work::{Work, WorkRates, diagonal_work};

use self::noise::{Drops, NoiseModel};
use self::plaintexts::{COEFFICIENTS_MAX, PlaintextNorm, norms};
use super::line::Line;
use super::options::{Scheme, SelectOptions};
use super::search::{
    Chain, ChainLimits, Chains, MARGIN_BITS, Stop, encrypted_product, fewest_response_primes,
    primes, worst,
};
use super::traffic::Traffic;
use crate::circuit::{Circuit, Op, Step, levels, moving};
use crate::network::Network;
use crate::packing::{DiagonalError, Packing};
use std::collections::BTreeMap;

/// Width of the largest prime, in bits.
const PRIME_BITS_MAX: u32 = crate::kernels::PRIME_BITS_MAX;

/// Number of chains that are compared for one schedule of drops, which differ by two bits each in what is left at the
/// end; and the most that are tried.
const SPARE_TRIES: u32 = 3;
const SPARE_MAX: u32 = 6;

/// The properties of an operation on which its noise depends: numbers of rotations that move something, and of
/// ciphertexts.
#[derive(Debug, Clone, Copy)]
enum NoiseOp {
    PlainProducts,
    LinearTransform { babies: usize, giants: usize },
    RotateAndSum(usize),
    ModSwitch,
    FromShared,
    AddPlain,
    SumOfSquares(usize),
    Relinearize,
}

impl NoiseOp {
    /// Returns `None` for operations that do not occur in this layout.
    fn of(step: &Step<'_>) -> Option<Self> {
        Some(match step.op {
            Op::PlainProducts(_) => Self::PlainProducts,
            Op::LinearTransform { babies, giants } => Self::LinearTransform {
                babies: moving(babies),
                giants: moving(giants.iter().map(|giant| &giant.rotation)),
            },
            Op::RotateAndSum(rotations) => Self::RotateAndSum(rotations.len()),
            Op::ModSwitch => Self::ModSwitch,
            Op::FromShared => Self::FromShared,
            Op::AddPlain(_) => Self::AddPlain,
            Op::SumOfSquares => Self::SumOfSquares(step.ciphertexts),
            Op::Relinearize => Self::Relinearize,
            Op::LinearCombination(_) | Op::Squares | Op::SumOfProducts { .. } => return None,
        })
    }
}

/// A circuit in the diagonal layout for which parameters are searched.
pub(super) struct HoistedCircuit {
    packing: Packing,
    /// Name and operations of each layer: a search follows the noise thousands of times.
    layers: Vec<(String, Vec<NoiseOp>)>,
    degree: f64,
    /// The product of the plaintext moduli, if a request serves all of them.
    shared: Option<u64>,
}

impl HoistedCircuit {
    pub(super) fn new(packing: Packing) -> Self {
        let layers = packing.circuit.walk(&[]).map(|(layer, steps)| {
            let ops = steps.iter().filter_map(NoiseOp::of).collect();
            (layer.name().to_owned(), ops)
        });
        Self {
            layers: layers.collect(),
            degree: packing.slot_map.slots() as f64,
            shared: None,
            packing,
        }
    }

    /// Makes the circuit for a request that serves all plaintext moduli, of this product.
    fn of_shared_upload(packing: Packing, product: u64) -> Self {
        Self {
            shared: Some(product),
            ..Self::new(packing.of_shared_upload())
        }
    }

    /// Returns the number of values in a response under `plain_primes` plaintext moduli.
    fn values(&self, plain_primes: usize) -> f64 {
        (self.packing.slot_map.outputs() * plain_primes) as f64
    }

    /// Returns the modulus under which a request is encrypted, for a plaintext modulus that it serves.
    fn encrypted(&self, t: u64) -> f64 {
        self.shared.unwrap_or(t) as f64
    }

    /// Predicts the nanoseconds for one plaintext modulus, from [`diagonal_work`].
    fn nanoseconds(&self, levels: &[usize]) -> f64 {
        let rates = WorkRates::nominal(self.packing.slot_map.slots());
        let work = diagonal_work(&self.packing.circuit, &self.packing.slot_map, levels);
        work.iter().map(|work| work.nanoseconds(&rates)).sum()
    }
}

/// A plaintext modulus, with the norms of the plaintexts under it.
struct PlainPrime {
    t: u64,
    norms: Vec<PlaintextNorm>,
}

/// The norms of the plaintexts at one degree, while coefficients are left to evaluate.
struct Norms {
    budget: usize,
    known: BTreeMap<u64, Vec<PlaintextNorm>>,
}

impl Norms {
    /// Returns the norms under a plaintext modulus. Whether uploads are shared makes no difference.
    fn under(&mut self, packing: &Packing, t: u64) -> Vec<PlaintextNorm> {
        let made = || norms(packing, t, &mut self.budget);
        self.known.entry(t).or_insert_with(made).clone()
    }
}

/// The circuit for which a chain is searched, under these moduli, for a number of images.
struct ChainTarget<'a> {
    circuit: &'a HoistedCircuit,
    /// Largest number of bits of q.
    cap: u32,
    moduli: &'a [u64],
    images: usize,
    line: Option<&'a Line>,
}

impl ChainTarget<'_> {
    /// Predicts the nanoseconds for all images on one thread, and those of what travels.
    fn cost(&self, chain: &Chain) -> f64 {
        let Packing { circuit, slot_map } = &self.circuit.packing;
        let levels = levels(chain.primes.len().saturating_sub(1), &chain.drops);
        let images = self.images as f64;
        let evaluation = images * self.moduli.len() as f64 * self.circuit.nanoseconds(&levels);
        let Some(line) = self.line else {
            return evaluation;
        };
        let sent = (
            circuit,
            slot_map.outputs(),
            slot_map.response_coefficients(),
        );
        let traffic = Traffic::of(sent, slot_map.slots(), chain, self.moduli);
        evaluation + traffic.nanoseconds(line, images, images)
    }
}

/// Finds the cheapest chain within the cap that leaves the margin under every plaintext modulus; `None` if there is
/// none or none that takes less than `most` nanoseconds.
///
/// The effect of plaintexts on noise takes long to compute. It is computed for one modulus if a chain fits without it,
/// and for the other moduli if a chain fits under that one.
fn chain(target: &ChainTarget<'_>, most: f64, norms: &mut Norms) -> Option<Chain> {
    let fits = |plain_primes: &[PlainPrime]| {
        let found = chain_under(target, plain_primes);
        found.filter(|chain| chain.cost < most)
    };
    let (&largest, others) = target.moduli.split_last()?;
    fits(&[PlainPrime {
        t: largest,
        norms: Vec::new(),
    }])?;
    let mut plain_prime = |t: u64| PlainPrime {
        t,
        norms: norms.under(&target.circuit.packing, t),
    };
    let mut plain_primes = vec![plain_prime(largest)];
    let found = fits(&plain_primes)?;
    if others.is_empty() {
        return Some(found);
    }
    plain_primes.splice(0..0, others.iter().map(|&t| plain_prime(t)));
    fits(&plain_primes)
}

/// Finds the cheapest chain that leaves the margin under these of the plaintext moduli.
fn chain_under(target: &ChainTarget<'_>, plain_primes: &[PlainPrime]) -> Option<Chain> {
    let (circuit, cap) = (target.circuit, target.cap);
    let mut best: Option<Chain> = None;
    let values = circuit.values(target.moduli.len());
    let largest = plain_primes.iter().max_by_key(|prime| prime.t)?;
    // Slack from 0.5 to 3.5 bits above a rounding: noise is dropped to about the size of the rounding itself.
    for slack in 1..=7 {
        for special in (30..=PRIME_BITS_MAX).rev().step_by(2) {
            // Digits larger than the special prime would be noisy.
            let bits = special.min(PRIME_BITS_MAX);
            let sketch = NoiseModel {
                circuit,
                t: largest.t as f64,
                encrypted: circuit.encrypted(largest.t),
                values,
                norms: &largest.norms,
                data: vec![f64::from(bits) - 2.0; 4],
                special: f64::from(special),
                drops: Drops::Above(f64::from(slack) / 2.0),
            };
            let (steps, dropped) = sketch.run();
            let (_, _, last) = steps.last()?;
            let base = (sketch.bound(last).log2() + 1.0 + MARGIN_BITS).ceil();
            // The range check also excludes noise that overflows.
            let total = base + dropped.iter().sum::<f64>();
            if !(0.0..=f64::from(cap)).contains(&total) {
                continue;
            }
            let base = base as u32;
            // The fewest bits, and a few more: noise budget to spare makes the response smaller.
            let mut tries = SPARE_TRIES;
            for spare in 0..SPARE_MAX {
                let base = base + 2 * spare;
                let under = (plain_primes, values);
                if let Some(found) = build(target, under, special, base, &dropped) {
                    if best.as_ref().is_none_or(|best| found.cost < best.cost) {
                        best = Some(found);
                    }
                    tries -= 1;
                    if tries == 0 {
                        break;
                    }
                }
            }
        }
    }
    best
}

/// Builds a chain with `base` bits for the modulus that is left at the end, and primes for each drop.
fn build(
    target: &ChainTarget<'_>,
    (plain_primes, values): (&[PlainPrime], f64),
    special: u32,
    base: u32,
    dropped: &[f64],
) -> Option<Chain> {
    let circuit = target.circuit;
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
        || sizes.iter().sum::<u32>() + special > target.cap
    {
        return None;
    }
    sizes.push(special);
    let moduli: Vec<u64> = plain_primes.iter().map(|prime| prime.t).collect();
    let primes = primes(circuit.degree as usize, &sizes, &moduli)?;
    let log2: Vec<f64> = primes.iter().map(|&prime| (prime as f64).log2()).collect();
    let (&special, data) = log2.split_last()?;
    let predict = |response| {
        worst(plain_primes.iter().map(|prime| {
            NoiseModel {
                circuit,
                t: prime.t as f64,
                encrypted: circuit.encrypted(prime.t),
                values,
                norms: &prime.norms,
                data: data.to_vec(),
                special,
                drops: Drops::Counts(&drops),
            }
            .predict(response)
        }))
    };
    let left = data.len() - drops.iter().sum::<usize>();
    let (response_primes, noise) = fewest_response_primes(left, predict)?;
    let mut chain = Chain {
        shared: circuit.shared.is_some(),
        cost: 0.0,
        noise,
        response_primes,
        primes,
        drops,
    };
    chain.cost = target.cost(&chain);
    Some(chain)
}

/// Makes the packing of a scheme that rotates.
pub(super) fn rotating(
    scheme: Scheme,
    network: &Network,
    degree: usize,
) -> Result<Packing, DiagonalError> {
    match scheme {
        Scheme::FewUploads => Packing::few_uploads(network, degree),
        _ => Packing::diagonal(network, degree),
    }
}

/// Own kernels in the diagonal layout, for a number of images, one at a time.
pub(super) struct HoistedChains<'a> {
    network: &'a Network,
    scheme: Scheme,
    images: usize,
    line: Option<Line>,
    /// Allows shared uploads.
    shared_upload: bool,
    /// The circuit at the last degree, if there is room for the network.
    circuit: Option<(usize, Option<HoistedCircuit>)>,
    /// Reason why a degree has no room for it.
    pub refused: Option<DiagonalError>,
    norms: Norms,
}

impl<'a> HoistedChains<'a> {
    pub(super) fn new(network: &'a Network, scheme: Scheme, options: &SelectOptions) -> Self {
        Self {
            network,
            scheme,
            images: options.images.unwrap_or(1),
            line: options.line,
            shared_upload: options.shared_upload,
            circuit: None,
            refused: None,
            norms: Norms {
                budget: COEFFICIENTS_MAX,
                known: BTreeMap::new(),
            },
        }
    }
}

impl HoistedChains<'_> {
    /// Returns the circuit at a degree for separate uploads; only that of the last degree that was searched is kept.
    pub(super) fn circuit_at(&self, degree: usize) -> Option<&Circuit> {
        let (at, circuit) = self.circuit.as_ref()?;
        let circuit = circuit.as_ref().filter(|_| *at == degree)?;
        Some(&circuit.packing.circuit)
    }
}

impl Chains for HoistedChains<'_> {
    fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// A larger degree costs more than twice as much.
    fn stop(&self) -> Stop {
        Stop::AfterDegree
    }

    /// Finds the chain of the fewest predicted nanoseconds for all images on one thread and for what travels; with an
    /// upload for each plaintext modulus or one for all, whichever costs less.
    fn chain(&mut self, degree: usize, limits: ChainLimits, moduli: &[u64]) -> Option<Chain> {
        // Building the layout takes time, so it is done only where the smallest chain could fit.
        if limits.bits < 3 * moduli[0].ilog2() + 60 {
            return None;
        }
        if self.circuit.as_ref().is_none_or(|(at, _)| *at != degree) {
            let built = rotating(self.scheme, self.network, degree).map(HoistedCircuit::new);
            let circuit = built.map_err(|error| self.refused = Some(error)).ok();
            self.circuit = Some((degree, circuit));
            self.norms.known.clear();
        }
        let (_, circuit) = self.circuit.as_ref()?;
        let separate = circuit.as_ref()?;
        let (images, line, norms) = (self.images, self.line.as_ref(), &mut self.norms);
        let mut find = |circuit: &HoistedCircuit| {
            let target = ChainTarget {
                circuit,
                cap: limits.bits,
                moduli,
                images,
                line,
            };
            chain(&target, limits.cost, norms)
        };
        let of_separate = find(separate);
        let shared = encrypted_product(moduli).filter(|_| self.shared_upload && moduli.len() > 1);
        let shared = shared
            .map(|product| HoistedCircuit::of_shared_upload(separate.packing.clone(), product));
        let of_shared = shared.as_ref().and_then(find);
        let chains = of_separate.into_iter().chain(of_shared);
        chains.min_by(|one, other| one.cost.total_cmp(&other.cost))
    }
}
