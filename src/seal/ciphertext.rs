//! Ciphertexts.

use super::context::{Context, ParmsId};
use super::error::{Named, Result};
use super::own_format::check_not_text;
use crate::ffi::ciphertext::bridge;
use cxx::UniquePtr;
use std::pin::Pin;

/// Compression used by [`Ciphertext::seal_bytes`] and similar functions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Compression {
    /// No compression.
    None,
    /// SEAL's default: Zstandard if SEAL was built with it.
    SealDefault,
}

impl Compression {
    pub(crate) const fn is_on(self) -> bool {
        matches!(self, Self::SealDefault)
    }
}

/// A ciphertext: `size` polynomials of N coefficients, each modulo every prime of its level.
pub struct Ciphertext {
    inner: UniquePtr<bridge::Ciphertext>,
}

// SAFETY: a `seal::Ciphertext` owns its coefficients, which come from the global thread-safe pool
// (`MemoryManager::GetPool` under `MMProfGlobal`, seal/memorymanager.h). Nothing in it is tied to a thread, and
// mutation needs `&mut self`.
unsafe impl Send for Ciphertext {}
// SAFETY: only const member functions are called through `&self` (seal/ciphertext.h), and these cache nothing.
unsafe impl Sync for Ciphertext {}

impl Ciphertext {
    /// Creates an empty ciphertext that holds no memory, for use as a destination.
    ///
    /// # Errors
    /// [`super::Error::Seal`] if memory is exhausted.
    pub fn new() -> Result<Self> {
        Ok(Self {
            inner: bridge::ciphertext_new().named("Ciphertext::new")?,
        })
    }

    /// Copies the ciphertext.
    ///
    /// # Errors
    /// [`super::Error::Seal`] if memory is exhausted.
    pub fn try_clone(&self) -> Result<Self> {
        Ok(Self {
            inner: bridge::ciphertext_clone(&self.inner).named("Ciphertext::clone")?,
        })
    }

    /// Copies another ciphertext into this one, reusing this one's memory if it is large enough.
    ///
    /// # Errors
    /// [`super::Error::Seal`] if memory is exhausted.
    pub fn assign(&mut self, source: &Self) -> Result<()> {
        bridge::ciphertext_assign(self.inner.pin_mut(), &source.inner).named("Ciphertext::assign")
    }

    /// Number of polynomials: 2 when fresh or relinearised, 3 after one multiplication.
    pub fn size(&self) -> usize {
        bridge::ciphertext_size(&self.inner)
    }

    /// N, or 0 for an empty ciphertext.
    pub fn poly_modulus_degree(&self) -> usize {
        bridge::ciphertext_poly_modulus_degree(&self.inner)
    }

    /// Number of primes left in q.
    pub fn coeff_modulus_size(&self) -> usize {
        bridge::ciphertext_coeff_modulus_size(&self.inner)
    }

    /// Tells whether the ciphertext is in NTT form.
    pub fn is_ntt_form(&self) -> bool {
        bridge::ciphertext_is_ntt_form(&self.inner)
    }

    /// Tells whether the ciphertext hides nothing, that is, whether every polynomial but the first is zero.
    pub fn is_transparent(&self) -> bool {
        bridge::ciphertext_is_transparent(&self.inner)
    }

    /// The ciphertext's level.
    pub fn parms_id(&self) -> ParmsId {
        ParmsId(bridge::ciphertext_parms_id(&self.inner))
    }

    /// The raw residues, ordered by polynomial, then by prime, with N values for each prime.
    pub fn limbs(&self) -> &[u64] {
        bridge::ciphertext_data(&self.inner)
    }

    /// Serializes the ciphertext in SEAL's own format.
    ///
    /// # Errors
    /// [`super::Error::Seal`] if memory is exhausted.
    pub fn seal_bytes(&self, compression: Compression) -> Result<Vec<u8>> {
        bridge::ciphertext_save(&self.inner, compression.is_on()).named("Ciphertext::save")
    }

    pub(super) const fn from_inner(inner: UniquePtr<bridge::Ciphertext>) -> Self {
        Self { inner }
    }

    pub(super) fn into_inner(self) -> UniquePtr<bridge::Ciphertext> {
        self.inner
    }

    /// Reads a ciphertext in SEAL's own format, seeded or whole, and checks that it is valid for the context.
    ///
    /// **Use this only for bytes from a source that you trust as much as this program**, such as a file of your own.
    /// SEAL 4.0.0 does not withstand hostile bytes, whatever is checked afterwards.
    ///
    /// # Errors
    /// [`super::Error::Text`] if the bytes were handled as text on the way, [`super::Error::Seal`] if they are not a
    /// ciphertext that is valid for this context.
    pub fn from_seal_bytes_trusted(context: &Context, bytes: &[u8]) -> Result<Self> {
        let operation = "Ciphertext::load";
        check_not_text(operation, bytes)?;
        Ok(Self {
            inner: bridge::ciphertext_load(context.as_ffi(), bytes).named(operation)?,
        })
    }

    /// Tells whether SEAL considers the ciphertext valid for this context, including its residues.
    ///
    /// # Errors
    /// None in practice; if SEAL ever throws, the exception becomes [`super::Error::Seal`].
    pub fn is_valid_for(&self, context: &Context) -> Result<bool> {
        bridge::ciphertext_is_valid_for(&self.inner, context.as_ffi())
            .named("Ciphertext::is_valid_for")
    }

    /// Number of polynomials that fit before SEAL must allocate new memory.
    pub fn size_capacity(&self) -> usize {
        bridge::ciphertext_size_capacity(&self.inner)
    }

    /// Releases the memory, which leaves an empty ciphertext.
    pub fn release(&mut self) {
        bridge::ciphertext_release(self.inner.pin_mut());
    }

    pub(crate) fn as_ffi(&self) -> &bridge::Ciphertext {
        &self.inner
    }

    pub(crate) fn as_ffi_mut(&mut self) -> Pin<&mut bridge::Ciphertext> {
        self.inner.pin_mut()
    }
}

impl std::fmt::Debug for Ciphertext {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Ciphertext")
            .field("size", &self.size())
            .field("poly_modulus_degree", &self.poly_modulus_degree())
            .field("coeff_modulus_size", &self.coeff_modulus_size())
            .field("is_ntt_form", &self.is_ntt_form())
            .finish()
    }
}
