//! Encryption with the public or the secret key.

use super::ciphertext::{Ciphertext, Compression};
use super::context::{Context, ParmsId};
use super::error::{Error, Named, Result};
use super::keys::{PublicKey, SecretKey};
use super::plaintext::Plaintext;
use crate::ffi::encryptor::bridge;
use cxx::UniquePtr;

/// Encrypts plaintexts in coefficient form at the highest data level.
pub struct Encryptor {
    inner: UniquePtr<bridge::Encryptor>,
    context: Context,
}

// SAFETY: a `seal::Encryptor` owns copies of its keys and a context of const data (seal/encryptor.h). Nothing in it is
// tied to a thread.
unsafe impl Send for Encryptor {}
// SAFETY: every encryption function is const, makes its own random generator for the call
// (`parms.random_generator()->create()`, seal/util/rlwe.cpp), and allocates from the global thread-safe pool.
unsafe impl Sync for Encryptor {}

impl Encryptor {
    /// Creates an encryptor that uses the public key.
    ///
    /// # Errors
    /// [`super::Error::Seal`] if the key was made for other parameters.
    pub fn new(context: &Context, public_key: &PublicKey) -> Result<Self> {
        Ok(Self {
            inner: bridge::encryptor_new_public(context.as_ffi(), public_key.as_ffi())
                .named("Encryptor::new")?,
            context: context.clone(),
        })
    }

    /// Creates an encryptor that uses the secret key: its ciphertexts have less noise, and half the size if sent with a
    /// seed.
    ///
    /// # Errors
    /// [`super::Error::Seal`] if the key was made for other parameters.
    pub fn symmetric(context: &Context, secret_key: &SecretKey) -> Result<Self> {
        Ok(Self {
            inner: bridge::encryptor_new_symmetric(context.as_ffi(), secret_key.as_ffi())
                .named("Encryptor::symmetric")?,
            context: context.clone(),
        })
    }

    /// Creates an encryptor that can use either key.
    ///
    /// # Errors
    /// [`super::Error::Seal`] if a key was made for other parameters.
    pub fn with_both_keys(
        context: &Context,
        public_key: &PublicKey,
        secret_key: &SecretKey,
    ) -> Result<Self> {
        Ok(Self {
            inner: bridge::encryptor_new_both(
                context.as_ffi(),
                public_key.as_ffi(),
                secret_key.as_ffi(),
            )
            .named("Encryptor::with_both_keys")?,
            context: context.clone(),
        })
    }

    /// Encrypts with the public key.
    ///
    /// # Errors
    /// [`super::Error::Seal`] if no public key was given or the plaintext does not fit the parameters.
    pub fn encrypt(&self, plain: &Plaintext) -> Result<Ciphertext> {
        let mut encrypted = Ciphertext::new()?;
        self.encrypt_into(plain, &mut encrypted)?;
        Ok(encrypted)
    }

    /// Like [`Encryptor::encrypt`], but reuses a ciphertext.
    ///
    /// # Errors
    /// Same as [`Encryptor::encrypt`].
    pub fn encrypt_into(&self, plain: &Plaintext, destination: &mut Ciphertext) -> Result<()> {
        bridge::encryptor_encrypt(&self.inner, plain.as_ffi(), destination.as_ffi_mut())
            .named("Encryptor::encrypt")
    }

    /// Encrypts with the secret key.
    ///
    /// # Errors
    /// [`super::Error::Seal`] if no secret key was given or the plaintext does not fit the parameters.
    pub fn encrypt_symmetric(&self, plain: &Plaintext) -> Result<Ciphertext> {
        let mut encrypted = Ciphertext::new()?;
        self.encrypt_symmetric_into(plain, &mut encrypted)?;
        Ok(encrypted)
    }

    /// Like [`Encryptor::encrypt_symmetric`], but reuses a ciphertext.
    ///
    /// # Errors
    /// Same as [`Encryptor::encrypt_symmetric`].
    pub fn encrypt_symmetric_into(
        &self,
        plain: &Plaintext,
        destination: &mut Ciphertext,
    ) -> Result<()> {
        bridge::encryptor_encrypt_symmetric(&self.inner, plain.as_ffi(), destination.as_ffi_mut())
            .named("Encryptor::encrypt_symmetric")
    }

