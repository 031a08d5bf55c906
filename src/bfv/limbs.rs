//! Residues one by one: views by polynomial and modulus, and edits that cannot leave a residue out of range.
//!
//! A kernel reads [`Ciphertext::limb`] or [`Ciphertext::limbs_by_modulus`], and writes within a closure:
//!
//! ```
//! # use sealquant::bfv::{Ciphertext, Context, Error, ParametersLiteral, SecurityLevel, coeff_modulus};
//! # let context = Context::from_literal(&ParametersLiteral {
//! #     poly_modulus_degree: 1024,
//! #     coeff_modulus: coeff_modulus::create(1024, &[30, 30])?.into_iter().map(u64::from).collect(),
//! #     plain_modulus: 65_537,
//! #     security: SecurityLevel::None,
//! # })?;
//! let mut doubled = Ciphertext::new()?;
//! # let a = {
//! #     let mut a = Ciphertext::new()?;
//! #     a.write_limbs(&context, context.first_parms_id(), 2, true, |limbs| limbs.as_mut_slice().fill(77))?;
//! #     a
//! # };
//! doubled.write_limbs(&context, a.parms_id(), a.size(), a.is_ntt_form(), |limbs| {
//!     for (to, from) in limbs.limbs_mut().zip(a.limbs_by_modulus()) {
//!         for (to_residue, &residue) in to.residues.iter_mut().zip(from.residues) {
//!             *to_residue = 2 * residue % to.modulus;
//!         }
//!     }
//! })?;
//! # assert!(doubled.limbs().iter().all(|&residue| residue == 154));
//! # Ok::<(), Error>(())
//! ```
//!
//! # Cost
//! No copy, and no allocation where the memory suffices. When the closure ends, one vectorised pass compares each
//! residue with its modulus.

use super::ciphertext::Ciphertext;
use super::context::{Context, ParmsId};
use super::error::{Error, Named, Result};
use super::plaintext::Plaintext;
use super::raw::{CIPHERTEXT_SIZES, first_invalid};
use crate::ffi::ciphertext::bridge as ciphertext;
use crate::ffi::plaintext::bridge as plaintext;

/// The residues of one polynomial modulo one modulus.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limb<'a> {
    /// Which polynomial, from 0.
    pub polynomial: usize,
    /// Which prime of the level, from 0.
    pub modulus_index: usize,
    /// N residues.
    pub residues: &'a [u64],
}

/// As [`Limb`], to be written.
#[derive(Debug, PartialEq, Eq)]
pub struct LimbMut<'a> {
    /// Which polynomial, from 0.
    pub polynomial: usize,
    /// Which modulus of the level, from 0.
    pub modulus_index: usize,
    /// The modulus.
    pub modulus: u64,
    /// The residues. Any value may stand here for a while; when the edit ends, each must be below the modulus.
    pub residues: &'a mut [u64],
}

/// All residues of a ciphertext or a plaintext while they are edited.
#[derive(Debug)]
pub struct LimbsMut<'a> {
    residues: &'a mut [u64],
    moduli: &'a [u64],
    /// Residues in a limb.
    count: usize,
    parms_id: ParmsId,
    is_ntt_form: bool,
}

impl LimbsMut<'_> {
    /// How many polynomials: 1 of a plaintext.
    pub fn polynomials(&self) -> usize {
        let polynomial = self.count * self.moduli.len();
        self.residues.len().checked_div(polynomial).unwrap_or(1)
    }

    /// The moduli of each polynomial: the primes of the level, or t of a plaintext in coefficient form.
    pub const fn moduli(&self) -> &[u64] {
        self.moduli
    }

    /// How many residues a limb has: N; in a plaintext in coefficient form, as many as it has coefficients.
    pub const fn limb_len(&self) -> usize {
        self.count
    }

    /// The level, [`ParmsId::ZERO`] of a plaintext in coefficient form.
    pub const fn parms_id(&self) -> ParmsId {
        self.parms_id
    }

    /// Whether the residues are in NTT form.
    pub const fn is_ntt_form(&self) -> bool {
        self.is_ntt_form
    }

    /// One limb. `None` if there is no such polynomial or modulus.
    pub fn limb(&self, polynomial: usize, modulus_index: usize) -> Option<&[u64]> {
        limb(
            self.residues,
            self.moduli.len(),
            self.count,
            polynomial,
            modulus_index,
        )
    }

    /// One limb, to be written. `None` if there is no such polynomial or modulus.
    pub fn limb_mut(&mut self, polynomial: usize, modulus_index: usize) -> Option<&mut [u64]> {
        let range = limb_range(self.moduli.len(), self.count, polynomial, modulus_index)?;
        self.residues.get_mut(range)
    }

    /// All limbs: polynomial after polynomial, in each one modulus after the other.
    pub fn limbs_mut(&mut self) -> impl ExactSizeIterator<Item = LimbMut<'_>> {
        let moduli = self.moduli;
        self.residues
            .chunks_exact_mut(self.count.max(1))
            .enumerate()
            .map(move |(index, residues)| LimbMut {
                polynomial: index / moduli.len(),
                modulus_index: index % moduli.len(),
                modulus: moduli[index % moduli.len()],
                residues,
            })
    }

    /// All residues, in the order of [`LimbsMut::limbs_mut`].
    pub const fn as_slice(&self) -> &[u64] {
        self.residues
    }

    /// All residues to be written, in the order of [`LimbsMut::limbs_mut`].
    pub const fn as_mut_slice(&mut self) -> &mut [u64] {
        self.residues
    }
}

