//! Microsoft SEAL's BFV for Rust, and networks trained with small integers to run on it.

pub mod data;
pub mod network;
