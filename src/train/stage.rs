//! A convolution together with the batch norm, activation and pooling that follow it: forward and backward pass. They
//! are computed here because burn's CPU backend has no convolution backward pass of its own, and each of its operations
//! is a separate pass over memory.
//!
//! Values lie in blocks of [`BLOCK`] images, `[channels][images][height][width]` each. Blocks are independent, so
//! threads share them. Sums over blocks are taken in block order, so the result is the same for any number of threads.

use rayon::prelude::*;

use super::{
    LayerSpec,
    conv::{BLOCK, Conv, dot, fold, sum},
    norm::{IntegerLines, Lines, NormKind, deviation, pooled},
};
use crate::network::Shape;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Activation {
    Square,
    Relu,
}

impl Activation {
    /// Applies the activation, if there is one, to `z`.
    fn apply(of: Option<Self>, z: f32) -> f32 {
        match of {
            Some(Self::Square) => z * z,
            Some(Self::Relu) => z.max(0.0),
            None => z,
        }
    }

    /// Returns the derivative of [`apply`](Self::apply) at `z`.
    fn slope(of: Option<Self>, z: f32) -> f32 {
        match of {
            Some(Self::Square) => 2.0 * z,
            Some(Self::Relu) => f32::from(u8::from(z > 0.0)),
            None => 1.0,
        }
    }
}

#[derive(Debug, Clone, Copy)]
struct PoolStage {
    kernel: [usize; 2],
    stride: [usize; 2],
    largest: bool,
}

/// A convolution and the layers that follow it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Stage {
    conv: Conv,
    activation: Option<Activation>,
    pool: Option<PoolStage>,
    output: Shape,
}

/// A batch's values in blocks.
#[derive(Debug, Clone)]
pub(super) struct Blocks {
    pub images: usize,
    pub blocks: Vec<Vec<f32>>,
}

/// The stage's parameters as the forward pass uses them.
#[derive(Debug, Clone)]
pub(super) struct StageWeights {
    pub weight: Vec<f32>,
    pub bias: Vec<f32>,
    pub norm: Option<Norm>,
}

/// A norm: factor and offset, and the running statistics if they are to be used.
#[derive(Debug, Clone)]
pub(super) struct Norm {
    pub kind: NormKind,
    /// Factors, for [`NormKind::Channel`].
    pub gamma: Vec<f32>,
    pub beta: Vec<f32>,
    pub running: Option<(Vec<f32>, Vec<f32>)>,
    /// Real value of 1 in the sums, for [`NormKind::Layer`].
    pub unit: f64,
}

impl Norm {
    fn lines(&self, mean: &[f32], variance: &[f32]) -> Lines {
        match self.kind {
            NormKind::Channel => Lines::of_channels(&self.gamma, &self.beta, mean, variance),
            NormKind::Layer(gamma) => {
                IntegerLines::new(gamma, &self.beta, mean, variance, self.unit).lines()
            }
        }
    }
}

/// The values that the backward pass needs from the forward pass.
pub(super) struct Saved {
    input: Blocks,
    /// The convolution's outputs.
    sums: Vec<Vec<f32>>,
    lines: Lines,
    /// Mean and (biased) variance of the batch, before the norm.
    pub statistics: Option<(Vec<f32>, Vec<f32>)>,
}

/// Gradients of the stage's parameters.
pub(super) struct StageGradients {
    pub weight: Vec<f32>,
    pub bias: Vec<f32>,
    /// Gradients of the norm's factor and offset.
    pub norm: Option<(Vec<f32>, Vec<f32>)>,
}

impl Blocks {
    /// Returns the number of images in block `index`.
    fn count(&self, index: usize) -> usize {
        BLOCK.min(self.images - index * BLOCK)
    }

    /// Returns the values image after image, each channel by channel.
    pub fn to_images(&self, shape: Shape) -> Vec<f32> {
        let plane = shape.height * shape.width;
        let mut out = Vec::with_capacity(self.images * shape.len());
        for (index, block) in self.blocks.iter().enumerate() {
            let count = self.count(index);
            for image in 0..count {
                for c in 0..shape.channels {
                    let at = (c * count + image) * plane;
                    out.extend_from_slice(&block[at..at + plane]);
                }
            }
        }
        out
    }

    /// Builds blocks from values that are stored image after image, each channel by channel.
    pub fn from_images(values: &[f32], shape: Shape) -> Self {
        let plane = shape.height * shape.width;
        let blocks = values
            .chunks(BLOCK * shape.len())
            .map(|block| {
                (0..shape.channels)
                    .flat_map(|c| block.chunks_exact(shape.len()).map(move |i| (c, i)))
                    .flat_map(|(c, image)| &image[c * plane..(c + 1) * plane])
                    .copied()
                    .collect()
            })
            .collect();
        Self {
            images: values.len() / shape.len().max(1),
            blocks,
        }
    }
}

