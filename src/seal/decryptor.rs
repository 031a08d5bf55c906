//! Decryption, and the noise budget.

use super::ciphertext::Ciphertext;
use super::context::Context;
use super::error::{Named, Result};
use super::keys::SecretKey;
use super::plaintext::Plaintext;
use crate::ffi::decryptor::bridge;
use cxx::UniquePtr;
use std::pin::Pin;

/// Decrypts ciphertexts. It holds the secret key, so it belongs to the client.
///
/// `Send` but not `Sync`: SEAL 4.0.0 replaces its cache of the secret key's powers under a lock but reads the cache
/// without one. Use one decryptor for each thread.
pub struct Decryptor {
    inner: UniquePtr<bridge::Decryptor>,
    plain_modulus: u64,
}

// Not `Sync`, and every call needs `&mut self`: `dot_product_ct_sk_array` reads `secret_key_array_` without the lock
// under which `compute_secret_key_array` frees it (seal/decryptor.cpp).
//
// SAFETY: a `seal::Decryptor` owns its key and its pool (`MMProfNew`, an MT pool of its own, seal/decryptor.h). Nothing
// in it is tied to a thread, and it is not shared.
unsafe impl Send for Decryptor {}

impl Decryptor {
    /// Creates a decryptor for a secret key.
    ///
    /// # Errors
    /// [`super::Error::Seal`] if the key was made for other parameters.
    pub fn new(context: &Context, secret_key: &SecretKey) -> Result<Self> {
        Ok(Self {
            inner: bridge::decryptor_new(context.as_ffi(), secret_key.as_ffi())
                .named("Decryptor::new")?,
            plain_modulus: context.parameters().plain_modulus().value(),
        })
    }

    /// Decrypts a ciphertext in coefficient form, of any size and at any level.
    ///
    /// Once the noise budget is used up, the result is wrong but no error is reported.
    ///
    /// # Errors
    /// [`super::Error::Seal`] if the ciphertext is empty, in NTT form, or made for other parameters.
    pub fn decrypt(&mut self, encrypted: &Ciphertext) -> Result<Plaintext> {
        let mut plain = Plaintext::new()?;
        self.decrypt_into(encrypted, &mut plain)?;
        Ok(plain)
    }

    /// Like [`Decryptor::decrypt`], but reuses a plaintext.
    ///
    /// # Errors
    /// Same as [`Decryptor::decrypt`].
    pub fn decrypt_into(
        &mut self,
        encrypted: &Ciphertext,
        destination: &mut Plaintext,
    ) -> Result<()> {
        bridge::decryptor_decrypt(
            self.inner.pin_mut(),
            encrypted.as_ffi(),
            destination.as_ffi_mut(),
        )
        .named("Decryptor::decrypt")?;
        destination.mark_below(self.plain_modulus);
        Ok(())
    }

    /// Computes the invariant noise budget in bits; at 0 decryption fails.
    ///
    /// This is a diagnostic for the client. **Never send it to a server**: for ciphertexts chosen by the server it can
    /// leak the key.
    ///
    /// # Errors
    /// Same as [`Decryptor::decrypt`].
    pub fn noise_budget_bits(&mut self, encrypted: &Ciphertext) -> Result<u32> {
        bridge::decryptor_noise_budget_bits(self.inner.pin_mut(), encrypted.as_ffi())
            .named("Decryptor::invariant_noise_budget")
    }

    pub(crate) fn as_ffi_mut(&mut self) -> Pin<&mut bridge::Decryptor> {
        self.inner.pin_mut()
    }
}

super::keys::opaque_debug!(Decryptor);
