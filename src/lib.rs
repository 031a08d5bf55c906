//! Rust bindings to Microsoft SEAL's BFV, and on them a pipeline that trains networks with small integers and runs
//! them on encrypted images.

pub mod bfv;
mod ffi;
