//! Integer weights: an integer network, as the file says.

use num_bigint::BigInt;
use num_traits::FromPrimitive as _;

use super::{ImportSpec, LayerTensors, source::Source, source::Values, weight_shape};
use crate::{
    network::{InputSpec, Layer, NamedLayer, Network, NetworkLiteral},
    train::{LayerSpec, TrainConfig, TrainError, model::Model},
};

/// The integer network of the tensors.
pub(super) fn network(
    spec: &ImportSpec,
    config: &TrainConfig,
    source: &Source<'_>,
) -> Result<Network, TrainError> {
    let model = Model::new(config)?;
    let quantizer = config.quantizer()?;
    let mut scale = quantizer.scale();
    let mut next = 0;
    let mut layers = Vec::with_capacity(spec.network.layers.len());
    for (position, layer) in spec.network.layers.iter().enumerate() {
        let mut parts = || {
            let index = next;
            next += 1;
            let shape = weight_shape(layer, &model, index);
            let parts = layer_parts(index, &spec.tensors[index], &shape, scale, source)?;
            scale *= parts.2;
            Ok::<_, TrainError>(parts)
        };
        let layer = match *layer {
            LayerSpec::Conv2d {
                out_channels,
                kernel,
                stride,
                padding,
            } => {
                let (weight, bias, weight_scale) = parts()?;
                Layer::Conv2d {
                    in_channels: model.shapes[position].channels,
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
                Layer::Linear {
                    in_features: model.shapes[position].len(),
                    out_features,
                    weight,
                    bias,
                    weight_scale,
                }
            }
            LayerSpec::Square => {
                scale *= scale;
                Layer::Square
            }
            LayerSpec::SumPool { kernel, stride } => Layer::SumPool { kernel, stride },
            LayerSpec::Flatten => Layer::Flatten,
            LayerSpec::Relu | LayerSpec::MaxPool { .. } => {
                return Err(TrainError::NotExportable {
                    layer: model.names[position].clone(),
                    kind: layer.kind(),
                });
            }
        };
        layers.push(NamedLayer::new(model.names[position].clone(), layer));
    }
    Ok(Network::new(NetworkLiteral {
        name: spec.name.clone(),
        input: InputSpec {
            shape: model.shapes[0],
            quantizer,
        },
        classes: model.shapes[model.shapes.len() - 1].len(),
        layers,
    })?)
}

/// Integer weights, integer biases, and the real value of a weight of 1.
type LayerParts = (Vec<i64>, Vec<BigInt>, f64);

/// The parts of the layer of this index, with weights of this shape, whose input counts units of `input_scale`.
fn layer_parts(
    index: usize,
    names: &LayerTensors,
    shape: &[usize],
    input_scale: f64,
    source: &Source<'_>,
) -> Result<LayerParts, TrainError> {
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
    let Values::Whole(weight) = source.get(&names.weight, shape)? else {
        return Err(refused("weight", "must be of integers, as the others are"));
    };
    let outputs = shape.first().copied().unwrap_or_default();
    let Some(name) = &names.bias else {
        return Ok((weight, vec![BigInt::ZERO; outputs], weight_scale));
    };
    let scale = input_scale * weight_scale;
    let bias = match source.get(name, &[outputs])? {
        Values::Whole(values) => values.into_iter().map(BigInt::from).collect(),
        Values::Real(values) => crate::quant::round_bias(&values, scale)
            .into_iter()
            .zip(&values)
            .enumerate()
            .map(|(channel, (bias, value))| {
                BigInt::from_f64(bias).ok_or_else(|| {
                    source.refuse(format!(
                        "tensor `{name}`, channel {channel}: {value} in units of {scale:e}, which the layer's integers \
                         count, is no finite number"
                    ))
                })
            })
            .collect::<Result<_, _>>()?,
    };
    Ok((weight, bias, weight_scale))
}
