//! A builder for networks that are written by hand.

use num_bigint::BigInt;

use super::{
    error::NetworkError,
    input::InputSpec,
    layer::{Layer, NamedLayer},
    model::{Network, NetworkLiteral},
    quantizer::InputQuantizer,
    shape::Shape,
};

/// Builds a [`Network`] layer by layer and fills in what follows from the shapes: the numbers of input channels and
/// features, the biases (0), the scales of the weights (1), the layers' names and the number of classes.
///
/// Layers are named as training names them, by their kind and its number: `conv1`, `square1`, `conv2`, `pool1`,
/// `flatten1`, `linear1`. The input has one bit, with a threshold at 128. No method fails before
/// [`build`](Self::build), which returns the first error.
///
/// ```
/// use sealquant::network::{NetworkBuilder, Shape};
///
/// // A 2x2 convolution of stride 2 with two channels, on 6x6 pixels; a square; three logits.
/// let network = NetworkBuilder::new("small", Shape::new(1, 6, 6))
///     .uniform_bits(2)
///     .conv2d(2, [2, 2], [2, 2], [0, 0], [1, -1, 0, 2, 1, 1, -1, 0])
///     .bias([5, -7])
///     .square()
///     .flatten()
///     .linear(3, vec![1; 3 * 18])
///     .named("logits")
///     .build()?;
///
/// assert_eq!(network.shapes()[1], Shape::new(2, 3, 3));
/// let names: Vec<&str> = network.layers().iter().map(|layer| layer.name.as_str()).collect();
/// assert_eq!(names, ["conv1", "square1", "flatten1", "logits"]);
/// # Ok::<(), sealquant::network::NetworkError>(())
/// ```
#[derive(Clone, Debug)]
#[must_use = "there is no network until `build` is called"]
pub struct NetworkBuilder {
    name: String,
    input: Shape,
    quantizer: Result<InputQuantizer, NetworkError>,
    layers: Vec<NamedLayer>,
    output: Shape,
    misplaced: Option<NetworkError>,
}

impl NetworkBuilder {
    /// Begins a network called `name` that reads inputs of shape `input`.
    pub fn new(name: impl Into<String>, input: Shape) -> Self {
        Self {
            name: name.into(),
            input,
            quantizer: InputQuantizer::from_thresholds(vec![128]),
            layers: Vec::new(),
            output: input,
            misplaced: None,
        }
    }

    /// Sets the conversion from pixels to integers.
    pub fn quantizer(mut self, quantizer: InputQuantizer) -> Self {
        self.quantizer = Ok(quantizer);
        self
    }

    /// Sets the conversion from pixels to integers of `n_bits` bits (1 to 8), as [`InputQuantizer::uniform`] does.
    pub fn uniform_bits(mut self, n_bits: u32) -> Self {
        self.quantizer = InputQuantizer::uniform(n_bits);
        self
    }

    /// Adds a two-dimensional convolution with biases of 0. Pairs are `[height, width]`; `weight` has the shape
    /// `[out_channels, in_channels, kernel[0], kernel[1]]`, flat.
    pub fn conv2d(
        self,
        out_channels: usize,
        kernel: [usize; 2],
        stride: [usize; 2],
        padding: [usize; 2],
        weight: impl Into<Vec<i64>>,
    ) -> Self {
        let weight: Vec<i64> = weight.into();
        let in_channels = self.output.channels;
        self.layer(Layer::Conv2d {
            in_channels,
            out_channels,
            kernel,
            stride,
            padding,
            bias: zeros(out_channels, &weight),
            weight,
            weight_scale: 1.0,
        })
    }

    /// Adds a fully connected layer with biases of 0. `weight` has the shape `[out_features, in_features]`, flat.
    pub fn linear(self, out_features: usize, weight: impl Into<Vec<i64>>) -> Self {
        let weight: Vec<i64> = weight.into();
        let in_features = self.output.len();
        self.layer(Layer::Linear {
            in_features,
            out_features,
            bias: zeros(out_features, &weight),
            weight,
            weight_scale: 1.0,
        })
    }

    /// Adds a square of each value.
    pub fn square(self) -> Self {
        self.layer(Layer::Square)
    }

    /// Adds the sum over each window of each channel. Pairs are `[height, width]`.
    pub fn sum_pool(self, kernel: [usize; 2], stride: [usize; 2]) -> Self {
        self.layer(Layer::SumPool { kernel, stride })
    }

