//! The coefficient modulus for stock SEAL operations.

use super::noise::{LayerNoise, NoiseParameters, NoiseStep, NoiseSteps, Tails};
use crate::bfv::coeff_modulus;

/// Width of SEAL's largest prime of q, in bits.
const PRIME_BITS_MAX: i32 = 60;
/// Largest number of data primes: more do not fit the largest degree's cap in a useful way.
const DATA_PRIMES_MAX: usize = 24;

/// The primes of q, the number of them that the response keeps, and the predicted noise.
pub(super) type StockFit = (Vec<u64>, usize, Vec<LayerNoise>);

/// Finds the fewest, then smallest primes of q within the cap that leave a budget of `margin_bits` for every plaintext
/// modulus.
pub(super) fn stock_fit(
    steps: &mut NoiseSteps<'_>,
    degree: usize,
    cap: u32,
    moduli: &[u64],
    margin_bits: f64,
) -> Option<StockFit> {
    let t_bits = moduli.iter().max().map_or(0, |t| {
        i32::try_from(u64::BITS - t.leading_zeros()).unwrap_or(0)
    });
    let circuits: Vec<(u64, Vec<NoiseStep>)> = moduli
        .iter()
        .map(|&t| (t, steps.under(t).to_vec()))
        .collect();
    let values = steps.classes() * moduli.len();
    let tails = circuits.first().map_or_else(
        || Tails::new(&[], degree, values),
        |(_, steps)| Tails::new(steps, degree, values),
    );
    let worst = |primes: &[u64], response: usize| -> Vec<LayerNoise> {
        let (special, data) = match primes.split_last() {
            Some((special, data)) => (*special, data),
            None => (1, primes),
        };
        circuits
            .iter()
            .map(|(t, steps)| {
                NoiseParameters {
                    poly_modulus_degree: degree,
                    plain_modulus: *t,
                    tails: &tails,
                    log2_data_primes: data.iter().map(|&p| (p as f64).log2()).collect(),
                    log2_special_prime: (special as f64).log2(),
                }
                .predict(steps, response)
            })
            .reduce(|mut worst, other| {
                for (a, b) in worst.iter_mut().zip(other) {
                    a.budget_bits = a.budget_bits.min(b.budget_bits);
                }
                worst
            })
            .unwrap_or_default()
    };
    let enough = |noise: &[LayerNoise]| noise.iter().all(|layer| layer.budget_bits >= margin_bits);

    for count in 1..=DATA_PRIMES_MAX {
        // Data primes larger than t are distinct from it; the special prime has the same width.
        for bits in (t_bits + 1).max(14)..=PRIME_BITS_MAX {
            let total = bits.unsigned_abs() * (count as u32 + 1);
            if total > cap {
                break;
            }
            // There are not enough primes = 1 mod 2N of this width: try the next one.
            let Ok(primes) = coeff_modulus::create(degree, &vec![bits; count + 1]) else {
                continue;
            };
            let mut primes: Vec<u64> = primes.into_iter().map(u64::from).collect();
            // The largest prime becomes the special prime, because key switching noise is divided by it.
            primes.sort_unstable();
            if !enough(&worst(&primes, count)) {
                continue;
            }
            let response = (1..=count)
                .find(|&response| enough(&worst(&primes, response)))
                .unwrap_or(count);
            let noise = worst(&primes, response);
            return Some((primes, response, noise));
        }
    }
    None
}
