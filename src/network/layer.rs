//! The kinds of layer, and the limits on one layer.

use num_bigint::BigInt;

use super::{error::NetworkError, shape::Shape};

/// Widest weight, in bits with the sign: `|w| < 2^61`.
pub const MAX_WEIGHT_BITS: u32 = 62;
/// Widest magnitude of a bias, in bits.
pub const MAX_BIAS_BITS: u64 = 2048;
/// Largest number of values in one image or one layer's output.
pub const MAX_ELEMENTS: usize = 1 << 24;
/// Largest number of weights in all layers of a network together.
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
    /// Makes a layer called `name`.
    pub fn new(name: impl Into<String>, layer: Layer) -> Self {
        Self {
            name: name.into(),
            layer,
        }
    }
}

/// One layer: an exact polynomial in its input, without rounding or requantisation.
///
/// A layer is plain data; only a [`Network`](super::Network) guarantees that it is consistent. Pairs are
/// `[height, width]`.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Layer {
    /// Two-dimensional convolution with zero padding (cross-correlation, as in every training library).
    ///
    /// `y[o, i, j] = bias[o] + sum over c, u, v of weight[o, c, u, v] * x[c, i*stride[0] + u - padding[0], j*stride[1] + v - padding[1]]`
    ///
    /// Input `[in_channels, h, w]`, output `[out_channels, (h + 2*padding[0] - kernel[0]) / stride[0] + 1, likewise]`.
    Conv2d {
        /// Number of input channels.
        in_channels: usize,
        /// Number of output channels.
        out_channels: usize,
        /// Size of the window.
        kernel: [usize; 2],
        /// Distance from one window to the next.
        stride: [usize; 2],
        /// Zeros added on each side; fewer than the window is long.
        padding: [usize; 2],
        /// `[out_channels, in_channels, kernel[0], kernel[1]]`, flat; `|w| < 2^61`.
        weight: Vec<i64>,
        /// `[out_channels]`, in units of the output.
        bias: Vec<BigInt>,
        /// Real value of a weight of 1.
        weight_scale: f64,
    },
    /// Fully connected: `y[o] = bias[o] + sum over i of weight[o, i] * x[i]`.
    ///
    /// Reads an input of any shape with `in_features` values, in flat order; the output is `[out_features, 1, 1]`.
    Linear {
        /// Number of input values.
        in_features: usize,
        /// Number of output values.
        out_features: usize,
        /// `[out_features, in_features]`, flat; `|w| < 2^61`.
        weight: Vec<i64>,
        /// `[out_features]`, in units of the output.
        bias: Vec<BigInt>,
        /// Real value of a weight of 1.
        weight_scale: f64,
    },
    /// `y = x * x` for each value; the shape stays the same.
    Square,
    /// The sum over each window of each channel: average pooling without the division and without padding.
    ///
    /// `y[c, i, j] = sum over u, v of x[c, i*stride[0] + u, j*stride[1] + v]`
    ///
    /// Input `[c, h, w]`, output `[c, (h - kernel[0]) / stride[0] + 1, likewise]`.
    SumPool {
        /// Size of the window.
        kernel: [usize; 2],
        /// Distance from one window to the next.
        stride: [usize; 2],
    },
    /// Reshapes `[c, h, w]` to `[c*h*w, 1, 1]`; the flat data stay as they are.
    Flatten,
}

