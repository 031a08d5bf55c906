//! Microsoft SEAL's BFV for Rust, and networks trained with small integers to run on it.

pub mod bfv;
pub mod data;
mod ffi;
pub mod network;
