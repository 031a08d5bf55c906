//! The choice: t from the bound, then the smallest N, then the smallest q that is secure and leaves noise budget.

use super::diagonal::diagonal_fit;
use super::error::ParamsError;
use super::fast_fit::{Circuit, FastFit, fast_fit};
use super::noise::{LayerNoise, NoiseParameters, noise_steps};
use super::plain::plain_moduli;
use super::security::SecurityStandard;
use crate::bfv::coeff_modulus;
use crate::network::{Crops, Network, proven_bounds};
use num_bigint::{BigInt, BigUint, Sign};

/// More plaintext primes than this are not tried: the circuit runs once for each.
const PLAIN_MODULI_MAX: usize = 16;
/// The budget that must be left beside the 2^-40 tail of the noise model, in bits.
const MARGIN_BITS: f64 = 1.0;
/// SEAL's largest prime of q.
const PRIME_BITS_MAX: i32 = 60;
/// More data primes than this do not fit the largest degree's cap in a useful way.
const DATA_PRIMES_MAX: usize = 24;
/// With more images, the diagonal layout, which takes them one by one, is not looked at unless it is asked for: the work
/// of a batch is that of some tens of images.
const DIAGONAL_IMAGES_MAX: usize = 256;

/// Which bound on the logits decides the plaintext modulus.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum BoundRule {
    /// Interval arithmetic over the exact integer network: holds for every input.
    #[default]
    Proven,
    /// The largest magnitude seen on data: **other inputs may wrap around without notice**.
    Observed {
        /// The largest magnitude of a logit.
        magnitude: BigInt,
        /// The data, in words.
        source: String,
    },
}

impl BoundRule {
    /// `proven` or `observed`.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Proven => "proven",
            Self::Observed { .. } => "observed",
        }
    }
}

/// How the server computes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Mode {
    /// Stock SEAL calls.
    #[default]
    Stock,
    /// Kernels of this project on SEAL's ciphertexts: squares without base conversion, nothing relinearised.
    Fast,
}

impl Mode {
    /// `stock` or `fast`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Stock => "stock",
            Self::Fast => "fast",
        }
    }
}

/// How images lie in slots.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LayoutKind {
    /// A ciphertext for each pixel position, an image in each slot.
    #[default]
    Batched,
    /// A ciphertext for each pixel of the crop that one position of the last linear layer depends on; an image takes a
    /// slot for each position and logit. For few images at a time. Fast mode only.
    Packed,
    /// One image in the slots of few ciphertexts, with rotations: for the least time to an answer. Fast mode only.
    Diagonal,
}

impl LayoutKind {
    /// `batched`, `packed` or `diagonal`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Batched => "batched",
            Self::Packed => "packed",
            Self::Diagonal => "diagonal",
        }
    }
}

/// What the choice may depend on.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SelectOptions {
    /// Which bound decides t.
    pub bound: BoundRule,
    /// Which table caps q.
    pub standard: SecurityStandard,
    /// How the server computes.
    pub mode: Mode,
    /// How images lie in slots; `None` for the layout that is cheapest in fast mode.
    pub layout: Option<LayoutKind>,
    /// How many images there are, for [`Mode::Fast`], which chooses the cheapest parameters for them; `None` for full
    /// batches.
    pub images: Option<usize>,
}

/// The bound that decided t.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bound {
    /// Where it comes from.
    pub rule: BoundRule,
    /// The largest magnitude of a logit.
    pub magnitude: BigInt,
    /// ceil(log2(2 * magnitude + 1)): bits of a signed integer within the bound.
    pub bits: u64,
}

/// Encryption parameters for a network: secure, large enough for its logits, with noise budget to spare.
#[derive(Debug, Clone, PartialEq)]
pub struct Selection {
    mode: Mode,
    layout: LayoutKind,
    standard: SecurityStandard,
    bound: Bound,
    poly_modulus_degree: usize,
    plain_moduli: Vec<u64>,
    coeff_modulus: Vec<u64>,
    drops: Vec<usize>,
    response_primes: usize,
    predicted_noise: Vec<LayerNoise>,
}

impl Selection {
    /// How the server computes.
    pub const fn mode(&self) -> Mode {
        self.mode
    }

