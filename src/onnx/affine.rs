//! Convolutions and linear layers: a grid of numbers, and the factors that make weights of them.

use super::{per::Per, tensor::MAX_VALUES};
use crate::network::Shape;

/// The numbers of a layer's weights before any factor.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum WeightGrid {
    Whole(Vec<i32>),
    Real(Vec<f32>),
}

impl WeightGrid {
    pub fn at(&self, position: usize) -> f64 {
        match self {
            Self::Whole(values) => f64::from(values[position]),
            Self::Real(values) => f64::from(values[position]),
        }
    }

    pub fn len(&self) -> usize {
        match self {
            Self::Whole(values) => values.len(),
            Self::Real(values) => values.len(),
        }
    }

    /// Makes a grid in which each number comes from a position of this one, or is 0.
    pub fn placed(&self, length: usize, places: impl Iterator<Item = (usize, usize)>) -> Self {
        match self {
            Self::Whole(values) => {
                let mut placed = vec![0; length];
                places.for_each(|(to, from)| placed[to] = values[from]);
                Self::Whole(placed)
            }
            Self::Real(values) => {
                let mut placed = vec![0.0; length];
                places.for_each(|(to, from)| placed[to] = values[from]);
                Self::Real(placed)
            }
        }
    }
}

/// The windows of a convolution.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Window {
    pub kernel: [usize; 2],
    pub stride: [usize; 2],
    /// Zeros on both sides.
    pub padding: [usize; 2],
}

impl Window {
    /// The window that sees one value.
    pub const POINT: Self = Self {
        kernel: [1, 1],
        stride: [1, 1],
        padding: [0, 0],
    };

    pub fn area(&self) -> usize {
        self.kernel[0] * self.kernel[1]
    }

    /// Computes how many windows there are; `None` if none fits.
    pub fn count(&self, input: Shape) -> Option<[usize; 2]> {
        let along = |size: usize, axis: usize| {
            let padded = size.checked_add(self.padding[axis].checked_mul(2)?)?;
            padded
                .checked_sub(self.kernel[axis])?
                .checked_div(self.stride[axis])?
                .checked_add(1)
        };
        Some([along(input.height, 0)?, along(input.width, 1)?])
    }
}

/// A convolution, or a linear layer if there is no window: its weight at `[o, i, u, v]` is
/// `grid * rows[o] * columns[i]`.
#[derive(Clone, Debug)]
pub(super) struct RealAffine {
    pub window: Option<Window>,
    pub input: Shape,
    pub output: Shape,
    /// `[outputs, input channels, rows, columns]`, or `[outputs, input values]`.
    pub grid: WeightGrid,
    /// One factor, or one for each output channel.
    pub rows: Per,
    /// One factor, one for each input channel, or, for a linear layer, one for each input value.
    pub columns: Per,
    /// One for each output channel.
    pub bias: Vec<f64>,
    /// The share that each value of the kernel in the image, `[outputs, rows, columns]`, adds to an output; empty if
    /// nothing.
    pub border: Vec<f64>,
    /// True if the layer gives one more channel, of a constant, for the border of a later one.
    pub constant: bool,
    /// The node that it comes from.
    pub node: String,
}

impl RealAffine {
    /// Makes a layer without bias that multiplies each channel by a factor.
    pub fn diagonal(shape: Shape, factors: &[f64], node: &str) -> Option<Self> {
        let channels = shape.channels;
        if channels.checked_mul(channels)? > MAX_VALUES {
            return None;
        }
        let mut grid = vec![0; channels * channels];
        (0..channels).for_each(|channel| grid[channel * channels + channel] = 1);
        Some(Self {
            window: Some(Window::POINT),
            input: shape,
            output: shape,
            grid: WeightGrid::Whole(grid),
            rows: Per::new(factors.to_vec(), Shape::vector(channels)),
            columns: Per::ONE,
            bias: vec![0.0; channels],
            border: Vec::new(),
            constant: false,
            node: node.to_owned(),
        })
    }

    pub fn outputs(&self) -> usize {
        self.output.channels
    }

    /// Returns the number of weights of an output channel.
    pub fn row_len(&self) -> usize {
        self.grid.len() / self.outputs().max(1)
    }

    /// Returns the factor of an output channel.
    pub fn row(&self, output: usize) -> f64 {
        self.rows.at(output, Shape::vector(self.outputs()))
    }

    /// Returns the factor of a weight by its position in its row.
    pub fn column(&self, position: usize) -> f64 {
        self.column_of(&self.columns, position)
    }

    /// Returns the one of `columns` that is for a weight by its position in its row.
    pub fn column_of(&self, columns: &Per, position: usize) -> f64 {
        match self.window {
            Some(window) => {
                let channels = Shape::vector(self.input.channels);
                columns.at(position / window.area(), channels)
            }
            None => columns.at(position, self.input),
        }
    }

    /// Returns a weight.
    pub fn weight(&self, output: usize, position: usize) -> f64 {
        self.grid.at(output * self.row_len() + position) * self.row(output) * self.column(position)
    }

    /// Multiplies each output channel by a factor and adds a number to it.
    pub fn follow(&mut self, factor: &[f64], shift: &[f64]) {
        let channels = Shape::vector(self.outputs());
        self.rows = Per::new(
            (0..self.outputs())
                .map(|o| self.row(o) * factor[o])
                .collect(),
            channels,
        );
        for ((bias, factor), shift) in self.bias.iter_mut().zip(factor).zip(shift) {
            *bias = *bias * factor + shift;
        }
        let taps = self.border.len() / self.outputs().max(1);
        for (taps, factor) in self.border.chunks_mut(taps.max(1)).zip(factor) {
            for tap in taps {
                *tap *= factor;
            }
        }
    }

    /// Takes numbers by which the inputs are to be multiplied first.
    pub fn precede(&mut self, factor: &Per) {
        // The factors of a convolution are for channels.
        let shape = match self.window {
            Some(_) => Shape::vector(self.input.channels),
            None => self.input,
        };
        self.columns = self.columns.times(factor, shape);
    }

    /// Takes numbers that are to be added to the inputs first, one for each channel or, for a linear layer, for each
    /// value. They go to the biases or, beside padding, which stays 0, to the border.
    pub fn absorb(&mut self, shift: &Per) {
        let area = self.window.map_or(1, |window| window.area());
        let shape = match self.window {
            Some(_) => Shape::vector(self.input.channels),
            None => self.input,
        };
        if self.is_padded() && self.border.is_empty() {
            self.border = vec![0.0; self.outputs() * area];
        }
        for output in 0..self.outputs() {
            for at in 0..self.row_len() {
                let added = self.weight(output, at) * shift.at(at / area, shape);
                match self.border.get_mut(output * area + at % area) {
                    Some(tap) => *tap += added,
                    None => self.bias[output] += added,
                }
            }
        }
    }

    pub fn is_padded(&self) -> bool {
        self.window.is_some_and(|window| window.padding != [0, 0])
    }
}