impl Layer {
    /// Returns the layer's kind as the file format writes it: `conv2d`, `linear`, `square`, `sum_pool` or `flatten`.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Conv2d { .. } => "conv2d",
            Self::Linear { .. } => "linear",
            Self::Square => "square",
            Self::SumPool { .. } => "sum_pool",
            Self::Flatten => "flatten",
        }
    }

    /// Returns the weights in flat order; `None` for a layer without weights.
    pub fn weight(&self) -> Option<&[i64]> {
        match self {
            Self::Conv2d { weight, .. } | Self::Linear { weight, .. } => Some(weight),
            Self::Square | Self::SumPool { .. } | Self::Flatten => None,
        }
    }

    /// Returns the biases, one per output channel; `None` for a layer without biases.
    pub fn bias(&self) -> Option<&[BigInt]> {
        match self {
            Self::Conv2d { bias, .. } | Self::Linear { bias, .. } => Some(bias),
            Self::Square | Self::SumPool { .. } | Self::Flatten => None,
        }
    }

    /// Returns the real value of one unit of the output when one unit of the input is worth `input`.
    pub fn output_scale(&self, input: f64) -> f64 {
        match self {
            Self::Conv2d { weight_scale, .. } | Self::Linear { weight_scale, .. } => {
                input * weight_scale
            }
            Self::Square => input * input,
            Self::SumPool { .. } | Self::Flatten => input,
        }
    }

    /// Computes the shape of the output for an input of shape `input`.
    ///
    /// # Errors
    /// [`NetworkError`] if a dimension is 0, the layer does not fit the input, or the output would hold more than
    /// [`MAX_ELEMENTS`] values. Weights and biases are not checked.
    pub fn output_shape(&self, input: Shape) -> Result<Shape, NetworkError> {
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
                check_input("in_channels", *in_channels, input, input.channels)?;
                let [height, width] = windows(input, *kernel, *stride, *padding)?;
                Shape::new(*out_channels, height, width)
            }
            Self::Linear {
                in_features,
                out_features,
                ..
            } => {
                nonzero("out_features", &[*out_features])?;
                check_input("in_features", *in_features, input, input.len())?;
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
            let dimensions = format!("an output of {shape}");
            return Err(too_large("type", &dimensions, MAX_ELEMENTS));
        }
        Ok(shape)
    }

    /// Checks the weights, the biases and the weight scale on their own.
    pub(super) fn check_parameters(&self) -> Result<(), NetworkError> {
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
            return Err(too_large("weight", &join(&dimensions), MAX_WEIGHTS));
        }
        check_count("weight", weight.len(), expected, &join(&dimensions))?;
        check_count("bias", bias.len(), dimensions[0], "one per output channel")?;
        if let Some(index) = weight
            .iter()
            .position(|w| w.unsigned_abs() >= 1 << (MAX_WEIGHT_BITS - 1))
        {
            let problem = format!(
                "{} is outside {MAX_WEIGHT_BITS} signed bits (|w| < 2^61)",
                weight[index]
            );
            return Err(NetworkError::new(format!("weight[{index}]"), problem));
        }
        if let Some(index) = bias.iter().position(|b| b.bits() > MAX_BIAS_BITS) {
            let bits = bias[index].bits();
            let problem = format!("{bits} bits, at most {MAX_BIAS_BITS} are supported");
            return Err(NetworkError::new(format!("bias[{index}]"), problem));
        }
        NetworkError::check_scale("weight_scale", weight_scale)
    }
}

/// Counts the windows that fit, `[down, across]`.
fn windows(
    input: Shape,
    kernel: [usize; 2],
    stride: [usize; 2],
    padding: [usize; 2],
) -> Result<[usize; 2], NetworkError> {
    nonzero("kernel", &kernel)?;
    nonzero("stride", &stride)?;
    if padding[0] >= kernel[0] || padding[1] >= kernel[1] {
        let (padding, kernel) = (join(&padding), join(&kernel));
        let problem = format!("{padding} must be smaller than the kernel {kernel}");
        return Err(NetworkError::new("padding", problem));
    }
    let along = |size: usize, axis: usize| {
        let padded = size.saturating_add(padding[axis].saturating_mul(2));
        padded
            .checked_sub(kernel[axis])
            .map(|room| room / stride[axis] + 1)
    };
    let (Some(height), Some(width)) = (along(input.height, 0), along(input.width, 1)) else {
        let (kernel, padding) = (join(&kernel), join(&padding));
        let problem =
            format!("{kernel} does not fit its input of shape {input} padded by {padding}");
        return Err(NetworkError::new("kernel", problem));
    };
    Ok([height, width])
}

fn nonzero(field: &str, dimensions: &[usize]) -> Result<(), NetworkError> {
    if dimensions.contains(&0) {
        let value = join(dimensions);
        let problem = format!("{value}, every dimension must be at least 1");
        return Err(NetworkError::new(field, problem));
    }
    Ok(())
}

/// Refuses another number of channels or features than the input has.
fn check_input(
    field: &str,
    actual: usize,
    input: Shape,
    expected: usize,
) -> Result<(), NetworkError> {
    if actual == expected {
        return Ok(());
    }
    let problem = format!("{actual}, but its input of shape {input} has {expected}");
    Err(NetworkError::new(field, problem))
}

/// Refuses a list of the wrong length.
fn check_count(
    field: &str,
    actual: usize,
    expected: usize,
    dimensions: &str,
) -> Result<(), NetworkError> {
    if actual == expected {
        return Ok(());
    }
    let problem = format!("{actual} values, expected {expected} ({dimensions})");
    Err(NetworkError::new(field, problem))
}

