//! Microsoft SEAL's BFV for Rust, and networks trained with small integers to run on it.

pub mod bfv;
#[cfg(feature = "cli")]
pub mod cli;
mod clock;
pub mod data;
pub mod engine;
mod ffi;
mod file;
pub mod kernels;
pub mod layout;
pub mod network;
pub mod params;
#[cfg(feature = "train")]
pub mod quant;
pub mod report;
#[cfg(feature = "cli")]
pub mod reproduce;
mod text;
#[cfg(feature = "train")]
pub mod train;
pub mod wire;

/// Compiles the code in the README.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
