//! A network described as a list of layers: configuration, not code.

use serde::{Deserialize, Serialize};

use super::TrainError;
use crate::network::{MAX_ELEMENTS, MAX_WEIGHTS, Shape};

/// Largest number of weights in all layers together: training keeps four numbers for each.
const MAX_ALL_WEIGHTS: usize = 1 << 26;

/// One layer of a network to train.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
#[non_exhaustive]
pub enum LayerSpec {
    /// Convolution with bias.
    Conv2d {
        /// Output channels.
        #[cfg_attr(test, schemars(range(min = 1)))]
        out_channels: usize,
        /// Kernel height and width.
        #[cfg_attr(test, schemars(inner(range(min = 1))))]
        kernel: [usize; 2],
        /// Stride down and across.
        #[cfg_attr(test, schemars(inner(range(min = 1))))]
        stride: [usize; 2],
        /// Zeros added on both sides, down and across; fewer than the kernel is long.
        #[serde(default)]
        padding: [usize; 2],
    },
    /// Fully connected layer with bias.
    Linear {
        /// Output features.
        #[cfg_attr(test, schemars(range(min = 1)))]
        out_features: usize,
    },
    /// The square of each value: the activation of encrypted networks.
    Square,
    /// The sum over windows: average-pooling without the division.
    SumPool {
        /// Window height and width.
        #[cfg_attr(test, schemars(inner(range(min = 1))))]
        kernel: [usize; 2],
        /// Stride down and across.
        #[cfg_attr(test, schemars(inner(range(min = 1))))]
        stride: [usize; 2],
    },
    /// Values in channel-major order, as a vector.
    Flatten,
    /// max(x, 0): for teachers only, cannot be exported.
    Relu,
    /// The maximum over windows: for teachers only, cannot be exported.
    MaxPool {
        /// Window height and width.
        #[cfg_attr(test, schemars(inner(range(min = 1))))]
        kernel: [usize; 2],
        /// Stride down and across.
        #[cfg_attr(test, schemars(inner(range(min = 1))))]
        stride: [usize; 2],
    },
}

/// A network to train: input shape and layers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct NetworkSpec {
    /// Channels, height and width of the input, 2^24 values at most.
    #[cfg_attr(test, schemars(inner(range(min = 1))))]
    pub input: [usize; 3],
    /// The layers in order, 256 at most. The last one has weights and gives one value a class; a linear layer needs a
    /// `flatten` before it unless its input is a vector.
    pub layers: Vec<LayerSpec>,
}

impl LayerSpec {
    /// Returns the kind of layer, as used in layer names.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Conv2d { .. } => "conv",
            Self::Linear { .. } => "linear",
            Self::Square => "square",
            Self::SumPool { .. } => "pool",
            Self::Flatten => "flatten",
            Self::Relu => "relu",
            Self::MaxPool { .. } => "maxpool",
        }
    }

    /// Tells whether the layer is an activation.
    pub const fn is_activation(&self) -> bool {
        matches!(self, Self::Square | Self::Relu)
    }

    /// Returns the number of weights of the layer for an input of shape `input`; saturates at the largest number, and
    /// is 0 for a layer without weights.
    fn weight_count(&self, input: Shape) -> usize {
        match *self {
            Self::Conv2d {
                out_channels,
                kernel: [height, width],
                ..
            } => [out_channels, input.channels, height, width]
                .into_iter()
                .fold(1, usize::saturating_mul),
            Self::Linear { out_features } => out_features.saturating_mul(input.len()),
            _ => 0,
        }
    }

    /// Tells whether the layer has weights.
    pub const fn has_weights(&self) -> bool {
        matches!(self, Self::Conv2d { .. } | Self::Linear { .. })
    }
}

