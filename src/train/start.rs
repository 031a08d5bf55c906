//! Starts a quantised run from its float parent.

use std::path::Path;

use burn::tensor::Tensor;

use super::{
    CONFIG_FILE, QatStart, TrainConfig, TrainError, WEIGHTS_FILE,
    batch::{InputMap, gather},
    model::{Model, Role, values},
    norm::{NormKind, deviation, pooled},
    tensors,
};
use crate::{
    data::Dataset,
    quant::{WeightRule, budget_scale, max_integer, max_scale, min_error_scale},
};

/// Number of images on which the size of each layer's sums is measured.
const CALIBRATION_IMAGES: usize = 500;
/// Number of training images whose statistics the norms take over.
const SETTLING_IMAGES: usize = 2000;

/// Reads a trained float network from its directory, with its batch norms folded, and the hash of its weights.
pub(super) fn load_float(dir: &Path) -> Result<(TrainConfig, Model, String), TrainError> {
    let config = TrainConfig::load(&dir.join(CONFIG_FILE))?;
    if config.quantization.is_some() {
        return Err(TrainError::config(
            "quantization.parent",
            format!("{} is a quantised network, not a float one", dir.display()),
        ));
    }
    // The file holds folded weights.
    let folded = TrainConfig {
        batch_norm: false,
        ..config.clone()
    };
    let mut model = Model::new(&folded)?;
    let path = dir.join(WEIGHTS_FILE);
    let (named, _) = tensors::load(&path)?;
    tensors::into_model(&mut model, &named, "", &path)?;
    Ok((config, model, tensors::hash(&named)))
}

/// Gives `model` the parent's weights as they are. It measures nothing on images, so it needs none. A model with norms
/// or an equalised start uses [`from_parent`] instead.
pub(super) fn copy_parent(model: &mut Model, parent: &Model) -> Result<(), TrainError> {
    let (weights, biases) = parts(model, parent)?;
    set_layers(model, QatStart::Copy, weights, &biases);
    Ok(())
}

/// Gives `model` the parent's weights as `start` says, and its scales and bias units their initial values. Measurements
/// are made on the training images.
pub(super) fn from_parent(
    model: &mut Model,
    config: &TrainConfig,
    parent: &Model,
    start: QatStart,
    train: &Dataset,
) -> Result<(), TrainError> {
    let (mut weights, mut biases) = parts(model, parent)?;
    if start == QatStart::Equalized {
        equalize(
            model,
            config.quantizer()?.scale(),
            &mut weights,
            &mut biases,
        );
    }
    let normalized = config.quantization.as_ref().is_some_and(|q| q.normalize);
    if normalized {
        normalize(model, config, parent, &mut weights, &biases, train)?;
    }
    set_layers(model, start, weights, &biases);
    if normalized {
        let map = InputMap::new(config, model.shapes[0], model.input_scale)?;
        settle(model, &map, train, None, &[])?;
    }
    if start == QatStart::Equalized {
        normalize_biases(model, config, &biases, train)?;
    }
    Ok(())
}

type Layers = Vec<Vec<f32>>;

/// Reads the parent's weights and biases.
fn parts(model: &Model, parent: &Model) -> Result<(Layers, Layers), TrainError> {
    if parent.spec != model.spec {
        return Err(TrainError::config("network", "differs from the parent's"));
    }
    let all = |role| {
        (0..model.layers.len())
            .map(|index| parent.get(index, role))
            .collect::<Result<Layers, _>>()
    };
    Ok((all(Role::Weight)?, all(Role::Bias)?))
}

/// Sets weights and biases, and the scales of the rules that have their own.
fn set_layers(model: &mut Model, start: QatStart, mut weights: Layers, biases: &[Vec<f32>]) {
    let count = model.layers.len();
    for index in 0..count {
        let Some((n_bits, rule)) = model.layers[index].quantized else {
            continue;
        };
        if rule.has_own_scale() {
            // Latent weights are in integer units; the scale of equalised layers is already 1.
            let scale = if start == QatStart::Equalized && index + 1 < count {
                1.0
            } else {
                fit(&weights[index], model.layers[index].outputs, n_bits, rule)
            };
            for w in &mut weights[index] {
                *w = (f64::from(*w) / scale) as f32;
            }
            model.set(index, Role::LogScale, vec![scale.ln() as f32]);
        }
        model.set(index, Role::Weight, std::mem::take(&mut weights[index]));
        model.set(index, Role::Bias, biases[index].clone());
    }
}

/// Returns the pixels of the first images of the training set.
fn calibration(train: &Dataset, images: usize) -> Result<Vec<u8>, TrainError> {
    let indices: Vec<usize> = (0..train.len().min(images)).collect();
    gather(train, &indices, None)
}

