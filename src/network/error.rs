//! What can be wrong with a network, and with what is fed to it.

use std::fmt;

use super::shape::Shape;

/// A double without hundreds of zeros.
struct Short(f64);

impl fmt::Display for Short {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(value) = self;
        let magnitude = value.abs();
        if magnitude == 0.0 || !value.is_finite() || (1e-6..1e15).contains(&magnitude) {
            write!(f, "{value}")
        } else {
            write!(f, "{value:e}")
        }
    }
}

/// Why a description is not a network. Every message starts with the field at fault.
#[derive(Debug, thiserror::Error, Clone, PartialEq)]
#[non_exhaustive]
pub enum NetworkError {
    /// The network's name is unusable.
    #[error("name: {problem}")]
    Name {
        /// What is wrong with it.
        problem: &'static str,
    },
    /// The input's shape is empty or too large.
    #[error("input.shape: {shape} has {elements} values, expected 1 to {limit}")]
    InputShape {
        /// The shape given.
        shape: Shape,
        /// How many values it holds.
        elements: usize,
        /// The most allowed.
        limit: usize,
    },
    /// A uniform quantiser was asked for with a width that makes no sense.
    #[error("input.quantizer: {n_bits} bits, expected 1 to 8")]
    QuantizerBits {
        /// The width asked for, in bits.
        n_bits: u32,
    },
    /// The quantiser's thresholds are not a strictly increasing list.
    #[error("input.quantizer.thresholds[{index}]: {problem}")]
    Thresholds {
        /// The first threshold at fault.
        index: usize,
        /// What is wrong with it.
        problem: String,
    },
    /// The encoding by contrast makes no sense, or does not fit the input's shape.
    #[error("input.quantizer.encoding.{field}: {problem}")]
    Encoding {
        /// The field at fault.
        field: String,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// The quantiser's scale is not a positive number.
    #[error("input.quantizer.scale: {} is not a positive finite number", Short(*value))]
    InputScale {
        /// The scale given.
        value: f64,
    },
    /// There are no layers, or too many.
    #[error("layers: {actual} layers, expected 1 to {limit}")]
    LayerCount {
        /// How many there are.
        actual: usize,
        /// The most allowed.
        limit: usize,
    },
    /// A layer's name is unusable.
    #[error("layers[{index}].name: `{name}` {problem}")]
    LayerName {
        /// Which layer, from 0.
        index: usize,
        /// The name given.
        name: String,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// A layer is wrong in itself or does not fit the layer before it.
    #[error("layers[{index}].{problem}")]
    Layer {
        /// Which layer, from 0.
        index: usize,
        /// What is wrong with it.
        problem: LayerError,
    },
    /// The last layer does not give one value per class.
    #[error("classes: {classes}, but the last layer gives {outputs} values (shape {shape})")]
    Classes {
        /// The number of classes stated.
        classes: usize,
        /// The number of values that the last layer gives.
        outputs: usize,
        /// The shape of the last layer's output.
        shape: Shape,
    },
}

/// What is wrong with one layer. The message starts with the layer's field at fault.
#[derive(Debug, thiserror::Error, Clone, PartialEq)]
#[non_exhaustive]
pub enum LayerError {
    /// A list has the wrong length.
    #[error("{field}: {actual} values, expected {expected} ({dimensions})")]
    Count {
        /// The list.
        field: &'static str,
        /// How many values it has.
        actual: usize,
        /// How many it must have.
        expected: usize,
        /// The dimensions that multiply to that, like `50x5x5x5`.
        dimensions: String,
    },
    /// A dimension is 0.
    #[error("{field}: {value}, every dimension must be at least 1")]
    Zero {
        /// The dimension.
        field: &'static str,
        /// All its parts.
        value: String,
    },
    /// More values than this program handles.
    #[error("{field}: {dimensions} values, at most {limit} are supported")]
    TooLarge {
        /// What is too large.
        field: &'static str,
        /// Its dimensions.
        dimensions: String,
        /// The most allowed.
        limit: usize,
    },
    /// A weight is wider than 62 bits.
    #[error("weight[{index}]: {value} is outside 62 signed bits (|w| < 2^61)")]
    Weight {
        /// Position in the flat list.
        index: usize,
        /// The weight.
        value: i64,
    },
    /// A bias is wider than supported.
    #[error("bias[{index}]: {bits} bits, at most {limit} are supported")]
    Bias {
        /// Which output channel.
        index: usize,
        /// The width of its magnitude in bits.
        bits: u64,
        /// The most allowed.
        limit: u64,
    },
    /// The scale of the weights is not a positive number.
    #[error("weight_scale: {} is not a positive finite number", Short(*value))]
    WeightScale {
        /// The scale given.
        value: f64,
    },
    /// The layer reads another number of channels or features than it is given.
    #[error("{field}: {actual}, but its input of shape {input} has {expected}")]
    Input {
        /// `in_channels` or `in_features`.
        field: &'static str,
        /// What the layer states.
        actual: usize,
        /// What the layer before gives.
        expected: usize,
        /// The shape that the layer before gives.
        input: Shape,
    },
    /// The window is larger than the (padded) input.
    #[error("kernel: {kernel} does not fit its input of shape {input} padded by {padding}")]
    Kernel {
        /// The window, height x width.
        kernel: String,
        /// The shape it is given.
        input: Shape,
        /// The padding on each side, height x width.
        padding: String,
    },
    /// The padding is as large as the window, so that some windows would see only padding.
    #[error("padding: {padding} must be smaller than the kernel {kernel}")]
    Padding {
        /// The padding on each side, height x width.
        padding: String,
        /// The window, height x width.
        kernel: String,
    },
    /// The values after this layer could be wider than this program handles.
    #[error("type: values after this layer may need {bits} bits, at most {limit} are supported")]
    ValueBits {
        /// A bound on the width, in bits.
        bits: u64,
        /// The most allowed.
        limit: u64,
    },
    /// The layers up to this one have more weights than this program handles.
    #[error(
        "weight: the layers up to this one have {weights} weights, at most {limit} are supported"
    )]
    TotalWeights {
        /// The weights of this layer and all before it.
        weights: u64,
        /// The most allowed.
        limit: u64,
    },
    /// The sums of the layers up to this one take longer than this program is ready to spend.
    #[error(
        "{field}: the sums of this layer have {terms} terms, with those of the layers before it {total}, at most {limit} \
         are supported; use smaller windows, larger strides or fewer channels"
    )]
    Terms {
        /// What makes them so many.
        field: &'static str,
        /// Windows times weights other than zero (or values in a pool's window), and the values given.
        terms: u64,
        /// The same of this layer and all before it.
        total: u64,
        /// The most allowed.
        limit: u64,
    },
    /// The bounds of such wide values would take longer to prove than this program is ready to spend.
    #[error(
        "{field}: {terms} terms with values of up to {bits} bits, with the layers before it {total} steps to prove bounds, \
         at most {limit} are supported; use fewer channels, fewer squares or narrower weights"
    )]
    Steps {
        /// What makes them so many.
        field: &'static str,
        /// The terms of this layer.
        terms: u64,
        /// A bound on the width of its values, in bits.
        bits: u64,
        /// The steps of this layer and all before it.
        total: u64,
        /// The most allowed.
        limit: u64,
    },
    /// What is known of the values before and after this layer would take more memory than this program is ready to use.
    #[error(
        "type: the {read} values before this layer and the {values} of up to {bits} bits after it take {bytes} bytes, at \
         most {limit} are supported; use smaller images, fewer channels or fewer squares"
    )]
    TensorBytes {
        /// How many the layer reads.
        read: u64,
        /// How many it gives.
        values: u64,
        /// A bound on their width, in bits.
        bits: u64,
        /// What they take in memory.
        bytes: u64,
        /// The most allowed.
        limit: u64,
    },
    /// The real value of one unit after this layer is not a normal floating-point number.
    #[error(
        "weight_scale: one unit after this layer would be worth {}, which a double cannot hold with full precision",
        Short(*value)
    )]
    OutputScale {
        /// The value that it would have.
        value: f64,
    },
}

/// What is wrong with the integers or pixels fed to a network.
#[derive(Debug, thiserror::Error, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum InputError {
    /// An image of the wrong size.
    #[error("the image has {actual} values, expected {expected} (shape {shape})")]
    Length {
        /// How many values it has.
        actual: usize,
        /// How many the network reads.
        expected: usize,
        /// The network's input shape.
        shape: Shape,
    },
    /// A value that the network's quantiser never gives, for which the proven bounds would not hold.
    #[error(
        "value {index} of the image is {value}, outside 0 to {max}, which is all that the network's input quantizer gives; quantise the image first"
    )]
    Value {
        /// Position in the flat image.
        index: usize,
        /// The value.
        value: i64,
        /// The largest the quantiser gives.
        max: i64,
    },
    /// One image of several is unusable.
    #[error("images[{index}]: {problem}")]
    Image {
        /// Which image, from 0.
        index: usize,
        /// What is wrong with it.
        problem: Box<InputError>,
    },
    /// There is nothing to observe.
    #[error("images: none given, at least one is needed to observe anything")]
    Empty,
    /// A modulus of 0.
    #[error("t: the modulus is 0, expected at least 1")]
    Modulus,
}