    /// Encrypts zero with the public key, at the highest data level.
    ///
    /// # Errors
    /// [`super::Error::Seal`] if no public key was given.
    pub fn encrypt_zero(&self) -> Result<Ciphertext> {
        self.encrypt_zero_at(self.context.first_parms_id())
    }

    /// Encrypts zero with the public key, at a data level.
    ///
    /// # Errors
    /// [`Error::NotADataLevel`] for any other level, [`super::Error::Seal`] if no public key was given.
    pub fn encrypt_zero_at(&self, level: ParmsId) -> Result<Ciphertext> {
        let mut encrypted = Ciphertext::new()?;
        self.encrypt_zero_into(level, &mut encrypted)?;
        Ok(encrypted)
    }

    /// Like [`Encryptor::encrypt_zero_at`], but reuses a ciphertext.
    ///
    /// # Errors
    /// Same as [`Encryptor::encrypt_zero_at`].
    pub fn encrypt_zero_into(&self, level: ParmsId, destination: &mut Ciphertext) -> Result<()> {
        let operation = "Encryptor::encrypt_zero";
        self.check_level(operation, level)?;
        bridge::encryptor_encrypt_zero(&self.inner, &level.0, destination.as_ffi_mut())
            .named(operation)
    }

    /// Encrypts zero with the secret key, at the highest data level.
    ///
    /// # Errors
    /// [`super::Error::Seal`] if no secret key was given.
    pub fn encrypt_zero_symmetric(&self) -> Result<Ciphertext> {
        self.encrypt_zero_symmetric_at(self.context.first_parms_id())
    }

    /// Encrypts zero with the secret key, at a data level.
    ///
    /// # Errors
    /// [`Error::NotADataLevel`] for any other level, [`super::Error::Seal`] if no secret key was given.
    pub fn encrypt_zero_symmetric_at(&self, level: ParmsId) -> Result<Ciphertext> {
        let mut encrypted = Ciphertext::new()?;
        self.encrypt_zero_symmetric_into(level, &mut encrypted)?;
        Ok(encrypted)
    }

    /// Like [`Encryptor::encrypt_zero_symmetric_at`], but reuses a ciphertext.
    ///
    /// # Errors
    /// Same as [`Encryptor::encrypt_zero_symmetric_at`].
    pub fn encrypt_zero_symmetric_into(
        &self,
        level: ParmsId,
        destination: &mut Ciphertext,
    ) -> Result<()> {
        let operation = "Encryptor::encrypt_zero_symmetric";
        self.check_level(operation, level)?;
        bridge::encryptor_encrypt_zero_symmetric(&self.inner, &level.0, destination.as_ffi_mut())
            .named(operation)
    }

    /// Encrypts with the secret key and serializes the result for sending, in SEAL's own format with a seed for its
    /// random half.
    ///
    /// # Errors
    /// Same as [`Encryptor::encrypt_symmetric`].
    pub fn seal_bytes_symmetric(
        &self,
        plain: &Plaintext,
        compression: Compression,
    ) -> Result<Vec<u8>> {
        bridge::encryptor_save_symmetric(&self.inner, plain.as_ffi(), compression.is_on())
            .named("Encryptor::encrypt_symmetric (seeded)")
    }

    pub(crate) fn as_ffi(&self) -> &bridge::Encryptor {
        &self.inner
    }

    /// Refuses levels other than data levels. SEAL would also encrypt at the key level, where the result is useless.
    fn check_level(&self, operation: &'static str, level: ParmsId) -> Result<()> {
        let mut known = self.context.data_levels().iter();
        if known.any(|data| data.parms_id == level) {
            return Ok(());
        }
        Err(Error::NotADataLevel { operation })
    }
}

super::keys::opaque_debug!(Encryptor);
