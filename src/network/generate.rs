//! Random networks and images from a seed, for tests of any code that evaluates networks.

use num_bigint::BigInt;

use super::{
    error::NetworkError,
    input::InputSpec,
    layer::{Layer, MAX_ELEMENTS, MAX_WEIGHT_BITS, MAX_WEIGHTS, NamedLayer},
    model::{Network, NetworkLiteral},
    quantizer::InputQuantizer,
    shape::Shape,
};

/// Limits on the networks that [`random_network`] makes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NetworkLimits {
    /// Largest number of rows, and of columns, of the input.
    pub max_side: usize,
    /// Largest number of channels of the input and of any layer.
    pub max_channels: usize,
    /// Largest number of layers, not counting a final linear layer.
    pub max_layers: usize,
    /// Largest number of square layers.
    pub max_squares: usize,
    /// Width of the widest weights, in bits with the sign (at least 2).
    pub max_weight_bits: u32,
    /// Width of the widest biases, in bits without the sign.
    pub max_bias_bits: u64,
    /// Largest number of outputs of a linear layer.
    pub max_classes: usize,
    /// Largest number of thresholds of the input quantiser.
    pub max_thresholds: usize,
}

impl Default for NetworkLimits {
    /// Returns limits for small networks whose logits mostly fit 64 bits.
    fn default() -> Self {
        Self {
            max_side: 8,
            max_channels: 3,
            max_layers: 5,
            max_squares: 2,
            max_weight_bits: 4,
            max_bias_bits: 8,
            max_classes: 5,
            max_thresholds: 7,
        }
    }
}

impl NetworkLimits {
    /// Returns limits for small networks with weights of up to 62 bits and wide biases: their values have several
    /// hundred bits.
    pub fn wide() -> Self {
        Self {
            max_weight_bits: MAX_WEIGHT_BITS,
            max_bias_bits: 300,
            max_squares: 3,
            ..Self::default()
        }
    }
}

/// The SplitMix64 generator: the same seed gives the same numbers on every machine. Do not use it for secrets.
#[derive(Clone, Debug)]
pub struct SplitMix64(u64);

impl SplitMix64 {
    /// Makes a generator that starts at `seed`.
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// Returns the next 64 bits.
    pub fn next_u64(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Returns a number from `low` to `high`, both included; `low` if `high` is below it.
    pub fn between(&mut self, low: usize, high: usize) -> usize {
        let choices = (high.saturating_sub(low) as u64).saturating_add(1);
        low + (self.next_u64() % choices) as usize
    }

    /// Returns true in one of `n` cases on average.
    fn one_in(&mut self, n: usize) -> bool {
        self.between(1, n) == 1
    }

    /// Returns a signed integer whose magnitude has at most `bits` bits (up to 63).
    fn signed(&mut self, bits: u32) -> i64 {
        let magnitude = self.next_u64() & ((1u64 << bits.min(63)) - 1);
        let magnitude = magnitude.cast_signed();
        if self.one_in(2) {
            -magnitude
        } else {
            magnitude
        }
    }
}

/// Makes a random valid network within `limits`: layers of all kinds, with strides, padding, and sparse, dense and
/// all-zero weights. Most networks, but not all, end with a linear layer. The same seed and limits give the same
/// network.
///
/// # Errors
/// [`NetworkError`] only if the limits allow something that no network may have, such as weights wider than 62 bits.
pub fn random_network(seed: u64, limits: &NetworkLimits) -> Result<Network, NetworkError> {
    let mut maker = NetworkMaker {
        random: SplitMix64::new(seed),
        limits,
    };
    let channels = maker.random.between(1, limits.max_channels);
    let height = maker.random.between(1, limits.max_side);
    let width = maker.random.between(1, limits.max_side);
    let quantizer = maker.quantizer()?;
    let input = Shape::new(channels, height, width);

    let (mut shape, mut squares, mut layers) = (input, 0, Vec::new());
    for index in 0..maker.random.between(1, limits.max_layers) {
        let layer = match maker.random.between(0, 9) {
            0..=3 => maker.conv2d(shape),
            4..=6 if squares < limits.max_squares => Layer::Square,
            7 => maker.sum_pool(shape),
            8 => Layer::Flatten,
            _ => maker.linear(shape),
        };
        squares += usize::from(layer == Layer::Square);
        shape = layer
            .output_shape(shape)
            .map_err(|error| error.in_layer(index))?;
        layers.push(NamedLayer::new(format!("{}{index}", layer.kind()), layer));
    }
    let ends = !maker.random.one_in(4);
    if ends || layers.iter().all(|named| named.layer == Layer::Flatten) {
        let layer = maker.linear(shape);
        shape = Shape::vector(layer.bias().map_or(0, <[_]>::len));
        layers.push(NamedLayer::new("output", layer));
    }
    Network::new(NetworkLiteral {
        name: format!("random-{seed}"),
        input: InputSpec {
            shape: input,
            quantizer,
        },
        classes: shape.len(),
        layers,
    })
}

/// Makes `count` images of quantised pixels for a network: one of zeros, one with every pixel at the maximum, then
/// random ones. The same seed gives the same images.
pub fn random_images(seed: u64, network: &Network, count: usize) -> Vec<Vec<i64>> {
    let mut random = SplitMix64::new(seed);
    let (length, max) = (network.input().shape.len(), network.input().quantizer.max());
    let mut image = |index| match index {
        0 => vec![0; length],
        1 => vec![max; length],
        _ => (0..length)
            .map(|_| random.between(0, max as usize).cast_signed() as i64)
            .collect(),
    };
    (0..count).map(&mut image).collect()
}

struct NetworkMaker<'a> {
    random: SplitMix64,
    limits: &'a NetworkLimits,
}

