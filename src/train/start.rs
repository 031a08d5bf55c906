//! How a quantised run starts from its float parent.

use std::path::Path;

use super::{
    CONFIG_FILE, LayerSpec, QatStart, TrainConfig, TrainError, WEIGHTS_FILE,
    batch::{InputMap, gather},
    model::{Model, Role, values},
    tensors,
};
use crate::{
    data::Dataset,
    quant::{WeightRule, largest, max_integer, max_scale, min_error_scale},
};

/// Images by which the size of each layer's sums is measured.
const CALIBRATION_IMAGES: usize = 500;

/// A trained float network from its directory, with its batch norms folded, and the hash of its weights.
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

/// Gives `model` the parent's weights as `start` says, and its scales and bias units their first values.
pub(super) fn from_parent(
    model: &mut Model,
    config: &TrainConfig,
    parent: &Model,
    start: QatStart,
    train: &Dataset,
) -> Result<(), TrainError> {
    if parent.spec != model.spec {
        return Err(TrainError::config("network", "differs from the parent's"));
    }
    let count = model.layers.len();
    let mut weights = Vec::with_capacity(count);
    let mut biases = Vec::with_capacity(count);
    for index in 0..count {
        weights.push(parent.get(index, Role::Weight)?);
        biases.push(parent.get(index, Role::Bias)?);
    }
    if start == QatStart::Equalized {
        equalize(
            model,
            config.quantizer()?.scale(),
            &mut weights,
            &mut biases,
        );
    }
    for index in 0..count {
        let Some((n_bits, rule)) = model.layers[index].quantized else {
            continue;
        };
        if rule.has_own_scale() {
            // Latent weights in integer units; for the equalised layers the scale is one already.
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
        model.set(index, Role::Weight, weights[index].clone());
        model.set(index, Role::Bias, biases[index].clone());
    }
    if start == QatStart::Equalized {
        normalize_biases(model, config, &biases, train)?;
    }
    Ok(())
}

/// The scale that fits a tensor to integers best.
fn fit(weights: &[f32], outputs: usize, n_bits: u32, rule: WeightRule) -> f64 {
    match rule {
        WeightRule::TopK { keep } => {
            let fan_in = weights.len() / outputs.max(1);
            let kept: Vec<f64> = weights
                .chunks_exact(fan_in.max(1))
                .flat_map(|row| {
                    largest(row, keep)
                        .into_iter()
                        .map(|i| f64::from(row[i]).abs())
                })
                .collect();
            let mean = kept.iter().sum::<f64>() / kept.len().max(1) as f64;
            if mean > 0.0 { mean } else { 1.0 }
        }
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
        // The function between the two layers has this degree.
        let squares = model.spec.layers[layer.position..next.position]
            .iter()
            .filter(|l| **l == LayerSpec::Square)
            .count();
        let degree = 1_i32 << squares.min(8);
        // Columns of the next layer that read one channel of this one.
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

/// Measures the size of each layer's sums and trains biases in units of it.
fn normalize_biases(
    model: &mut Model,
    config: &TrainConfig,
    biases: &[Vec<f32>],
    train: &Dataset,
) -> Result<(), TrainError> {
    let indices: Vec<usize> = (0..train.len().min(CALIBRATION_IMAGES)).collect();
    let map = InputMap::new(config, model.shapes[0], model.input_scale)?;
    let x = map.tensor(&gather(train, &indices, None)?);
    let rounded = model.round(None)?;
    let mut sizes = vec![Ok(1.0); model.layers.len()];
    model.forward_observed(
        &model.constants(),
        &rounded,
        x,
        None,
        &mut |index, output| {
            sizes[index] = values(output).map_err(|e| e.to_string()).map(|v| {
                let square: f64 = v.iter().map(|&x| f64::from(x) * f64::from(x)).sum();
                (square / v.len().max(1) as f64).sqrt()
            });
        },
    );
    for (index, size) in sizes.into_iter().enumerate() {
        let size = size.map_err(TrainError::Tensor)?;
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