impl Stage {
    /// Finds the stages at the beginning of a network, and the number of layers they span.
    pub fn leading(layers: &[LayerSpec], shapes: &[Shape]) -> (Vec<Self>, usize) {
        let (mut stages, mut next) = (Vec::new(), 0);
        while let Some(&LayerSpec::Conv2d {
            kernel,
            stride,
            padding,
            ..
        }) = layers.get(next)
        {
            let conv = Conv {
                input: shapes[next],
                output: shapes[next + 1],
                kernel,
                stride,
                padding,
            };
            next += 1;
            let activation = match layers.get(next) {
                Some(LayerSpec::Square) => Some(Activation::Square),
                Some(LayerSpec::Relu) => Some(Activation::Relu),
                _ => None,
            };
            next += usize::from(activation.is_some());
            let pool = match layers.get(next) {
                Some(&LayerSpec::SumPool { kernel, stride }) => Some((kernel, stride, false)),
                Some(&LayerSpec::MaxPool { kernel, stride }) => Some((kernel, stride, true)),
                _ => None,
            };
            next += usize::from(pool.is_some());
            stages.push(Self {
                conv,
                activation,
                pool: pool.map(|(kernel, stride, largest)| PoolStage {
                    kernel,
                    stride,
                    largest,
                }),
                output: shapes[next],
            });
        }
        (stages, next)
    }

    /// Returns the number of positions in an image at which the convolution is evaluated.
    pub fn positions(&self) -> usize {
        self.conv.output.height * self.conv.output.width
    }

    /// Computes the outputs of a batch.
    pub fn forward(&self, input: Blocks, weights: &StageWeights) -> (Blocks, Saved) {
        let images = input.images;
        let sums: Vec<Vec<f32>> = (0..input.blocks.len())
            .into_par_iter()
            .map(|b| {
                let count = input.count(b);
                let x = &input.blocks[b];
                self.conv.forward(x, count, &weights.weight, &weights.bias)
            })
            .collect();
        let channels = self.conv.output.channels;
        let mut lines = Lines::identity(channels);
        let mut statistics = None;
        if let Some(norm) = &weights.norm {
            let (mean, variance) = match &norm.running {
                Some(running) => running.clone(),
                None => self.statistics(&sums, images),
            };
            lines = norm.lines(&mean, &variance);
            if norm.running.is_none() {
                statistics = Some((mean, variance));
            }
        }
        let blocks = sums
            .par_iter()
            .map(|block| self.activate(block, &lines))
            .collect();
        let saved = Saved {
            input,
            sums,
            lines,
            statistics,
        };
        (Blocks { images, blocks }, saved)
    }

    /// Computes mean and variance of each channel over the batch.
    fn statistics(&self, sums: &[Vec<f32>], images: usize) -> (Vec<f32>, Vec<f32>) {
        let channels = self.conv.output.channels;
        let plane = self.conv.output.height * self.conv.output.width;
        let total = (images * plane).max(1) as f64;
        let over = |f: &(dyn Fn(usize, f32) -> f32 + Sync)| -> Vec<f64> {
            let parts: Vec<Vec<f32>> = sums
                .par_iter()
                .map(|block| {
                    let size = block.len() / channels;
                    let channel = block.chunks_exact(size.max(1)).enumerate();
                    channel.map(|(c, v)| fold(v, |x| f(c, x))).collect()
                })
                .collect();
            (0..channels)
                .map(|c| parts.iter().map(|p| f64::from(p[c])).sum::<f64>() / total)
                .collect()
        };
        let mean: Vec<f32> = over(&|_, x| x).iter().map(|&m| m as f32).collect();
        let variance = over(&|c, x| (x - mean[c]) * (x - mean[c]));
        (mean, variance.iter().map(|&v| v as f32).collect())
    }