fn too_large(field: &str, dimensions: &str, limit: usize) -> NetworkError {
    let problem = format!("{dimensions} values, at most {limit} are supported");
    NetworkError::new(field, problem)
}

fn join(dimensions: &[usize]) -> String {
    dimensions
        .iter()
        .map(usize::to_string)
        .collect::<Vec<_>>()
        .join("x")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn conv(kernel: [usize; 2], stride: [usize; 2], padding: [usize; 2]) -> Layer {
        Layer::Conv2d {
            in_channels: 3,
            out_channels: 2,
            kernel,
            stride,
            padding,
            weight: vec![1; 2 * 3 * kernel[0] * kernel[1]],
            bias: vec![BigInt::ZERO; 2],
            weight_scale: 1.0,
        }
    }

    #[test]
    fn padding_is_less_than_the_kernel() {
        let output = |padding| conv([3, 2], [1, 1], padding).output_shape(Shape::new(3, 5, 5));
        output([2, 1]).unwrap();
        for padding in [[3, 1], [2, 2]] {
            assert_eq!(output(padding).unwrap_err().field, "padding");
        }
    }

    #[test]
    fn shapes_follow_the_formula() {
        let input = Shape::new(3, 28, 27);
        for (kernel, stride, padding, expected) in [
            ([5, 5], [2, 2], [0, 0], Shape::new(2, 12, 12)),
            ([3, 3], [1, 1], [1, 1], Shape::new(2, 28, 27)),
            ([3, 1], [3, 2], [2, 0], Shape::new(2, 10, 14)),
            ([28, 27], [9, 9], [0, 0], Shape::new(2, 1, 1)),
        ] {
            let shape = conv(kernel, stride, padding).output_shape(input).unwrap();
            assert_eq!(shape, expected);
        }
        let pool = Layer::SumPool {
            kernel: [2, 2],
            stride: [2, 2],
        };
        assert_eq!(pool.output_shape(input).unwrap(), Shape::new(3, 14, 13));
        assert_eq!(Layer::Square.output_shape(input).unwrap(), input);
        assert_eq!(
            Layer::Flatten.output_shape(input).unwrap(),
            Shape::vector(3 * 28 * 27)
        );
    }

    #[test]
    fn layers_that_do_not_fit_are_refused() {
        let input = Shape::new(3, 4, 4);
        let message = |layer: Layer| layer.output_shape(input).unwrap_err().to_string();
        assert_eq!(
            message(conv([1, 1], [1, 0], [0, 0])),
            "stride: 1x0, every dimension must be at least 1"
        );
        assert_eq!(
            message(Layer::SumPool {
                kernel: [5, 1],
                stride: [1, 1]
            }),
            "kernel: 5x1 does not fit its input of shape 3x4x4 padded by 0x0"
        );
        // Dimensions near the largest integer must not overflow.
        let huge = usize::MAX;
        assert!(message(conv([1, 1], [1, 1], [huge, 0])).starts_with("padding: "));
        let large = Layer::Linear {
            in_features: 48,
            out_features: huge,
            weight: vec![],
            bias: vec![],
            weight_scale: 1.0,
        };
        assert!(message(large.clone()).ends_with("at most 16777216 are supported"));
        let error = large.check_parameters().unwrap_err().to_string();
        let expected = "weight: 18446744073709551615x48 values, at most 16777216 are supported";
        assert_eq!(error, expected);
    }

    #[test]
    fn weights_may_have_62_bits_and_no_more() {
        let linear = |weight, bias| Layer::Linear {
            in_features: 1,
            out_features: 1,
            weight: vec![weight],
            bias: vec![bias],
            weight_scale: 1.0,
        };
        let top = (1i64 << 61) - 1;
        assert_eq!(linear(top, BigInt::ZERO).check_parameters(), Ok(()));
        assert_eq!(linear(-top, BigInt::ZERO).check_parameters(), Ok(()));
        for value in [top + 1, -top - 1, i64::MIN, i64::MAX] {
            let error = linear(value, BigInt::ZERO).check_parameters().unwrap_err();
            assert!(
                error
                    .to_string()
                    .starts_with(&format!("weight[0]: {value} "))
            );
        }
        let wide = BigInt::from(1) << MAX_BIAS_BITS;
        assert_eq!(
            linear(0, BigInt::from(1) - &wide).check_parameters(),
            Ok(())
        );
        let error = linear(0, wide).check_parameters().unwrap_err();
        assert_eq!(error.field, "bias[0]");
    }
}
