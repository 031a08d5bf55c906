//! The noise of a circuit under fused kernels and many plaintext moduli, for the parameter search.

use super::fused_circuit::FusedCircuit;
use super::fused_noise::FusedNoise;
use super::moments::{Detail, Fresh, Weighing};
use super::rules::ERROR_VARIANCE;
use std::collections::BTreeMap;

/// Degree for which the noise model is evaluated: no other degree is smaller.
const SMALL_DEGREE: usize = 1024;
/// Smallest prime = 1 mod 2 * 1024: no plaintext modulus is smaller.
const SMALL_MODULUS: u64 = 12_289;
/// Width of a window of moduli, in bits: where weights are wider than the moduli, one evaluation of the model serves a
/// window.
const WINDOW_BITS: u32 = 12;

/// The noise of a circuit under any plaintext modulus, from a few evaluations of the model.
///
/// While no weight reaches half the modulus, weights count as they are, and every deviation is proportional to powers
/// of the modulus and of the degree: one evaluation serves all of these moduli.
///
/// Under smaller moduli, weights are residues, without order in size and sign. They are bounded by their magnitudes and
/// by half the modulus. Such a bound grows at most in proportion to the modulus, so an evaluation for the smallest
/// modulus of a window bounds all moduli of the window. The bound is close if most weights exceed half of each modulus.
/// It loses up to a factor of the window's width for each weight that lies in between.
pub(super) struct Noises<'a> {
    pub circuit: &'a FusedCircuit,
    largest_weight: u64,
    exact: BTreeMap<Fresh, FusedNoise>,
    /// Noise by window, counted from [`SMALL_MODULUS`] on.
    capped: BTreeMap<(Fresh, u32), FusedNoise>,
    /// Lower bounds on the noise by window.
    least: BTreeMap<u32, FusedNoise>,
}

impl<'a> Noises<'a> {
    pub(super) fn new(circuit: &'a FusedCircuit) -> Self {
        Self {
            circuit,
            largest_weight: circuit.circuit.largest_weight(),
            exact: BTreeMap::new(),
            capped: BTreeMap::new(),
            least: BTreeMap::new(),
        }
    }

    fn evaluate(
        (circuit, fresh): (&FusedCircuit, Fresh),
        modulus: u64,
        weighing: Weighing,
        detail: Detail,
    ) -> FusedNoise {
        FusedNoise::new(
            (&circuit.circuit, fresh),
            SMALL_DEGREE,
            modulus,
            (weighing, detail),
            circuit.slots,
        )
    }

    /// Tells whether a modulus is above twice every weight.
    fn is_exact(&self, modulus: u64) -> bool {
        self.largest_weight < modulus.div_ceil(2)
    }

    /// Evaluates the model for a window: with its smallest modulus, and weights capped for that.
    fn evaluate_window(of: (&FusedCircuit, Fresh), window: u32, detail: Detail) -> FusedNoise {
        let smallest = SMALL_MODULUS << (window * WINDOW_BITS);
        let weighing = Weighing::AtMost(smallest as f64 / 2.0);
        Self::evaluate(of, smallest, weighing, detail)
    }

    /// Returns the noise at a degree under a plaintext modulus; neither may be below the smallest one.
    pub(super) fn under(&mut self, degree: usize, modulus: u64) -> FusedNoise {
        self.with(Fresh::Encrypted, degree, modulus)
    }

    /// Returns the noise at a degree under a plaintext modulus, if ciphertexts are encrypted under the product of all,
    /// which is `others` times as large, and the prime `dropped` is dropped first.
    ///
    /// The phase of a ciphertext under the product T is T e - [Q m]_T in BGV form, for each of its primes.
    pub(super) fn shared(
        &mut self,
        degree: usize,
        modulus: u64,
        (others, dropped): (f64, f64),
    ) -> FusedNoise {
        let message = others / dropped;
        let rounding = |degree: usize| Fresh::Dropped.variance(degree as f64);
        let noise = ERROR_VARIANCE * message * message + rounding(degree);
        let ratio = (noise / rounding(SMALL_DEGREE)).sqrt().max(message);
        self.with(Fresh::Dropped, degree, modulus)
            .with_inputs(ratio)
    }

    fn with(&mut self, fresh: Fresh, degree: usize, modulus: u64) -> FusedNoise {
        let of = (self.circuit, fresh);
        let noise = if self.is_exact(modulus) {
            self.exact
                .entry(fresh)
                .or_insert_with(|| Self::evaluate(of, SMALL_MODULUS, Weighing::Exact, Detail::Full))
        } else {
            let window = window(modulus);
            self.capped
                .entry((fresh, window))
                .or_insert_with(|| Self::evaluate_window(of, window, Detail::Full))
        };
        noise.scaled(degree, modulus)
    }

    /// Returns a lower bound on the result of [`Noises::under`] in little time; `None` if the weights count
    /// exactly or the window is already evaluated.
    pub(super) fn least(&mut self, degree: usize, modulus: u64) -> Option<FusedNoise> {
        let (of, window) = ((self.circuit, Fresh::Encrypted), window(modulus));
        if self.is_exact(modulus) || self.capped.contains_key(&(Fresh::Encrypted, window)) {
            return None;
        }
        let least = self
            .least
            .entry(window)
            .or_insert_with(|| Self::evaluate_window(of, window, Detail::Least));
        Some(least.scaled(degree, modulus))
    }

