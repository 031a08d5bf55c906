//! The integer network: what training hands over and what runs encrypted.
//!
//! A [`Network`] is a list of [`Layer`]s with integer weights, and an [`InputQuantizer`] that turns pixels into small
//! integers. It is an exact integer polynomial of its input: nothing is rounded between layers, and the integers grow
//! from layer to layer.
//!
//! Nothing here knows of training or of encryption.

mod error;
mod layer;
mod model;
mod quantizer;
mod shape;

pub use error::{InputError, LayerError, NetworkError};
pub use layer::{Layer, MAX_BIAS_BITS, MAX_ELEMENTS, MAX_WEIGHT_BITS, MAX_WEIGHTS, NamedLayer};
pub use model::{InputSpec, MAX_LAYERS, MAX_VALUE_BITS, Network, NetworkLiteral};
pub use quantizer::InputQuantizer;
pub use shape::Shape;