/// Returns the number of windows that fit, down and across; `None` if none fits or a size makes no sense.
fn windows(
    input: Shape,
    kernel: [usize; 2],
    stride: [usize; 2],
    padding: [usize; 2],
) -> Option<(usize, usize)> {
    let count = |length: usize, i: usize| -> Option<usize> {
        let padded = padding[i].checked_mul(2)?.checked_add(length)?;
        if kernel[i] == 0 {
            return None;
        }
        let steps = padded.checked_sub(kernel[i])?.checked_div(stride[i])?;
        steps.checked_add(1)
    };
    count(input.height, 0).zip(count(input.width, 1))
}

impl NetworkSpec {
    /// Builds HCNN for MNIST (Al Badawi et al., 2018): two 5x5 convolutions of stride 2 (5 and 50 channels), each
    /// squared, and a linear layer 800 -> 10.
    pub fn hcnn_mnist() -> Self {
        Self::hcnn_mnist_with([5, 50])
    }

    /// Builds HCNN for MNIST with other numbers of channels. The integers do not grow with the channels if the number
    /// of non-zero weights stays the same.
    pub fn hcnn_mnist_with([first, second]: [usize; 2]) -> Self {
        let conv = |out_channels| LayerSpec::Conv2d {
            out_channels,
            kernel: [5, 5],
            stride: [2, 2],
            padding: [0, 0],
        };
        Self {
            input: [1, 28, 28],
            layers: vec![
                conv(first),
                LayerSpec::Square,
                conv(second),
                LayerSpec::Square,
                LayerSpec::Flatten,
                LayerSpec::Linear { out_features: 10 },
            ],
        }
    }

    /// Builds the paper's network for CIFAR-10 (after Al Badawi et al., 2018): three 3x3 convolutions (32, 64 and 128
    /// channels), each squared and sum-pooled 2x2, and linear layers 512 -> 256 -> 10 with nothing between them.
    pub fn hcnn_cifar() -> Self {
        Self::hcnn_cifar_with([32, 64, 128])
    }

    fn hcnn_cifar_with(channels: [usize; 3]) -> Self {
        let mut layers = Vec::new();
        for out_channels in channels {
            layers.extend([
                LayerSpec::Conv2d {
                    out_channels,
                    kernel: [3, 3],
                    stride: [1, 1],
                    padding: [0, 0],
                },
                LayerSpec::Square,
                LayerSpec::SumPool {
                    kernel: [2, 2],
                    stride: [2, 2],
                },
            ]);
        }
        layers.extend([
            LayerSpec::Flatten,
            LayerSpec::Linear { out_features: 256 },
            LayerSpec::Linear { out_features: 10 },
        ]);
        Self {
            input: [3, 32, 32],
            layers,
        }
    }

    /// Builds [`hcnn_cifar`](Self::hcnn_cifar) with these numbers of channels and one linear layer in place of the two.
    /// It represents the same functions, and its logits need fewer bits.
    pub fn hcnn_cifar_merged(channels: [usize; 3]) -> Self {
        let mut spec = Self::hcnn_cifar_with(channels);
        spec.layers
            .retain(|layer| *layer != LayerSpec::Linear { out_features: 256 });
        spec
    }

    /// Builds a small ReLU network for 28x28 images, which serves as a teacher and is never encrypted.
    pub fn teacher_mnist() -> Self {
        let conv = |out_channels| LayerSpec::Conv2d {
            out_channels,
            kernel: [3, 3],
            stride: [1, 1],
            padding: [0, 0],
        };
        let pool = LayerSpec::MaxPool {
            kernel: [2, 2],
            stride: [2, 2],
        };
        Self {
            input: [1, 28, 28],
            layers: vec![
                conv(16),
                LayerSpec::Relu,
                pool,
                conv(32),
                LayerSpec::Relu,
                conv(32),
                LayerSpec::Relu,
                pool,
                LayerSpec::Flatten,
                LayerSpec::Linear { out_features: 64 },
                LayerSpec::Relu,
                LayerSpec::Linear { out_features: 10 },
            ],
        }
    }

