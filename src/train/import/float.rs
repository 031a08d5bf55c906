//! Imports floating-point weights: folds batch norms and converts the numbers to 32-bit floats.

use super::{ImportSpec, LayerTensors, source::TensorSource};
use crate::train::{
    TrainConfig, TrainError,
    model::{Model, Role},
    norm::NORM_EPSILON,
};

/// Smallest magnitude of a layer's largest weight. 32-bit floats hold smaller numbers with less precision, or as 0.
const SMALLEST: f64 = 1e-30;
/// Largest epsilon of a batch norm. It only keeps a variance from being 0.
const MAX_EPSILON: f64 = 1.0;

/// Builds the float network from the tensors.
pub(super) fn network(
    spec: &ImportSpec,
    config: &TrainConfig,
    source: &TensorSource<'_>,
) -> Result<Model, TrainError> {
    let mut model = Model::new(config)?;
    for (index, names) in spec.tensors.iter().enumerate() {
        let at = model.layers[index];
        let shape = spec.network.layers[at.position].weight_shape(model.shapes[at.position]);
        let mut weight = source.real(&names.weight, &shape.unwrap_or_default())?;
        let mut bias = match &names.bias {
            Some(name) => source.real(name, &[at.outputs])?,
            None => vec![0.0; at.outputs],
        };
        if names.weight_scale.is_some() {
            return Err(TrainError::config(
                format!("tensors[{index}].weight_scale"),
                format!(
                    "is for integer weights, and tensor `{}` holds floating-point numbers",
                    names.weight
                ),
            ));
        }
        fold(index, names, source, &mut weight, &mut bias)?;
        let largest = weight
            .iter()
            .fold(0.0_f64, |largest, w| largest.max(w.abs()));
        if largest > 0.0 && largest < SMALLEST {
            return Err(source.refuse(format!(
                "tensor `{}`: its largest weight is {largest:e}{}, too small for 32-bit floats; scale the network",
                names.weight,
                if names.norm.is_some() {
                    " with the batch norm folded in"
                } else {
                    ""
                }
            )));
        }
        let single = |values: Vec<f64>, per_channel: usize, name: &str| {
            let single = |(at, value): (usize, f64)| {
                let single = value as f32;
                if single.is_finite() {
                    return Ok(single);
                }
                Err(source.refuse(format!(
                    "tensor `{name}`, channel {}: {value:e} with the batch norm folded in is no finite number of 32-bit floats",
                    at / per_channel.max(1)
                )))
            };
            let values = values.into_iter().enumerate();
            values.map(single).collect::<Result<Vec<f32>, _>>()
        };
        model.set(
            index,
            Role::Weight,
            single(weight, at.fan_in, &names.weight)?,
        );
        let bias_name = names.bias.as_deref().unwrap_or(&names.weight);
        model.set(index, Role::Bias, single(bias, 1, bias_name)?);
    }
    Ok(model)
}

/// Folds a layer's batch norm, if it has one, into weights and biases.
fn fold(
    index: usize,
    names: &LayerTensors,
    source: &TensorSource<'_>,
    weight: &mut [f64],
    bias: &mut [f64],
) -> Result<(), TrainError> {
    let refused =
        |problem: &str| TrainError::config(format!("tensors[{index}].norm_epsilon"), problem);
    let Some(prefix) = &names.norm else {
        if names.norm_epsilon.is_some() {
            return Err(refused("needs a batch norm, which `norm` names"));
        }
        return Ok(());
    };
    let epsilon = names.norm_epsilon.unwrap_or(NORM_EPSILON);
    if !(epsilon > 0.0 && epsilon <= MAX_EPSILON) {
        return Err(refused(
            "must be a small positive number (PyTorch's is 1e-5, Keras's 1e-3)",
        ));
    }
    let outputs = bias.len();
    let part = |suffix: &str| source.real(&format!("{prefix}.{suffix}"), &[outputs]);
    let (gamma, beta) = (part("weight")?, part("bias")?);
    let (mean, variance) = (part("running_mean")?, part("running_var")?);
    if let Some(channel) = variance.iter().position(|&variance| variance < 0.0) {
        return Err(source.refuse(format!(
            "tensor `{prefix}.running_var`, channel {channel}: {:e} is no variance, which is never negative",
            variance[channel]
        )));
    }
    let rows = weight.chunks_exact_mut((weight.len() / outputs.max(1)).max(1));
    for (c, row) in rows.enumerate() {
        let factor = gamma[c] / (variance[c] + epsilon).sqrt();
        for w in row {
            *w *= factor;
        }
        bias[c] = (bias[c] - mean[c]) * factor + beta[c];
    }
    Ok(())
}
