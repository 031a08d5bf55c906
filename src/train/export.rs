//! Exports a quantised model as an integer network, and proves that the two agree.

use num_bigint::BigInt;
use num_traits::{FromPrimitive as _, Signed as _, ToPrimitive as _};

use super::{
    Agreement, Fit, LayerSpec, NetworkSpec, TrainConfig, TrainError,
    batch::{InputMap, all_logits, argmax_rows},
    model::{Model, Rounded},
    record::short,
};
use crate::{
    data::Dataset,
    network::{InputQuantizer, Interval, Network, NetworkBuilder, Twin, argmax, proven_bounds},
    quant::{WeightRule, max_integer},
};

/// Weights and biases of a layer, and the real value of a weight of 1.
pub(super) type LayerParts = (Vec<i64>, Vec<BigInt>, f64);

/// One layer with weights, for which [`build`] asks its caller to supply the parts.
pub(super) struct Wanted {
    /// Shape of the weights as PyTorch stores them: `[out, in, rows, columns]` or `[out, in]`.
    pub shape: Vec<usize>,
    /// Real value of an input of 1.
    pub input_scale: f64,
}

/// Builds the integer network of `spec`; `parts` supplies the parts of each layer with weights, in order.
pub(super) fn build(
    name: &str,
    spec: &NetworkSpec,
    quantizer: InputQuantizer,
    parts: &mut dyn FnMut(&Wanted) -> Result<LayerParts, TrainError>,
) -> Result<Network, TrainError> {
    let (shapes, names) = (spec.shapes()?, spec.names());
    let mut input_scale = quantizer.scale();
    let mut parts = |shape: Vec<usize>, input_scale: &mut f64| {
        let parts = parts(&Wanted {
            shape,
            input_scale: *input_scale,
        })?;
        *input_scale *= parts.2;
        Ok::<_, TrainError>(parts)
    };
    let mut network = NetworkBuilder::new(name, shapes[0]).quantizer(quantizer);
    for ((layer, name), &input) in spec.layers.iter().zip(names).zip(&shapes) {
        let added = match *layer {
            LayerSpec::Conv2d {
                out_channels,
                kernel,
                stride,
                padding,
            } => {
                let shape = vec![out_channels, input.channels, kernel[0], kernel[1]];
                let (weight, bias, scale) = parts(shape, &mut input_scale)?;
                let network = network.conv2d(out_channels, kernel, stride, padding, weight);
                network.bias(bias).weight_scale(scale)
            }
            LayerSpec::Linear { out_features } => {
                let shape = vec![out_features, input.len()];
                let (weight, bias, scale) = parts(shape, &mut input_scale)?;
                let network = network.linear(out_features, weight);
                network.bias(bias).weight_scale(scale)
            }
            LayerSpec::Square => {
                input_scale *= input_scale;
                network.square()
            }
            LayerSpec::SumPool { kernel, stride } => network.sum_pool(kernel, stride),
            LayerSpec::Flatten => network.flatten(),
            LayerSpec::Relu | LayerSpec::MaxPool { .. } => {
                return Err(TrainError::NotExportable {
                    layer: name,
                    kind: layer.kind(),
                });
            }
        };
        network = added.named(name);
    }
    Ok(network.build()?)
}

/// Builds the integer network of a quantised model.
pub(super) fn to_network(
    model: &Model,
    config: &TrainConfig,
    rounded: &[Option<Rounded>],
) -> Result<Network, TrainError> {
    let mut layers = rounded.iter();
    let quantizer = config.quantizer()?.with_scale(model.input_scale)?;
    build(&config.name, &model.spec, quantizer, &mut |_| {
        let lost = || TrainError::Tensor("an integer layer".to_owned());
        let layer = layers.next().and_then(Option::as_ref).ok_or_else(lost)?;
        let bias = layer
            .bias
            .iter()
            .map(|&b| BigInt::from_f64(b).ok_or_else(|| TrainError::Tensor("a bias".to_owned())))
            .collect::<Result<_, _>>()?;
        let scale = layer.levels.scale * layer.factor;
        Ok((layer.levels.integers.clone(), bias, scale))
    })
}

impl TrainConfig {
    /// Checks every field. Also checks that the configuration describes an integer network, by building one; a float
    /// configuration may differ in its activations and pooling.
    ///
    /// # Errors
    /// [`TrainError::Config`] naming the first field that is wrong; [`TrainError::NotExportable`].
    pub fn validate(&self) -> Result<(), TrainError> {
        self.check_fields()?;
        check_exportable(self)
    }
}

