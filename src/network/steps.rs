//! A network reduced to its two building blocks: weighted sums and squares.

use std::sync::Arc;

use num_bigint::BigInt;

use super::{
    arithmetic::Arithmetic,
    layer::Layer,
    model::Network,
    shape::Shape,
    sums::{Term, WeightedSums},
};

/// Treatment of weights that are zero.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Zeros {
    Dropped,
    /// The computation then depends on the layers' shapes alone.
    Kept,
}

/// The computation of one layer.
pub(super) enum LayerStep {
    /// Weighted sums: a convolution, linear layer or sum-pool.
    Affine(Affine),
    /// Squares every value.
    Square,
    /// Leaves the flat data as they are.
    Flatten,
}

/// Weighted sums over windows of a zero-padded input.
pub(super) struct Affine {
    /// Shape of the input, as this layer sees it.
    input: Shape,
    /// Number of windows, `[down, across]`.
    windows: [usize; 2],
    stride: [usize; 2],
    padding: [usize; 2],
    channels: Vec<Channel>,
}

/// The weighted sum of one output channel.
struct Channel {
    bias: BigInt,
    /// Weights, shared by channels that sum the same.
    taps: Arc<[WindowTap]>,
    /// First channel of the input that the taps read.
    plane: u32,
}

/// One weight and its position: a channel of the input (counted from the output channel's first one), and the
/// row and column in the window.
struct WindowTap {
    channel: u32,
    row: u32,
    column: u32,
    weight: i64,
}

impl LayerStep {
    /// Yields the steps of a network, one per layer, each made on demand.
    pub(super) fn of(network: &Network) -> impl Iterator<Item = Self> {
        Self::with(network, Zeros::Dropped)
    }

    /// Yields the same steps, with or without the weights that are zero.
    pub(super) fn with(network: &Network, zeros: Zeros) -> impl Iterator<Item = Self> {
        let shapes = network.shapes().windows(2);
        network
            .layers()
            .iter()
            .zip(shapes)
            .map(move |(named, shapes)| Self::new(&named.layer, shapes[0], shapes[1], zeros))
    }

    fn new(layer: &Layer, input: Shape, output: Shape, zeros: Zeros) -> Self {
        let windows = [output.height, output.width];
        match layer {
            Layer::Square => Self::Square,
            Layer::Flatten => Self::Flatten,
            Layer::Conv2d {
                kernel,
                stride,
                padding,
                weight,
                bias,
                ..
            } => Self::Affine(Affine {
                input,
                windows,
                stride: *stride,
                padding: *padding,
                channels: channels(weight, bias, *kernel, zeros),
            }),
            // A linear layer is a 1x1 convolution of an input with one channel per value.
            Layer::Linear { weight, bias, .. } => Self::Affine(Affine {
                input: Shape::vector(input.len()),
                windows,
                stride: [1, 1],
                padding: [0, 0],
                channels: channels(weight, bias, [1, 1], zeros),
            }),
            // A sum-pool is a convolution with weights of 1 in which every output channel reads one input channel.
            Layer::SumPool { kernel, stride } => {
                let taps = taps(&vec![1; kernel[0] * kernel[1]], *kernel, zeros);
                let channel = |plane| Channel {
                    bias: BigInt::ZERO,
                    taps: Arc::clone(&taps),
                    plane,
                };
                Self::Affine(Affine {
                    input,
                    windows,
                    stride: *stride,
                    padding: [0, 0],
                    channels: (0..input.channels as u32).map(channel).collect(),
                })
            }
        }
    }

    /// Evaluates `lanes` images at once. Element `e` of image `i` is at `e * lanes + i`, in the input and in the
    /// output.
    pub(super) fn evaluate<A: Arithmetic>(
        &self,
        arithmetic: &A,
        input: Vec<A::Value>,
        lanes: usize,
    ) -> Vec<A::Value> {
        match self {
            Self::Affine(affine) => affine.evaluate(arithmetic, &input, lanes),
            Self::Square => input.iter().map(|value| arithmetic.square(value)).collect(),
            Self::Flatten => input,
        }
    }

