//! From a network of real numbers with integer grids to an integer network, and what rounding does to its logits.

use num_bigint::BigInt;
use num_traits::{FromPrimitive as _, ToPrimitive as _};
use serde::{Deserialize, Serialize};

use super::{
    OnnxError,
    affine::{RealAffine, WeightGrid},
    per::Per,
    settle::{RealLayer, RealNetwork},
};
use crate::network::{
    InputQuantizer, Layer, MAX_WEIGHT_BITS, Network, NetworkBuilder, Shape, Twin, random_images,
};

/// Largest denominator of factors that are taken as exact multiples of a common unit.
const MAX_DENOMINATOR: u32 = 144;
/// Largest multiple of the common unit.
const MAX_MULTIPLE: f64 = (1 << 24) as f64;
/// Relative difference by which a factor may differ from a multiple: some last bits of a double.
const EXACT: f64 = 1e-13;
/// Seed of the images on which rounding is measured.
const SEED: u64 = 17;
/// Number of these images.
const MEASURED: usize = 8;
/// Terms of a network beyond which fewer images are measured.
const MANY_TERMS: u64 = 1 << 22;

/// An integer network with what was rounded in it.
pub(super) struct Lowered {
    pub network: Network,
    /// Sentences on what was rounded.
    pub rounded: Vec<String>,
}

/// Writes the plan as an integer network. Factors with no common unit are rounded to `bits` more bits.
///
/// # Errors
/// [`OnnxError::Network`], [`OnnxError::Model`].
pub(super) fn lower(
    plan: &RealNetwork,
    name: &str,
    thresholds: Vec<u8>,
    bits: u32,
) -> Result<Lowered, OnnxError> {
    let quantizer = InputQuantizer::from_thresholds(thresholds)
        .and_then(|quantizer| quantizer.with_scale(plan.unit))
        .map_err(|error| OnnxError::network(error, &[]))?;
    let mut network = NetworkBuilder::new(name, plan.input).quantizer(quantizer);
    let mut rounded = Vec::new();
    let mut unit = plan.unit;
    // The integer in the extra channel, if there is one.
    let mut constant: Option<f64> = None;
    // The node of which each layer was made.
    let mut nodes = Vec::new();
    for stage in &plan.stages {
        match stage {
            RealLayer::Square => {
                nodes.push(None);
                network = network.square();
                unit *= unit;
                constant = constant.map(|constant| constant * constant);
            }
            RealLayer::Pool { kernel, stride } => {
                nodes.push(None);
                network = network.sum_pool(*kernel, *stride);
                let area = (kernel[0] * kernel[1]) as f64;
                constant = constant.map(|constant| constant * area);
            }
            RealLayer::Affine(affine) => {
                let layer = Integers::new(affine, bits, &mut rounded)?;
                if affine.window.is_none()
                    && network.shape() != Shape::vector(network.shape().len())
                {
                    nodes.push(None);
                    network = network.flatten();
                }
                nodes.push(Some(affine.node.clone()));
                unit *= layer.scale;
                network = network.layer(layer.layer(affine, unit, constant, &mut rounded)?);
                constant = affine.constant.then_some(1.0);
            }
        }
    }
    let network = network.build();
    Ok(Lowered {
        network: network.map_err(|error| OnnxError::network(error, &nodes))?,
        rounded,
    })
}

/// The integer weights of a layer.
struct Integers {
    weight: Vec<i64>,
    /// Real value of a weight of 1.
    scale: f64,
}

impl Integers {
    fn new(affine: &RealAffine, bits: u32, rounded: &mut Vec<String>) -> Result<Self, OnnxError> {
        if let Some(exact) = Self::exact(affine) {
            return Ok(exact);
        }
        // No common unit: the largest factor gets `bits` bits.
        let outputs = affine.outputs();
        let of =
            |at: usize| affine.row(at / affine.row_len()) * affine.column(at % affine.row_len());
        let largest = match affine.grid {
            WeightGrid::Whole(_) => (0..outputs * affine.row_len())
                .map(|at| of(at).abs())
                .fold(0.0, f64::max),
            // Real numbers among quantised weights: as if they had eight bits.
            WeightGrid::Real(_) => {
                let all = 0..outputs * affine.row_len();
                all.map(|at| (affine.grid.at(at) * of(at)).abs())
                    .fold(0.0, f64::max)
                    / 127.0
            }
        };
        let scale = largest / 2f64.powi(bits.cast_signed());
        if !(scale.is_normal() && largest.is_finite()) {
            return Err(OnnxError::model(format!(
                "the factors of the weights of `{}` reach {largest:e}, too large or small for a network",
                affine.node
            )));
        }
        let weight = (0..affine.grid.len()).map(|at| {
            let integer = (affine.grid.at(at) * of(at) / scale).round_ties_even();
            (integer.abs() < 2f64.powi(MAX_WEIGHT_BITS.cast_signed() - 1)).then_some(integer as i64)
        });
        let weight: Option<Vec<i64>> = weight.collect();
        let weight = weight.ok_or_else(|| too_wide(affine))?;
        rounded.push(format!(
            "the weights of `{}` have factors of channels without a common unit, which were rounded to {bits} more bits",
            affine.node
        ));
        Ok(Self { weight, scale })
    }