    /// How images lie in slots.
    pub const fn layout(&self) -> LayoutKind {
        self.layout
    }

    /// N.
    pub const fn poly_modulus_degree(&self) -> usize {
        self.poly_modulus_degree
    }

    /// t, or the CRT primes whose product takes its place.
    pub fn plain_moduli(&self) -> &[u64] {
        &self.plain_moduli
    }

    /// The primes of q, the special prime last.
    pub fn coeff_modulus(&self) -> &[u64] {
        &self.coeff_modulus
    }

    /// Bits of each prime of q, the special prime last.
    pub fn coeff_modulus_bits(&self) -> Vec<u32> {
        self.coeff_modulus
            .iter()
            .map(|prime| u64::BITS - prime.leading_zeros())
            .collect()
    }

    /// The table that caps q.
    pub const fn standard(&self) -> SecurityStandard {
        self.standard
    }

    /// The bound that decided t.
    pub const fn bound(&self) -> &Bound {
        &self.bound
    }

    /// In the diagonal layout, how many primes are dropped after each run of linear layers and after each square, in
    /// turn; none after the last square.
    pub fn drops(&self) -> &[usize] {
        &self.drops
    }

    /// How many primes the response keeps: as few as its noise allows.
    pub const fn response_primes(&self) -> usize {
        self.response_primes
    }

    /// The predicted budget of a fresh ciphertext, after every layer, and of the response; the worst over the CRT primes.
    pub fn predicted_noise(&self) -> &[LayerNoise] {
        &self.predicted_noise
    }

    /// The choice in words, a sentence each.
    pub fn explain(&self) -> Vec<String> {
        let bits = self.coeff_modulus_bits();
        let total: u32 = bits.iter().sum();
        let (special, data) = bits.split_last().map_or((0, &[][..]), |(s, d)| (*s, d));
        let mut sentences = vec![match &self.bound.rule {
            BoundRule::Proven => format!(
                "Every input the quantiser can produce gives logits of at most {} in magnitude (proven by interval \
                 arithmetic): signed integers of {} bits.",
                self.bound.magnitude, self.bound.bits
            ),
            BoundRule::Observed { source, .. } => format!(
                "The logits reach {} in magnitude on {source} (observed, not proven): signed integers of {} bits. \
                 Other inputs may exceed it and wrap around without notice.",
                self.bound.magnitude, self.bound.bits
            ),
        }];
        sentences.push(match self.plain_moduli.as_slice() {
            [t] => format!("The plaintext modulus t = {t} is the smallest batching prime above twice that."),
            several => format!(
                "No single plaintext modulus of that size leaves noise budget at this degree: {} primes hold it \
                 together by the Chinese remainder theorem, t = {}; the circuit runs once for each.",
                several.len(),
                several
                    .iter()
                    .map(u64::to_string)
                    .collect::<Vec<_>>()
                    .join(" * ")
            ),
        });
        sentences.push(match self.mode {
            Mode::Stock => format!(
                "N = {} is the smallest degree that has room for the noise; it is also the number of images in a batch.",
                self.poly_modulus_degree
            ),
            Mode::Fast => format!(
                "The {} layout and N = {} are the cheapest for the images. Fast mode squares in BGV form {}",
                self.layout.name(),
                self.poly_modulus_degree,
                if self.layout == LayoutKind::Diagonal {
                    "and drops primes as noise grows: the server needs relinearisation and Galois keys."
                } else {
                    "and relinearises nothing: the server needs no keys, and the response has more polynomials."
                }
            ),
        });
        let cap = self
            .standard
            .max_coeff_modulus_bits(self.poly_modulus_degree)
            .unwrap_or(0);
        sentences.push(format!(
            "q has {} data primes of {} bits and a special prime of {special} bits{}: {total} bits, within the cap of {cap} bits for {}.",
            data.len(),
            data.iter()
                .map(u32::to_string)
                .collect::<Vec<_>>()
                .join(", "),
            match self.mode {
                Mode::Stock => " for key switching",
                Mode::Fast if self.layout == LayoutKind::Diagonal => " for key switching",
                Mode::Fast => ", which SEAL demands and nothing uses",
            },
            self.standard
        ));
        if let Some(last) = self.predicted_noise.last() {
            sentences.push(format!(
                "The response keeps {} data prime{} and a noise budget of at least {:.0} bits, with a failure \
                 probability below 2^-40.",
                self.response_primes,
                if self.response_primes == 1 { "" } else { "s" },
                last.budget_bits.floor()
            ));
        }
        sentences
    }
}

