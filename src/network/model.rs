//! The network itself: an unchecked description in, a validated and immutable network out.

use super::{
    error::{InputError, LayerError, NetworkError},
    layer::{Layer, MAX_ELEMENTS, NamedLayer},
    quantizer::InputQuantizer,
    shape::Shape,
};

/// The most layers a network may have.
pub const MAX_LAYERS: usize = 256;
/// The widest value that may occur anywhere in a network, in bits.
pub const MAX_VALUE_BITS: u64 = 4096;
/// The longest name, in bytes.
const MAX_NAME_BYTES: usize = 128;

/// What a network reads.
#[derive(Clone, Debug, PartialEq)]
pub struct InputSpec {
    /// The shape of an image.
    pub shape: Shape,
    /// From pixels to integers.
    pub quantizer: InputQuantizer,
}

/// The unchecked description of a network; [`Network::new`] checks it.
#[derive(Clone, Debug, PartialEq)]
pub struct NetworkLiteral {
    /// What the network is called.
    pub name: String,
    /// What it reads.
    pub input: InputSpec,
    /// How many logits the last layer gives.
    pub classes: usize,
    /// The layers, first to last.
    pub layers: Vec<NamedLayer>,
}

/// An integer network: consistent by construction, and never changed afterwards.
#[derive(Clone, Debug, PartialEq)]
pub struct Network {
    literal: NetworkLiteral,
    shapes: Vec<Shape>,
    scales: Vec<f64>,
}

impl Network {
    /// Checks a description: names, shapes, the length of every list, the range of every weight and bias, the scales,
    /// and that no value can become wider than [`MAX_VALUE_BITS`].
    ///
    /// # Errors
    /// [`NetworkError`], whose message starts with the field at fault, like
    /// `layers[2].weight: 6249 values, expected 6250 (50x5x5x5)`.
    pub fn new(literal: NetworkLiteral) -> Result<Self, NetworkError> {
        if let Some(problem) = name_problem(&literal.name) {
            return Err(NetworkError::Name { problem });
        }
        let input = literal.input.shape;
        if input.is_empty() || input.len() > MAX_ELEMENTS {
            return Err(NetworkError::InputShape {
                shape: input,
                elements: input.len(),
                limit: MAX_ELEMENTS,
            });
        }
        if literal.layers.is_empty() || literal.layers.len() > MAX_LAYERS {
            return Err(NetworkError::LayerCount {
                actual: literal.layers.len(),
                limit: MAX_LAYERS,
            });
        }
        check_layer_names(&literal.layers)?;

        let quantizer = &literal.input.quantizer;
        quantizer.check_shape(input)?;
        let (mut shape, mut scale, mut bits) = (
            input,
            quantizer.scale(),
            bit_length(quantizer.max().unsigned_abs()),
        );
        let (mut shapes, mut scales) = (vec![shape], vec![scale]);
        for (index, NamedLayer { layer, .. }) in literal.layers.iter().enumerate() {
            let at = |problem| NetworkError::Layer { index, problem };
            shape = layer.output_shape(shape).map_err(at)?;
            layer.check_parameters().map_err(at)?;
            bits = output_bits(layer, bits);
            if bits > MAX_VALUE_BITS {
                return Err(at(LayerError::ValueBits {
                    bits,
                    limit: MAX_VALUE_BITS,
                }));
            }
            scale = layer.output_scale(scale);
            if !scale.is_normal() {
                return Err(at(LayerError::OutputScale { value: scale }));
            }
            shapes.push(shape);
            scales.push(scale);
        }
        if shape.len() != literal.classes {
            return Err(NetworkError::Classes {
                classes: literal.classes,
                outputs: shape.len(),
                shape,
            });
        }
        Ok(Self {
            literal,
            shapes,
            scales,
        })
    }

    /// What the network is called.
    pub fn name(&self) -> &str {
        &self.literal.name
    }

    /// What it reads.
    pub fn input(&self) -> &InputSpec {
        &self.literal.input
    }

    /// How many logits it gives.
    pub fn classes(&self) -> usize {
        self.literal.classes
    }

    /// The layers, first to last.
    pub fn layers(&self) -> &[NamedLayer] {
        &self.literal.layers
    }

