//! Errors in the description of a network, and in the images given to it.

use std::fmt;

use super::shape::Shape;

/// Displays a double without hundreds of zeros.
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

/// Reasons why a description is not a valid network. Every message starts with the field at fault.
#[derive(Debug, thiserror::Error, Clone, PartialEq)]
#[non_exhaustive]
pub enum NetworkError {
    /// The network's name is unusable.
    #[error("name: {problem}")]
    Name {
        /// Reason why it is invalid.
        problem: &'static str,
    },
    /// All layers only give the values another shape.
    #[error("layers: none of them computes anything; a network needs a layer other than flatten")]
    NothingComputed,
    /// The input's shape is empty or too large.
    #[error("input.shape: {shape} has {elements} values, expected 1 to {limit}")]
    InputShape {
        /// The shape given.
        shape: Shape,
        /// Number of values in it.
        elements: usize,
        /// Largest number allowed.
        limit: usize,
    },
    /// A uniform quantiser was requested with an impossible width.
    #[error("input.quantizer: {n_bits} bits, expected 1 to 8")]
    QuantizerBits {
        /// Requested width, in bits.
        n_bits: u32,
    },
    /// The quantiser's thresholds are not a strictly increasing list.
    #[error("input.quantizer.thresholds[{index}]: {problem}")]
    Thresholds {
        /// The first threshold at fault.
        index: usize,
        /// Reason why it is invalid.
        problem: String,
    },
    /// The encoding by contrast is invalid, or does not fit the input's shape.
    #[error("input.quantizer.encoding.{field}: {problem}")]
    Encoding {
        /// The field at fault.
        field: String,
        /// Reason why it is invalid.
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
        /// Number of layers.
        actual: usize,
        /// Largest number allowed.
        limit: usize,
    },
    /// A layer's name is unusable.
    #[error("layers[{index}].name: `{name}` {problem}")]
    LayerName {
        /// Index of the layer, from 0.
        index: usize,
        /// The name given.
        name: String,
        /// Reason why it is invalid.
        problem: &'static str,
    },
    /// A layer is wrong in itself or does not fit the layer before it.
    #[error("layers[{index}].{problem}")]
    Layer {
        /// Index of the layer, from 0.
        index: usize,
        /// Error in that layer.
        problem: LayerError,
    },
    /// A [`NetworkBuilder`](super::NetworkBuilder) sets a field that the last layer does not have.
    #[error(
        "layers: {field} is set after `{after}`, which has none; set it after the layer that it is for"
    )]
    Misplaced {
        /// The field: `bias`, `weight_scale` or `name`.
        field: &'static str,
        /// Kind of the last layer; `input` if there is no layer yet.
        after: &'static str,
    },
    /// The last layer does not give one value per class.
    #[error("classes: {classes}, but the last layer gives {outputs} values (shape {shape})")]
    Classes {
        /// Stated number of classes.
        classes: usize,
        /// Number of values that the last layer gives.
        outputs: usize,
        /// Shape of the last layer's output.
        shape: Shape,
    },
}