/// Chooses parameters for a network.
///
/// For stock SEAL operations the smallest N in the table wins, then the fewest plaintext primes, then the fewest and
/// smallest data primes. In fast mode the least predicted time of all images wins, at nominal rates: the batches' in the
/// batched and packed layouts, the images' one after the other in the diagonal one ([`super::diagonal_work`]).
///
/// # Errors
/// [`ParamsError::NothingFits`] says what ran out and what to do.
pub fn select(network: &Network, options: &SelectOptions) -> Result<Selection, ParamsError> {
    let bound = bound(network, &options.bound)?;
    // |y| <= (t - 1) / 2.
    let product = BigUint::from(2u32) * bound.magnitude.magnitude() + 1u32;
    if options.mode == Mode::Fast {
        return select_fast(network, options, bound, &product);
    }
    if let Some(layout @ (LayoutKind::Packed | LayoutKind::Diagonal)) = options.layout {
        return Err(ParamsError::Layout {
            layout: layout.name(),
            reason: "only fast mode computes in it".to_owned(),
        });
    }
    let mut reason = String::from("the table of degrees is empty");
    for degree in SecurityStandard::degrees() {
        let cap = options
            .standard
            .max_coeff_modulus_bits(degree)
            .unwrap_or_default();
        for count in 1..=PLAIN_MODULI_MAX {
            let Some(moduli) = plain_moduli(degree, count, &product)? else {
                continue;
            };
            if let Some((coeff_modulus, response_primes, predicted_noise)) =
                fit(network, degree, cap, &moduli)
            {
                return Ok(Selection {
                    mode: Mode::Stock,
                    layout: LayoutKind::Batched,
                    standard: options.standard,
                    bound,
                    poly_modulus_degree: degree,
                    plain_moduli: moduli,
                    coeff_modulus,
                    drops: Vec::new(),
                    response_primes,
                    predicted_noise,
                });
            }
            // More primes do not help once they are as small as batching lets them be.
            if moduli[0] < 4 * degree as u64 {
                break;
            }
        }
        reason = format!(
            "even at N = {degree}, up to {PLAIN_MODULI_MAX} plaintext primes and a q of {cap} bits do not hold both the \
             logits and the noise"
        );
    }
    let advice = match options.bound {
        BoundRule::Proven => {
            "train with fewer bits, or accept the bound observed on data with --accept-observed-bound"
        }
        BoundRule::Observed { .. } => "train with fewer bits or fewer squares",
    };
    Err(nothing_fits(options, &bound, reason, advice))
}

