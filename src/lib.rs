//! Microsoft SEAL's BFV for Rust, and networks trained with small integers to run on it.

pub mod bfv;
pub mod engine;
mod ffi;
pub mod layout;
pub mod network;
pub mod params;
