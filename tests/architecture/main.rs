//! Compares the structure of `src` with docs/ARCHITECTURE.md and CONTRIBUTING.md.
#![allow(clippy::unwrap_used, reason = "a test may stop at a surprise")]

mod code;
mod files;
mod names;
mod parts;
