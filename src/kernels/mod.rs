//! Arithmetic on residues: this project's own kernels, on plain slices, without SEAL.
//!
//! Each kernel is written once, generic over vectors of eight words ([`Backend`]): AVX-512 with IFMA, AVX2, or
//! portable. Primes are below 2^50, so lazily added residues fit 63 bits and products fit IFMA's 52-bit halves.
//!
//! - [`Prime`]: reduction modulo a prime.
//! - [`Rates`]: the time of a vector operation.
//! - [`Program`]: layers of sums and squares, computed on eight coefficients at a time, from the first layer to the
//!   last.
//! - [`Residues`]: rows of one polynomial. Products, squares and permutations of rows are methods of [`Backend`].

#![allow(
    clippy::inline_always,
    reason = "kernels must be inlined into the functions that enable the instructions"
)]

mod backend;
mod cost;
mod execute;
#[cfg(test)]
mod limit_tests;
mod prime;
mod profile;
mod program;
mod residues;
mod rows;
mod simd;
#[cfg(test)]
mod tests;

pub use backend::Backend;
pub use cost::{Rates, square_work, sum_work, weighted_work};
pub use prime::{PRIME_BITS_MAX, Prime};
pub(crate) use profile::warn_if_unoptimised;
pub use program::{KernelLayer, Program, SIZES, Scratch, Sum, Then};
pub use residues::{Pool, Residues, Row, RowMut, row_of};
pub use rows::{KeyedRotation, Permutation, RowSource, to_montgomery};
pub use simd::{LANES, Lane};