    /// Returns the shapes at the input of each layer and at the output: one more than there are layers.
    ///
    /// # Errors
    /// [`TrainError::Config`] naming the layer that does not fit its input.
    pub fn shapes(&self) -> Result<Vec<Shape>, TrainError> {
        let bad = |index: usize, problem: String| {
            TrainError::config(format!("network.layers[{index}]"), problem)
        };
        let [c, h, w] = self.input;
        let mut shape = Shape::new(c, h, w);
        if shape.is_empty() || shape.len() > MAX_ELEMENTS {
            return Err(TrainError::config(
                "network.input",
                format!("{:?} are 0 or more than {MAX_ELEMENTS} values", self.input),
            ));
        }
        let mut shapes = vec![shape];
        let mut weights = 0;
        for (index, layer) in self.layers.iter().enumerate() {
            let window = |kernel: [usize; 2], stride: [usize; 2], padding: [usize; 2]| {
                windows(shape, kernel, stride, padding).ok_or_else(|| {
                    bad(
                        index,
                        format!(
                            "windows of {kernel:?}, stride {stride:?}, padding {padding:?} do not fit {}x{}",
                            shape.height, shape.width
                        ),
                    )
                })
            };
            let before = shape;
            shape = match *layer {
                LayerSpec::Conv2d {
                    out_channels,
                    kernel,
                    stride,
                    padding,
                } => {
                    let (height, width) = window(kernel, stride, padding)?;
                    Shape::new(out_channels, height, width)
                }
                LayerSpec::SumPool { kernel, stride } | LayerSpec::MaxPool { kernel, stride } => {
                    let (height, width) = window(kernel, stride, [0, 0])?;
                    Shape::new(shape.channels, height, width)
                }
                LayerSpec::Linear { out_features } => {
                    if shape.height != 1 || shape.width != 1 {
                        return Err(bad(
                            index,
                            "a linear layer needs a flatten layer before it".into(),
                        ));
                    }
                    Shape::new(out_features, 1, 1)
                }
                LayerSpec::Flatten => Shape::new(shape.len(), 1, 1),
                LayerSpec::Square | LayerSpec::Relu => shape,
            };
            if shape.is_empty() || shape.len() > MAX_ELEMENTS {
                return Err(bad(
                    index,
                    format!(
                        "an output of {shape} values, of which there must be 1 to {MAX_ELEMENTS}"
                    ),
                ));
            }
            let here = layer.weight_count(before);
            if here > MAX_WEIGHTS {
                return Err(bad(
                    index,
                    format!("{here} weights, at most {MAX_WEIGHTS} are supported in a layer"),
                ));
            }
            weights += here;
            if weights > MAX_ALL_WEIGHTS {
                return Err(bad(
                    index,
                    format!("the network has more than {MAX_ALL_WEIGHTS} weights"),
                ));
            }
            shapes.push(shape);
        }
        if !self.layers.last().is_some_and(LayerSpec::has_weights) {
            return Err(TrainError::config(
                "network.layers",
                "the last layer must have weights",
            ));
        }
        if shape.height != 1 || shape.width != 1 {
            return Err(TrainError::config(
                "network.layers",
                format!("the output {shape} is no vector"),
            ));
        }
        Ok(shapes)
    }

    /// Returns the layers' names: the kind and its number, as in `conv1`, `square2`.
    pub fn names(&self) -> Vec<String> {
        let mut counts = std::collections::HashMap::new();
        self.layers
            .iter()
            .map(|layer| {
                let count = counts.entry(layer.kind()).or_insert(0_usize);
                *count += 1;
                format!("{}{count}", layer.kind())
            })
            .collect()
    }