    /// Adds a reshape to a vector.
    pub fn flatten(self) -> Self {
        self.layer(Layer::Flatten)
    }

    /// Adds a layer as it is.
    pub fn layer(mut self, layer: Layer) -> Self {
        let kind = match layer {
            Layer::Conv2d { .. } => "conv",
            Layer::SumPool { .. } => "pool",
            _ => layer.kind(),
        };
        let same = |named: &&NamedLayer| named.layer.kind() == layer.kind();
        let number = self.layers.iter().filter(same).count() + 1;
        // If the layer does not fit, `Network::new` refuses it, and no later shape matters.
        self.output = layer.output_shape(self.output).unwrap_or(self.output);
        let name = format!("{kind}{number}");
        self.layers.push(NamedLayer::new(name, layer));
        self
    }

    /// Sets the biases of the last layer, one for each output channel or feature.
    pub fn bias(mut self, values: impl IntoIterator<Item = impl Into<BigInt>>) -> Self {
        let Some(Layer::Conv2d { bias, .. } | Layer::Linear { bias, .. }) = self.last() else {
            return self.misplaced("bias");
        };
        *bias = values.into_iter().map(Into::into).collect();
        self
    }

    /// Sets the real value of a weight of 1 in the last layer.
    pub fn weight_scale(mut self, scale: f64) -> Self {
        let Some(Layer::Conv2d { weight_scale, .. } | Layer::Linear { weight_scale, .. }) =
            self.last()
        else {
            return self.misplaced("weight_scale");
        };
        *weight_scale = scale;
        self
    }

    /// Sets the name of the last layer. Later layers of its kind are numbered as if it had its own.
    pub fn named(mut self, name: impl Into<String>) -> Self {
        let Some(last) = self.layers.last_mut() else {
            return self.misplaced("name");
        };
        last.name = name.into();
        self
    }

    /// Returns the shape that the next layer reads.
    pub fn shape(&self) -> Shape {
        self.output
    }

    /// Checks the network and makes it.
    ///
    /// # Errors
    /// [`NetworkError`] for an input of an impossible width, for a bias, a scale or a name without a layer that has one,
    /// and for everything that [`Network::new`] refuses.
    pub fn build(self) -> Result<Network, NetworkError> {
        if let Some(misplaced) = self.misplaced {
            return Err(misplaced);
        }
        Network::new(NetworkLiteral {
            name: self.name,
            input: InputSpec {
                shape: self.input,
                quantizer: self.quantizer?,
            },
            classes: self.output.len(),
            layers: self.layers,
        })
    }

    fn last(&mut self) -> Option<&mut Layer> {
        self.layers.last_mut().map(|named| &mut named.layer)
    }

    /// Keeps the first error of a field that the last layer does not have.
    fn misplaced(mut self, field: &str) -> Self {
        let after = self
            .layers
            .last()
            .map_or("input", |named| named.layer.kind());
        let problem = format!(
            "{field} is set after `{after}`, which has none; set it after the layer that it is for"
        );
        let misplaced = NetworkError::new("layers", problem);
        self.misplaced = self.misplaced.or(Some(misplaced));
        self
    }
}

