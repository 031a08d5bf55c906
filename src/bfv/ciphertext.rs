//! Ciphertexts.

use super::context::{Context, ParmsId};
use super::error::{Named, Result};
use super::seal_stream::check_not_text;
use crate::ffi::ciphertext::bridge;
use cxx::UniquePtr;
use std::pin::Pin;

/// How [`Ciphertext::seal_bytes`] and its like compress.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Compression {
    /// Not at all.
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

// SAFETY: a `seal::Ciphertext` owns its coefficients, allocated from the global thread-safe pool
// (`MemoryManager::GetPool` under `MMProfGlobal`, seal/memorymanager.h); nothing in it is tied to a thread.
// Mutation needs `&mut self`.
unsafe impl Send for Ciphertext {}
// SAFETY: through `&self` only const member functions run (seal/ciphertext.h), which cache nothing.
unsafe impl Sync for Ciphertext {}

impl Ciphertext {
    /// An empty ciphertext without memory: for use as a destination.
    ///
    /// # Errors
    /// [`super::Error::Seal`] if memory is exhausted.
    pub fn new() -> Result<Self> {
        Ok(Self {
            inner: bridge::ciphertext_new().named("Ciphertext::new")?,
        })
    }

    /// A copy.
    ///
    /// # Errors
    /// [`super::Error::Seal`] if memory is exhausted.
    pub fn try_clone(&self) -> Result<Self> {
        Ok(Self {
            inner: bridge::ciphertext_clone(&self.inner).named("Ciphertext::clone")?,
        })
    }

    /// Copies another ciphertext into this one, reusing its memory where it suffices.
    ///
    /// # Errors
    /// [`super::Error::Seal`] if memory is exhausted.
    pub fn assign(&mut self, source: &Self) -> Result<()> {
        bridge::ciphertext_assign(self.inner.pin_mut(), &source.inner).named("Ciphertext::assign")
    }

    /// How many polynomials: 2 when fresh or relinearised, 3 after one multiplication.
    pub fn size(&self) -> usize {
        bridge::ciphertext_size(&self.inner)
    }

    /// N, or 0 for an empty ciphertext.
    pub fn poly_modulus_degree(&self) -> usize {
        bridge::ciphertext_poly_modulus_degree(&self.inner)
    }

    /// How many primes q still has.
    pub fn coeff_modulus_size(&self) -> usize {
        bridge::ciphertext_coeff_modulus_size(&self.inner)
    }

    /// Whether the ciphertext is in NTT form.
    pub fn is_ntt_form(&self) -> bool {
        bridge::ciphertext_is_ntt_form(&self.inner)
    }

    /// Whether the ciphertext hides nothing: every polynomial but the first is zero.
    pub fn is_transparent(&self) -> bool {
        bridge::ciphertext_is_transparent(&self.inner)
    }

    /// The level.
    pub fn parms_id(&self) -> ParmsId {
        ParmsId(bridge::ciphertext_parms_id(&self.inner))
    }

    /// The raw residues: polynomial after polynomial, in each one prime after the other, N values for each.
    pub fn limbs(&self) -> &[u64] {
        bridge::ciphertext_data(&self.inner)
    }

    /// The ciphertext in SEAL's own format.
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

    /// Reads SEAL's own format, seeded or whole, and checks that the ciphertext is valid for the context.
    ///
    /// **Only for bytes from a source that is trusted as this program itself is**, such as a file of one's own: SEAL
    /// 4.0.0 does not withstand hostile bytes, whatever is checked afterwards.
    ///
    /// # Errors
    /// [`super::Error::Text`] if the bytes went through text, [`super::Error::Seal`] if they are no ciphertext that is
    /// valid for this context.
    pub fn from_seal_bytes_trusted(context: &Context, bytes: &[u8]) -> Result<Self> {
        let operation = "Ciphertext::load";
        check_not_text(operation, bytes)?;
        Ok(Self {
            inner: bridge::ciphertext_load(context.as_ffi(), bytes).named(operation)?,
        })
    }

    /// Whether SEAL finds the ciphertext valid for this context, residues included.
    ///
    /// # Errors
    /// None in practice: [`super::Error::Seal`] is decoded if SEAL ever throws.
    pub fn is_valid_for(&self, context: &Context) -> Result<bool> {
        bridge::ciphertext_is_valid_for(&self.inner, context.as_ffi())
            .named("Ciphertext::is_valid_for")
    }

    /// How many polynomials fit before memory is allocated anew.
    pub fn size_capacity(&self) -> usize {
        bridge::ciphertext_size_capacity(&self.inner)
    }

    /// Gives the memory back: an empty ciphertext.
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
