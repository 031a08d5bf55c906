//! Levels: switching to a smaller modulus, and plaintexts in NTT form, which belong to a level.

use super::{Evaluator, operation};
use crate::ffi::evaluator::bridge;
use crate::seal::ciphertext::Ciphertext;
use crate::seal::context::ParmsId;
use crate::seal::error::{Error, Named, Result};
use crate::seal::plaintext::Plaintext;

impl Evaluator {
    /// Drops one prime of q, which makes every later operation cheaper. The noise budget falls by at most a few bits if
    /// the noise already exceeded the rounding error.
    ///
    /// # Errors
    /// [`Error::Seal`] if the ciphertext is at the lowest level or in NTT form, or if the result is transparent.
    pub fn mod_switch_to_next_inplace(&self, encrypted: &mut Ciphertext) -> Result<()> {
        bridge::evaluator_mod_switch_to_next_inplace(self.as_ffi(), encrypted.as_ffi_mut())
            .named("Evaluator::mod_switch_to_next")
    }

    /// Like [`Evaluator::mod_switch_to_next_inplace`], but returns a new ciphertext.
    ///
    /// # Errors
    /// Same as [`Evaluator::mod_switch_to_next_inplace`].
    pub fn mod_switch_to_next(&self, encrypted: &Ciphertext) -> Result<Ciphertext> {
        let mut result = Ciphertext::new()?;
        self.mod_switch_to_next_into(encrypted, &mut result)?;
        Ok(result)
    }

    /// Like [`Evaluator::mod_switch_to_next_inplace`], but writes to a ciphertext whose memory is reused. This is as
    /// cheap as working in place, because SEAL works on a copy in either case.
    ///
    /// # Errors
    /// Same as [`Evaluator::mod_switch_to_next_inplace`]; after an error the destination is unspecified.
    pub fn mod_switch_to_next_into(
        &self,
        encrypted: &Ciphertext,
        destination: &mut Ciphertext,
    ) -> Result<()> {
        bridge::evaluator_mod_switch_to_next(
            self.as_ffi(),
            encrypted.as_ffi(),
            destination.as_ffi_mut(),
        )
        .named("Evaluator::mod_switch_to_next")
    }

    /// Drops primes of q one by one until the ciphertext is at the given level.
    ///
    /// # Errors
    /// [`Error::Seal`] if the level is unknown or above the ciphertext's, if the ciphertext is in NTT form, or if the
    /// result is transparent.
    pub fn mod_switch_to_inplace(&self, encrypted: &mut Ciphertext, level: ParmsId) -> Result<()> {
        bridge::evaluator_mod_switch_to_inplace(self.as_ffi(), encrypted.as_ffi_mut(), &level.0)
            .named("Evaluator::mod_switch_to")
    }

    /// Like [`Evaluator::mod_switch_to_inplace`], but returns a new ciphertext.
    ///
    /// # Errors
    /// Same as [`Evaluator::mod_switch_to_inplace`].
    pub fn mod_switch_to(&self, encrypted: &Ciphertext, level: ParmsId) -> Result<Ciphertext> {
        let mut result = Ciphertext::new()?;
        self.mod_switch_to_into(encrypted, level, &mut result)?;
        Ok(result)
    }

    /// Like [`Evaluator::mod_switch_to_inplace`], but writes to a ciphertext whose memory is reused. This makes one
    /// copy less than SEAL's own form, which copies before the first step and again within each step.
    ///
    /// # Errors
    /// Same as [`Evaluator::mod_switch_to_inplace`]; after an error the destination is unspecified.
    pub fn mod_switch_to_into(
        &self,
        encrypted: &Ciphertext,
        level: ParmsId,
        destination: &mut Ciphertext,
    ) -> Result<()> {
        let index = |id| self.context().level(id).map(|level| level.chain_index);
        match (index(level), index(encrypted.parms_id())) {
            (Some(target), Some(own)) if target < own => {
                self.mod_switch_to_next_into(encrypted, destination)?;
            }
            // Either the ciphertext is at this level already, or SEAL reports what is wrong with the level.
            _ => destination.assign(encrypted)?,
        }
        self.mod_switch_to_inplace(destination, level)
    }
}

impl Evaluator {
    operation!(Plaintext:
        /// Transforms a plaintext to NTT form at a level, for [`Evaluator::multiply_plain`]. Cost: one NTT for each
        /// prime.
        ///
        /// # Errors
        /// [`Error::Seal`] if the plaintext is in NTT form already or the level is unknown.
        transform_plain_to_ntt, transform_plain_to_ntt_inplace, transform_plain_to_ntt_into,
        evaluator_transform_plain_to_ntt_inplace, "Evaluator::transform_to_ntt (plaintext)",
        (level: ParmsId => &level.0)
    );
    operation!(Plaintext:
        /// Drops one prime of a plaintext in NTT form.
        ///
        /// # Errors
        /// [`Error::WrongForm`] in coefficient form, [`Error::Seal`] at the lowest level or for other parameters.
        mod_switch_plain_to_next, mod_switch_plain_to_next_inplace, mod_switch_plain_to_next_into,
        evaluator_mod_switch_plain_to_next_inplace, "Evaluator::mod_switch_to_next (plaintext)", (),
        check check_ntt()
    );
    operation!(Plaintext:
        /// Drops primes of a plaintext in NTT form until it is at the given level.
        ///
        /// # Errors
        /// [`Error::WrongForm`] in coefficient form, [`Error::Seal`] if the level is unknown or above the plaintext's.
        mod_switch_plain_to, mod_switch_plain_to_inplace, mod_switch_plain_to_into,
        evaluator_mod_switch_plain_to_inplace, "Evaluator::mod_switch_to (plaintext)",
        (level: ParmsId => &level.0), check check_ntt()
    );

    #[expect(
        clippy::unused_self,
        reason = "`operation!` calls it like the other checks"
    )]
    fn check_ntt(&self, operation: &'static str, plain: &Plaintext) -> Result<()> {
        if plain.is_ntt_form() {
            return Ok(());
        }
        Err(Error::WrongForm {
            operation,
            object: "plaintext",
            expected: "NTT form: only such a plaintext has a level",
        })
    }
}