/// Builds the integer network of a configuration, with weights that are zero but for one in each layer, which has the
/// largest integer. Whatever [`Network::new`] refuses in names, sizes and widths is then refused before training
/// starts. A float network is checked in the same way, with layers that exist only in training (`relu`, `max-pool`)
/// replaced by others of the same shape.
///
/// # Errors
/// [`TrainError::NotExportable`] for a quantised network with such a layer, else [`TrainError::Config`].
fn check_exportable(config: &TrainConfig) -> Result<(), TrainError> {
    let mut spec = config.network.clone();
    if config.quantization.is_none() {
        for layer in &mut spec.layers {
            *layer = match *layer {
                LayerSpec::Relu => LayerSpec::SumPool {
                    kernel: [1, 1],
                    stride: [1, 1],
                },
                LayerSpec::MaxPool { kernel, stride } => LayerSpec::SumPool { kernel, stride },
                other => other,
            };
        }
    }
    let mut index = 0;
    // The scales are not known yet; a scale of 1 is always accepted.
    let quantizer = config.quantizer()?.with_scale(1.0)?;
    let built = build(&config.name, &spec, quantizer, &mut |wanted| {
        let mut weights = vec![0; wanted.shape.iter().product()];
        if let (Some(first), Some(q)) = (weights.first_mut(), &config.quantization) {
            let all = max_integer(q.n_bits);
            *first = config
                .rule(index)
                .and_then(WeightRule::limit)
                .unwrap_or(all);
        }
        index += 1;
        Ok((weights, vec![BigInt::ZERO; wanted.shape[0]], 1.0))
    });
    match built {
        Err(TrainError::Network(error)) => {
            let message = error.to_string();
            let (field, problem) = message.split_once(": ").unwrap_or(("network", &message));
            let field = match field {
                "input.shape" => "network.input".to_owned(),
                layer if layer.starts_with("layers") => format!("network.{layer}"),
                other => other.to_owned(),
            };
            Err(TrainError::config(field, problem))
        }
        other => other.map(drop),
    }
}

/// Subtracts the rounded midpoint between the smallest and the largest logit on `data` from the output biases; no image
/// changes its class.
pub(super) fn center_output(
    model: &Model,
    config: &TrainConfig,
    rounded: &mut [Option<Rounded>],
    data: &Dataset,
) -> Result<(), TrainError> {
    let map = InputMap::new(config, model.shapes[0], model.input_scale)?;
    let logits = all_logits(model, rounded, data, &map)?;
    let (low, high) = range(&logits);
    if let Some(Some(last)) = rounded.last_mut() {
        let middle = (f64::midpoint(low, high) / last.accumulator_scale).round();
        if middle.is_finite() {
            for b in &mut last.bias {
                *b -= middle;
            }
        }
    }
    Ok(())
}

/// Compares the integer network, evaluated exactly, with the model as burn evaluates it. Also returns the number of
/// images that the integer network classifies correctly.
///
/// # Errors
/// [`TrainError::Disagreement`] if the two prefer different classes for an image and the largest error cannot explain
/// it, or if a logit differs by more than one part in a thousand of the largest logit (single-precision rounding stays
/// far below that).
pub(super) fn compare(
    model: &Model,
    config: &TrainConfig,
    rounded: &[Option<Rounded>],
    network: &Network,
    data: &Dataset,
) -> Result<(Agreement, usize), TrainError> {
    let map = InputMap::new(config, model.shapes[0], model.input_scale)?;
    let float = all_logits(model, rounded, data, &map)?;
    let inputs: Vec<Vec<i64>> = data
        .images()
        .map(|image| network.quantize_image(image))
        .collect::<Result<_, _>>()?;
    let exact = Twin::new(network).logits_batch(&inputs)?;
    let (classes, scale) = (network.classes(), network.output_scale());
    let chosen = argmax_rows(&float, classes);
    let mut correct = 0;
    let (mut max_error, mut max_logit, mut max_integer) = (0.0_f64, 0.0_f64, 0.0_f64);
    // For each image whose class differs: the margin by which the integer network prefers its own class.
    let mut gaps = Vec::new();
    for (index, logits) in exact.iter().enumerate() {
        let class = argmax(logits);
        if class != chosen[index] {
            let gap = &logits[class] - &logits[chosen[index]];
            gaps.push(gap.to_f64().unwrap_or(f64::INFINITY) * scale);
        }
        correct += usize::from(class == usize::from(data.labels()[index]));
        for (z, y) in logits.iter().zip(&float[index * classes..]) {
            let integer = z.to_f64().unwrap_or(f64::INFINITY);
            max_integer = max_integer.max(z.abs().to_f64().unwrap_or(f64::INFINITY));
            max_logit = max_logit.max((integer * scale).abs());
            max_error = max_error.max((integer * scale - f64::from(*y)).abs());
        }
    }
    // Each of two logits may be off by the largest error.
    let ties = gaps.iter().filter(|gap| **gap <= 2.0 * max_error).count();
    let argmax_differs = gaps.len() - ties;
    let relative_error = if max_logit > 0.0 {
        max_error / max_logit
    } else {
        max_error
    };
    if argmax_differs > 0 || !relative_error.is_finite() || relative_error > 1e-3 {
        return Err(TrainError::Disagreement {
            images: data.len(),
            argmax_differs,
            relative_error,
        });
    }
    let agreement = Agreement {
        images: data.len(),
        argmax_differs,
        ties,
        max_error: short(max_error),
        max_logit: short(max_logit),
        relative_error: short(relative_error),
        max_integer_logit: short(max_integer),
        observed_bits: short((2.0 * max_integer + 1.0).log2()),
        zero_fraction: short(network.zero_fraction()),
    };
    Ok((agreement, correct))
}

