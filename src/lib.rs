//! Microsoft SEAL's BFV for Rust, and networks trained with small integers to run on it.

pub mod data;
pub mod network;
#[cfg(feature = "train")]
pub mod quant;
#[cfg(feature = "train")]
pub mod train;
