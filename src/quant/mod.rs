//! Quantisation of weights and biases, in the clear and differentiably.
//!
//! Weights are signed, symmetric, with one scale per tensor ([`quantize`], [`WeightRule`]); biases are integers of any
//! width at the scale of the accumulator that they are added to ([`round_bias`]); nothing is rounded between layers.
//! [`fake_quantize`] puts the rounded weights into burn's graph with a straight-through estimator.
//! Pixels become integers by the network's own [`InputQuantizer`](crate::network::InputQuantizer).

#[cfg(feature = "train")]
mod fake;
mod rule;

#[cfg(feature = "train")]
pub use fake::{fake_quantize, round_bias};
pub use rule::{
    Levels, WeightRule, budget_scale, max_integer, max_scale, min_error_scale, quantize,
};
