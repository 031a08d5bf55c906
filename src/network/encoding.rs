//! Input encodings by contrast instead of brightness, in integers only, so that every reader computes the same bits.

use serde::{Deserialize, Serialize};

use super::{error::NetworkError, shape::Shape};

/// Largest number of pixels in a channel that can be encoded: all sums then fit 128 bits.
const MAX_PLANE: usize = 1 << 16;

/// An encoding, computed by the client, of an image as small integers by contrast instead of brightness.
///
/// Each channel is a weighted sum of the image's colours, less its mean or its blurred self. A value's integer is the
/// number of thresholds that it reaches, in units of the channel's root mean square over the image plus
/// [`floor`](Self::floor) grey levels.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct InputEncoding {
    /// The channels that the network reads, in order.
    pub channels: Vec<EncodedChannel>,
    /// Grey levels added to the root mean square: what has less contrast counts as flat. 0 to 255.
    #[cfg_attr(test, schemars(range(max = 255)))]
    pub floor: u32,
    /// Strictly increasing, in hundredths.
    #[cfg_attr(test, schemars(inner(range(min = -10_000, max = 10_000))))]
    pub thresholds: Vec<i32>,
}

/// One channel of an [`InputEncoding`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct EncodedChannel {
    /// The weight of each channel of the image, from -1024 to 1024.
    #[cfg_attr(test, schemars(inner(range(min = -1024, max = 1024))))]
    pub mix: Vec<i32>,
    /// The worth of one grey level in these weights: 256 for weights that sum to 256. 1 to 1024.
    #[cfg_attr(test, schemars(range(min = 1, max = 1024)))]
    pub unit: u32,
    /// The value to subtract.
    pub center: Center,
}

/// A value that is subtracted from a channel's values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Center {
    /// The image's mean times `[numerator, denominator]`, a fraction from 0 to 1 with a denominator up to 16.
    Mean([u32; 2]),
    /// The mean of the square window that reaches this far (1 to 3) in each direction; beyond its border the image
    /// goes on with its outermost pixels.
    Blur(usize),
}

impl InputEncoding {
    /// Returns the number of channels of the image that it reads.
    pub fn source_channels(&self) -> usize {
        self.channels.first().map_or(0, |channel| channel.mix.len())
    }

    /// Checks every field.
    ///
    /// # Errors
    /// [`NetworkError`] naming the field.
    pub(super) fn check(&self) -> Result<(), NetworkError> {
        if self.channels.is_empty() || self.channels.len() > 64 {
            return refused("channels", "must be 1 to 64");
        }
        let sources = self.source_channels();
        for (index, channel) in self.channels.iter().enumerate() {
            let at = |field: &str| format!("channels[{index}].{field}");
            let mix = &channel.mix;
            if mix.is_empty() || mix.len() != sources || mix.len() > 4 {
                return refused(&at("mix"), "must have a weight for each of 1 to 4 colours");
            }
            if mix.iter().any(|w| w.abs() > 1024) {
                return refused(&at("mix"), "must be from -1024 to 1024");
            }
            if !(1..=1024).contains(&channel.unit) {
                return refused(&at("unit"), "must be from 1 to 1024");
            }
            let ok = match channel.center {
                Center::Mean([numerator, denominator]) => {
                    (1..=16).contains(&denominator) && numerator <= denominator
                }
                Center::Blur(reach) => (1..=3).contains(&reach),
            };
            if !ok {
                return refused(
                    &at("center"),
                    "must be a fraction of the mean from 0 to 1 (denominator up to 16) or a blur of 1 to 3",
                );
            }
        }
        if self.floor > 255 {
            return refused("floor", "must be at most 255");
        }
        let thresholds = &self.thresholds;
        if thresholds.is_empty()
            || thresholds.len() > 255
            || thresholds.iter().any(|t| t.abs() > 10_000)
            || thresholds.windows(2).any(|pair| pair[1] <= pair[0])
        {
            return refused(
                "thresholds",
                "must be 1 to 255 strictly increasing hundredths from -10000 to 10000",
            );
        }
        Ok(())
    }

    /// Checks that images can be encoded to the network's input shape `shape`.
    pub(super) fn check_shape(&self, shape: Shape) -> Result<(), NetworkError> {
        if shape.channels != self.channels.len() {
            return refused("channels", "must be as many as input.shape has");
        }
        if shape.height * shape.width > MAX_PLANE {
            return refused(
                "channels",
                "images of more than 65536 pixels cannot be encoded",
            );
        }
        Ok(())
    }

