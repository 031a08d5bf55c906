//! The network itself: an unchecked description goes in, a validated and immutable network comes out.

use super::{
    error::{InputError, NetworkError, Short},
    input::InputSpec,
    layer::{Layer, MAX_WEIGHTS, NamedLayer},
    shape::Shape,
};

/// Largest number of layers of a network.
pub const MAX_LAYERS: usize = 256;
/// Width of the widest value that may occur anywhere in a network, in bits.
pub const MAX_VALUE_BITS: u64 = 4096;
/// Largest number of terms in all sums of a network together, for one image. Each layer counts its windows times its
/// non-zero weights (or times the values in a pool's window), plus one term per output value.
///
/// The time and memory of any code that walks over a network are proportional to this count.
pub const MAX_TERMS: u64 = 1 << 25;
/// Largest number of steps to prove the bounds of a network. A term takes one step while values fit 126 bits; beyond
/// that it takes four, and one more for every 256 bits.
pub const MAX_STEPS: u64 = 1 << 26;
/// Largest number of bytes for the bookkeeping about the values before and after one layer.
const MAX_TENSOR_BYTES: u64 = 1 << 28;
/// Longest name, in bytes.
const MAX_NAME_BYTES: usize = 128;

/// The unchecked description of a network; [`Network::new`] checks it.
#[derive(Clone, Debug, PartialEq)]
pub struct NetworkLiteral {
    /// Name of the network.
    pub name: String,
    /// Input that it reads.
    pub input: InputSpec,
    /// Number of logits that the last layer gives.
    pub classes: usize,
    /// Layers, first to last.
    pub layers: Vec<NamedLayer>,
}

/// An integer network: consistent by construction and immutable.
#[derive(Clone, Debug, PartialEq)]
pub struct Network {
    literal: NetworkLiteral,
    shapes: Vec<Shape>,
    scales: Vec<f64>,
    terms: u64,
}

impl Network {
    /// Checks a description and makes the network.
    ///
    /// Checked are the names, the shapes, the length of every list, the range of every weight and bias, and the scales.
    /// No value may become wider than [`MAX_VALUE_BITS`], and all layers together may have at most [`MAX_TERMS`] terms
    /// and [`MAX_WEIGHTS`] weights. The cost of inspecting a network is therefore bounded before anything is computed.
    ///
    /// # Errors
    /// [`NetworkError`], whose message starts with the field at fault, like
    /// `layers[2].weight: 6249 values, expected 6250 (50x5x5x5)`.
    pub fn new(literal: NetworkLiteral) -> Result<Self, NetworkError> {
        if let Some(problem) = name_problem(&literal.name) {
            return Err(NetworkError::new("name", problem));
        }
        literal.input.check()?;
        let input = literal.input.shape;
        let count = literal.layers.len();
        if !(1..=MAX_LAYERS).contains(&count) {
            let problem = format!("{count} layers, expected 1 to {MAX_LAYERS}");
            return Err(NetworkError::new("layers", problem));
        }
        check_layer_names(&literal.layers)?;
        let computes = |named: &NamedLayer| !matches!(named.layer, Layer::Flatten);
        if !literal.layers.iter().any(computes) {
            let problem =
                "none of them computes anything; a network needs a layer other than flatten";
            return Err(NetworkError::new("layers", problem));
        }

        let quantizer = &literal.input.quantizer;
        let (mut shape, mut scale, mut bits) = (
            input,
            quantizer.scale(),
            bit_length(quantizer.max().unsigned_abs()),
        );
        let (mut shapes, mut scales) = (vec![shape], vec![scale]);
        let mut cost = WalkCost::default();
        for (index, NamedLayer { layer, .. }) in literal.layers.iter().enumerate() {
            let at = |error: NetworkError| error.in_layer(index);
            let read = (shape, bits);
            shape = layer.output_shape(shape).map_err(at)?;
            layer.check_parameters().map_err(at)?;
            bits = output_bits(layer, bits);
            if bits > MAX_VALUE_BITS {
                let problem = format!(
                    "values after this layer may need {bits} bits, at most {MAX_VALUE_BITS} are supported"
                );
                return Err(at(NetworkError::new("type", problem)));
            }
            cost.add(layer, read, (shape, bits)).map_err(at)?;
            scale = layer.output_scale(scale);
            if !scale.is_normal() {
                let problem = format!(
                    "one unit after this layer would be worth {}, which a double cannot hold with full precision",
                    Short(scale)
                );
                return Err(at(NetworkError::new("weight_scale", problem)));
            }
            shapes.push(shape);
            scales.push(scale);
        }
        if shape.len() != literal.classes {
            let problem = format!(
                "{}, but the last layer gives {} values (shape {shape})",
                literal.classes,
                shape.len()
            );
            return Err(NetworkError::new("classes", problem));
        }
        Ok(Self {
            literal,
            shapes,
            scales,
            terms: cost.terms,
        })
    }

