//! What docs/ARCHITECTURE.md and CONTRIBUTING say of the structure of `src`, compared with the code.
#![allow(clippy::unwrap_used, reason = "a test may stop at a surprise")]

mod code;
mod files;
mod names;
mod parts;
