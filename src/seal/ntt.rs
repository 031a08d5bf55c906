//! SEAL's number-theoretic transforms on plain slices, for this project's own kernels.

use super::context::Context;
use super::error::{Named, Result};
use crate::ffi::ntt::bridge;

impl Context {
    /// Transforms rows of N residues in place. Each residue must be below the context's prime with this index.
    ///
    /// # Errors
    /// [`super::Error::Seal`] if there is no such prime or the residues are not a whole number of rows.
    pub(crate) fn ntt_forward(&self, prime: usize, rows: &mut [u64]) -> Result<()> {
        bridge::ntt_forward(self.as_ffi(), prime, rows).named("ntt_negacyclic_harvey")
    }

    /// Inverts [`Context::ntt_forward`].
    ///
    /// # Errors
    /// Same as [`Context::ntt_forward`].
    pub(crate) fn ntt_inverse(&self, prime: usize, rows: &mut [u64]) -> Result<()> {
        bridge::ntt_inverse(self.as_ffi(), prime, rows).named("inverse_ntt_negacyclic_harvey")
    }
}
