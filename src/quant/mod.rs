//! Quantises weights and biases, directly and differentiably.
//!
//! Weights become signed, symmetric integers with one scale for each tensor ([`quantize`], [`WeightRule`]). Biases
//! become integers of any width, at the scale of the accumulator that they are added to ([`round_bias`]). Nothing is
//! rounded between layers. [`fake_quantize`] puts the rounded weights into burn's graph with a straight-through
//! estimator. The network's own [`InputQuantizer`](crate::network::InputQuantizer) turns pixels into integers.

#[cfg(feature = "train")]
mod fake;
mod rule;

#[cfg(feature = "train")]
pub use fake::{fake_quantize, round_bias};
pub use rule::{
    Levels, WeightRule, budget_scale, max_integer, max_scale, min_error_scale, quantize,
};