/// Errors in one layer. The message starts with the layer's field at fault.
#[derive(Debug, thiserror::Error, Clone, PartialEq)]
#[non_exhaustive]
pub enum LayerError {
    /// A list has the wrong length.
    #[error("{field}: {actual} values, expected {expected} ({dimensions})")]
    Count {
        /// Name of the list.
        field: &'static str,
        /// Number of values in it.
        actual: usize,
        /// Number of values that it must have.
        expected: usize,
        /// Dimensions that multiply to `expected`, like `50x5x5x5`.
        dimensions: String,
    },
    /// A dimension is 0.
    #[error("{field}: {value}, every dimension must be at least 1")]
    Zero {
        /// Name of the dimension.
        field: &'static str,
        /// All of its components.
        value: String,
    },
    /// There are more values than this program handles.
    #[error("{field}: {dimensions} values, at most {limit} are supported")]
    TooLarge {
        /// Name of the field that is too large.
        field: &'static str,
        /// Dimensions of the field.
        dimensions: String,
        /// Largest number allowed.
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
        /// Index of the output channel.
        index: usize,
        /// Width of its magnitude, in bits.
        bits: u64,
        /// Largest width allowed, in bits.
        limit: u64,
    },
    /// The scale of the weights is not a positive number.
    #[error("weight_scale: {} is not a positive finite number", Short(*value))]
    WeightScale {
        /// The scale given.
        value: f64,
    },
    /// The layer states another number of channels or features than its input has.
    #[error("{field}: {actual}, but its input of shape {input} has {expected}")]
    Input {
        /// `in_channels` or `in_features`.
        field: &'static str,
        /// Number that the layer states.
        actual: usize,
        /// Number that its input has.
        expected: usize,
        /// Shape of its input.
        input: Shape,
    },
    /// The window is larger than the (padded) input.
    #[error("kernel: {kernel} does not fit its input of shape {input} padded by {padding}")]
    Kernel {
        /// Size of the window, height x width.
        kernel: String,
        /// Shape of the input.
        input: Shape,
        /// Padding on each side, height x width.
        padding: String,
    },
    /// The padding is as large as the window, so some windows would see nothing but padding.
    #[error("padding: {padding} must be smaller than the kernel {kernel}")]
    Padding {
        /// Padding on each side, height x width.
        padding: String,
        /// Size of the window, height x width.
        kernel: String,
    },
    /// The values after this layer could be wider than this program handles.
    #[error("type: values after this layer may need {bits} bits, at most {limit} are supported")]
    ValueBits {
        /// Bound on the width, in bits.
        bits: u64,
        /// Largest width allowed, in bits.
        limit: u64,
    },
    /// The layers up to this one have more weights in total than this program handles.
    #[error(
        "weight: the layers up to this one have {weights} weights, at most {limit} are supported"
    )]
    TotalWeights {
        /// Number of weights in this layer and all before it.
        weights: u64,
        /// Largest number allowed.
        limit: u64,
    },
    /// The sums of the layers up to this one would take more time than this program allows.
    #[error(
        "{field}: the sums of this layer have {terms} terms, with those of the layers before it {total}, at most {limit} \
         are supported; use smaller windows, larger strides or fewer channels"
    )]
    Terms {
        /// Name of the field that causes the number of terms.
        field: &'static str,
        /// Terms of this layer: windows times non-zero weights (or times the values in a pool's window), plus one per
        /// output value.
        terms: u64,
        /// Terms of this layer and all before it.
        total: u64,
        /// Largest number allowed.
        limit: u64,
    },
    /// Proving the bounds of such wide values would take more time than this program allows.
    #[error(
        "{field}: {terms} terms with values of up to {bits} bits, with the layers before it {total} steps to prove bounds, \
         at most {limit} are supported; use fewer channels, fewer squares or narrower weights"
    )]
    Steps {
        /// Name of the field that causes the number of terms.
        field: &'static str,
        /// Number of terms of this layer.
        terms: u64,
        /// Bound on the width of its values, in bits.
        bits: u64,
        /// Number of steps of this layer and all before it.
        total: u64,
        /// Largest number allowed.
        limit: u64,
    },
    /// The bookkeeping for the values before and after this layer would take more memory than this program allows.
    #[error(
        "type: the {read} values before this layer and the {values} of up to {bits} bits after it take {bytes} bytes, at \
         most {limit} are supported; use smaller images, fewer channels or fewer squares"
    )]
    TensorBytes {
        /// Number of values that the layer reads.
        read: u64,
        /// Number of values that it gives.
        values: u64,
        /// Bound on their width, in bits.
        bits: u64,
        /// Memory that they take, in bytes.
        bytes: u64,
        /// Largest number of bytes allowed.
        limit: u64,
    },
    /// The real value of one unit after this layer is not a normal floating-point number.
    #[error(
        "weight_scale: one unit after this layer would be worth {}, which a double cannot hold with full precision",
        Short(*value)
    )]
    OutputScale {
        /// The real value that one unit would have.
        value: f64,
    },
}

/// Errors in the pixels or integers given to a network.
#[derive(Debug, thiserror::Error, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum InputError {
    /// An image has the wrong size.
    #[error("the image has {actual} values, expected {expected} (shape {shape})")]
    Length {
        /// Number of values in the image.
        actual: usize,
        /// Number of values that the network reads.
        expected: usize,
        /// The network's input shape.
        shape: Shape,
    },
    /// A value is one that the network's quantiser never gives, so the proven bounds would not hold for it.
    #[error(
        "value {index} of the image is {value}, outside 0 to {max}, which is all that the network's input quantizer gives; quantise the image first"
    )]
    Value {
        /// Position in the flat image.
        index: usize,
        /// The value.
        value: i64,
        /// Largest value that the quantiser gives.
        max: i64,
    },
    /// One of several images is unusable.
    #[error("images[{index}]: {problem}")]
    Image {
        /// Index of the image, from 0.
        index: usize,
        /// Problem with that image.
        problem: Box<InputError>,
    },
    /// No images were given, so there is nothing to observe.
    #[error("images: none given, at least one is needed to observe anything")]
    Empty,
    /// The modulus is 0.
    #[error("t: the modulus is 0, expected at least 1")]
    Modulus,
}
