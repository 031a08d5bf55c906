//! A network cut along the positions of its last linear layer's input.
//!
//! Convolutions compute the same at every position. So what lies before the last linear layer is a smaller network on a
//! crop of the image, evaluated once for each position; the linear layer then sums over positions.

use num_bigint::BigInt;
use thiserror::Error;

use super::{
    layer::{Layer, NamedLayer},
    model::{InputSpec, Network, NetworkLiteral},
    shape::Shape,
};

/// A network as crops.
#[derive(Clone, Debug, PartialEq)]
pub struct Crops {
    /// What is computed for each position: from a crop of the image to one value for each plane.
    pub network: Network,
    /// Rows and columns of positions.
    pub positions: [usize; 2],
    /// Pixels from one crop to the next, down and across.
    pub stride: [usize; 2],
    /// Where the first crop starts: so many pixels above and to the left of the image. What lies outside is zero.
    pub padding: [usize; 2],
    /// The name of the last linear layer.
    pub name: String,
    /// Its weights: `[logits, planes, positions]`, flat.
    pub weight: Vec<i64>,
    /// Its biases, one a logit.
    pub bias: Vec<BigInt>,
}

/// Why a network cannot be cut.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum CropError {
    /// There is nothing to sum over.
    #[error("its last layer is not linear: the values of all positions would have to be sent back")]
    LastLayer,
    /// A layer before the last needs all positions.
    #[error("layer {layer} before the last one reads all positions at once")]
    AllPositions {
        /// The layer.
        layer: String,
    },
    /// Padding is only possible where zeros come from outside the image.
    #[error("layer {layer} pads values that are not the image's own")]
    InnerPadding {
        /// The layer.
        layer: String,
    },
    /// The last layer is the only one.
    #[error("it has no layer before the last linear one")]
    NothingBefore,
}

impl Crops {
    /// How many positions.
    pub const fn position_count(&self) -> usize {
        self.positions[0] * self.positions[1]
    }

    /// How many logits.
    pub fn logits(&self) -> usize {
        self.bias.len()
    }

    /// Cuts a network.
    ///
    /// # Errors
    /// [`CropError`] if its layers before the last one are not the same for every position.
    pub fn new(network: &Network) -> Result<Self, CropError> {
        let layers = network.layers();
        let Some((last, before)) = layers.split_last() else {
            return Err(CropError::LastLayer);
        };
        let Layer::Linear { weight, bias, .. } = &last.layer else {
            return Err(CropError::LastLayer);
        };
        let (mut size, mut stride, mut padding) = ([1usize, 1], [1usize, 1], [0, 0]);
        let mut cropped: Vec<NamedLayer> = Vec::with_capacity(before.len());
        let mut positions = None;
        let mut padded: Option<&str> = None;
        // From the last layer to the first: what one position needs of each layer's input.
        for (named, shape) in before.iter().zip(network.shapes().iter().skip(1)).rev() {
            let mut layer = named.layer.clone();
            let (kernel, step) = match &mut layer {
                Layer::Flatten if positions.is_none() => continue,
                Layer::Square => {
                    positions.get_or_insert([shape.height, shape.width]);
                    cropped.push(NamedLayer::new(named.name.clone(), layer));
                    continue;
                }
                Layer::SumPool { kernel, stride } => (*kernel, *stride),
                Layer::Conv2d {
                    kernel,
                    stride,
                    padding: pad,
                    ..
                } => {
                    let pad = std::mem::take(pad);
                    if pad != [0, 0] && padded.is_none() {
                        padded = Some(&named.name);
                        padding = pad;
                    }
                    (*kernel, *stride)
                }
                _ => {
                    return Err(CropError::AllPositions {
                        layer: named.name.clone(),
                    });
                }
            };
            positions.get_or_insert([shape.height, shape.width]);
            // What lies outside the image is zero, but not what sums before the padded layer would make of it.
            if let Some(layer) = padded.filter(|layer| *layer != named.name.as_str()) {
                return Err(CropError::InnerPadding {
                    layer: layer.to_owned(),
                });
            }
            for axis in 0..2 {
                // A step beyond the image is never taken: there is one position then.
                size[axis] = (size[axis] - 1)
                    .saturating_mul(step[axis])
                    .saturating_add(kernel[axis]);
                stride[axis] = stride[axis].saturating_mul(step[axis]);
            }
            cropped.push(NamedLayer::new(named.name.clone(), layer));
        }
        cropped.reverse();
        let (Some(positions), false) = (positions, cropped.is_empty()) else {
            return Err(CropError::NothingBefore);
        };
        let input = network.input();
        let literal = NetworkLiteral {
            name: network.name().to_owned(),
            input: InputSpec {
                shape: Shape::new(input.shape.channels, size[0], size[1]),
                quantizer: input.quantizer.clone(),
            },
            classes: weight.len() / (bias.len() * positions[0] * positions[1]).max(1),
            layers: cropped,
        };
        Ok(Self {
            network: Network::new(literal).map_err(|_| CropError::NothingBefore)?,
            positions,
            stride,
            padding,
            name: last.name.clone(),
            weight: weight.clone(),
            bias: bias.clone(),
        })
    }

    /// The value of pixel (`y`, `x`) of the crop of a position, counted in rows; zero outside the image.
    pub fn pixel(&self, image: &[i64], shape: Shape, position: usize, element: usize) -> i64 {
        let crop = self.network.input().shape;
        let plane = crop.height * crop.width;
        let (channel, y, x) = (
            element / plane,
            element % plane / crop.width,
            element % crop.width,
        );
        let (down, across) = (position / self.positions[1], position % self.positions[1]);
        let y = (down * self.stride[0] + y).wrapping_sub(self.padding[0]);
        let x = (across * self.stride[1] + x).wrapping_sub(self.padding[1]);
        if y < shape.height && x < shape.width {
            image[shape.index(channel, y, x)]
        } else {
            0
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a failed test may panic")]
    use super::*;
    use crate::network::{NetworkLimits, Twin, random_images, random_network};

    #[test]
    fn crops_and_the_last_layer_equal_the_twin() {
        let (mut cut, mut refused) = (0, 0);
        for seed in 0..600 {
            let network = random_network(seed, &NetworkLimits::default()).unwrap();
            let Ok(crops) = Crops::new(&network) else {
                refused += 1;
                continue;
            };
            cut += 1;
            let twin = Twin::new(&crops.network);
            let positions = crops.position_count();
            let shape = network.input().shape;
            for image in random_images(seed, &network, 2) {
                let values: Vec<Vec<BigInt>> = (0..positions)
                    .map(|position| {
                        let crop: Vec<i64> = (0..crops.network.input().shape.len())
                            .map(|element| crops.pixel(&image, shape, position, element))
                            .collect();
                        twin.logits(&crop).unwrap()
                    })
                    .collect();
                let planes = crops.network.classes();
                let logits: Vec<BigInt> = crops
                    .bias
                    .iter()
                    .zip(crops.weight.chunks(planes * positions))
                    .map(|(bias, weight)| {
                        let mut total = bias.clone();
                        for (index, weight) in weight.iter().enumerate() {
                            total += &values[index % positions][index / positions] * weight;
                        }
                        total
                    })
                    .collect();
                assert_eq!(
                    logits,
                    Twin::new(&network).logits(&image).unwrap(),
                    "seed {seed}: {:?}",
                    network
                        .layers()
                        .iter()
                        .zip(network.shapes())
                        .collect::<Vec<_>>()
                );
            }
        }
        assert!(cut > 50 && refused > 50, "{cut} cut, {refused} refused");
    }
}
