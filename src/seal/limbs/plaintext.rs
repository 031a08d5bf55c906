//! Access to the residues of plaintexts (modulo t, or by prime), and edits of them.

use super::{Edit, LimbsMut, limb_range};
use crate::ffi::plaintext::bridge;
use crate::seal::context::{Context, ParmsId};
use crate::seal::error::{Named, Result};
use crate::seal::plaintext::Plaintext;

impl Plaintext {
    /// Returns the N residues modulo one prime of the level, or, in coefficient form, where t is the only modulus, the
    /// coefficients. `None` if there is no such modulus, or if the plaintext was made for other parameters.
    pub fn limb(&self, context: &Context, modulus_index: usize) -> Option<&[u64]> {
        let (moduli, count) = self.limb_shape("Plaintext::limb", context).ok()?;
        self.coefficients()
            .get(limb_range(moduli, count, 0, modulus_index)?)
    }

    /// Edits the residues in place: modulo the level's primes in NTT form, modulo t in coefficient form. The level and
    /// the number of coefficients do not change. Cost: same as [`crate::seal::Ciphertext::edit_limbs`]. If a check fails or
    /// the closure panics, all residues become zero.
    ///
    /// # Errors
    /// [`crate::seal::Error::ContextMismatch`] or [`crate::seal::Error::TooManyValues`], before the closure runs, if the plaintext
    /// was made for other parameters. [`crate::seal::Error::Residue`] if a residue is not below its modulus at the end.
    pub fn edit_limbs<R>(
        &mut self,
        context: &Context,
        edit: impl FnOnce(&mut LimbsMut<'_>) -> R,
    ) -> Result<R> {
        let operation = "Plaintext::edit_limbs";
        let (moduli, count) = self.limb_shape(operation, context)?;
        self.run_edit(operation, context, moduli, count, edit)
    }

    /// Turns this into a plaintext of N coefficients, or into one in NTT form at a level, and lets the closure write it
    /// in place. [`ParmsId::ZERO`] stands for coefficient form. Nothing is copied, and nothing is allocated if the
    /// memory suffices. The initial values that the closure sees are unspecified. Cost and failures: same as
    /// [`crate::seal::Ciphertext::write_limbs`].
    ///
    /// # Errors
    /// [`crate::seal::Error::ContextMismatch`] if the context has no such data level; the plaintext is then unchanged.
    /// [`crate::seal::Error::Residue`] if a residue is not below its modulus at the end, [`crate::seal::Error::Seal`] if memory is
    /// exhausted.
    pub fn write_limbs<R>(
        &mut self,
        context: &Context,
        parms_id: ParmsId,
        write: impl FnOnce(&mut LimbsMut<'_>) -> R,
    ) -> Result<R> {
        let operation = "Plaintext::write_limbs";
        let count = context.parameters().poly_modulus_degree();
        let moduli = if parms_id == ParmsId::ZERO {
            1
        } else {
            let level = context.data_level(operation, "level", parms_id)?;
            level.coeff_modulus_size
        };
        bridge::plaintext_reshape(self.as_ffi_mut(), &parms_id.0, count * moduli)
            .named(operation)?;
        self.run_edit(operation, context, moduli, count, write)
    }

    fn run_edit<R>(
        &mut self,
        operation: &'static str,
        context: &Context,
        moduli: usize,
        count: usize,
        edit: impl FnOnce(&mut LimbsMut<'_>) -> R,
    ) -> Result<R> {
        let plain_modulus = context.parameters().plain_modulus().value();
        let parms_id = self.parms_id();
        let is_ntt_form = self.is_ntt_form();
        let limbs = LimbsMut {
            residues: bridge::plaintext_data_mut(self.as_ffi_mut()),
            moduli: if is_ntt_form {
                &context.primes()[..moduli]
            } else {
                std::slice::from_ref(&plain_modulus)
            },
            count,
            parms_id,
            is_ntt_form,
        };
        let outcome = Edit::new([limbs]).run(operation, |[limbs]| edit(limbs))?;
        if !is_ntt_form {
            self.mark_below(plain_modulus);
        }
        Ok(outcome)
    }

    /// Returns the number of moduli, and the number of residues for each.
    fn limb_shape(&self, operation: &'static str, context: &Context) -> Result<(usize, usize)> {
        let degree = context.parameters().poly_modulus_degree();
        if self.is_ntt_form() {
            let level = context.data_level(operation, "plaintext", self.parms_id())?;
            return Ok((level.coeff_modulus_size, degree));
        }
        self.check_count(operation, context)?;
        Ok((1, self.coeff_count()))
    }
}