    /// Finds a unit of which all weights are multiples.
    fn exact(affine: &RealAffine) -> Option<Self> {
        let WeightGrid::Whole(grid) = &affine.grid else {
            return None;
        };
        let (rows, row_unit) = multiples(&affine.rows)?;
        let (columns, column_unit) = multiples(&affine.columns)?;
        let vector = Shape::vector(affine.outputs());
        let factors: Vec<f64> = (0..affine.row_len())
            .map(|at| affine.column_of(&columns, at))
            .collect();
        let limit = 1i64 << (MAX_WEIGHT_BITS - 1);
        let weight = grid.iter().enumerate().map(|(at, &code)| {
            let row = rows.at(at / affine.row_len(), vector) as i64;
            let column = factors[at % affine.row_len()] as i64;
            let product = i64::from(code).checked_mul(row)?.checked_mul(column)?;
            (-limit < product && product < limit).then_some(product)
        });
        Some(Self {
            weight: weight.collect::<Option<_>>()?,
            scale: row_unit * column_unit,
        })
    }

    /// Makes the layer, whose sums are worth `worth` each. In an extra channel it reads the integer `constant`.
    fn layer(
        self,
        affine: &RealAffine,
        worth: f64,
        constant: Option<f64>,
        rounded: &mut Vec<String>,
    ) -> Result<Layer, OnnxError> {
        let mut is_exact = true;
        let mut integer = |real: f64| {
            let exact = real / worth;
            let integer = exact.round_ties_even();
            is_exact &= (exact - integer).abs() <= 1e-6 * exact.abs().max(1e-6);
            integer
        };
        let bias: Option<Vec<BigInt>> = affine
            .bias
            .iter()
            .map(|&bias| BigInt::from_f64(integer(bias)))
            .collect();
        let mut bias = bias.ok_or_else(|| too_wide(affine))?;
        let inputs = affine.input.channels;
        let mut outputs = affine.outputs();
        let mut weight = self.weight;
        let area = affine.window.map_or(1, |window| window.area());
        if let (Some(constant), Some(_)) = (constant, affine.window) {
            // One more input channel, whose integer is the constant.
            let mut extended = Vec::with_capacity(outputs * (inputs + 1) * area);
            for output in 0..outputs {
                extended.extend(&weight[output * inputs * area..(output + 1) * inputs * area]);
                for tap in 0..area {
                    let border = affine
                        .border
                        .get(output * area + tap)
                        .copied()
                        .unwrap_or(0.0);
                    let tap = integer(border / constant);
                    if tap.abs() >= 2f64.powi(MAX_WEIGHT_BITS.cast_signed() - 1) {
                        return Err(too_wide(affine));
                    }
                    extended.push(tap as i64);
                }
            }
            weight = extended;
        }
        let inputs = inputs + usize::from(constant.is_some());
        if affine.constant {
            weight.extend(std::iter::repeat_n(0, inputs * area));
            bias.push(BigInt::from(1));
            outputs += 1;
        }
        if !is_exact {
            rounded.push(format!(
                "the biases of `{}` were rounded to multiples of {worth:.3e}, the unit of the layer's sums",
                affine.node
            ));
        }
        Ok(match affine.window {
            Some(window) => Layer::Conv2d {
                in_channels: inputs,
                out_channels: outputs,
                kernel: window.kernel,
                stride: window.stride,
                padding: window.padding,
                weight,
                bias,
                weight_scale: self.scale,
            },
            None => Layer::Linear {
                in_features: affine.input.len(),
                out_features: outputs,
                weight,
                bias,
                weight_scale: self.scale,
            },
        })
    }
}

fn too_wide(affine: &RealAffine) -> OnnxError {
    OnnxError::model(format!(
        "the integers of `{}` would be too wide; use scales that differ less between its channels, and smaller biases",
        affine.node
    ))
}

/// Writes numbers as multiples of a common positive unit; `None` if they have none.
pub(super) fn multiples(numbers: &Per) -> Option<(Per, f64)> {
    let all: &[f64] = match numbers {
        Per::One(one) => std::slice::from_ref(one),
        Per::Channel(all) | Per::Value(all) => all,
    };
    let least = all
        .iter()
        .filter(|&&n| n != 0.0)
        .map(|n| n.abs())
        .fold(f64::INFINITY, f64::min);
    if least.is_infinite() {
        // Zeros only.
        return Some((numbers.clone(), 1.0));
    }
    for denominator in 1..=MAX_DENOMINATOR {
        let unit = least / f64::from(denominator);
        let fits = all.iter().all(|n| {
            let multiple = n / unit;
            multiple.abs() <= MAX_MULTIPLE
                && (multiple - multiple.round()).abs() <= EXACT * multiple.abs()
        });
        if fits {
            return Some((numbers.map(|n| (n / unit).round()), unit));
        }
    }
    None
}

/// Distance of the integer network from the real one.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct LogitError {
    /// Largest difference of a logit on the images that were tried.
    pub largest: f64,
    /// Largest logit on these images.
    pub of: f64,
    /// Number of images.
    pub images: usize,
}

/// Compares both networks on random images.
///
/// # Errors
/// [`OnnxError::Input`].
pub(super) fn measure(plan: &RealNetwork, network: &Network) -> Result<LogitError, OnnxError> {
    let count = if network.terms() > MANY_TERMS {
        2
    } else {
        MEASURED
    };
    let mut images = random_images(SEED, network, count);
    let max = network.input().quantizer.max();
    // All black and all white, too.
    images.extend([0, max].map(|value| vec![value; network.input().shape.len()]));
    let logits = Twin::new(network).logits_batch(&images)?;
    let mut error = LogitError {
        largest: 0.0,
        of: 0.0,
        images: images.len(),
    };
    for (image, logits) in images.iter().zip(logits) {
        for (expected, logit) in plan.evaluate(image).iter().zip(logits) {
            let found = logit.to_f64().unwrap_or(f64::NAN) * network.output_scale();
            error.largest = error.largest.max((found - expected).abs());
            error.of = error.of.max(expected.abs());
        }
    }
    Ok(error)
}