    /// Returns the network's name.
    pub fn name(&self) -> &str {
        &self.literal.name
    }

    /// Returns the description of the network's input.
    pub fn input(&self) -> &InputSpec {
        &self.literal.input
    }

    /// Returns the number of logits.
    pub fn classes(&self) -> usize {
        self.literal.classes
    }

    /// Returns the layers, first to last.
    pub fn layers(&self) -> &[NamedLayer] {
        &self.literal.layers
    }

    /// Returns the shape of the input, then of every layer's output: one more than there are layers. Layer `i` reads
    /// `shapes()[i]` and gives `shapes()[i + 1]`.
    pub fn shapes(&self) -> &[Shape] {
        &self.shapes
    }

    /// Returns the real value of one unit at the input, then after every layer: one more than there are layers.
    ///
    /// A convolution or linear layer multiplies it by its `weight_scale`, a square squares it, and other layers keep
    /// it.
    pub fn scales(&self) -> &[f64] {
        &self.scales
    }

    /// Returns the real value of one unit of a logit.
    pub fn output_scale(&self) -> f64 {
        self.scales[self.scales.len() - 1]
    }

    /// Returns the number of terms in all sums together for one image, as [`MAX_TERMS`] counts them. The cost of any
    /// code that walks over the network grows with it.
    pub fn terms(&self) -> u64 {
        self.terms
    }

    /// Returns the width in bits that each layer's weights need as signed (two's complement) integers: 2 for weights in
    /// {-1, 0, 1}, 1 if all are 0, and `None` for a layer without weights.
    pub fn weight_bits(&self) -> Vec<Option<u32>> {
        self.layers()
            .iter()
            .map(|named| named.layer.weight().map(signed_bits))
            .collect()
    }

    /// Returns the fraction of all weights that are 0; 0 for a network without weights.
    pub fn zero_fraction(&self) -> f64 {
        let weights = || {
            self.layers()
                .iter()
                .filter_map(|named| named.layer.weight())
                .flatten()
        };
        let total = weights().count();
        if total == 0 {
            0.0
        } else {
            weights().filter(|&&w| w == 0).count() as f64 / total as f64
        }
    }

    /// Converts an image of pixels to the integers that the network reads, see [`InputSpec::quantize_image`].
    ///
    /// # Errors
    /// [`InputError::Length`] for another number of pixels.
    pub fn quantize_image(&self, pixels: &[u8]) -> Result<Vec<i64>, InputError> {
        self.input().quantize_image(pixels)
    }

    /// Returns the description from which the network was made.
    pub fn into_literal(self) -> NetworkLiteral {
        self.literal
    }
}

fn name_problem(name: &str) -> Option<&'static str> {
    if name.is_empty() {
        Some("is empty")
    } else if name.len() > MAX_NAME_BYTES {
        Some("is longer than 128 bytes")
    } else if name.chars().any(char::is_control) {
        Some("contains a control character")
    } else {
        None
    }
}

fn check_layer_names(layers: &[NamedLayer]) -> Result<(), NetworkError> {
    let mut seen = std::collections::HashSet::from(["input"]);
    for (index, NamedLayer { name, .. }) in layers.iter().enumerate() {
        let problem = name_problem(name).or_else(|| {
            (!seen.insert(name.as_str()))
                .then_some("is taken, by another layer or by the input; every name must be unique")
        });
        if let Some(problem) = problem {
            let name: String = name.escape_default().take(MAX_NAME_BYTES).collect();
            let problem = format!("`{name}` {problem}");
            return Err(NetworkError::new("name", problem).in_layer(index));
        }
    }
    Ok(())
}

/// The cost of walking over a network's layers, added up.
#[derive(Default)]
struct WalkCost {
    weights: u64,
    terms: u64,
    steps: u64,
}

