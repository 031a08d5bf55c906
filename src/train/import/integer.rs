//! Imports integer weights: builds the integer network that the file describes.

use num_bigint::BigInt;
use num_traits::FromPrimitive as _;

use super::{ImportSpec, LayerTensors, source::TensorSource, source::TensorValues};
use crate::{
    network::{MAX_WEIGHT_BITS, Network},
    train::{
        TrainConfig, TrainError,
        export::{LayerParts, Wanted, build},
    },
};

/// Builds the integer network from the tensors.
pub(super) fn network(
    spec: &ImportSpec,
    config: &TrainConfig,
    source: &TensorSource<'_>,
) -> Result<Network, TrainError> {
    let mut tensors = spec.tensors.iter().enumerate();
    build(
        &spec.name,
        &spec.network,
        config.quantizer()?,
        &mut |wanted| {
            let (index, names) = tensors.next().ok_or_else(|| {
                TrainError::config("tensors", "has fewer entries than layers with weights")
            })?;
            layer_parts(index, names, wanted, source)
        },
    )
}

/// Reads the parts of the layer with this index.
fn layer_parts(
    index: usize,
    names: &LayerTensors,
    wanted: &Wanted,
    source: &TensorSource<'_>,
) -> Result<LayerParts, TrainError> {
    let shape = &wanted.shape;
    let refused =
        |what: &str, problem: &str| TrainError::config(format!("tensors[{index}].{what}"), problem);
    if names.norm.is_some() || names.norm_epsilon.is_some() {
        return Err(refused(
            "norm",
            "cannot be folded into integers: fold it before quantising",
        ));
    }
    let weight_scale = names
        .weight_scale
        .filter(|scale| scale.is_finite() && *scale > 0.0)
        .ok_or_else(|| refused("weight_scale", "must be positive for integer weights"))?;
    let scale = wanted.input_scale * weight_scale;
    if !scale.is_normal() {
        let problem = format!(
            "is {weight_scale:e}, so that one unit of the layer's sums would be worth {scale:e}, which a double cannot \
             hold with full precision"
        );
        return Err(refused("weight_scale", &problem));
    }
    let TensorValues::Whole(weight) = source.get(&names.weight, shape)? else {
        return Err(refused("weight", "must be of integers, as the others are"));
    };
    let outputs = shape.first().copied().unwrap_or_default();
    let per_channel = (weight.len() / outputs.max(1)).max(1);
    let is_wide = |weight: &i64| weight.unsigned_abs() >> (MAX_WEIGHT_BITS - 1) != 0;
    if let Some(at) = weight.iter().position(is_wide) {
        return Err(source.refuse(format!(
            "tensor `{}`, channel {}: {} is outside {MAX_WEIGHT_BITS} signed bits, which a network holds at most",
            names.weight,
            at / per_channel,
            weight[at]
        )));
    }
    let Some(name) = &names.bias else {
        return Ok((weight, vec![BigInt::ZERO; outputs], weight_scale));
    };
    let bias = match source.get(name, &[outputs])? {
        TensorValues::Whole(values) => values.into_iter().map(BigInt::from).collect(),
        TensorValues::Real(values) => crate::quant::round_bias(&values, scale)
            .into_iter()
            .zip(&values)
            .enumerate()
            .map(|(channel, (bias, value))| {
                BigInt::from_f64(bias).ok_or_else(|| {
                    source.refuse(format!(
                        "tensor `{name}`, channel {channel}: {value:e} in units of {scale:e}, which the layer's integers \
                         count, is no finite number"
                    ))
                })
            })
            .collect::<Result<_, _>>()?,
    };
    Ok((weight, bias, weight_scale))
}