    /// Encodes the pixels of an image ([`source_channels`](Self::source_channels) channels) as integers,
    /// `[channels][height][width]` as `shape` says.
    pub(super) fn encode(&self, pixels: &[u8], shape: Shape) -> Vec<i64> {
        let plane = shape.height * shape.width;
        let mut out = Vec::with_capacity(shape.len());
        for channel in &self.channels {
            let mixed: Vec<i64> = (0..plane)
                .map(|at| {
                    let colours = pixels[at..].iter().step_by(plane.max(1));
                    colours
                        .zip(&channel.mix)
                        .map(|(&p, &w)| i64::from(p) * i64::from(w))
                        .sum()
                })
                .collect();
            let (values, worth) = centred(&mixed, shape, channel.center);
            let squares: i128 = values.iter().map(|&d| i128::from(d) * i128::from(d)).sum();
            let floor = i64::from(self.floor) * i64::from(channel.unit) * worth;
            let limits: Vec<i64> = self
                .thresholds
                .iter()
                .map(|&threshold| smallest(threshold, floor, squares, plane))
                .collect();
            out.extend(
                values.iter().map(|value| {
                    limits.partition_point(|limit| limit <= value).cast_signed() as i64
                }),
            );
        }
        out
    }
}

fn refused(field: &str, problem: &str) -> Result<(), NetworkError> {
    let field = format!("input.quantizer.encoding.{field}");
    Err(NetworkError::new(field, problem))
}

/// Subtracts the centre in integers; returns `(values, worth)`: one unit of the values before is worth `worth` units
/// now.
fn centred(values: &[i64], shape: Shape, center: Center) -> (Vec<i64>, i64) {
    let count = values.len().cast_signed() as i64;
    match center {
        Center::Mean([numerator, denominator]) => {
            let off = i64::from(numerator) * values.iter().sum::<i64>();
            let worth = i64::from(denominator) * count;
            (values.iter().map(|v| worth * v - off).collect(), worth)
        }
        Center::Blur(reach) => {
            let (height, width) = (shape.height, shape.width);
            let window = |at: usize, size: usize| {
                (0..=2 * reach).map(move |i| (at + i).saturating_sub(reach).min(size - 1))
            };
            let mut rows = vec![0; values.len()];
            for y in 0..height {
                for x in 0..width {
                    rows[y * width + x] = window(x, width).map(|x| values[y * width + x]).sum();
                }
            }
            let side = (2 * reach + 1).cast_signed() as i64;
            let worth = side * side;
            let off = |at: usize| -> i64 {
                let (y, x) = (at / width, at % width);
                window(y, height).map(|y| rows[y * width + x]).sum()
            };
            let less = |(at, v): (usize, &i64)| worth * v - off(at);
            (values.iter().enumerate().map(less).collect(), worth)
        }
    }
}

