//! The kinds of layer.

use num_bigint::BigInt;

use super::{error::LayerError, shape::Shape};

/// Weights are signed and at most this many bits wide: `|w| < 2^61`.
pub const MAX_WEIGHT_BITS: u32 = 62;
/// The widest magnitude of a bias, in bits.
pub const MAX_BIAS_BITS: u64 = 2048;
/// The most values in one image or one layer's output.
pub const MAX_ELEMENTS: usize = 1 << 24;
/// The most weights in one layer.
pub const MAX_WEIGHTS: usize = 1 << 24;

/// A layer with its name.
#[derive(Clone, Debug, PartialEq)]
pub struct NamedLayer {
    /// Unique within the network; used in reports and error messages.
    pub name: String,
    /// The layer.
    pub layer: Layer,
}

impl NamedLayer {
    /// A layer called `name`.
    pub fn new(name: impl Into<String>, layer: Layer) -> Self {
        Self {
            name: name.into(),
            layer,
        }
    }
}

/// One layer: an exact polynomial in its input. Nothing is rounded or requantised.
///
/// A layer is data; only a [`Network`](super::Network) vouches that it is consistent. Pairs are `[height, width]`.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Layer {
    /// Two-dimensional convolution (cross-correlation, as every training library has it), padded with zeros.
    ///
    /// `y[o, i, j] = bias[o] + sum over c, u, v of weight[o, c, u, v] * x[c, i*stride[0] + u - padding[0], j*stride[1] + v - padding[1]]`
    ///
    /// Input `[in_channels, h, w]`, output `[out_channels, (h + 2*padding[0] - kernel[0]) / stride[0] + 1, likewise]`.
    Conv2d {
        /// Planes read.
        in_channels: usize,
        /// Planes written.
        out_channels: usize,
        /// The window.
        kernel: [usize; 2],
        /// Steps from one window to the next.
        stride: [usize; 2],
        /// Zeros added on each side; smaller than the window.
        padding: [usize; 2],
        /// `[out_channels, in_channels, kernel[0], kernel[1]]`, flat; `|w| < 2^61`.
        weight: Vec<i64>,
        /// `[out_channels]`, in units of the output.
        bias: Vec<BigInt>,
        /// The real value of a weight of 1.
        weight_scale: f64,
    },
    /// Fully connected: `y[o] = bias[o] + sum over i of weight[o, i] * x[i]`.
    ///
    /// Input of any shape with `in_features` values, read in flat order; output `[out_features, 1, 1]`.
    Linear {
        /// Values read.
        in_features: usize,
        /// Values written.
        out_features: usize,
        /// `[out_features, in_features]`, flat; `|w| < 2^61`.
        weight: Vec<i64>,
        /// `[out_features]`, in units of the output.
        bias: Vec<BigInt>,
        /// The real value of a weight of 1.
        weight_scale: f64,
    },
    /// `y = x * x`, value by value; the shape stays.
    Square,
    /// The sum over each window of each plane: average pooling without the division, no padding.
    ///
    /// `y[c, i, j] = sum over u, v of x[c, i*stride[0] + u, j*stride[1] + v]`
    ///
    /// Input `[c, h, w]`, output `[c, (h - kernel[0]) / stride[0] + 1, likewise]`.
    SumPool {
        /// The window.
        kernel: [usize; 2],
        /// Steps from one window to the next.
        stride: [usize; 2],
    },
    /// `[c, h, w]` becomes `[c*h*w, 1, 1]`; the flat data stay as they are.
    Flatten,
}