    /// The shape of the input, then of every layer's output: one more than there are layers. Layer `i` reads
    /// `shapes()[i]` and gives `shapes()[i + 1]`.
    pub fn shapes(&self) -> &[Shape] {
        &self.shapes
    }

    /// The real value of one unit at the input, then after every layer: one more than there are layers.
    ///
    /// A convolution or linear layer multiplies it by its `weight_scale`, a square squares it, the others keep it.
    pub fn scales(&self) -> &[f64] {
        &self.scales
    }

    /// The real value of one unit of a logit.
    pub fn output_scale(&self) -> f64 {
        self.scales[self.scales.len() - 1]
    }

    /// The width in bits that each layer's weights need as signed (two's complement) integers, `None` for a layer
    /// without weights: 2 for weights in {-1, 0, 1}, 1 if all are 0.
    pub fn weight_bits(&self) -> Vec<Option<u32>> {
        self.layers()
            .iter()
            .map(|named| named.layer.weight().map(signed_bits))
            .collect()
    }

    /// The share of all weights that are 0; 0 for a network without weights.
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

    /// The integers of an image of pixels, channel-major, in the flat order of [`Shape`].
    ///
    /// # Errors
    /// [`InputError::Length`] unless there is one pixel per value of the image's shape: the input's, but for the
    /// channels of an [`InputEncoding`](super::InputEncoding).
    pub fn quantize_image(&self, pixels: &[u8]) -> Result<Vec<i64>, InputError> {
        let InputSpec { shape, quantizer } = self.input();
        let image = quantizer.image_shape(*shape);
        if pixels.len() != image.len() {
            return Err(InputError::Length {
                actual: pixels.len(),
                expected: image.len(),
                shape: image,
            });
        }
        Ok(quantizer.quantize_image(pixels, *shape))
    }

    /// The description that it was made from.
    pub fn into_literal(self) -> NetworkLiteral {
        self.literal
    }
}

impl TryFrom<NetworkLiteral> for Network {
    type Error = NetworkError;

    fn try_from(literal: NetworkLiteral) -> Result<Self, NetworkError> {
        Self::new(literal)
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
            let name = name.escape_default().take(MAX_NAME_BYTES).collect();
            return Err(NetworkError::LayerName {
                index,
                name,
                problem,
            });
        }
    }
    Ok(())
}

/// A cheap bound on the width of a layer's output, given one for its input (`|x| < 2^bits`).
fn output_bits(layer: &Layer, bits: u64) -> u64 {
    match layer {
        Layer::Conv2d { weight, bias, .. } | Layer::Linear { weight, bias, .. } => {
            let weight_bits =
                bit_length(weight.iter().map(|w| w.unsigned_abs()).max().unwrap_or(0));
            let taps = bit_length((weight.len() / bias.len().max(1)) as u64);
            let bias_bits = bias.iter().map(num_bigint::BigInt::bits).max().unwrap_or(0);
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
    // The sign bit, and as many bits as the value (for a negative one, its complement) has.
    weights
        .iter()
        .map(|&w| 1 + u64::BITS - (w ^ (w >> 63)).cast_unsigned().leading_zeros())
        .max()
        .unwrap_or(1)
}

#[cfg(test)]
mod tests {
    #![allow(
        clippy::unwrap_used,
        reason = "a test stops at the first thing that is wrong"
    )]

    use num_bigint::BigInt;

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

    #[test]
    fn a_wrong_count_is_named_with_its_layer_and_dimensions() {
        let layer = Layer::Conv2d {
            in_channels: 5,
            out_channels: 50,
            kernel: [5, 5],
            stride: [2, 2],
            padding: [0, 0],
            weight: vec![0; 6249],
            bias: vec![BigInt::ZERO; 50],
            weight_scale: 1.0,
        };
        let literal = NetworkLiteral {
            name: "short".into(),
            input: InputSpec {
                shape: Shape::new(5, 12, 12),
                quantizer: InputQuantizer::uniform(2).unwrap(),
            },
            classes: 800,
            layers: vec![
                NamedLayer::new("square1", Layer::Square),
                NamedLayer::new("square2", Layer::Square),
                NamedLayer::new("conv2", layer),
            ],
        };
        let error = Network::try_from(literal).unwrap_err();
        assert_eq!(
            error.to_string(),
            "layers[2].weight: 6249 values, expected 6250 (50x5x5x5)"
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