/// The cheapest of the layouts that are allowed.
fn select_fast(
    network: &Network,
    options: &SelectOptions,
    bound: Bound,
    product: &BigUint,
) -> Result<Selection, ParamsError> {
    if options.layout == Some(LayoutKind::Packed)
        && let Err(error) = Crops::new(network)
    {
        return Err(ParamsError::Layout {
            layout: LayoutKind::Packed.name(),
            reason: error.to_string(),
        });
    }
    let mut best: Option<FastFit> = None;
    for layout in [LayoutKind::Batched, LayoutKind::Packed] {
        if options.layout.is_some_and(|wanted| wanted != layout) {
            continue;
        }
        let Some(circuit) = Circuit::new(network, layout) else {
            continue;
        };
        let fit = fast_fit(
            &circuit,
            options.standard,
            product,
            options.images,
            MARGIN_BITS,
        )?;
        if let Some(fit) = fit
            && best.as_ref().is_none_or(|best| fit.cost < best.cost)
        {
            best = Some(fit);
        }
    }
    let wanted = match options.layout {
        None => options
            .images
            .is_some_and(|images| images <= DIAGONAL_IMAGES_MAX),
        Some(layout) => layout == LayoutKind::Diagonal,
    };
    if wanted {
        let images = options.images.unwrap_or(1);
        match diagonal_fit(network, options.standard, product, images, MARGIN_BITS)? {
            Ok(Some(fit)) if best.as_ref().is_none_or(|best| fit.cost < best.cost) => {
                best = Some(fit);
            }
            Err(error) if options.layout.is_some() => {
                return Err(ParamsError::Layout {
                    layout: LayoutKind::Diagonal.name(),
                    reason: error.to_string(),
                });
            }
            _ => {}
        }
    }
    let Some(fit) = best else {
        return Err(nothing_fits(
            options,
            &bound,
            "fast mode relinearises nothing, and no degree holds both the logits and the noise of that".to_owned(),
            "try stock mode (--mode stock), or train with fewer bits or fewer squares",
        ));
    };
    Ok(Selection {
        mode: Mode::Fast,
        layout: fit.layout,
        standard: options.standard,
        bound,
        poly_modulus_degree: fit.degree,
        plain_moduli: fit.plain_moduli,
        coeff_modulus: fit.coeff_modulus,
        drops: fit.drops,
        response_primes: fit.response_primes,
        predicted_noise: fit.noise,
    })
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
    // 2m + 1 is odd: its bit length is the ceiling of its logarithm.
    let bits = (BigInt::from(2) * &magnitude + 1u32).bits();
    Ok(Bound {
        rule: rule.clone(),
        magnitude,
        bits,
    })
}

type Fit = (Vec<u64>, usize, Vec<LayerNoise>);

/// The fewest, then smallest primes of q within the cap that leave budget for every plaintext modulus.
fn fit(network: &Network, degree: usize, cap: u32, moduli: &[u64]) -> Option<Fit> {
    let t_bits = moduli.iter().max().map_or(0, |t| {
        i32::try_from(u64::BITS - t.leading_zeros()).unwrap_or(0)
    });
    let circuits: Vec<_> = moduli
        .iter()
        .map(|&t| (t, noise_steps(network, t)))
        .collect();
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
    let enough = |noise: &[LayerNoise]| noise.iter().all(|layer| layer.budget_bits >= MARGIN_BITS);

    for count in 1..=DATA_PRIMES_MAX {
        // Data primes larger than t keep them distinct from it; the special prime is of the same size.
        for bits in (t_bits + 1).max(14)..=PRIME_BITS_MAX {
            let total = bits.unsigned_abs() * (count as u32 + 1);
            if total > cap {
                break;
            }
            // Not enough primes of this size = 1 mod 2N: try the next size.
            let Ok(primes) = coeff_modulus::create(degree, &vec![bits; count + 1]) else {
                continue;
            };
            let mut primes: Vec<u64> = primes.into_iter().map(u64::from).collect();
            // The largest prime is the special one: key switching noise is divided by it.
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic, reason = "a failed test may panic")]
    use super::*;
    use crate::network::{InputQuantizer, InputSpec, Layer, NamedLayer, NetworkLiteral, Shape};

    /// A network of `squares` squares with a weight of `weight` before each, on one input of two bits.
    fn chain(squares: usize, weight: i64) -> Network {
        let linear = || Layer::Linear {
            in_features: 1,
            out_features: 1,
            weight: vec![weight],
            bias: vec![BigInt::from(0)],
            weight_scale: 1.0,
        };
        let mut layers = Vec::new();
        for i in 0..squares {
            layers.push(NamedLayer::new(format!("linear{i}"), linear()));
            layers.push(NamedLayer::new(format!("square{i}"), Layer::Square));
        }
        layers.push(NamedLayer::new("out", linear()));
        Network::new(NetworkLiteral {
            name: "chain".to_owned(),
            classes: 1,
            input: InputSpec {
                shape: Shape::vector(1),
                quantizer: InputQuantizer::uniform(2).unwrap(),
            },
            layers,
        })
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
        let error = select(&network, &SelectOptions::default()).unwrap_err();
        let text = error.to_string();
        assert!(text.contains("proven bound"), "{text}");
        assert!(text.contains("--accept-observed-bound"), "{text}");
        assert!(text.contains("N = 32768"), "{text}");
    }
}