impl Layer {
    /// The kind, as the file format writes it: `conv2d`, `linear`, `square`, `sum_pool` or `flatten`.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Conv2d { .. } => "conv2d",
            Self::Linear { .. } => "linear",
            Self::Square => "square",
            Self::SumPool { .. } => "sum_pool",
            Self::Flatten => "flatten",
        }
    }

    /// The weights in flat order; none for a layer that has none.
    pub fn weight(&self) -> Option<&[i64]> {
        match self {
            Self::Conv2d { weight, .. } | Self::Linear { weight, .. } => Some(weight),
            Self::Square | Self::SumPool { .. } | Self::Flatten => None,
        }
    }

    /// The biases, one per output channel; none for a layer that has none.
    pub fn bias(&self) -> Option<&[BigInt]> {
        match self {
            Self::Conv2d { bias, .. } | Self::Linear { bias, .. } => Some(bias),
            Self::Square | Self::SumPool { .. } | Self::Flatten => None,
        }
    }

    /// The real value of one unit of the output when one unit of the input is worth `input`.
    pub fn output_scale(&self, input: f64) -> f64 {
        match self {
            Self::Conv2d { weight_scale, .. } | Self::Linear { weight_scale, .. } => {
                input * weight_scale
            }
            Self::Square => input * input,
            Self::SumPool { .. } | Self::Flatten => input,
        }
    }

    /// The shape of the output when the input has shape `input`.
    ///
    /// # Errors
    /// [`LayerError`] when a dimension is 0, the layer does not fit the input, or the output would hold more than
    /// [`MAX_ELEMENTS`] values. Weights and biases are not looked at.
    pub fn output_shape(&self, input: Shape) -> Result<Shape, LayerError> {
        let shape = match self {
            Self::Conv2d {
                in_channels,
                out_channels,
                kernel,
                stride,
                padding,
                ..
            } => {
                nonzero("out_channels", &[*out_channels])?;
                if *in_channels != input.channels {
                    return Err(LayerError::Input {
                        field: "in_channels",
                        actual: *in_channels,
                        expected: input.channels,
                        input,
                    });
                }
                let [height, width] = windows(input, *kernel, *stride, *padding)?;
                Shape::new(*out_channels, height, width)
            }
            Self::Linear {
                in_features,
                out_features,
                ..
            } => {
                nonzero("out_features", &[*out_features])?;
                if *in_features != input.len() {
                    return Err(LayerError::Input {
                        field: "in_features",
                        actual: *in_features,
                        expected: input.len(),
                        input,
                    });
                }
                Shape::vector(*out_features)
            }
            Self::Square => input,
            Self::SumPool { kernel, stride } => {
                let [height, width] = windows(input, *kernel, *stride, [0, 0])?;
                Shape::new(input.channels, height, width)
            }
            Self::Flatten => Shape::vector(input.len()),
        };
        if shape.len() > MAX_ELEMENTS {
            return Err(LayerError::TooLarge {
                field: "type",
                dimensions: format!("an output of {shape}"),
                limit: MAX_ELEMENTS,
            });
        }
        Ok(shape)
    }

    /// Checks weights, biases and the weight scale by themselves.
    pub(super) fn check_parameters(&self) -> Result<(), LayerError> {
        let (weight, bias, weight_scale, dimensions) = match self {
            Self::Conv2d {
                in_channels,
                out_channels,
                kernel,
                weight,
                bias,
                weight_scale,
                ..
            } => (
                weight,
                bias,
                *weight_scale,
                vec![*out_channels, *in_channels, kernel[0], kernel[1]],
            ),
            Self::Linear {
                in_features,
                out_features,
                weight,
                bias,
                weight_scale,
            } => (
                weight,
                bias,
                *weight_scale,
                vec![*out_features, *in_features],
            ),
            Self::Square | Self::SumPool { .. } | Self::Flatten => return Ok(()),
        };
        let expected = dimensions
            .iter()
            .fold(1usize, |product, &d| product.saturating_mul(d));
        if expected > MAX_WEIGHTS {
            return Err(LayerError::TooLarge {
                field: "weight",
                dimensions: join(&dimensions),
                limit: MAX_WEIGHTS,
            });
        }
        if weight.len() != expected {
            let (actual, dimensions) = (weight.len(), join(&dimensions));
            return Err(LayerError::Count {
                field: "weight",
                actual,
                expected,
                dimensions,
            });
        }
        if bias.len() != dimensions[0] {
            let (actual, expected) = (bias.len(), dimensions[0]);
            return Err(LayerError::Count {
                field: "bias",
                actual,
                expected,
                dimensions: "one per output channel".into(),
            });
        }
        if let Some(index) = weight
            .iter()
            .position(|w| w.unsigned_abs() >= 1 << (MAX_WEIGHT_BITS - 1))
        {
            return Err(LayerError::Weight {
                index,
                value: weight[index],
            });
        }
        if let Some(index) = bias.iter().position(|b| b.bits() > MAX_BIAS_BITS) {
            return Err(LayerError::Bias {
                index,
                bits: bias[index].bits(),
                limit: MAX_BIAS_BITS,
            });
        }
        if !(weight_scale.is_finite() && weight_scale > 0.0) {
            return Err(LayerError::WeightScale {
                value: weight_scale,
            });
        }
        Ok(())
    }
}

/// How many windows fit, `[down, across]`.
fn windows(
    input: Shape,
    kernel: [usize; 2],
    stride: [usize; 2],
    padding: [usize; 2],
) -> Result<[usize; 2], LayerError> {
    nonzero("kernel", &kernel)?;
    nonzero("stride", &stride)?;
    if padding[0] >= kernel[0] || padding[1] >= kernel[1] {
        return Err(LayerError::Padding {
            padding: join(&padding),
            kernel: join(&kernel),
        });
    }
    let along = |size: usize, axis: usize| {
        let padded = size.saturating_add(padding[axis].saturating_mul(2));
        padded
            .checked_sub(kernel[axis])
            .map(|room| room / stride[axis] + 1)
    };
    match (along(input.height, 0), along(input.width, 1)) {
        (Some(height), Some(width)) => Ok([height, width]),
        _ => Err(LayerError::Kernel {
            kernel: join(&kernel),
            input,
            padding: join(&padding),
        }),
    }
}

fn nonzero(field: &'static str, dimensions: &[usize]) -> Result<(), LayerError> {
    if dimensions.contains(&0) {
        return Err(LayerError::Zero {
            field,
            value: join(dimensions),
        });
    }
    Ok(())
}

fn join(dimensions: &[usize]) -> String {
    dimensions
        .iter()
        .map(usize::to_string)
        .collect::<Vec<_>>()
        .join("x")
}