impl WalkCost {
    /// Adds a layer that is otherwise valid, given the shapes and the widths in bits of its input and output.
    fn add(
        &mut self,
        layer: &Layer,
        (input, input_bits): (Shape, u64),
        (output, bits): (Shape, u64),
    ) -> Result<(), NetworkError> {
        let (read, values) = (input.len() as u64, output.len() as u64);
        let windows = (output.height * output.width) as u64;
        let weight = layer.weight().unwrap_or_default();
        self.weights += weight.len() as u64;
        if self.weights > MAX_WEIGHTS as u64 {
            let problem = format!(
                "the layers up to this one have {} weights, at most {MAX_WEIGHTS} are supported",
                self.weights
            );
            return Err(NetworkError::new("weight", problem));
        }
        let (field, sums) = match layer {
            // The window fits the input, so its area does not overflow; the area of all windows may.
            Layer::SumPool { kernel, .. } => {
                let area = (kernel[0] * kernel[1]) as u64;
                ("kernel", values.saturating_mul(area))
            }
            Layer::Conv2d { .. } | Layer::Linear { .. } => {
                let nonzero = weight.iter().filter(|&&w| w != 0).count() as u64;
                ("weight", nonzero.saturating_mul(windows))
            }
            Layer::Square | Layer::Flatten => ("type", 0),
        };
        let terms = sums.saturating_add(values);
        self.terms = self.terms.saturating_add(terms);
        if self.terms > MAX_TERMS {
            let problem = format!(
                "the sums of this layer have {terms} terms, with those of the layers before it {}, at most {MAX_TERMS} \
                 are supported; use smaller windows, larger strides or fewer channels",
                self.terms
            );
            return Err(NetworkError::new(field, problem));
        }
        let steps = if bits <= NARROW_BITS {
            1
        } else {
            4 + bits / 256
        };
        self.steps = self.steps.saturating_add(terms.saturating_mul(steps));
        if self.steps > MAX_STEPS {
            let problem = format!(
                "{terms} terms with values of up to {bits} bits, with the layers before it {} steps to prove bounds, at \
                 most {MAX_STEPS} are supported; use fewer channels, fewer squares or narrower weights",
                self.steps
            );
            return Err(NetworkError::new(field, problem));
        }
        let taken = |values: u64, bits: u64| {
            // A range of two integers, and the noise model's data for a value.
            let bytes = if bits <= NARROW_BITS {
                64
            } else {
                96 + bits / 8 * 3
            };
            values.saturating_mul(bytes)
        };
        let bytes = taken(read, input_bits).saturating_add(taken(values, bits));
        if bytes > MAX_TENSOR_BYTES {
            let problem = format!(
                "the {read} values before this layer and the {values} of up to {bits} bits after it take {bytes} bytes, \
                 at most {MAX_TENSOR_BYTES} are supported; use smaller images, fewer channels or fewer squares"
            );
            return Err(NetworkError::new("type", problem));
        }
        Ok(())
    }
}

/// Widest values, in bits, for which intervals use fixed-width integers.
const NARROW_BITS: u64 = 126;

/// Computes a cheap bound on the width of a layer's output from a bound on its input's width (`|x| < 2^bits`).
fn output_bits(layer: &Layer, bits: u64) -> u64 {
    match layer {
        Layer::Conv2d { weight, bias, .. } | Layer::Linear { weight, bias, .. } => {
            let weight_bits =
                bit_length(weight.iter().map(|w| w.unsigned_abs()).max().unwrap_or(0));
            let taps = bit_length((weight.len() / bias.len().max(1)) as u64);
            let bias_bits = bias.iter().map(num_bigint::BigInt::bits).max().unwrap_or(0);
            // Layers without biases were refused before this point.
            (bits + weight_bits + taps).max(bias_bits) + 1
        }
        Layer::Square => 2 * bits,
        Layer::SumPool { kernel, .. } => {
            bits + bit_length(kernel[0].saturating_mul(kernel[1]) as u64)
        }
        Layer::Flatten => bits,
    }
}

fn bit_length(value: u64) -> u64 {
    u64::from(u64::BITS - value.leading_zeros())
}

fn signed_bits(weights: &[i64]) -> u32 {
    // The sign bit, and the bits of the value (of its complement, if it is negative).
    weights
        .iter()
        .map(|&w| 1 + u64::BITS - (w ^ (w >> 63)).cast_unsigned().leading_zeros())
        .max()
        .unwrap_or(1)
}

#[cfg(test)]
mod tests {
    use super::super::{MAX_ELEMENTS, NetworkBuilder};
    use super::*;

    #[test]
    fn signed_widths_are_those_of_twos_complement() {
        for (weights, bits) in [
            (&[0][..], 1),
            (&[0, 1, -1], 2),
            (&[-1], 1),
            (&[-2, 1], 2),
            (&[2], 3),
            (&[-3, 3], 3),
            (&[127, -127], 8),
            (&[-128], 8),
            (&[128], 9),
            (&[(1 << 61) - 1, -(1 << 61)], 62),
        ] {
            assert_eq!(signed_bits(weights), bits, "{weights:?}");
        }
    }

    /// Checks that a network is refused with an error that begins like this.
    fn refused(network: &NetworkBuilder, says: &str) {
        let error = network.clone().build().unwrap_err().to_string();
        assert!(error.starts_with(says), "{error}");
    }