/// Returns the size in bits of logits that burn computed, in units of the last accumulator; if the logits will be
/// centred, their common midpoint is first subtracted.
pub(super) fn logit_bits(
    logits: &[f32],
    rounded: &[Option<Rounded>],
    centered: bool,
) -> Option<f64> {
    let unit = rounded.last()?.as_ref()?.accumulator_scale;
    let (low, high) = range(logits);
    let magnitude = if centered {
        (high - low) / 2.0
    } else {
        high.abs().max(low.abs())
    };
    Some((2.0 * (magnitude / unit).round() + 1.0).log2())
}

fn range(logits: &[f32]) -> (f64, f64) {
    let start = (f64::INFINITY, f64::NEG_INFINITY);
    logits.iter().fold(start, |(low, high), &z| {
        (low.min(z.into()), high.max(z.into()))
    })
}

/// Returns `log2` of the product of the moduli.
pub(super) fn available_bits(plain_moduli: &[u64]) -> f64 {
    plain_moduli.iter().map(|&t| (t as f64).log2()).sum()
}

/// Number of images evaluated exactly at a time.
const EXACT_BATCH: usize = 4096;

/// Determines if the network's logits fit `plain_moduli`: by the proven bound, and by exact evaluation of all images in
/// `sets`.
pub(super) fn fit(
    network: &Network,
    plain_moduli: &[u64],
    sets: &[(&str, &Dataset)],
) -> Result<Fit, TrainError> {
    let product: BigInt = plain_moduli.iter().map(|&t| BigInt::from(t)).product();
    let fits = |magnitude: &BigInt| magnitude * 2 < product;
    let proven = proven_bounds(network);
    let twin = Twin::new(network);
    let (mut largest, mut exceeding) = (BigInt::ZERO, 0);
    for (_, data) in sets {
        let images: Vec<&[u8]> = data.images().collect();
        for images in images.chunks(EXACT_BATCH) {
            let inputs: Vec<Vec<i64>> = images
                .iter()
                .map(|image| network.quantize_image(image))
                .collect::<Result<_, _>>()?;
            for logits in twin.logits_batch(&inputs)? {
                let magnitude = logits.iter().map(BigInt::abs).max().unwrap_or_default();
                exceeding += usize::from(!fits(&magnitude));
                largest = largest.max(magnitude);
            }
        }
    }
    let available_bits = available_bits(plain_moduli);
    let observed_bits = Interval::new(BigInt::ZERO, largest).bits_exact();
    let words: Vec<String> = sets
        .iter()
        .map(|(name, data)| format!("{} {name} images", data.len()))
        .collect();
    Ok(Fit {
        plain_moduli: plain_moduli.to_vec(),
        available_bits: short(available_bits),
        proven_bits: short(proven.output().bits_exact()),
        proven: fits(&proven.output().magnitude()),
        observed_bits: short(observed_bits),
        observed_on: words.join(", "),
        exceeding,
        margin_bits: short(available_bits - observed_bits),
    })
}
