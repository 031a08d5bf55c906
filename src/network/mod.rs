//! The integer network: training produces it, and the engine evaluates it encrypted.
//!
//! A [`Network`] is a list of [`Layer`]s with integer weights, and an [`InputQuantizer`] that turns pixels into small
//! integers. Its logits are an exact integer polynomial of its input: nothing is rounded between layers, and the
//! integers grow from layer to layer.
//!
//! This module depends neither on training nor on encryption.
//!
//! ```
//! use sealquant::network::*;
//!
//! // Two pixels of two bits each, and the one logit (2a - b + 1)^2.
//! let network = NetworkBuilder::new("small", Shape::new(1, 1, 2))
//!     .uniform_bits(2)
//!     .linear(1, [2, -1])
//!     .bias([1])
//!     .weight_scale(0.5)
//!     .square()
//!     .build()?;
//!
//! let image = network.quantize_image(&[255, 85])?;
//! assert_eq!(image, [3, 1]);
//! assert_eq!(Twin::new(&network).logits(&image)?, [36.into()]);
//! // 2a - b + 1 lies between -2 and 7, so the logit is at most 49: a modulus of 99 or more holds it.
//! assert_eq!(proven_bounds(&network).output(), &Interval::new(0, 49));
//! assert_eq!(proven_bounds(&network).output().bits(), 7);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod arithmetic;
mod bounds;
mod builder;
mod crop;
mod encoding;
mod error;
mod format;
mod format_error;
mod generate;
mod hcnn;
mod input;
mod interval;
mod layer;
mod limbs;
mod lower;
mod matrix;
mod model;
mod observe;
mod ops;
mod quantizer;
mod raw;
mod raw_value;
mod shape;
mod steps;
mod sums;
mod twin;

pub use crate::file::gzip::GzipError;
pub use crate::file::model_folder::{NETWORK_FILE, PLAIN_NETWORK_FILE};
pub use bounds::{Bounds, LayerBound, proven_bounds};
pub use builder::NetworkBuilder;
pub use crop::{CropError, CropNetwork};
pub use encoding::{Center, EncodedChannel, InputEncoding};
pub use error::{InputError, NetworkError};
pub use format::{MAX_FILE_BYTES, NetworkFileError, network_file};
pub use format_error::{ENCODED_VERSION, FORMAT, FormatError, VERSION};
pub use generate::{NetworkLimits, SplitMix64, random_images, random_network};
pub use hcnn::{random_hcnn, random_hcnn_cifar};
pub use input::InputSpec;
pub(crate) use interval::Abbreviated;
pub use interval::Interval;
pub use layer::{Layer, MAX_BIAS_BITS, MAX_ELEMENTS, MAX_WEIGHT_BITS, MAX_WEIGHTS, NamedLayer};
pub use lower::{LoweredLayer, LoweredOperation};
pub use matrix::SparseMatrix;
pub use model::{MAX_LAYERS, MAX_STEPS, MAX_TERMS, MAX_VALUE_BITS, Network, NetworkLiteral};
pub use observe::observed_bounds;
pub use ops::{LayerOps, op_counts};
pub use quantizer::InputQuantizer;
pub use shape::Shape;
pub use sums::{Term, WeightedSums};
pub use twin::{Twin, Width, argmax};

#[cfg(test)]
mod file_tests;
#[cfg(test)]
mod format_tests;
#[cfg(test)]
mod tests;
