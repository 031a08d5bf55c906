//! Access to single residues: views by polynomial and modulus, and edits that cannot leave a residue out of range.
//!
//! A kernel reads [`crate::seal::Ciphertext::limb`] or [`crate::seal::Ciphertext::limbs_by_modulus`], and writes inside a closure:
//!
//! ```
//! # use sealquant::seal::{Ciphertext, Context, Error, ParametersLiteral, SecurityLevel, coeff_modulus};
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
//! Nothing is copied, and nothing is allocated if the memory suffices. When the closure ends, one vectorised pass
//! compares each residue with its modulus.

mod ciphertext;
mod plaintext;

use crate::seal::context::ParmsId;
use crate::seal::error::{Error, Result};
use crate::seal::rns::first_invalid;

/// The residues of one polynomial modulo one modulus.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limb<'a> {
    /// Index of the polynomial, from 0.
    pub polynomial: usize,
    /// Index of the prime within the level, from 0.
    pub modulus_index: usize,
    /// N residues.
    pub residues: &'a [u64],
}

/// A [`Limb`] that can be written.
#[derive(Debug, PartialEq, Eq)]
pub struct LimbMut<'a> {
    /// Index of the polynomial, from 0.
    pub polynomial: usize,
    /// Index of the modulus within the level, from 0.
    pub modulus_index: usize,
    /// The modulus.
    pub modulus: u64,
    /// The residues. They may hold any value during the edit; when the edit ends, each must be below the modulus.
    pub residues: &'a mut [u64],
}

/// All residues of a ciphertext or a plaintext while they are edited.
#[derive(Debug)]
pub struct LimbsMut<'a> {
    pub(super) residues: &'a mut [u64],
    pub(super) moduli: &'a [u64],
    /// Number of residues in a limb.
    pub(super) count: usize,
    pub(super) parms_id: ParmsId,
    pub(super) is_ntt_form: bool,
}

impl LimbsMut<'_> {
    /// Number of polynomials: 1 for a plaintext.
    pub fn polynomials(&self) -> usize {
        let polynomial = self.count * self.moduli.len();
        self.residues.len().checked_div(polynomial).unwrap_or(1)
    }

    /// The moduli of each polynomial: the primes of the level, or t for a plaintext in coefficient form.
    pub const fn moduli(&self) -> &[u64] {
        self.moduli
    }

    /// Number of residues in a limb: N, or the number of coefficients for a plaintext in coefficient form.
    pub const fn limb_len(&self) -> usize {
        self.count
    }

    /// The level; [`ParmsId::ZERO`] for a plaintext in coefficient form.
    pub const fn parms_id(&self) -> ParmsId {
        self.parms_id
    }

    /// Tells whether the residues are in NTT form.
    pub const fn is_ntt_form(&self) -> bool {
        self.is_ntt_form
    }

    /// Returns one limb. `None` if there is no such polynomial or modulus.
    pub fn limb(&self, polynomial: usize, modulus_index: usize) -> Option<&[u64]> {
        let range = limb_range(self.moduli.len(), self.count, polynomial, modulus_index)?;
        self.residues.get(range)
    }

    /// Returns one limb for writing. `None` if there is no such polynomial or modulus.
    pub fn limb_mut(&mut self, polynomial: usize, modulus_index: usize) -> Option<&mut [u64]> {
        let range = limb_range(self.moduli.len(), self.count, polynomial, modulus_index)?;
        self.residues.get_mut(range)
    }

    /// Iterates over all limbs, ordered by polynomial, then by modulus.
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

    /// All residues for writing, in the order of [`LimbsMut::limbs_mut`].
    pub const fn as_mut_slice(&mut self) -> &mut [u64] {
        self.residues
    }
}

/// Returns where a limb lies, in polynomials with `count` residues for each of `moduli` moduli in turn.
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

/// Residues under edit. Unless the edit ends with a successful check, all residues become zero, even after a panic.
pub(super) struct Edit<'a, Set: AsMut<[LimbsMut<'a>]>> {
    set: Set,
    valid: bool,
    of: std::marker::PhantomData<LimbsMut<'a>>,
}

impl<'a, Set: AsMut<[LimbsMut<'a>]>> Edit<'a, Set> {
    pub(super) const fn new(set: Set) -> Self {
        Self {
            set,
            valid: false,
            of: std::marker::PhantomData,
        }
    }

    /// Runs the closure and checks what it wrote.
    pub(super) fn run<R>(
        mut self,
        operation: &'static str,
        edit: impl FnOnce(&mut Set) -> R,
    ) -> Result<R> {
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