    /// Counts the layers with weights.
    pub fn weight_layers(&self) -> usize {
        self.layers
            .iter()
            .filter(|layer| layer.has_weights())
            .count()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may stop at a surprise")]
mod tests {
    use super::*;

    #[test]
    fn hcnn_has_the_published_shapes() {
        let spec = NetworkSpec::hcnn_mnist();
        let shapes: Vec<[usize; 3]> = spec
            .shapes()
            .unwrap()
            .iter()
            .map(|s| [s.channels, s.height, s.width])
            .collect();
        assert_eq!(
            shapes,
            [
                [1, 28, 28],
                [5, 12, 12],
                [5, 12, 12],
                [50, 4, 4],
                [50, 4, 4],
                [800, 1, 1],
                [10, 1, 1]
            ]
        );
        assert_eq!(
            spec.names(),
            [
                "conv1", "square1", "conv2", "square2", "flatten1", "linear1"
            ]
        );
        assert_eq!(
            NetworkSpec::teacher_mnist()
                .shapes()
                .unwrap()
                .last()
                .unwrap()
                .len(),
            10
        );
    }

    #[test]
    fn the_cifar_network_has_the_papers_shapes() {
        let spec = NetworkSpec::hcnn_cifar();
        let sizes: Vec<usize> = spec.shapes().unwrap().iter().map(|s| s.len()).collect();
        assert_eq!(
            sizes,
            [
                3072, 28800, 28800, 7200, 10816, 10816, 2304, 2048, 2048, 512, 512, 256, 10
            ]
        );
    }

    #[test]
    fn impossible_networks_are_refused_by_name() {
        let with = |layers| {
            NetworkSpec {
                input: [1, 6, 6],
                layers,
            }
            .shapes()
            .unwrap_err()
            .to_string()
        };
        let conv = |k, s| LayerSpec::Conv2d {
            out_channels: 2,
            kernel: [k, k],
            stride: [s, s],
            padding: [0, 0],
        };
        assert!(with(vec![conv(7, 1)]).contains("layers[0]"));
        assert!(with(vec![conv(3, 0)]).contains("stride"));
        assert!(with(vec![conv(3, 1), LayerSpec::Linear { out_features: 3 }]).contains("flatten"));
        assert!(with(vec![conv(6, 1), LayerSpec::Square]).contains("last layer"));
        assert!(with(vec![conv(3, 1)]).contains("no vector"));
        assert!(with(vec![]).contains("last layer"));
    }

    /// Arithmetic alone refuses these sizes: nothing of such a size is ever allocated.
    #[test]
    fn sizes_beyond_all_memory_are_refused() {
        let huge = [1 << 24, 1 << 40, 1 << 62, usize::MAX];
        let refused = |input, layers| {
            let spec = NetworkSpec { input, layers };
            spec.shapes().unwrap_err().to_string()
        };
        let linear = |out_features| LayerSpec::Linear { out_features };
        for size in huge {
            let said = refused([1, 2, 2], vec![LayerSpec::Flatten, linear(size)]);
            assert!(said.contains("layers[1]"), "{said}");
            for input in [[size, 2, 1], [2, 1, size], [size, size, size]] {
                let said = refused(input, vec![LayerSpec::Flatten, linear(2)]);
                assert!(said.contains("network.input"), "{said}");
            }
            for (out_channels, kernel, stride, padding) in [
                (size, [1, 1], [1, 1], [0, 0]),
                (2, [size, 1], [1, 1], [0, 0]),
                (2, [1, 1], [1, 1], [0, size]),
                (2, [1, size], [1, 1], [size, size]),
            ] {
                let conv = LayerSpec::Conv2d {
                    out_channels,
                    kernel,
                    stride,
                    padding,
                };
                let said = refused([1, 6, 6], vec![conv, LayerSpec::Flatten, linear(2)]);
                assert!(said.contains("layers[0]"), "{said}");
            }
            let pool = LayerSpec::SumPool {
                kernel: [size, 1],
                stride: [1, size],
            };
            assert!(refused([1, 6, 6], vec![pool]).contains("layers[0]"));
        }
        // Each layer is possible; all of them together are not.
        let mut layers = vec![LayerSpec::Flatten];
        layers.resize(200, linear(4096));
        let said = refused([1, 64, 64], layers);
        assert!(
            said.contains("layers[5]") && said.contains("weights"),
            "{said}"
        );
    }
}
