//! The choice of parameters: t from the bound, then the smallest N, then the smallest q that is secure and leaves noise
//! budget.

use super::error::ParamsError;
use super::fused::FusedChains;
use super::fused_circuit::FusedCircuit;
use super::hoisted::HoistedChains;
use super::memory::RunSize;
use super::options::{BoundRule, Scheme, SelectOptions};
use super::search::{Candidate, PLAIN_MODULI_MAX, search};
use super::security::SecurityStandard;
use super::selection::{Bound, Parameters};
use super::stock::StockChains;
use crate::circuit::Circuit;
use crate::network::{CropNetwork, Network, proven_bounds};
use num_bigint::{BigUint, Sign};
use std::borrow::Borrow;

/// Largest number of images for which layouts with rotations are considered without being requested. They take images
/// one by one, and a full batch costs as much as some tens of images.
const ROTATING_IMAGES_MAX: usize = 256;

/// Chooses parameters for a network.
///
/// With own kernels, the shortest predicted time for all images wins: of evaluation at nominal rates, for the batches in
/// the batched and crop layouts and for the images one after the other in the diagonal layout
/// ([`super::diagonal_work`]), and of requests, responses and a share of the keys on the line
/// ([`SelectOptions::line`]).
/// For stock SEAL operations, the smallest N in the table wins, then the fewest plaintext primes, then the fewest and
/// smallest data primes.
///
/// # Errors
/// [`ParamsError::NothingFits`] says what ran out and what to do. [`ParamsError::Layout`] says why the requested layout
/// is impossible. [`ParamsError::Memory`] means that no layout is predicted to fit in [`SelectOptions::memory`].
pub fn select(network: &Network, options: &SelectOptions) -> Result<Parameters, ParamsError> {
    let bound = bound(network, &options.bound)?;
    // |y| <= (t - 1) / 2.
    let product = BigUint::from(2u32) * bound.magnitude.magnitude() + 1u32;
    match options.scheme {
        Some(Scheme::Stock) => select_stock(network, options, bound, &product),
        _ => select_own(network, options, bound, &product),
    }
}

fn select_stock(
    network: &Network,
    options: &SelectOptions,
    bound: Bound,
    product: &BigUint,
) -> Result<Parameters, ParamsError> {
    if let Some(fit) = search(&mut StockChains::new(network), options.standard, product)? {
        return Ok(parameters(options, bound, fit));
    }
    let largest = SecurityStandard::degrees().last();
    let cap = largest.and_then(|degree| options.standard.max_coeff_modulus_bits(degree));
    let reason = format!(
        "even at N = {}, up to {PLAIN_MODULI_MAX} plaintext primes and a q of {} bits do not hold both the logits and \
         the noise",
        largest.unwrap_or_default(),
        cap.unwrap_or_default()
    );
    let advice = match options.bound {
        BoundRule::Proven => "train with fewer bits, or accept a bound that was observed on data",
        BoundRule::Observed { .. } => "train with fewer bits or fewer squares",
    };
    Err(nothing_fits(options, &bound, reason, advice))
}

/// Chooses the cheapest of the allowed schemes with own kernels.
fn select_own(
    network: &Network,
    options: &SelectOptions,
    bound: Bound,
    product: &BigUint,
) -> Result<Parameters, ParamsError> {
    if options.scheme == Some(Scheme::Crops)
        && let Err(error) = CropNetwork::new(network)
    {
        return Err(ParamsError::layout(Scheme::Crops, &error));
    }
    let mut best: Option<Candidate> = None;
    let mut memory = Memory::new(network, options);
    for scheme in [Scheme::Batched, Scheme::Crops] {
        if options.scheme.is_some_and(|wanted| wanted != scheme) {
            continue;
        }
        let Some(fused) = FusedCircuit::new(network, scheme) else {
            continue;
        };
        let fit = search(
            &mut FusedChains::new(&fused, options),
            options.standard,
            product,
        )?;
        if let Some(fit) = fit
            && memory.holds(&fit, || fused.circuit.without_unread())
            && is_cheaper(&fit, best.as_ref())
        {
            best = Some(fit);
        }
    }
    for scheme in [Scheme::Diagonal, Scheme::FewUploads] {
        let wanted = match options.scheme {
            None => options
                .images
                .is_some_and(|images| images <= ROTATING_IMAGES_MAX),
            Some(wanted) => wanted == scheme,
        };
        if !wanted {
            continue;
        }
        let mut chains = HoistedChains::new(network, scheme, options);
        match search(&mut chains, options.standard, product)? {
            Some(fit) if is_cheaper(&fit, best.as_ref()) => {
                let of_fit = |circuit: &Circuit| {
                    let circuit = circuit.clone();
                    if fit.chain.shared {
                        circuit.of_shared_upload()
                    } else {
                        circuit
                    }
                };
                let circuit = chains.circuit_at(fit.degree);
                if circuit.is_some_and(|circuit| memory.holds(&fit, || of_fit(circuit))) {
                    best = Some(fit);
                }
            }
            None if options.scheme.is_some() => {
                if let Some(error) = chains.refused {
                    return Err(ParamsError::layout(scheme, &error));
                }
            }
            _ => {}
        }
    }
    let Some(fit) = best else {
        if let Some(error) = memory.refused {
            return Err(error);
        }
        return Err(nothing_fits(
            options,
            &bound,
            "own kernels do not relinearise, and no degree holds both the logits and the noise of that".to_owned(),
            "try SEAL's kernels, or train with fewer bits or fewer squares",
        ));
    };
    Ok(parameters(options, bound, fit))
}

