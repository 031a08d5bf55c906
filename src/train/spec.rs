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

    /// Returns the shape of the weights for an input of shape `input`, as PyTorch stores them: `[out, in, rows, columns]`
    /// or `[out, in]`; `None` for a layer without weights.
    pub fn weight_shape(&self, input: Shape) -> Option<Vec<usize>> {
        match *self {
            Self::Conv2d {
                out_channels,
                kernel: [height, width],
                ..
            } => Some(vec![out_channels, input.channels, height, width]),
            Self::Linear { out_features } => Some(vec![out_features, input.len()]),
            _ => None,
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
            let here = layer
                .weight_shape(before)
                .map_or(0, |shape| shape.into_iter().fold(1, usize::saturating_mul));
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
mod tests {
    use super::*;

    fn preset(name: &str) -> NetworkSpec {
        super::super::TrainConfig::preset(name).unwrap().network
    }

    #[test]
    fn the_papers_networks_have_the_published_shapes() {
        let spec = preset("hcnn-mnist-w2");
        let shapes = spec.shapes().unwrap();
        let shapes: Vec<String> = shapes.iter().map(ToString::to_string).collect();
        let [input, conv1, conv2] = ["1x28x28", "5x12x12", "50x4x4"];
        let expected = [input, conv1, conv1, conv2, conv2, "800x1x1", "10x1x1"];
        assert_eq!(shapes, expected);
        assert_eq!(
            spec.names(),
            [
                "conv1", "square1", "conv2", "square2", "flatten1", "linear1"
            ]
        );
        let shapes = preset("hcnn-cifar-float").shapes().unwrap();
        let sizes: Vec<usize> = shapes.iter().map(|shape| shape.len()).collect();
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
