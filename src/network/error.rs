//! Errors in the description of a network, and in the images given to it.

use std::fmt;

use super::shape::Shape;

/// Displays a double without hundreds of zeros.
pub(super) struct Short(pub f64);

impl fmt::Display for Short {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(value) = self;
        let magnitude = value.abs();
        if magnitude == 0.0 || !value.is_finite() || (1e-6..1e15).contains(&magnitude) {
            write!(f, "{value}")
        } else {
            write!(f, "{value:e}")
        }
    }
}

/// The field of a network's description that is wrong, and what is wrong with it.
#[derive(Debug, thiserror::Error, Clone, PartialEq, Eq)]
#[error("{field}: {problem}")]
#[non_exhaustive]
pub struct NetworkError {
    /// Path of the field, like `layers[2].weight`. An error of a single [`Layer`](super::Layer) has only the layer's own
    /// field, like `weight`.
    pub field: String,
    /// The fault, with the limit that is exceeded.
    pub problem: String,
}

impl NetworkError {
    pub(super) fn new(field: impl Into<String>, problem: impl Into<String>) -> Self {
        Self {
            field: field.into(),
            problem: problem.into(),
        }
    }

    /// Refuses a scale that is not a positive number.
    pub(super) fn check_scale(field: &str, scale: f64) -> Result<(), Self> {
        if scale.is_finite() && scale > 0.0 {
            return Ok(());
        }
        let problem = format!("{} is not a positive finite number", Short(scale));
        Err(Self::new(field, problem))
    }

    /// Names the layer to which the error of a single layer belongs.
    pub(super) fn in_layer(self, index: usize) -> Self {
        Self::new(format!("layers[{index}].{}", self.field), self.problem)
    }
}

/// Errors in the pixels or integers given to a network.
#[derive(Debug, thiserror::Error, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum InputError {
    /// An image has the wrong size.
    #[error("the image has {actual} values, expected {expected} (shape {shape})")]
    Length {
        /// Number of values in the image.
        actual: usize,
        /// Number of values that the network reads.
        expected: usize,
        /// The network's input shape.
        shape: Shape,
    },
    /// A value is one that the network's quantiser never gives, so the proven bounds would not hold for it.
    #[error(
        "value {index} of the image is {value}, outside 0 to {max}, which is all that the network's input quantizer gives; quantise the image first"
    )]
    Value {
        /// Position in the flat image.
        index: usize,
        /// The value.
        value: i64,
        /// Largest value that the quantiser gives.
        max: i64,
    },
    /// One of several images is unusable.
    #[error("images[{index}]: {problem}")]
    Image {
        /// Index of the image, from 0.
        index: usize,
        /// Problem with that image.
        problem: Box<InputError>,
    },
    /// No images were given, so there is nothing to observe.
    #[error("images: none given, at least one is needed to observe anything")]
    Empty,
    /// The modulus is 0.
    #[error("t: the modulus is 0, expected at least 1")]
    Modulus,
}
