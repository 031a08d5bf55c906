//! The residues of ciphertexts by polynomial and prime, and edits of them.

use super::ciphertext::Ciphertext;
use super::context::{Context, ParmsId};
use super::error::{Error, Named, Result};
use super::limbs::{Edit, Limb, LimbsMut, limb};
use super::raw::CIPHERTEXT_SIZES;
use crate::ffi::ciphertext::bridge;

impl Ciphertext {
    /// The residues of one polynomial modulo one prime of its level: N of them. `None` if there is no such polynomial
    /// or prime.
    pub fn limb(&self, polynomial: usize, modulus_index: usize) -> Option<&[u64]> {
        limb(
            self.limbs(),
            self.coeff_modulus_size(),
            self.poly_modulus_degree(),
            polynomial,
            modulus_index,
        )
    }

    /// All limbs: polynomial after polynomial, in each one prime after the other.
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

    /// Says which form the residues are in, without touching them: for kernels that transform by themselves. A wrong
    /// word makes results wrong, no more.
    pub fn set_ntt_form(&mut self, is_ntt_form: bool) {
        bridge::ciphertext_set_ntt_form(self.as_ffi_mut(), is_ntt_form);
    }

    /// Edits the residues in place; size, level and form stay.
    ///
    /// Cost: the closure, and one pass that compares each residue with its prime. If that fails, or the closure panics,
    /// all residues are zero afterwards.
    ///
    /// # Errors
    /// [`Error::ContextMismatch`] if the ciphertext is empty or was made for other parameters, before the closure runs.
    /// [`Error::Residue`] if a residue is not below its prime at the end.
    pub fn edit_limbs<R>(
        &mut self,
        context: &Context,
        edit: impl FnOnce(&mut LimbsMut<'_>) -> R,
    ) -> Result<R> {
        let operation = "Ciphertext::edit_limbs";
        Edit::new([self.limbs_mut(operation, context)?]).run(operation, |[limbs]| edit(limbs))
    }

    /// As [`Ciphertext::edit_limbs`], of several ciphertexts at once, whatever their sizes, levels and forms.
    ///
    /// # Errors
    /// As [`Ciphertext::edit_limbs`]. The index of a wrong residue counts through all ciphertexts, and a wrong residue
    /// in one leaves all of them zero.
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

    /// Makes this a ciphertext of the given size, level and form, and writes its residues in place: no copy, and no
    /// allocation if the memory suffices. What the closure finds there is unspecified.
    ///
    /// Cost: as [`Ciphertext::edit_limbs`], and memory set to zero where it is new. If the check fails, or the closure
    /// panics, the ciphertext has the new shape and all its residues are zero.
    ///
    /// # Errors
    /// [`Error::ContextMismatch`] if the context has no such data level, [`Error::PolynomialCount`] if the size lies
    /// outside [`CIPHERTEXT_SIZES`]: the ciphertext is left as it was. [`Error::Residue`] if a residue is not below its
    /// prime at the end, [`Error::Seal`] if memory is exhausted.
    pub fn write_limbs<R>(
        &mut self,
        context: &Context,
        parms_id: ParmsId,
        size: usize,
        is_ntt_form: bool,
        write: impl FnOnce(&mut LimbsMut<'_>) -> R,
    ) -> Result<R> {
        let operation = "Ciphertext::write_limbs";
        let level = context.data_level(operation, "level", parms_id)?;
        if !CIPHERTEXT_SIZES.contains(&size) {
            return Err(Error::PolynomialCount {
                operation,
                actual: size,
            });
        }
        bridge::ciphertext_reshape(
            self.as_ffi_mut(),
            context.as_ffi(),
            &parms_id.0,
            size,
            is_ntt_form,
        )
        .named(operation)?;
        let limbs = LimbsMut {
            residues: bridge::ciphertext_data_mut(self.as_ffi_mut()),
            moduli: &context.primes()[..level.coeff_modulus_size],
            count: context.parameters().poly_modulus_degree(),
            parms_id,
            is_ntt_form,
        };
        Edit::new([limbs]).run(operation, |[limbs]| write(limbs))
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