fn limb_range(
    moduli: usize,
    count: usize,
    polynomial: usize,
    modulus_index: usize,
) -> Option<std::ops::Range<usize>> {
    if modulus_index >= moduli {
        return None;
    }
    let index = polynomial.checked_mul(moduli)?.checked_add(modulus_index)?;
    let start = index.checked_mul(count)?;
    Some(start..start.checked_add(count)?)
}

fn limb(
    residues: &[u64],
    moduli: usize,
    count: usize,
    polynomial: usize,
    modulus_index: usize,
) -> Option<&[u64]> {
    residues.get(limb_range(moduli, count, polynomial, modulus_index)?)
}

/// Residues under edit. Whatever ends the edit but a successful check, a panic as well, leaves zeros.
struct Edit<'a, Set: AsMut<[LimbsMut<'a>]>> {
    set: Set,
    valid: bool,
    of: std::marker::PhantomData<LimbsMut<'a>>,
}

impl<'a, Set: AsMut<[LimbsMut<'a>]>> Edit<'a, Set> {
    const fn new(set: Set) -> Self {
        Self {
            set,
            valid: false,
            of: std::marker::PhantomData,
        }
    }

    /// Runs the closure and checks what it wrote.
    fn run<R>(mut self, operation: &'static str, edit: impl FnOnce(&mut Set) -> R) -> Result<R> {
        let outcome = edit(&mut self.set);
        let mut before = 0;
        for limbs in self.set.as_mut() {
            if let Some((index, prime)) = first_invalid(limbs.residues, limbs.count, limbs.moduli) {
                return Err(Error::Residue {
                    operation,
                    index: before + index,
                    value: limbs.residues[index],
                    prime,
                });
            }
            before += limbs.residues.len();
        }
        self.valid = true;
        Ok(outcome)
    }
}

impl<'a, Set: AsMut<[LimbsMut<'a>]>> Drop for Edit<'a, Set> {
    fn drop(&mut self) {
        if !self.valid {
            for limbs in self.set.as_mut() {
                limbs.residues.fill(0);
            }
        }
    }
}

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
        ciphertext::ciphertext_set_ntt_form(self.as_ffi_mut(), is_ntt_form);
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
        ciphertext::ciphertext_reshape(
            self.as_ffi_mut(),
            context.as_ffi(),
            &parms_id.0,
            size,
            is_ntt_form,
        )
        .named(operation)?;
        let limbs = LimbsMut {
            residues: ciphertext::ciphertext_data_mut(self.as_ffi_mut()),
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
            residues: ciphertext::ciphertext_data_mut(self.as_ffi_mut()),
            moduli: &context.primes()[..level.coeff_modulus_size],
            count: context.parameters().poly_modulus_degree(),
            parms_id,
            is_ntt_form,
        })
    }
}

impl Plaintext {
    /// In NTT form the N residues modulo one prime of the level; in coefficient form, where t is the only modulus, the
    /// coefficients. `None` if there is no such modulus, or the plaintext was made for other parameters.
    pub fn limb(&self, context: &Context, modulus_index: usize) -> Option<&[u64]> {
        let (moduli, count) = self.limb_shape("Plaintext::limb", context).ok()?;
        limb(self.coefficients(), moduli, count, 0, modulus_index)
    }

    /// Edits the residues in place, in NTT form modulo the primes of the level, in coefficient form modulo t; level and
    /// number of coefficients stay. Cost as [`Ciphertext::edit_limbs`]; if a check fails, or the closure panics, all
    /// residues are zero afterwards.
    ///
    /// # Errors
    /// [`Error::ContextMismatch`] or [`Error::TooManyValues`] if the plaintext was made for other parameters, before the
    /// closure runs. [`Error::Residue`] if a residue is not below its modulus at the end.
    pub fn edit_limbs<R>(
        &mut self,
        context: &Context,
        edit: impl FnOnce(&mut LimbsMut<'_>) -> R,
    ) -> Result<R> {
        let operation = "Plaintext::edit_limbs";
        let (moduli, count) = self.limb_shape(operation, context)?;
        self.run_edit(operation, context, moduli, count, edit)
    }

    /// Makes this a plaintext of N coefficients, or one in NTT form at a level, and writes it in place: no copy, and no
    /// allocation if the memory suffices. [`ParmsId::ZERO`] stands for coefficient form. What the closure finds there is
    /// unspecified. Cost and failures as [`Ciphertext::write_limbs`].
    ///
    /// # Errors
    /// [`Error::ContextMismatch`] if the context has no such data level: the plaintext is left as it was.
    /// [`Error::Residue`] if a residue is not below its modulus at the end, [`Error::Seal`] if memory is exhausted.
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
        plaintext::plaintext_reshape(self.as_ffi_mut(), &parms_id.0, count * moduli)
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
            residues: plaintext::plaintext_data_mut(self.as_ffi_mut()),
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

    /// How many moduli, and how many residues for each.
    fn limb_shape(&self, operation: &'static str, context: &Context) -> Result<(usize, usize)> {
        let degree = context.parameters().poly_modulus_degree();
        if self.is_ntt_form() {
            let level = context.data_level(operation, "plaintext", self.parms_id())?;
            return Ok((level.coeff_modulus_size, degree));
        }
        let actual = self.coeff_count();
        if actual > degree {
            return Err(Error::TooManyValues {
                operation,
                expected: degree,
                actual,
            });
        }
        Ok((1, actual))
    }
}
