//! From a quantised model to the integer network, and the proof that they agree.

use num_bigint::BigInt;
use num_traits::{FromPrimitive as _, Signed as _, ToPrimitive as _};

use super::{
    Agreement, LayerSpec, TrainConfig, TrainError,
    batch::{InputMap, all_logits, argmax_rows},
    model::{Model, Rounded},
    record::short,
};
use crate::{
    data::Dataset,
    network::{InputSpec, Layer, NamedLayer, Network, NetworkLiteral, Twin, argmax},
};

/// The integer network of a quantised model.
pub(super) fn to_network(
    model: &Model,
    config: &TrainConfig,
    rounded: &[Option<Rounded>],
) -> Result<Network, TrainError> {
    let mut next = 0;
    let mut layers = Vec::with_capacity(model.spec.layers.len());
    for (position, layer) in model.spec.layers.iter().enumerate() {
        let refused = || TrainError::NotExportable {
            layer: model.names[position].clone(),
            kind: layer.kind(),
        };
        let mut parts = || -> Result<(Vec<i64>, Vec<BigInt>, f64), TrainError> {
            let r = rounded
                .get(next)
                .and_then(Option::as_ref)
                .ok_or_else(refused)?;
            next += 1;
            let bias = r
                .bias
                .iter()
                .map(|&b| BigInt::from_f64(b).ok_or_else(refused))
                .collect::<Result<_, _>>()?;
            Ok((r.levels.integers.clone(), bias, r.levels.scale))
        };
        let exported = match *layer {
            LayerSpec::Conv2d {
                out_channels,
                kernel,
                stride,
                padding,
            } => {
                let (weight, bias, weight_scale) = parts()?;
                let in_channels = model.shapes[position].channels;
                Layer::Conv2d {
                    in_channels,
                    out_channels,
                    kernel,
                    stride,
                    padding,
                    weight,
                    bias,
                    weight_scale,
                }
            }
            LayerSpec::Linear { out_features } => {
                let (weight, bias, weight_scale) = parts()?;
                let in_features = model.shapes[position].len();
                Layer::Linear {
                    in_features,
                    out_features,
                    weight,
                    bias,
                    weight_scale,
                }
            }
            LayerSpec::Square => Layer::Square,
            LayerSpec::SumPool { kernel, stride } => Layer::SumPool { kernel, stride },
            LayerSpec::Flatten => Layer::Flatten,
            LayerSpec::Relu | LayerSpec::MaxPool { .. } => return Err(refused()),
        };
        layers.push(NamedLayer::new(model.names[position].clone(), exported));
    }
    let classes = model.shapes[model.shapes.len() - 1].len();
    let quantizer = config.quantizer()?.with_scale(model.input_scale)?;
    Ok(Network::new(NetworkLiteral {
        name: config.name.clone(),
        input: InputSpec {
            shape: model.shapes[0],
            quantizer,
        },
        classes,
        layers,
    })?)
}

/// Takes the rounded middle of all logits of `data` off the output biases: no image changes its class.
pub(super) fn center_output(
    model: &Model,
    config: &TrainConfig,
    rounded: &mut [Option<Rounded>],
    data: &Dataset,
) -> Result<(), TrainError> {
    let map = InputMap::new(config, model.shapes[0], model.input_scale)?;
    let logits = all_logits(model, rounded, data, &map)?;
    let (low, high) = logits
        .iter()
        .fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), &z| {
            (l.min(z.into()), h.max(z.into()))
        });
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

/// Compares the integer network, evaluated exactly, with the model as burn evaluates it; also returns how many images
/// the integer network classifies correctly.
///
/// # Errors
/// [`TrainError::Disagreement`] if one image's class differs, or a logit by more than one part in a thousand of the
/// largest (single-precision rounding stays far below).
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
    let (mut argmax_differs, mut correct) = (0, 0);
    let (mut max_error, mut max_logit, mut max_integer) = (0.0_f64, 0.0_f64, 0.0_f64);
    for (index, logits) in exact.iter().enumerate() {
        let class = argmax(logits);
        argmax_differs += usize::from(class != chosen[index]);
        correct += usize::from(class == usize::from(data.labels()[index]));
        for (z, y) in logits.iter().zip(&float[index * classes..]) {
            let integer = z.to_f64().unwrap_or(f64::INFINITY);
            max_integer = max_integer.max(z.abs().to_f64().unwrap_or(f64::INFINITY));
            max_logit = max_logit.max((integer * scale).abs());
            max_error = max_error.max((integer * scale - f64::from(*y)).abs());
        }
    }
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
        max_error: short(max_error),
        max_logit: short(max_logit),
        relative_error: short(relative_error),
        max_integer_logit: short(max_integer),
        observed_bits: short((2.0 * max_integer + 1.0).log2()),
        zero_fraction: short(network.zero_fraction()),
    };
    Ok((agreement, correct))
}