/// Computes the smallest `d` with `d >= threshold / 100 * (sqrt(squares / count) + floor)`, exactly.
fn smallest(threshold: i32, floor: i64, squares: i128, count: usize) -> i64 {
    let threshold = i128::from(threshold);
    let count = count.cast_signed() as i128;
    let reaches = |d: i64| {
        // 100 d - threshold * floor >= threshold * sqrt(squares / count), both sides squared with their signs.
        let left = 100 * i128::from(d) - threshold * i128::from(floor);
        left * left.abs() * count >= threshold * threshold.abs() * squares
    };
    let (mut low, mut high) = (-(1_i64 << 44), 1_i64 << 44);
    while low < high {
        let middle = low + (high - low) / 2;
        if reaches(middle) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    low
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::{InputQuantizer, SplitMix64};

    fn mix() -> InputEncoding {
        InputEncoding {
            channels: vec![
                EncodedChannel {
                    mix: vec![77, 150, 29],
                    unit: 256,
                    center: Center::Mean([1, 1]),
                },
                EncodedChannel {
                    mix: vec![77, 150, 29],
                    unit: 256,
                    center: Center::Blur(2),
                },
                EncodedChannel {
                    mix: vec![1, 0, -1],
                    unit: 1,
                    center: Center::Mean([1, 2]),
                },
            ],
            floor: 4,
            thresholds: vec![-80, 0, 80],
        }
    }

    fn image(seed: u64, len: usize) -> Vec<u8> {
        let mut random = SplitMix64::new(seed);
        (0..len).map(|_| random.next_u64() as u8).collect()
    }

    /// Compares with the definition in floating point: the integers must agree wherever rounding cannot matter.
    #[test]
    fn the_integers_are_those_of_the_definition() {
        let shape = Shape::new(3, 7, 6);
        let encoding = mix();
        for seed in 0..20 {
            let pixels = image(seed, 3 * 42);
            let found = encoding.encode(&pixels, shape);
            for (c, channel) in encoding.channels.iter().enumerate() {
                let value = |y: usize, x: usize| -> f64 {
                    (0..3)
                        .map(|k| f64::from(channel.mix[k]) * f64::from(pixels[k * 42 + y * 6 + x]))
                        .sum::<f64>()
                        / f64::from(channel.unit)
                };
                let all: Vec<f64> = (0..42).map(|i| value(i / 6, i % 6)).collect();
                let mean = all.iter().sum::<f64>() / 42.0;
                let centred: Vec<f64> = (0..42)
                    .map(|i| {
                        all[i]
                            - match channel.center {
                                Center::Mean([a, b]) => mean * f64::from(a) / f64::from(b),
                                Center::Blur(_) => {
                                    let clamp = |v: i64, n: i64| v.clamp(0, n - 1) as usize;
                                    let i = i64::try_from(i).unwrap();
                                    let (y, x) = (i / 6, i % 6);
                                    let window = (-2..=2).flat_map(|u| {
                                        (-2..=2).map(move |v| (clamp(y + u, 7), clamp(x + v, 6)))
                                    });
                                    window.map(|(y, x)| value(y, x)).sum::<f64>() / 25.0
                                }
                            }
                    })
                    .collect();
                let rms = (centred.iter().map(|d| d * d).sum::<f64>() / 42.0).sqrt();
                for (i, d) in centred.iter().enumerate() {
                    let ratio = d / (rms + 4.0);
                    let thresholds = [-0.8, 0.0, 0.8];
                    if thresholds.iter().any(|t| (ratio - t).abs() < 1e-9) {
                        continue;
                    }
                    let expected = thresholds.iter().filter(|t| **t <= ratio).count();
                    assert_eq!(
                        found[c * 42 + i],
                        i64::try_from(expected).unwrap(),
                        "{c} {i} {ratio}"
                    );
                }
            }
        }
    }

    #[test]
    fn thresholds_are_exact_at_their_edge() {
        // sqrt(200 / 2) = 10, and the floor is 5: 0.8 of 15 is 12.
        assert_eq!(smallest(80, 5, 200, 2), 12);
        assert_eq!(smallest(-80, 5, 200, 2), -12);
        assert_eq!(smallest(0, 5, 200, 2), 0);
        // sqrt(101) is above 10: 1.0 * (10.05 + 0).
        assert_eq!(smallest(100, 0, 202, 2), 11);
        assert_eq!(smallest(-100, 0, 202, 2), -10);
    }

    #[test]
    fn flat_images_and_extremes_are_encoded() {
        let shape = Shape::new(3, 256, 256);
        let quantizer = InputQuantizer::from_encoding(mix()).unwrap();
        for value in [0, 255] {
            let image = vec![value; 3 << 16];
            let found = quantizer.quantize_image(&image, shape);
            assert!(found.iter().all(|&v| v == 2), "no contrast: not below 0");
        }
        let mut checks = vec![0; 3 << 16];
        checks.iter_mut().step_by(2).for_each(|p| *p = 255);
        let found = quantizer.quantize_image(&checks, shape);
        assert_eq!(found[..2], [3, 0]);
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        let refused = |change: &dyn Fn(&mut InputEncoding), field: &str| {
            let mut encoding = mix();
            change(&mut encoding);
            let message = InputQuantizer::from_encoding(encoding)
                .unwrap_err()
                .to_string();
            assert!(message.contains(field), "{message}");
        };
        refused(&|e| e.channels.clear(), "channels");
        refused(&|e| e.channels[1].mix = vec![1, 2], "channels[1].mix");
        refused(&|e| e.channels[0].mix[0] = 2000, "channels[0].mix");
        refused(&|e| e.channels[0].unit = 0, "channels[0].unit");
        refused(
            &|e| e.channels[2].center = Center::Mean([2, 1]),
            "channels[2].center",
        );
        refused(
            &|e| e.channels[2].center = Center::Blur(0),
            "channels[2].center",
        );
        refused(&|e| e.floor = 256, "floor");
        let mut greatest = mix();
        greatest.floor = 255;
        InputQuantizer::from_encoding(greatest).unwrap();
        refused(&|e| e.thresholds = vec![5, 5], "thresholds");
        refused(&|e| e.thresholds.clear(), "thresholds");
    }
}
