//! The integer network: what training hands over and what runs encrypted.
//!
//! A [`Network`] is a list of [`Layer`]s with integer weights, and an [`InputQuantizer`] that turns pixels into small
//! integers. It is an exact integer polynomial of its input: nothing is rounded between layers, and the integers grow
//! from layer to layer.
//!
//! Nothing here knows of training or of encryption.

mod arithmetic;
mod bounds;
mod error;
mod format;
mod generate;
mod layer;
mod model;
mod observe;
mod ops;
mod quantizer;
mod raw;
mod shape;
mod steps;
mod twin;

pub use bounds::{Bounds, Interval, LayerBound, proven_bounds};
pub use error::{InputError, LayerError, NetworkError};
pub use format::{FORMAT, FormatError, MAX_FILE_BYTES, NetworkFileError, VERSION};
pub use generate::{NetworkLimits, SplitMix64, random_images, random_network};
pub use layer::{Layer, MAX_BIAS_BITS, MAX_ELEMENTS, MAX_WEIGHT_BITS, MAX_WEIGHTS, NamedLayer};
pub use model::{InputSpec, MAX_LAYERS, MAX_VALUE_BITS, Network, NetworkLiteral};
pub use observe::observed_bounds;
pub use ops::{LayerOps, op_counts};
pub use quantizer::InputQuantizer;
pub use shape::Shape;
pub use twin::{Twin, Width, argmax};

#[cfg(test)]
mod format_tests;
#[cfg(test)]
mod tests;
