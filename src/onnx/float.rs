//! A network of 32-bit floats, for post-training quantisation and training.

use super::{
    OnnxError,
    affine::RealAffine,
    settle::{RealLayer, RealNetwork},
};
use crate::network::Shape;

/// A layer of a [`FloatNetwork`]; as a [`Layer`](crate::network::Layer), with real weights.
#[derive(Clone, Debug, PartialEq)]
pub enum FloatLayer {
    /// A convolution.
    Conv2d {
        /// Number of output channels.
        out_channels: usize,
        /// Size of the window, `[height, width]`.
        kernel: [usize; 2],
        /// Distance from one window to the next.
        stride: [usize; 2],
        /// Zeros on each side.
        padding: [usize; 2],
        /// `[out_channels, in_channels, kernel[0], kernel[1]]`, flat.
        weight: Vec<f32>,
        /// `[out_channels]`.
        bias: Vec<f32>,
    },
    /// A fully connected layer.
    Linear {
        /// Number of outputs.
        out_features: usize,
        /// `[out_features, in_features]`, flat.
        weight: Vec<f32>,
        /// `[out_features]`.
        bias: Vec<f32>,
    },
    /// The square of each value.
    Square,
    /// The sums of windows.
    SumPool {
        /// Size of the window, `[height, width]`.
        kernel: [usize; 2],
        /// Distance from one window to the next.
        stride: [usize; 2],
    },
    /// ElementList in channel-major order, as a vector.
    Flatten,
}

/// A network with real weights. Its input is the number of thresholds that a pixel reaches, divided by their number.
#[derive(Clone, Debug, PartialEq)]
pub struct FloatNetwork {
    /// Shape of the input.
    pub input: Shape,
    /// Strictly increasing thresholds on pixels.
    pub thresholds: Vec<u8>,
    /// Layers, first to last. The last one has weights and gives a vector.
    pub layers: Vec<FloatLayer>,
}

/// Writes the plan in floats; one unit of its input is worth 1 divided by the number of thresholds.
///
/// # Errors
/// [`OnnxError::Model`] for numbers beyond 32-bit floats.
pub(super) fn float(plan: &RealNetwork, thresholds: Vec<u8>) -> Result<FloatNetwork, OnnxError> {
    let mut layers = Vec::new();
    let mut shape = plan.input;
    // The number in the extra channel, if there is one.
    let mut constant: Option<f64> = None;
    for stage in &plan.stages {
        match stage {
            RealLayer::Square => {
                layers.push(FloatLayer::Square);
                constant = constant.map(|constant| constant * constant);
            }
            RealLayer::Pool { kernel, stride } => {
                layers.push(FloatLayer::SumPool {
                    kernel: *kernel,
                    stride: *stride,
                });
                constant = constant.map(|constant| constant * (kernel[0] * kernel[1]) as f64);
                let window = super::affine::Window {
                    kernel: *kernel,
                    stride: *stride,
                    padding: [0, 0],
                };
                if let Some([height, width]) = window.count(shape) {
                    shape = Shape::new(shape.channels, height, width);
                }
            }
            RealLayer::Affine(affine) => {
                if affine.window.is_none() && shape != Shape::vector(shape.len()) {
                    layers.push(FloatLayer::Flatten);
                }
                layers.push(layer(affine, constant)?);
                constant = affine.constant.then_some(1.0);
                shape = affine.output;
            }
        }
    }
    let ends_well = matches!(plan.stages.last(), Some(RealLayer::Affine(_)));
    if !ends_well || shape != Shape::vector(shape.len()) {
        let flat = shape.len();
        if flat.saturating_mul(flat) > super::tensor::MAX_VALUES {
            return Err(OnnxError::model("the network has too many outputs"));
        }
        if shape != Shape::vector(flat) {
            layers.push(FloatLayer::Flatten);
        }
        let mut weight = vec![0.0; flat * flat];
        (0..flat).for_each(|at| weight[at * flat + at] = 1.0);
        layers.push(FloatLayer::Linear {
            out_features: flat,
            weight,
            bias: vec![0.0; flat],
        });
    }
    Ok(FloatNetwork {
        input: plan.input,
        thresholds,
        layers,
    })
}

fn layer(affine: &RealAffine, constant: Option<f64>) -> Result<FloatLayer, OnnxError> {
    let single = |value: f64| {
        let single = value as f32;
        if single.is_finite() {
            return Ok(single);
        }
        Err(OnnxError::model(format!(
            "the weights of `{}` with the factors beside it reach {value:e}, beyond 32-bit floats; scale the network",
            affine.node
        )))
    };
    let mut outputs = affine.outputs();
    let area = affine.window.map_or(1, |window| window.area());
    let mut weight = Vec::with_capacity(affine.grid.len());
    for output in 0..outputs {
        for at in 0..affine.row_len() {
            weight.push(single(affine.weight(output, at))?);
        }
        if let (Some(constant), Some(_)) = (constant, affine.window) {
            for tap in 0..area {
                let border = affine
                    .border
                    .get(output * area + tap)
                    .copied()
                    .unwrap_or(0.0);
                weight.push(single(border / constant)?);
            }
        }
    }
    let mut bias = affine
        .bias
        .iter()
        .map(|&bias| single(bias))
        .collect::<Result<Vec<f32>, _>>()?;
    if affine.constant {
        weight.extend(std::iter::repeat_n(0.0, weight.len() / outputs.max(1)));
        bias.push(1.0);
        outputs += 1;
    }
    Ok(match affine.window {
        Some(window) => FloatLayer::Conv2d {
            out_channels: outputs,
            kernel: window.kernel,
            stride: window.stride,
            padding: window.padding,
            weight,
            bias,
        },
        None => FloatLayer::Linear {
            out_features: outputs,
            weight,
            bias,
        },
    })
}
