//! A convolution's forward and backward pass, computed as matrix products.
//!
//! Images are processed in blocks of [`BLOCK`], laid out `[channels][images][height][width]`. The windows of many
//! images are then the columns of one matrix, which has one row for each tap of the kernel.

use super::matrix::{Matrix, add_product};
use crate::network::Shape;

/// Number of images in a block. It affects a run's result (through rounding); the number of threads never does.
pub(super) const BLOCK: usize = 8;

/// Size in bytes of the part of the window matrix that is processed at once: about a processor's second-level cache.
const WINDOW_BYTES: usize = 512 << 10;

/// A convolution's shape.
#[derive(Debug, Clone, Copy)]
pub(super) struct Conv {
    pub input: Shape,
    pub output: Shape,
    pub kernel: [usize; 2],
    pub stride: [usize; 2],
    pub padding: [usize; 2],
}

impl Conv {
    /// Returns the number of weights for one output channel.
    pub fn fan_in(&self) -> usize {
        self.input.channels * self.kernel[0] * self.kernel[1]
    }

    fn plane(&self) -> usize {
        self.output.height * self.output.width
    }

    /// Returns the number of images whose windows are processed at once.
    fn step(&self, images: usize) -> usize {
        let bytes = 4 * self.fan_in() * self.plane();
        (WINDOW_BYTES / bytes.max(1)).clamp(1, images.max(1))
    }

    /// Lists the channel, the kernel row and the kernel column of each row of the window matrix.
    fn taps(&self) -> impl Iterator<Item = (usize, usize, usize)> {
        let [rows, columns] = self.kernel;
        (0..self.input.channels)
            .flat_map(move |c| (0..rows).flat_map(move |y| (0..columns).map(move |x| (c, y, x))))
    }

    /// Returns the range `first..end` of outputs along one axis for which tap `tap` reads inside the image.
    fn inside(&self, axis: usize, tap: usize) -> (usize, usize) {
        let (size, out) = if axis == 0 {
            (self.input.height, self.output.height)
        } else {
            (self.input.width, self.output.width)
        };
        let (stride, padding) = (self.stride[axis], self.padding[axis]);
        let first = padding.saturating_sub(tap).div_ceil(stride).min(out);
        let end = (size + padding)
            .saturating_sub(tap)
            .div_ceil(stride)
            .clamp(first, out);
        (first, end)
    }

    /// Calls `visit` once for each run of outputs in a row for which one tap reads inside the image. Its arguments are
    /// the position in the window matrix of the `images` images from `first` on, the position in the block of `all`
    /// images, and the length.
    fn runs(
        &self,
        all: usize,
        first: usize,
        images: usize,
        mut visit: impl FnMut(usize, usize, usize),
    ) {
        let Shape { height, width, .. } = self.input;
        let (plane, out_width) = (self.plane(), self.output.width);
        for (row, (c, ky, kx)) in self.taps().enumerate() {
            let (top, bottom) = self.inside(0, ky);
            let (left, right) = self.inside(1, kx);
            if left == right {
                continue;
            }
            for image in 0..images {
                let from = (c * all + first + image) * height * width;
                let to = (row * images + image) * plane;
                for y in top..bottom {
                    let line = y * self.stride[0] + ky - self.padding[0];
                    let column = left * self.stride[1] + kx - self.padding[1];
                    visit(
                        to + y * out_width + left,
                        from + line * width + column,
                        right - left,
                    );
                }
            }
        }
    }

    /// Builds the window matrix `[fan_in, images * plane]`.
    fn windows(&self, x: &[f32], all: usize, first: usize, images: usize, out: &mut Vec<f32>) {
        out.clear();
        out.resize(self.fan_in() * images * self.plane(), 0.0);
        let stride = self.stride[1];
        self.runs(all, first, images, |to, from, length| {
            let to = &mut out[to..to + length];
            if stride == 1 {
                to.copy_from_slice(&x[from..from + length]);
            } else {
                for (t, f) in to.iter_mut().zip(x[from..].iter().step_by(stride)) {
                    *t = *f;
                }
            }
        });
    }