fn is_cheaper(fit: &Candidate, best: Option<&Candidate>) -> bool {
    best.is_none_or(|best| fit.chain.cost < best.chain.cost)
}

fn parameters(options: &SelectOptions, bound: Bound, fit: Candidate) -> Parameters {
    Parameters {
        scheme: fit.scheme,
        scheme_given: options.scheme.is_some(),
        standard: options.standard,
        bound,
        poly_modulus_degree: fit.degree,
        plain_moduli: fit.plain_moduli,
        coeff_modulus: fit.chain.primes,
        drops: fit.chain.drops,
        shared_upload: fit.chain.shared,
        response_primes: fit.chain.response_primes,
        predicted_noise: fit.chain.noise,
    }
}

/// The memory limit for layouts that were not requested.
struct Memory {
    /// Number of values of an image.
    values: usize,
    images: Option<usize>,
    limit: Option<u64>,
    /// Error for the layout that needs the least memory among those that need too much.
    refused: Option<ParamsError>,
}

impl Memory {
    fn new(network: &Network, options: &SelectOptions) -> Self {
        Self {
            values: network.input().shape.len(),
            images: options.images,
            limit: options.memory.filter(|_| options.scheme.is_none()),
            refused: None,
        }
    }

    /// Tells whether a candidate fits in the memory. Its circuit is made only if there is a limit.
    fn holds<C: Borrow<Circuit>>(&mut self, fit: &Candidate, circuit: impl FnOnce() -> C) -> bool {
        let Some(limit) = self.limit else {
            return true;
        };
        let size = RunSize {
            scheme: fit.scheme,
            degree: fit.degree,
            primes: fit.chain.primes.len().saturating_sub(1),
            drops: &fit.chain.drops,
            plain_primes: fit.plain_moduli.len(),
            shared: fit.chain.shared,
        };
        let peak = size
            .forecast(circuit().borrow(), self.values, self.images)
            .peak();
        if peak <= limit {
            return true;
        }
        let less = match &self.refused {
            Some(ParamsError::Memory { needed, .. }) => peak < *needed,
            _ => true,
        };
        if less {
            self.refused = Some(ParamsError::Memory {
                layout: fit.scheme.layout(),
                needed: peak,
                available: limit,
            });
        }
        false
    }
}

fn nothing_fits(
    options: &SelectOptions,
    bound: &Bound,
    reason: String,
    advice: &'static str,
) -> ParamsError {
    ParamsError::NothingFits {
        security: options.standard.to_string(),
        magnitude: bound.magnitude.clone(),
        rule: options.bound.name(),
        bits: bound.bits,
        scheme: options.scheme,
        reason,
        advice,
    }
}

fn bound(network: &Network, rule: &BoundRule) -> Result<Bound, ParamsError> {
    let magnitude = match rule {
        BoundRule::Proven => proven_bounds(network).output().magnitude(),
        BoundRule::Observed { magnitude, .. } => magnitude.clone(),
    };
    if magnitude.sign() == Sign::Minus {
        return Err(ParamsError::NegativeBound { magnitude });
    }
    Ok(Bound::new(rule.clone(), magnitude))
}

#[cfg(test)]
mod tests {
    use super::super::search::MARGIN_BITS;
    use super::*;
    use crate::network::{NetworkBuilder, Shape};
    use num_bigint::BigInt;

    /// Makes a network of `squares` squares with a weight of `weight` before each, on one input of two bits.
    fn chain(squares: usize, weight: i64) -> Network {
        let network = NetworkBuilder::new("chain", Shape::vector(1)).uniform_bits(2);
        (0..squares)
            .fold(network, |chain, _| chain.linear(1, [weight]).square())
            .linear(1, [weight])
            .build()
            .unwrap()
    }

