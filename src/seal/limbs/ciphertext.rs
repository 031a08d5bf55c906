//! Access to the residues of ciphertexts by polynomial and prime, and edits of them.

use super::{Edit, Limb, LimbsMut, limb_range};
use crate::ffi::ciphertext::bridge;
use crate::seal::ciphertext::Ciphertext;
use crate::seal::context::{Context, ParmsId};
use crate::seal::error::{Named, Result};

impl Ciphertext {
    /// Returns the N residues of one polynomial modulo one prime of its level. `None` if there is no such polynomial or
    /// prime.
    pub fn limb(&self, polynomial: usize, modulus_index: usize) -> Option<&[u64]> {
        let (moduli, degree) = (self.coeff_modulus_size(), self.poly_modulus_degree());
        let range = limb_range(moduli, degree, polynomial, modulus_index)?;
        self.limbs().get(range)
    }

    /// Iterates over all limbs, ordered by polynomial, then by prime.
    pub fn limbs_by_modulus(&self) -> impl ExactSizeIterator<Item = Limb<'_>> {
        let moduli = self.coeff_modulus_size().max(1);
        self.limbs()
            .chunks_exact(self.poly_modulus_degree().max(1))
            .enumerate()
            .map(move |(index, residues)| Limb {
                polynomial: index / moduli,
                modulus_index: index % moduli,
                residues,
            })
    }

    /// Sets the flag that tells which form the residues are in, without touching the residues. This is for kernels that
    /// transform the residues themselves. A wrong flag makes results wrong but does no other harm.
    pub fn set_ntt_form(&mut self, is_ntt_form: bool) {
        bridge::ciphertext_set_ntt_form(self.as_ffi_mut(), is_ntt_form);
    }

    /// Edits the residues in place; size, level and form do not change.
    ///
    /// Cost: the closure, and one pass that compares each residue with its prime. If this check fails or the closure
    /// panics, all residues become zero.
    ///
    /// # Errors
    /// [`crate::seal::Error::ContextMismatch`], before the closure runs, if the ciphertext is empty or was made for
    /// other parameters. [`crate::seal::Error::Residue`] if a residue is not below its prime at the end.
    pub fn edit_limbs<R>(
        &mut self,
        context: &Context,
        edit: impl FnOnce(&mut LimbsMut<'_>) -> R,
    ) -> Result<R> {
        let operation = "Ciphertext::edit_limbs";
        Edit::new([self.limbs_mut(operation, context)?]).run(operation, |[limbs]| edit(limbs))
    }

    /// Like [`Ciphertext::edit_limbs`], but edits several ciphertexts at once. They may differ in size, level and form.
    ///
    /// # Errors
    /// Same as [`Ciphertext::edit_limbs`]. The index of a wrong residue counts across all ciphertexts, and a wrong
    /// residue in one sets all of them to zero.
    pub fn edit_limbs_of_all<R>(
        ciphertexts: &mut [Self],
        context: &Context,
        edit: impl FnOnce(&mut [LimbsMut<'_>]) -> R,
    ) -> Result<R> {
        let operation = "Ciphertext::edit_limbs_of_all";
        let set = ciphertexts
            .iter_mut()
            .map(|one| one.limbs_mut(operation, context))
            .collect::<Result<Vec<_>>>()?;
        Edit::new(set).run(operation, |set| edit(set))
    }

    /// Turns this into a ciphertext of the given size, level and form, and lets the closure write its residues in
    /// place. Nothing is copied, and nothing is allocated if the memory suffices. The initial values that the closure
    /// sees are unspecified.
    ///
    /// Cost: same as [`Ciphertext::edit_limbs`], plus zeroing any new memory. If the check fails or the closure panics,
    /// the ciphertext has the new shape and all its residues are zero.
    ///
    /// # Errors
    /// [`crate::seal::Error::ContextMismatch`] if the context has no such data level,
    /// [`crate::seal::Error::PolynomialCount`] if the size lies outside [`crate::seal::CIPHERTEXT_SIZES`]; in both
    /// cases the ciphertext is unchanged. [`crate::seal::Error::Residue`] if a residue is not below its prime at the
    /// end, [`crate::seal::Error::Seal`] if memory is exhausted.
    pub fn write_limbs<R>(
        &mut self,
        context: &Context,
        parms_id: ParmsId,
        size: usize,
        is_ntt_form: bool,
        write: impl FnOnce(&mut LimbsMut<'_>) -> R,
    ) -> Result<R> {
        let operation = "Ciphertext::write_limbs";
        context.shape(operation, parms_id, size)?;
        bridge::ciphertext_reshape(
            self.as_ffi_mut(),
            context.as_ffi(),
            &parms_id.0,
            size,
            is_ntt_form,
        )
        .named(operation)?;
        Edit::new([self.limbs_mut(operation, context)?]).run(operation, |[limbs]| write(limbs))
    }

    fn limbs_mut<'a>(
        &'a mut self,
        operation: &'static str,
        context: &'a Context,
    ) -> Result<LimbsMut<'a>> {
        let parms_id = self.parms_id();
        let level = context.data_level(operation, "ciphertext", parms_id)?;
        let is_ntt_form = self.is_ntt_form();
        Ok(LimbsMut {
            residues: bridge::ciphertext_data_mut(self.as_ffi_mut()),
            moduli: &context.primes()[..level.coeff_modulus_size],
            count: context.parameters().poly_modulus_degree(),
            parms_id,
            is_ntt_form,
        })
    }
}