    /// Computes the outputs of a block of `images` images, `[outputs][images][height][width]`.
    pub fn forward(&self, x: &[f32], images: usize, weight: &[f32], bias: &[f32]) -> Vec<f32> {
        let (plane, fan_in) = (self.plane(), self.fan_in());
        let mut out = Vec::with_capacity(self.output.channels * images * plane);
        for b in bias {
            out.resize(out.len() + images * plane, *b);
        }
        let weight = Matrix::new(weight, self.output.channels, fan_in, fan_in);
        let step = self.step(images);
        let mut windows = Vec::new();
        for first in (0..images).step_by(step) {
            let count = step.min(images - first);
            self.windows(x, images, first, count, &mut windows);
            let columns = count * plane;
            add_product(
                &mut out[first * plane..],
                images * plane,
                weight,
                Matrix::new(&windows, fan_in, columns, columns),
            );
        }
        out
    }

    /// Propagates the gradient `dy` of a block's outputs. Adds the weights' gradient to `dw` and the biases' gradient
    /// to `db`; returns the inputs' gradient if `input` asks for it.
    #[allow(
        clippy::too_many_arguments,
        reason = "what forward reads, and the gradients"
    )]
    pub fn backward(
        &self,
        x: &[f32],
        images: usize,
        weight: &[f32],
        dy: &[f32],
        dw: &mut [f32],
        db: &mut [f32],
        input: bool,
    ) -> Option<Vec<f32>> {
        let (plane, fan_in, outputs) = (self.plane(), self.fan_in(), self.output.channels);
        for (b, values) in db.iter_mut().zip(dy.chunks_exact(images * plane)) {
            *b += sum(values);
        }
        let weight = Matrix::new(weight, outputs, fan_in, fan_in);
        let mut dx = input.then(|| vec![0.0; self.input.len() * images]);
        let step = self.step(images);
        let mut windows = Vec::new();
        for first in (0..images).step_by(step) {
            let count = step.min(images - first);
            let columns = count * plane;
            let dy = Matrix::new(&dy[first * plane..], outputs, columns, images * plane);
            self.windows(x, images, first, count, &mut windows);
            let read = Matrix::new(&windows, fan_in, columns, columns);
            add_product(dw, fan_in, dy, read.transposed());
            let Some(dx) = &mut dx else { continue };
            windows.fill(0.0);
            add_product(&mut windows, columns, weight.transposed(), dy);
            let stride = self.stride[1];
            self.runs(images, first, count, |from, to, length| {
                let from = &windows[from..from + length];
                if stride == 1 {
                    for (t, f) in dx[to..to + length].iter_mut().zip(from) {
                        *t += *f;
                    }
                } else {
                    for (t, f) in dx[to..].iter_mut().step_by(stride).zip(from) {
                        *t += *f;
                    }
                }
            });
        }
        dx
    }
}

/// Sums single-precision numbers in sixteen partial sums: fast, and more accurate than one running sum.
pub(super) fn sum(values: &[f32]) -> f32 {
    fold(values, |x| x)
}

/// Sums `f` of each value.
pub(super) fn fold(values: &[f32], f: impl Fn(f32) -> f32) -> f32 {
    let mut lanes = [0.0_f32; 16];
    let chunks = values.chunks_exact(16);
    let rest: f32 = chunks.remainder().iter().map(|&x| f(x)).sum();
    for chunk in chunks {
        for (lane, &x) in lanes.iter_mut().zip(chunk) {
            *lane += f(x);
        }
    }
    lanes.iter().sum::<f32>() + rest
}

/// Computes the dot product of `a` and `b`.
pub(super) fn dot(a: &[f32], b: &[f32]) -> f32 {
    let mut lanes = [0.0_f32; 16];
    let (left, right) = (a.chunks_exact(16), b.chunks_exact(16));
    let rest: f32 = left
        .remainder()
        .iter()
        .zip(right.remainder())
        .map(|(x, y)| x * y)
        .sum();
    for (x, y) in left.zip(right) {
        for ((lane, x), y) in lanes.iter_mut().zip(x).zip(y) {
            *lane += x * y;
        }
    }
    lanes.iter().sum::<f32>() + rest
}