    #[test]
    fn names_and_inputs_end_at_their_limits() {
        let named =
            |bytes| NetworkBuilder::new("n".repeat(bytes), Shape::vector(1)).uniform_bits(1);
        named(128).square().build().unwrap();
        refused(&named(129).square(), "name: is longer than 128 bytes");
        let read = |inputs| {
            let network = NetworkBuilder::new("wide", Shape::new(1, 1, inputs)).uniform_bits(1);
            network
                .conv2d(1, [1, 1], [1, MAX_ELEMENTS], [0, 0], [1])
                .build()
        };
        // What follows is refused for the memory that it takes.
        let refused =
            [MAX_ELEMENTS, MAX_ELEMENTS + 1].map(|inputs| read(inputs).unwrap_err().field);
        assert_eq!(refused, ["layers[0].type", "input.shape"]);
    }

    #[test]
    fn a_wrong_count_is_named_with_its_layer_and_dimensions() {
        let short = NetworkBuilder::new("short", Shape::new(5, 12, 12))
            .square()
            .square()
            .conv2d(50, [5, 5], [2, 2], [0, 0], vec![0; 6249]);
        refused(
            &short,
            "layers[2].weight: 6249 values, expected 6250 (50x5x5x5)",
        );
    }

    /// Begins a network with an input scale of 1, which squares keep.
    fn costly(input: Shape) -> NetworkBuilder {
        NetworkBuilder::new("costly", input).uniform_bits(1)
    }

    fn pools(side: usize, kernel: usize, count: usize) -> NetworkBuilder {
        let pool = |network: NetworkBuilder, _| network.sum_pool([kernel; 2], [1, 1]);
        (0..count).fold(costly(Shape::new(1, side, side)), pool)
    }

    /// Regression test: a file of 367 bytes kept `inspect` busy for days, and one of 15 kB took gigabytes.
    #[test]
    fn what_the_layers_take_together_is_bounded_and_the_layer_named() {
        refused(
            &pools(4095, 2048, 2),
            "layers[0].kernel: the sums of this layer have 17592190238720 terms, with those of the layers before it \
             17592190238720, at most 33554432 are supported; use smaller windows, larger strides or fewer channels",
        );
        refused(
            &pools(512, 1, 200),
            "layers[64].kernel: the sums of this layer have 524288 terms",
        );
        pools(512, 1, 64).build().unwrap();
        // A large image is fine if the layers that read it are small.
        refused(
            &pools(4095, 4095, 1),
            "layers[0].type: the 16769025 values before this layer and the 1",
        );
        pools(2047, 2047, 1).build().unwrap();
    }

    #[test]
    fn a_network_computes_something() {
        let flat = costly(Shape::new(1, 2, 2)).flatten();
        for network in [flat.clone(), flat.clone().flatten().flatten()] {
            refused(&network, "layers: none of them computes anything");
        }
        flat.square().build().unwrap();
    }

    /// Squares double the widths, so a few of them make values that do not fit in memory.
    #[test]
    fn wide_values_count_by_their_width() {
        let squares = |values: usize, count: usize| {
            let network = costly(Shape::vector(values));
            (0..count).fold(network, |network, _| network.square())
        };
        refused(
            &squares(1, 64),
            "layers[12].type: values after this layer may need 8192 bits, at most 4096 are supported",
        );
        refused(
            &squares(1 << 20, 9),
            "layers[7].type: the 1048576 values before this layer and the 1048576 of up to 256 bits",
        );
        let linear =
            |network: NetworkBuilder| network.linear(2000, vec![(1_i64 << 61) - 1; 2000 * 2000]);
        let network = linear(costly(Shape::vector(2000))).square();
        let network = linear(linear(network).square());
        network.clone().build().unwrap();
        refused(
            &linear(network.square()),
            "layers[6].weight: 4002000 terms with values of up to",
        );
    }

    #[test]
    fn weights_are_counted_over_all_layers() {
        let linear = |network: NetworkBuilder, _| network.linear(2048, vec![0; 2048 * 2048]);
        let network = (0..4).fold(costly(Shape::vector(2048)), linear);
        network.clone().build().unwrap();
        refused(
            &linear(network, 4),
            "layers[4].weight: the layers up to this one have 20971520 weights, at most 16777216 are supported",
        );
    }

    #[test]
    fn the_cheap_bound_on_widths_is_a_bound() {
        use super::super::{NetworkLimits, proven_bounds, random_network};
        for seed in 0..200 {
            let network = random_network(seed, &NetworkLimits::wide()).unwrap();
            let mut bits = bit_length(network.input().quantizer.max().unsigned_abs());
            for (named, bound) in network.layers().iter().zip(&proven_bounds(&network)[1..]) {
                bits = output_bits(&named.layer, bits);
                assert!(
                    bound.interval.magnitude().bits() <= bits,
                    "seed {seed}, {}",
                    named.name
                );
            }
        }
    }
}