/// Makes `count` biases of 0, but no more than there are weights: a layer with fewer weights than outputs is refused
/// for these, and `count` may be any number.
fn zeros(count: usize, weight: &[i64]) -> Vec<BigInt> {
    vec![BigInt::ZERO; count.min(weight.len())]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::{NetworkLimits, random_network};

    #[test]
    fn what_is_left_out_follows_from_the_shapes() {
        let conv = Layer::Conv2d {
            in_channels: 2,
            out_channels: 1,
            kernel: [3, 2],
            stride: [1, 2],
            padding: [1, 0],
            weight: (0..12).collect(),
            bias: vec![BigInt::ZERO],
            weight_scale: 1.0,
        };
        let pool = Layer::SumPool {
            kernel: [2, 1],
            stride: [2, 1],
        };
        let linear = Layer::Linear {
            in_features: 4,
            out_features: 2,
            weight: vec![1, -1, 2, -2, 3, -3, 4, -4],
            bias: vec![BigInt::from(1) << 100u32, BigInt::from(-1)],
            weight_scale: 0.5,
        };
        let expected = NetworkLiteral {
            name: "all kinds".into(),
            input: InputSpec {
                shape: Shape::new(2, 4, 4),
                quantizer: InputQuantizer::from_thresholds(vec![128]).unwrap(),
            },
            classes: 2,
            layers: vec![
                NamedLayer::new("conv1", conv),
                NamedLayer::new("square1", Layer::Square),
                NamedLayer::new("pool1", pool),
                NamedLayer::new("flatten1", Layer::Flatten),
                NamedLayer::new("linear1", linear),
                NamedLayer::new("square2", Layer::Square),
            ],
        };
        let network = NetworkBuilder::new("all kinds", Shape::new(2, 4, 4))
            .conv2d(1, [3, 2], [1, 2], [1, 0], (0..12).collect::<Vec<i64>>())
            .square()
            .sum_pool([2, 1], [2, 1])
            .flatten()
            .linear(2, [1, -1, 2, -2, 3, -3, 4, -4])
            .bias([BigInt::from(1) << 100u32, BigInt::from(-1)])
            .weight_scale(0.5)
            .square();
        assert_eq!(network.shape(), Shape::vector(2));
        assert_eq!(network.build(), Network::new(expected));
    }

    #[test]
    fn any_network_can_be_built() {
        for seed in 0..100 {
            let network = random_network(seed, &NetworkLimits::default()).unwrap();
            let input = network.input();
            let mut builder =
                NetworkBuilder::new(network.name(), input.shape).quantizer(input.quantizer.clone());
            for NamedLayer { name, layer } in network.layers() {
                let added = match layer.clone() {
                    Layer::Conv2d {
                        out_channels,
                        kernel,
                        stride,
                        padding,
                        weight,
                        bias,
                        weight_scale,
                        ..
                    } => builder
                        .conv2d(out_channels, kernel, stride, padding, weight)
                        .bias(bias)
                        .weight_scale(weight_scale),
                    Layer::Linear {
                        out_features,
                        weight,
                        bias,
                        weight_scale,
                        ..
                    } => builder
                        .linear(out_features, weight)
                        .bias(bias)
                        .weight_scale(weight_scale),
                    other => builder.layer(other),
                };
                builder = added.named(name);
            }
            assert_eq!(builder.build().unwrap(), network);
        }
    }

    #[cfg(feature = "train")]
    #[test]
    fn layers_are_named_as_in_training() {
        let mut network = NetworkBuilder::new("names", Shape::new(3, 32, 32));
        for _ in 0..3 {
            network = network
                .conv2d(1, [3, 3], [1, 1], [0, 0], [])
                .square()
                .sum_pool([2, 2], [2, 2]);
        }
        let network = network.flatten().linear(256, []).linear(10, []);
        let names: Vec<String> = network.layers.into_iter().map(|named| named.name).collect();
        let config = crate::train::TrainConfig::preset("hcnn-cifar-float").unwrap();
        assert_eq!(names, config.network.names());
    }

    #[test]
    fn the_first_error_is_returned_at_the_end() {
        let start = || NetworkBuilder::new("wrong", Shape::new(1, 2, 2));
        let message = |network: NetworkBuilder| network.build().unwrap_err().to_string();
        let early = start().bias([1]).linear(1, [1; 4]).weight_scale(0.0);
        assert_eq!(
            message(early),
            "layers: bias is set after `input`, which has none; set it after the layer that it is for"
        );
        let late = start().linear(1, [1; 4]).square().weight_scale(2.0);
        assert!(message(late).starts_with("layers: weight_scale is set after `square`"));
        assert!(message(start().named("first").square()).starts_with("layers: name is set after"));
        assert_eq!(
            message(start().uniform_bits(9).square()),
            "input.quantizer: 9 bits, expected 1 to 8"
        );
        assert_eq!(
            message(start().linear(2, [1; 7]).bias([1])),
            "layers[0].weight: 7 values, expected 8 (2x4)"
        );
        assert_eq!(
            message(start().linear(2, [1; 8]).bias([1])),
            "layers[0].bias: 1 values, expected 2 (one per output channel)"
        );
        // Later layers, which would fit, do not hide the one that does not; its size is not allocated.
        for wrong in [
            start().sum_pool([3, 3], [1, 1]),
            start().linear(usize::MAX, [1; 4]),
            start().conv2d(usize::MAX, [1, 1], [1, 1], [0, 0], [1; 4]),
        ] {
            let error = message(wrong.square().linear(1, [1; 4]));
            assert!(error.starts_with("layers[0]."), "{error}");
        }
    }
}