/// Gives the norms offsets with which they compute what the parent (with these weights and biases) computes, and undoes
/// their factors in the weights of the first layer after them.
fn normalize(
    model: &mut Model,
    config: &TrainConfig,
    parent: &Model,
    weights: &mut [Vec<f32>],
    biases: &[Vec<f32>],
    train: &Dataset,
) -> Result<(), TrainError> {
    let mut float = parent.clone();
    for (index, (weight, bias)) in weights.iter().zip(biases).enumerate() {
        float.set(index, Role::Weight, weight.clone());
        float.set(index, Role::Bias, bias.clone());
    }
    let map = InputMap::new(config, model.shapes[0], model.input_scale)?;
    let x = map.tensor(&calibration(train, CALIBRATION_IMAGES)?);
    // Mean and variance of each channel, for each layer.
    let mut found = Vec::with_capacity(weights.len());
    let mut observe = |_, output: &Tensor<4>| found.push(channel_statistics(output));
    float.forward(0, &float.constants(), &[], x, None, &mut observe);
    let mut last: Option<(f64, f32)> = None;
    for (index, statistics) in found.into_iter().enumerate() {
        let Some(NormKind::Layer(gamma)) = model.layers[index].norm else {
            if let Some((deviation, gamma)) = last.take() {
                let degree = model.degree_between(index - 1, index);
                let factor = (f64::from(gamma) / deviation).powi(degree);
                for w in &mut weights[index] {
                    *w = (f64::from(*w) / factor) as f32;
                }
            }
            continue;
        };
        let (mean, variance) = statistics?;
        let deviation = deviation(pooled(&variance));
        let beta = mean
            .iter()
            .map(|&m| (f64::from(m) * f64::from(gamma) / deviation) as f32)
            .collect();
        model.set(index, Role::Beta, beta);
        last = Some((deviation, gamma));
    }
    Ok(())
}

/// Computes mean and variance of each channel of `[images, channels, height, width]`.
fn channel_statistics(output: &Tensor<4>) -> Result<(Vec<f32>, Vec<f32>), TrainError> {
    let mean = output.clone().mean_dims(&[0, 2, 3]);
    let centred = output.clone() - mean.clone();
    let variance = (centred.clone() * centred).mean_dims(&[0, 2, 3]);
    Ok((values(&mean)?, values(&variance)?))
}

/// Gives the norms of layers that are not frozen the statistics of the rounded network on unchanged training images. It
/// does so layer by layer, because the sums of each layer depend on those before it.
pub(super) fn settle(
    model: &mut Model,
    map: &InputMap,
    train: &Dataset,
    keep: Option<&[usize]>,
    frozen: &[bool],
) -> Result<(), TrainError> {
    let pixels = calibration(train, SETTLING_IMAGES)?;
    for _ in 0..model.stages.len() {
        let rounded = model.round(keep)?;
        let pass = model.pass(&model.constants(), &rounded, map.blocks(&pixels), frozen)?;
        for statistics in pass.statistics {
            statistics.replace(model);
        }
    }
    Ok(())
}

/// Finds the scale with which a tensor best fits integers.
fn fit(weights: &[f32], outputs: usize, n_bits: u32, rule: WeightRule) -> f64 {
    match rule {
        WeightRule::TopK { keep, limit } => budget_scale(weights, outputs, keep, limit),
        WeightRule::Max => max_scale(weights, n_bits),
        _ if max_integer(n_bits) > 127 => max_scale(weights, n_bits),
        _ => min_error_scale(weights, n_bits),
    }
}

/// Rescales each output channel of every layer but the last to fit integers with scale one, and the next layer's
/// weights to undo it. The input counts as integers: its scale goes into the first layer.
fn equalize(model: &Model, input_scale: f64, weights: &mut [Vec<f32>], biases: &mut [Vec<f32>]) {
    for w in &mut weights[0] {
        *w = (f64::from(*w) * input_scale) as f32;
    }
    for index in 0..model.layers.len().saturating_sub(1) {
        let (layer, next) = (model.layers[index], model.layers[index + 1]);
        let Some((n_bits, rule)) = layer.quantized else {
            continue;
        };
        let degree = model.degree_between(index, index + 1);
        // Number of the next layer's columns that read one channel of this layer.
        let columns = next.fan_in / layer.outputs;
        for channel in 0..layer.outputs {
            let row = &mut weights[index][channel * layer.fan_in..(channel + 1) * layer.fan_in];
            let scale = fit(row, 1, n_bits, rule);
            for w in row {
                *w = (f64::from(*w) / scale) as f32;
            }
            biases[index][channel] = (f64::from(biases[index][channel]) / scale) as f32;
            let back = scale.powi(degree);
            for row in weights[index + 1].chunks_exact_mut(next.fan_in) {
                for w in &mut row[channel * columns..(channel + 1) * columns] {
                    *w = (f64::from(*w) * back) as f32;
                }
            }
        }
    }
}

/// Measures the size of each layer's sums and expresses the trained biases in units of it.
fn normalize_biases(
    model: &mut Model,
    config: &TrainConfig,
    biases: &[Vec<f32>],
    train: &Dataset,
) -> Result<(), TrainError> {
    let map = InputMap::new(config, model.shapes[0], model.input_scale)?;
    let x = map.tensor(&calibration(train, CALIBRATION_IMAGES)?);
    let rounded = model.round(None)?;
    let mut sizes: Vec<_> = model.layers.iter().map(|_| Ok(1.0)).collect();
    let mut observe = |index: usize, output: &Tensor<4>| {
        sizes[index] = values(output).map(|v| rms(&v));
    };
    model.forward(0, &model.constants(), &rounded, x, None, &mut observe);
    for (index, size) in sizes.into_iter().enumerate() {
        let size: f64 = size?;
        if size > 0.0 && size.is_finite() {
            // A power of two, so that the division is exact.
            let unit = size.log2().round().exp2();
            model.set(index, Role::BiasUnit, vec![unit as f32]);
            model.set(
                index,
                Role::Bias,
                biases[index]
                    .iter()
                    .map(|&b| (f64::from(b) / unit) as f32)
                    .collect(),
            );
        }
    }
    Ok(())
}

/// Computes the root mean square.
pub(super) fn rms(values: &[f32]) -> f64 {
    let sum: f64 = values.iter().map(|&x| f64::from(x) * f64::from(x)).sum();
    (sum / values.len().max(1) as f64).sqrt()
}