impl NetworkMaker<'_> {
    fn quantizer(&mut self) -> Result<InputQuantizer, NetworkError> {
        let count = self.random.between(1, self.limits.max_thresholds.min(255));
        let mut thresholds: Vec<u8> = (0..count)
            .map(|_| self.random.between(1, 255) as u8)
            .collect();
        thresholds.sort_unstable();
        thresholds.dedup();
        InputQuantizer::from_thresholds(thresholds)
    }

    fn conv2d(&mut self, input: Shape) -> Layer {
        let kernel = self.window(input);
        let out_channels = self.random.between(1, self.limits.max_channels);
        let padding = [
            self.random.between(0, kernel[0].min(3) - 1),
            self.random.between(0, kernel[1].min(3) - 1),
        ];
        let (weight, bias) = self.parameters(
            out_channels,
            (input.channels)
                .saturating_mul(kernel[0])
                .saturating_mul(kernel[1]),
        );
        Layer::Conv2d {
            in_channels: input.channels,
            out_channels,
            kernel,
            stride: self.stride(),
            padding,
            weight,
            bias,
            weight_scale: self.scale(),
        }
    }

    fn linear(&mut self, input: Shape) -> Layer {
        let out_features = self.random.between(1, self.limits.max_classes);
        let (weight, bias) = self.parameters(out_features, input.len());
        let weight_scale = self.scale();
        Layer::Linear {
            in_features: input.len(),
            out_features,
            weight,
            bias,
            weight_scale,
        }
    }

    fn sum_pool(&mut self, input: Shape) -> Layer {
        Layer::SumPool {
            kernel: self.window(input),
            stride: self.stride(),
        }
    }

    fn window(&mut self, input: Shape) -> [usize; 2] {
        [
            self.random.between(1, input.height.min(4)),
            self.random.between(1, input.width.min(4)),
        ]
    }

    fn stride(&mut self) -> [usize; 2] {
        [self.random.between(1, 3), self.random.between(1, 3)]
    }

    /// Returns a scale between 1/1024 and 1 that is not a power of two, so that a file has to keep every digit.
    fn scale(&mut self) -> f64 {
        (self.random.between(1, 1023) as f64 + 1.0 / 3.0) / 1024.0
    }

    /// Makes the weights of a layer and its biases.
    fn parameters(&mut self, outputs: usize, inputs: usize) -> (Vec<i64>, Vec<BigInt>) {
        let widest = self.limits.max_weight_bits.saturating_sub(1);
        let bits = if self.random.one_in(3) {
            widest
        } else {
            self.random.between(1, widest as usize) as u32
        };
        // One weight in `sparsity` is kept on average; 0 keeps none.
        let sparsity = if self.random.one_in(8) {
            0
        } else {
            self.random.between(1, 4)
        };
        // Make just enough for `Network::new` to see that there are too many.
        let (outputs, inputs) = (outputs.min(MAX_ELEMENTS + 1), inputs.min(MAX_WEIGHTS + 1));
        let count = outputs.saturating_mul(inputs).min(MAX_WEIGHTS + 1);
        let weight = (0..count).map(|_| {
            let weight = self.random.signed(bits);
            if sparsity > 0 && self.random.one_in(sparsity) {
                weight
            } else {
                0
            }
        });
        let weight = weight.collect();
        let bias = (0..outputs).map(|_| self.bias()).collect();
        (weight, bias)
    }

    fn bias(&mut self) -> BigInt {
        if self.random.one_in(4) {
            return BigInt::ZERO;
        }
        let bits = self.random.between(0, self.limits.max_bias_bits as usize);
        let words = (0..bits.div_ceil(64)).map(|_| BigInt::from(self.random.next_u64()));
        let magnitude = words.fold(BigInt::ZERO, |all, word| (all << 64u32) + word);
        let bias = magnitude >> (bits.next_multiple_of(64) - bits);
        if self.random.one_in(2) { -bias } else { bias }
    }
}