    /// Returns the number of evaluations of the model.
    #[cfg(test)]
    pub(super) fn evaluations(&self) -> usize {
        self.capped.len() + self.exact.len()
    }
}

/// Returns the index of the window of a modulus: one evaluation serves a window where weights are wider than the
/// moduli.
fn window(modulus: u64) -> u32 {
    (modulus / SMALL_MODULUS).max(1).ilog2() / WINDOW_BITS
}

#[cfg(test)]
mod tests {
    use super::super::fused::FusedChains;
    use super::super::options::{Scheme, SelectOptions};
    use super::super::search::search;
    use super::super::security::SecurityStandard;
    use super::*;
    use crate::circuit::Circuit;
    use crate::modular::centred;
    use crate::network::{Network, NetworkBuilder, Shape, SplitMix64, proven_bounds};
    use num_bigint::BigUint;

    /// Makes the weights of two convolutions and a linear layer, uniform up to `bits` bits.
    fn weights(bits: u32) -> [Vec<i64>; 3] {
        let mut random = SplitMix64::new(u64::from(bits));
        [2 * 9, 3 * 2 * 4, 4 * 3 * 4].map(|count| {
            let weight = |word: u64| {
                let magnitude = (1 + (word >> 8) % ((1 << (bits - 1)) - 1)).cast_signed();
                if word.is_multiple_of(2) {
                    magnitude
                } else {
                    -magnitude
                }
            };
            (0..count).map(|_| weight(random.next_u64())).collect()
        })
    }

    fn network([first, second, last]: [Vec<i64>; 3]) -> Network {
        NetworkBuilder::new("wide", Shape::new(1, 9, 9))
            .uniform_bits(1)
            .conv2d(2, [3, 3], [2, 2], [0, 0], first)
            .bias([1; 2])
            .square()
            .conv2d(3, [2, 2], [2, 2], [0, 0], second)
            .bias([1; 3])
            .square()
            .flatten()
            .linear(4, last)
            .bias([-1; 4])
            .build()
            .unwrap()
    }

    #[test]
    fn few_evaluations_serve_a_search_whatever_the_width_of_weights() {
        for bits in [2, 8, 13, 14, 16, 20, 24, 32, 40, 50, 61, 62] {
            let network = network(weights(bits));
            let magnitude = proven_bounds(&network).output().magnitude();
            let product = BigUint::from(2u32) * magnitude.magnitude() + 1u32;
            for layout in [Scheme::Batched, Scheme::Crops] {
                let circuit = FusedCircuit::new(&network, layout).unwrap();
                let mut chains = FusedChains::new(&circuit, &SelectOptions::default());
                let standard = SecurityStandard::HeStandard2024;
                let found = search(&mut chains, standard, &product).unwrap();
                let evaluations = chains.noises.evaluations();
                println!(
                    "{bits} bits, {}: {evaluations} evaluations, N {:?}",
                    layout.layout(),
                    found.map(|found| found.degree)
                );
                // Weights of up to 13 bits are below half of every modulus. Shared uploads have noise of another kind.
                let most = if bits <= 13 { 2 } else { 10 };
                assert!(
                    (1..=most).contains(&evaluations),
                    "{bits} bits: {evaluations}"
                );
            }
        }
    }

    #[test]
    fn no_noise_is_below_that_of_the_residues_themselves() {
        let moduli = [
            12_289,
            18_433,
            65_537,
            557_057,
            50_331_649,
            (1 << 33) + 1,
            (1 << 47) + 1,
            // The sums of squares of wider residues exceed what f64 holds. The model of the residues themselves then
            // falls back to their magnitudes, so the bound no longer applies to it.
            (1 << 50) + 1,
        ];
        let (degree, primes) = (4096, [60.0; 16]);
        for bits in [6, 14, 17, 20, 27, 40, 61] {
            let network_of = network;
            let wide = network_of(weights(bits));
            let circuit = FusedCircuit::new(&wide, Scheme::Batched).unwrap();
            let mut noises = Noises::new(&circuit);
            for t in moduli {
                let least = noises.least(degree, t);
                let bound = noises.under(degree, t).predict(&primes, 8);
                if let Some(least) = least {
                    for (least, bound) in least.predict(&primes, 8).iter().zip(&bound) {
                        assert!(least.budget_bits >= bound.budget_bits - 1e-6, "{least:?}");
                    }
                }
                let residues = weights(bits)
                    .map(|layer| layer.iter().map(|&w| centred(i128::from(w), t)).collect());
                let residues = Circuit::of_values(&network_of(residues), false);
                let detail = (Weighing::Exact, Detail::Full);
                let of = (&residues, Fresh::Encrypted);
                let itself = FusedNoise::new(of, degree, t, detail, 1);
                let itself = itself.predict(&primes, 8);
                let mut most: f64 = 0.0;
                for (bound, itself) in bound.iter().zip(&itself) {
                    let below = itself.budget_bits - bound.budget_bits;
                    assert!(below > -1e-6, "{bits} bits, t = {t}: {below} {bound:?}");
                    most = most.max(below);
                }
                println!("{bits} bits, t = {t}: at most {most:.2} bits below");
                // Without residues, nothing is lost. With them, the signs are lost, and up to a bit for each power of a
                // weight, of which there are seven.
                let is_exact = t >> bits != 0;
                assert!(
                    most < if is_exact { 0.1 } else { 8.0 },
                    "{bits}, {t}: {most}"
                );
            }
        }
    }
}