    /// Computes the largest magnitude that any sum or partial sum can reach when no input is larger than `magnitude`.
    pub(super) fn reach(&self, magnitude: &BigInt) -> BigInt {
        match self {
            Self::Affine(affine) => {
                let sum = |channel: &Channel| {
                    let l1: u128 = channel
                        .taps
                        .iter()
                        .map(|tap| u128::from(tap.weight.unsigned_abs()))
                        .sum();
                    magnitude * l1 + BigInt::from(channel.bias.magnitude().clone())
                };
                affine
                    .channels
                    .iter()
                    .map(sum)
                    .max()
                    .unwrap_or_default()
                    .max(magnitude.clone())
            }
            Self::Square => magnitude * magnitude,
            Self::Flatten => magnitude.clone(),
        }
    }
}

impl Affine {
    fn evaluate<A: Arithmetic>(
        &self,
        arithmetic: &A,
        input: &[A::Value],
        lanes: usize,
    ) -> Vec<A::Value> {
        let [down, across] = self.windows;
        let mut output = Vec::with_capacity(self.channels.len() * down * across * lanes);
        let mut sums = Vec::with_capacity(lanes);
        for channel in &self.channels {
            let bias = arithmetic.bias(&channel.bias);
            for i in 0..down {
                for j in 0..across {
                    sums.resize(lanes, bias.clone());
                    for tap in &*channel.taps {
                        if let Some(at) = self.read(channel.plane, tap, i, j) {
                            let values = &input[at * lanes..(at + 1) * lanes];
                            arithmetic.mul_add(&mut sums, tap.weight, values);
                        }
                    }
                    output.extend(sums.drain(..).map(|sum| arithmetic.value(sum)));
                }
            }
        }
        output
    }

    /// Returns every output's terms and bias, over the flat input.
    pub(super) fn weighted_sums(&self) -> WeightedSums {
        let [down, across] = self.windows;
        let windows = down * across;
        let taps: usize = self.channels.iter().map(|channel| channel.taps.len()).sum();
        let biases = self
            .channels
            .iter()
            .map(|channel| channel.bias.clone())
            .collect();
        // The capacity is within the network's limit on terms; taps that fall in the padding leave a little of it
        // unused.
        let mut sums = WeightedSums::of_channels(windows, biases, taps * windows);
        for channel in &self.channels {
            for i in 0..down {
                for j in 0..across {
                    let terms = channel.taps.iter().filter_map(|tap| {
                        self.read(channel.plane, tap, i, j).map(|at| Term {
                            input: at as u32,
                            weight: tap.weight,
                        })
                    });
                    sums.push(terms);
                }
            }
        }
        sums
    }

    /// Returns the flat index of the input that a tap of window `(i, j)` reads, counted from channel `plane`; `None` in
    /// the padding.
    fn read(&self, plane: u32, tap: &WindowTap, i: usize, j: usize) -> Option<usize> {
        let y = (i * self.stride[0] + tap.row as usize).wrapping_sub(self.padding[0]);
        let x = (j * self.stride[1] + tap.column as usize).wrapping_sub(self.padding[1]);
        (y < self.input.height && x < self.input.width)
            .then(|| self.input.index((plane + tap.channel) as usize, y, x))
    }
}

fn channels(weight: &[i64], bias: &[BigInt], kernel: [usize; 2], zeros: Zeros) -> Vec<Channel> {
    let filters = weight.chunks(weight.len() / bias.len());
    let channel = |(filter, bias): (_, &BigInt)| Channel {
        bias: bias.clone(),
        taps: taps(filter, kernel, zeros),
        plane: 0,
    };
    filters.zip(bias).map(channel).collect()
}

/// Collects the weights of one filter, `[channels, kernel[0], kernel[1]]`.
fn taps(filter: &[i64], kernel: [usize; 2], zeros: Zeros) -> Arc<[WindowTap]> {
    let place = |(at, &weight): (usize, &i64)| WindowTap {
        channel: (at / (kernel[0] * kernel[1])) as u32,
        row: (at / kernel[1] % kernel[0]) as u32,
        column: (at % kernel[1]) as u32,
        weight,
    };
    filter
        .iter()
        .enumerate()
        .filter(|(_, weight)| **weight != 0 || zeros == Zeros::Kept)
        .map(place)
        .collect()
}