    #[test]
    fn the_choice_holds_the_bound_and_stays_within_the_cap() {
        for (squares, weight) in [(0, 1), (1, 3), (2, 1), (2, 7), (3, 2)] {
            for standard in [
                SecurityStandard::HeStandard2024,
                SecurityStandard::HeStandard2018,
            ] {
                let network = chain(squares, weight);
                let options = SelectOptions {
                    standard,
                    ..SelectOptions::default()
                };
                let selection = select(&network, &options).unwrap();
                let expected = (0..squares).fold(BigInt::from(3), |x, _| {
                    let y: BigInt = x * weight;
                    &y * &y
                }) * weight;
                assert_eq!(selection.bound().magnitude, expected);
                let product = selection
                    .plain_moduli()
                    .iter()
                    .fold(BigInt::from(1), |total, &t| total * t);
                assert!(product > BigInt::from(2) * expected);
                let total: u32 = selection.coeff_modulus_bits().iter().sum();
                let cap = standard
                    .max_coeff_modulus_bits(selection.poly_modulus_degree())
                    .unwrap();
                assert!(total <= cap, "{total} bits of {cap}");
                assert!(
                    selection
                        .predicted_noise()
                        .iter()
                        .all(|n| n.budget_bits >= MARGIN_BITS)
                );
                assert!(selection.explain().len() >= 4);
            }
        }
    }

    #[test]
    fn an_observed_bound_gives_a_smaller_modulus_and_says_so() {
        let network = chain(2, 7);
        let proven = select(&network, &SelectOptions::default()).unwrap();
        let observed = select(
            &network,
            &SelectOptions {
                bound: BoundRule::Observed {
                    magnitude: BigInt::from(1000),
                    source: "three images".to_owned(),
                },
                ..SelectOptions::default()
            },
        )
        .unwrap();
        assert!(observed.bound().bits < proven.bound().bits);
        let words = observed.explain().join(" ");
        assert!(words.contains("three images") && words.contains("not proven"));
    }

    #[test]
    fn what_nothing_holds_is_refused_with_a_reason_and_a_way_out() {
        let network = chain(5, 1 << 20);
        let options = SelectOptions {
            scheme: Some(Scheme::Stock),
            ..SelectOptions::default()
        };
        let error = select(&network, &options).unwrap_err();
        let text = error.to_string();
        assert!(text.contains("proven bound"), "{text}");
        assert!(text.contains("accept a bound that was observed"), "{text}");
        assert!(text.contains("N = 32768"), "{text}");
    }

    #[test]
    fn one_upload_is_shared_where_it_takes_less_time() {
        let network = NetworkBuilder::new("wide", Shape::vector(64)).uniform_bits(2);
        let network = network.linear(1, [1; 64]).square().linear(1, [7]).square();
        let network = network.linear(1, [3]).build().unwrap();
        let options = |bits: u32, rate: Option<u64>, shared_upload| SelectOptions {
            bound: BoundRule::Observed {
                magnitude: BigInt::from(1) << bits,
                source: "a test".to_owned(),
            },
            scheme: Some(Scheme::Batched),
            line: rate.map(|rate| super::super::Line {
                bits_per_second: rate.try_into().unwrap(),
                ..super::super::Line::default()
            }),
            shared_upload,
            ..SelectOptions::default()
        };
        for bits in [40, 50, 54, 90] {
            let slow = select(&network, &options(bits, Some(1), true)).unwrap();
            let separate = select(&network, &options(bits, Some(1), false)).unwrap();
            assert!(!separate.shared_upload() && separate.drops().is_empty());
            let upload = |parameters: &Parameters| {
                let uploads = if parameters.shared_upload() {
                    1
                } else {
                    parameters.plain_moduli().len()
                };
                let (_, data) = parameters.coeff_modulus.split_last().unwrap();
                let widths = data.iter().map(|prime| prime.ilog2() as usize + 1);
                uploads * widths.sum::<usize>() * parameters.poly_modulus_degree()
            };
            assert!(upload(&slow) <= upload(&separate), "{bits}");
            // Own encryption takes a product of at most 57 bits.
            assert_eq!(slow.shared_upload(), bits < 57, "{bits}");
            if slow.shared_upload() {
                let product: u64 = slow.plain_moduli().iter().product();
                assert!(product > 1 << bits && product <= 1 << 57);
                assert_eq!(slow.drops(), [1]);
                let bits: u32 = slow.coeff_modulus_bits().iter().sum();
                let cap = slow
                    .standard()
                    .max_coeff_modulus_bits(slow.poly_modulus_degree());
                assert!(bits <= cap.unwrap());
                assert_eq!(slow.layer_primes().len(), slow.coeff_modulus().len() - 2);
                assert!(slow.response_primes() <= slow.layer_primes().len());
                let noise = slow.predicted_noise().iter();
                assert!(noise.clone().all(|layer| layer.budget_bits >= MARGIN_BITS));
            }
        }
        // With one plain prime, nothing is shared.
        let one = select(&network, &options(16, Some(1), true)).unwrap();
        assert_eq!(one.plain_moduli().len(), 1);
        assert!(!one.shared_upload());
    }
}