    /// Applies norm, activation and pooling to a block.
    fn activate(&self, sums: &[f32], lines: &Lines) -> Vec<f32> {
        let Shape { height, width, .. } = self.conv.output;
        let channels = self.conv.output.channels;
        let mut out = Vec::with_capacity(
            sums.len() / (height * width) * self.output.height * self.output.width,
        );
        let channel = sums.chunks_exact((sums.len() / channels).max(1));
        let mut line = vec![0.0; width];
        for (c, values) in channel.enumerate() {
            let (f, o) = (lines.factor[c], lines.offset[c]);
            let act = |y: f32| Activation::apply(self.activation, y * f + o);
            let Some(pool) = self.pool else {
                out.extend(values.iter().map(|&y| act(y)));
                continue;
            };
            for image in values.chunks_exact(height * width) {
                for row in 0..self.output.height {
                    let first = row * pool.stride[0];
                    // To pool a row, combine whole rows first, then columns.
                    line.fill(if pool.largest { f32::NEG_INFINITY } else { 0.0 });
                    for y in image[first * width..]
                        .chunks_exact(width)
                        .take(pool.kernel[0])
                    {
                        for (l, &y) in line.iter_mut().zip(y) {
                            *l = if pool.largest {
                                l.max(act(y))
                            } else {
                                *l + act(y)
                            };
                        }
                    }
                    let windows = (0..self.output.width).map(|column| {
                        let first = column * pool.stride[1];
                        let window = &line[first..first + pool.kernel[1]];
                        if pool.largest {
                            window.iter().fold(f32::NEG_INFINITY, |m, &x| m.max(x))
                        } else {
                            window.iter().sum()
                        }
                    });
                    out.extend(windows);
                }
            }
        }
        out
    }

    /// Propagates the gradient of a batch's outputs to the parameters, and to the inputs if `input` asks for it. Norms
    /// with running statistics get no gradients of their own: they stay fixed.
    pub fn backward(
        &self,
        saved: &Saved,
        weights: &StageWeights,
        gradient: &Blocks,
        input: bool,
    ) -> (StageGradients, Option<Blocks>) {
        let channels = self.conv.output.channels;
        let mut dz: Vec<Vec<f32>> = saved
            .sums
            .par_iter()
            .zip(&gradient.blocks)
            .map(|(sums, out)| self.activate_backward(sums, &saved.lines, out))
            .collect();
        let mut norm_gradients = None;
        if let (Some(norm), Some((mean, variance))) = (&weights.norm, &saved.statistics) {
            norm_gradients = Some(self.norm_backward(saved, norm, mean, variance, &mut dz));
        } else if weights.norm.is_some() {
            for dz in &mut dz {
                let size = (dz.len() / channels).max(1);
                for (dz, factor) in dz.chunks_exact_mut(size).zip(&saved.lines.factor) {
                    for dz in dz {
                        *dz *= factor;
                    }
                }
            }
        }
        let parts: Vec<_> = dz
            .par_iter()
            .enumerate()
            .map(|(b, dy)| {
                let mut dw = vec![0.0; weights.weight.len()];
                let mut db = vec![0.0; channels];
                let (x, count) = (&saved.input.blocks[b], saved.input.count(b));
                let conv = &self.conv;
                let dx = conv.backward(x, count, &weights.weight, dy, &mut dw, &mut db, input);
                (dw, db, dx)
            })
            .collect();
        let mut found = StageGradients {
            weight: vec![0.0; weights.weight.len()],
            bias: vec![0.0; channels],
            norm: norm_gradients,
        };
        let mut blocks = Vec::with_capacity(parts.len());
        for (dw, db, dx) in parts {
            add(&mut found.weight, &dw);
            add(&mut found.bias, &db);
            blocks.extend(dx);
        }
        let images = saved.input.images;
        (found, input.then_some(Blocks { images, blocks }))
    }

    /// Propagates the gradient of a block's outputs to the values before the activation.
    fn activate_backward(&self, sums: &[f32], lines: &Lines, gradient: &[f32]) -> Vec<f32> {
        let Shape { height, width, .. } = self.conv.output;
        let channels = self.conv.output.channels;
        let size = (sums.len() / channels).max(1);
        let pooled = self.output.height * self.output.width;
        let per_channel = (gradient.len() / channels).max(1);
        let mut out = vec![0.0; sums.len()];
        let mut line = vec![0.0; width];
        for c in 0..channels {
            let (f, o) = (lines.factor[c], lines.offset[c]);
            let slope = |y: f32| Activation::slope(self.activation, y * f + o);
            let values = &sums[c * size..(c + 1) * size];
            let out = &mut out[c * size..(c + 1) * size];
            let gradient = &gradient[c * per_channel..(c + 1) * per_channel];
            let Some(pool) = self.pool else {
                for ((d, &y), g) in out.iter_mut().zip(values).zip(gradient) {
                    *d = slope(y) * g;
                }
                continue;
            };
            let images = values
                .chunks_exact(height * width)
                .zip(out.chunks_exact_mut(height * width))
                .zip(gradient.chunks_exact(pooled));
            for ((values, out), gradient) in images {
                for (row, gradient) in gradient.chunks_exact(self.output.width).enumerate() {
                    let first = row * pool.stride[0];
                    if pool.largest {
                        self.spread_largest(pool, values, f, o, row, gradient, out);
                        continue;
                    }
                    line.fill(0.0);
                    for (column, g) in gradient.iter().enumerate() {
                        let first = column * pool.stride[1];
                        for l in &mut line[first..first + pool.kernel[1]] {
                            *l += g;
                        }
                    }
                    let rows = first * width..(first + pool.kernel[0]) * width;
                    let lines = out[rows.clone()]
                        .chunks_exact_mut(width)
                        .zip(values[rows].chunks_exact(width));
                    for (d, y) in lines {
                        for ((d, &y), l) in d.iter_mut().zip(y).zip(&line) {
                            *d += slope(y) * l;
                        }
                    }
                }
            }
        }
        out
    }

