//! A network split into crops of the image, one per position that its last linear layer reads.
//!
//! A convolution computes the same function at every position. The layers before the last linear layer are therefore a
//! smaller network on a crop of the image, evaluated once per position; the last layer then sums over positions.

use thiserror::Error;

use super::{
    input::InputSpec,
    layer::{Layer, NamedLayer},
    model::{Network, NetworkLiteral},
    shape::Shape,
    sums::WeightedSums,
};

/// A network split into crops.
#[derive(Clone, Debug, PartialEq)]
pub struct CropNetwork {
    /// The network that is evaluated at each position: it maps a crop of the image to one value per channel.
    pub network: Network,
    /// Number of positions, `[down, across]`.
    pub positions: [usize; 2],
    /// Pixels from one crop to the next, `[down, across]`.
    pub stride: [usize; 2],
    /// Number of pixels by which the first crop starts above and to the left of the image. Pixels outside the image are
    /// zero.
    pub padding: [usize; 2],
    /// Name of the last linear layer.
    pub name: String,
    /// The last linear layer, which reads the values of all positions: `[channels, positions]`, flat.
    pub last: WeightedSums,
}

/// Reasons why a network cannot be split into crops.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum CropError {
    /// The last layer is not linear, so nothing sums over the positions.
    #[error("its last layer is not linear: the values of all positions would have to be sent back")]
    LastLayer,
    /// A layer before the last one needs all positions.
    #[error("layer {layer} before the last one reads all positions at once")]
    AllPositions {
        /// Name of the layer.
        layer: String,
    },
    /// A layer pads values that are not the image's own; padding is possible only where zeros come from outside the
    /// image.
    #[error("layer {layer} pads values that are not the image's own")]
    InnerPadding {
        /// Name of the layer.
        layer: String,
    },
    /// The linear layer is the only layer.
    #[error("it has no layer before the last linear one")]
    NothingBefore,
}

impl CropNetwork {
    /// Returns the number of positions.
    pub const fn position_count(&self) -> usize {
        self.positions[0] * self.positions[1]
    }

    /// Returns the number of logits.
    pub fn logits(&self) -> usize {
        self.last.len()
    }

    /// Splits a network into crops.
    ///
    /// # Errors
    /// [`CropError`] if the layers before the last one do not compute the same function at every position.
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
        // Walks from the last layer to the first, and tracks which part of each layer's input one position needs.
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
            // Values outside the image are zero, but the sums that an earlier layer would make of them need not be.
            if let Some(layer) = padded.filter(|layer| *layer != named.name.as_str()) {
                return Err(CropError::InnerPadding {
                    layer: layer.to_owned(),
                });
            }
            for axis in 0..2 {
                // A stride beyond the image is never used, because there is then only one position.
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
            last: WeightedSums::dense(weight, bias),
        })
    }

    /// Returns the index, in an image of shape `shape`, of element `element` of the crop at `position` (positions count
    /// row by row); `None` outside the image, where values are zero.
    pub fn pixel(&self, shape: Shape, position: usize, element: usize) -> Option<usize> {
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
            Some(shape.index(channel, y, x))
        } else {
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::{NetworkLimits, Twin, random_images, random_network};
    use num_bigint::BigInt;

    #[test]
    fn crops_and_the_last_layer_equal_the_twin() {
        let (mut cut, mut refused) = (0, 0);
        for seed in 0..600 {
            let network = random_network(seed, &NetworkLimits::default()).unwrap();
            let Ok(crops) = CropNetwork::new(&network) else {
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
                            .map(|element| crops.pixel(shape, position, element))
                            .map(|pixel| pixel.map_or(0, |index| image[index]))
                            .collect();
                        twin.logits(&crop).unwrap()
                    })
                    .collect();
                let value = |input: usize| &values[input % positions][input / positions];
                let expected = Twin::new(&network).logits(&image).unwrap();
                assert_eq!(crops.last.evaluate(value), expected, "seed {seed}");
            }
        }
        assert!(cut > 50 && refused > 50, "{cut} cut, {refused} refused");
    }
}
