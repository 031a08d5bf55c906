//! Numbers that belong to the values of a layer: one for all, one for each channel, or one for each value.

use crate::network::Shape;

/// One number for all values of a tensor, one for each channel, or one for each value.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Per {
    One(f64),
    Channel(Vec<f64>),
    Value(Vec<f64>),
}

impl Per {
    pub const ZERO: Self = Self::One(0.0);
    pub const ONE: Self = Self::One(1.0);

    /// Makes the smallest form of numbers for each value of a tensor of this shape.
    pub fn new(values: Vec<f64>, shape: Shape) -> Self {
        let plane = shape.height * shape.width;
        let uniform = |run: &[f64]| run.iter().all(|v| v.to_bits() == run[0].to_bits());
        if values.is_empty() || uniform(&values) {
            return Self::One(values.first().copied().unwrap_or_default());
        }
        if values.chunks(plane.max(1)).all(uniform) {
            return Self::Channel(values.chunks(plane.max(1)).map(|run| run[0]).collect());
        }
        Self::Value(values)
    }

    /// Returns the number of the value at this flat position.
    pub fn at(&self, position: usize, shape: Shape) -> f64 {
        match self {
            Self::One(value) => *value,
            Self::Channel(values) => values[position / (shape.height * shape.width)],
            Self::Value(values) => values[position],
        }
    }

    /// Returns the number of a channel; `None` if its values have different ones.
    pub fn channel(&self, channel: usize, shape: Shape) -> Option<f64> {
        match self {
            Self::One(value) => Some(*value),
            Self::Channel(values) => Some(values[channel]),
            Self::Value(values) if shape.height * shape.width == 1 => Some(values[channel]),
            Self::Value(_) => None,
        }
    }

    /// Returns the numbers of all channels; `None` if a channel has different ones.
    pub fn channels(&self, shape: Shape) -> Option<Vec<f64>> {
        (0..shape.channels)
            .map(|channel| self.channel(channel, shape))
            .collect()
    }

    /// Returns the one number, if there is only one.
    pub fn one(&self) -> Option<f64> {
        match self {
            Self::One(value) => Some(*value),
            _ => None,
        }
    }

    /// Returns how many numbers there are.
    pub fn len(&self) -> usize {
        match self {
            Self::One(_) => 1,
            Self::Channel(values) | Self::Value(values) => values.len(),
        }
    }

    pub fn is(&self, value: f64) -> bool {
        self.all(|v| v - value == 0.0)
    }

    pub fn all(&self, test: impl Fn(f64) -> bool) -> bool {
        match self {
            Self::One(value) => test(*value),
            Self::Channel(values) | Self::Value(values) => values.iter().all(|&v| test(v)),
        }
    }

    pub fn map(&self, f: impl Fn(f64) -> f64) -> Self {
        let each = |values: &[f64]| values.iter().map(|&v| f(v)).collect();
        match self {
            Self::One(value) => Self::One(f(*value)),
            Self::Channel(values) => Self::Channel(each(values)),
            Self::Value(values) => Self::Value(each(values)),
        }
    }

    /// Combines the numbers of each value.
    pub fn with(&self, other: &Self, shape: Shape, f: impl Fn(f64, f64) -> f64) -> Self {
        match (self, other) {
            (Self::One(a), other) => other.map(|b| f(*a, b)),
            (a, Self::One(b)) => a.map(|a| f(a, *b)),
            (Self::Channel(a), Self::Channel(b)) => {
                Self::Channel(a.iter().zip(b).map(|(&a, &b)| f(a, b)).collect())
            }
            (a, b) => {
                let all = 0..shape.len();
                Self::Value(all.map(|at| f(a.at(at, shape), b.at(at, shape))).collect())
            }
        }
    }

    pub fn plus(&self, other: &Self, shape: Shape) -> Self {
        self.with(other, shape, |a, b| a + b)
    }

    pub fn times(&self, other: &Self, shape: Shape) -> Self {
        self.with(other, shape, |a, b| a * b)
    }

    /// Returns the same numbers for a tensor with the same values that is one vector.
    pub fn flattened(&self, shape: Shape) -> Self {
        match self {
            Self::Channel(_) if shape.height * shape.width > 1 => {
                Self::Value((0..shape.len()).map(|at| self.at(at, shape)).collect())
            }
            other => other.clone(),
        }
    }
}