    /// Adds the gradient of a row of maxima to the first maximum of each window.
    #[allow(
        clippy::too_many_arguments,
        reason = "one row of one image, forward and backward"
    )]
    fn spread_largest(
        &self,
        pool: PoolStage,
        values: &[f32],
        factor: f32,
        offset: f32,
        row: usize,
        gradient: &[f32],
        out: &mut [f32],
    ) {
        let width = self.conv.output.width;
        for (column, g) in gradient.iter().enumerate() {
            let (top, left) = (row * pool.stride[0], column * pool.stride[1]);
            let mut best = (top * width + left, f32::NEG_INFINITY);
            for y in top..top + pool.kernel[0] {
                for x in left..left + pool.kernel[1] {
                    let z = values[y * width + x] * factor + offset;
                    let a = Activation::apply(self.activation, z);
                    if a > best.1 {
                        best = (y * width + x, a);
                    }
                }
            }
            let z = values[best.0] * factor + offset;
            out[best.0] += Activation::slope(self.activation, z) * g;
        }
    }

    /// Turns the gradients after the norm into those before it; returns the gradients of factor and offset.
    fn norm_backward(
        &self,
        saved: &Saved,
        norm: &Norm,
        mean: &[f32],
        variance: &[f32],
        dz: &mut [Vec<f32>],
    ) -> (Vec<f32>, Vec<f32>) {
        let channels = mean.len();
        let plane = self.conv.output.height * self.conv.output.width;
        let total = (saved.input.images * plane).max(1) as f64;
        // For each block and channel: the sums of dz and of dz * (y - mean).
        let parts: Vec<Vec<(f32, f32)>> = dz
            .par_iter()
            .zip(&saved.sums)
            .map(|(dz, y)| {
                let size = (dz.len() / channels).max(1);
                dz.chunks_exact(size)
                    .zip(y.chunks_exact(size))
                    .enumerate()
                    .map(|(c, (dz, y))| {
                        let all = sum(dz);
                        (all, dot(dz, y) - mean[c] * all)
                    })
                    .collect()
            })
            .collect();
        let (mut gamma, mut beta) = (Vec::with_capacity(channels), Vec::with_capacity(channels));
        // dy = a * dz + b * y + d, from the derivative of the norm.
        let mut line = Vec::with_capacity(channels);
        let with_each: Vec<f64> = (0..channels)
            .map(|c| parts.iter().map(|p| f64::from(p[c].1)).sum())
            .collect();
        for c in 0..channels {
            let all: f64 = parts.iter().map(|p| f64::from(p[c].0)).sum();
            let (root, factor, with) = match norm.kind {
                NormKind::Channel => (
                    1.0 / deviation(variance[c].into()),
                    norm.gamma[c],
                    with_each[c],
                ),
                NormKind::Layer(factor) => (
                    1.0 / deviation(pooled(variance)),
                    factor,
                    with_each.iter().sum::<f64>() / channels as f64,
                ),
            };
            let a = f64::from(factor) * root;
            let b = -a * with * root * root / total;
            let d = -a * all / total - b * f64::from(mean[c]);
            gamma.push((with * root) as f32);
            beta.push(all as f32);
            line.push((a as f32, b as f32, d as f32));
        }
        dz.par_iter_mut().zip(&saved.sums).for_each(|(dz, y)| {
            let size = (dz.len() / channels).max(1);
            for (c, (dz, y)) in dz
                .chunks_exact_mut(size)
                .zip(y.chunks_exact(size))
                .enumerate()
            {
                let (a, b, d) = line[c];
                for (dz, y) in dz.iter_mut().zip(y) {
                    *dz = a * *dz + (b * y + d);
                }
            }
        });
        (gamma, beta)
    }
}

fn add(to: &mut [f32], from: &[f32]) {
    for (t, f) in to.iter_mut().zip(from) {
        *t += f;
    }
}
