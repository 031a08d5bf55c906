//! Plaintexts.

use super::context::{Context, ParmsId};
use super::error::{Error, Named, Result};
use crate::ffi::plaintext::bridge;
use cxx::UniquePtr;
use std::pin::Pin;

/// A plaintext: a polynomial with coefficients modulo t, or, in NTT form, modulo each prime of a level.
pub struct Plaintext {
    inner: UniquePtr<bridge::Plaintext>,
}

// SAFETY: a `seal::Plaintext` owns its coefficients, allocated from the global thread-safe pool (`MemoryManager::GetPool`
// under `MMProfGlobal`, seal/memorymanager.h); nothing in it is tied to a thread. Mutation needs `&mut self`.
unsafe impl Send for Plaintext {}
// SAFETY: through `&self` only const member functions run (seal/plaintext.h), which cache nothing.
unsafe impl Sync for Plaintext {}

impl Plaintext {
    /// The zero polynomial, without memory yet: for use as a destination.
    ///
    /// # Errors
    /// [`Error::Seal`] if memory is exhausted.
    pub fn new() -> Result<Self> {
        Ok(Self {
            inner: bridge::plaintext_new().named("Plaintext::new")?,
        })
    }

    /// A polynomial from its coefficients, the constant first.
    ///
    /// # Errors
    /// [`Error::TooManyValues`] for more than N coefficients, [`Error::ValueOutOfRange`] for one that is not below t.
    pub fn from_coefficients(context: &Context, coefficients: &[u64]) -> Result<Self> {
        let operation = "Plaintext::from_coefficients";
        let degree = context.parameters().poly_modulus_degree();
        let plain_modulus = context.parameters().plain_modulus().value();
        if coefficients.len() > degree {
            return Err(Error::TooManyValues {
                operation,
                expected: degree,
                actual: coefficients.len(),
            });
        }
        check_below(operation, coefficients, plain_modulus)?;
        Ok(Self {
            inner: bridge::plaintext_from_coefficients(coefficients).named(operation)?,
        })
    }

    /// A copy.
    ///
    /// # Errors
    /// [`Error::Seal`] if memory is exhausted.
    pub fn try_clone(&self) -> Result<Self> {
        Ok(Self {
            inner: bridge::plaintext_clone(&self.inner).named("Plaintext::clone")?,
        })
    }

    /// How many coefficients are stored.
    pub fn coeff_count(&self) -> usize {
        bridge::plaintext_coeff_count(&self.inner)
    }

    /// How many coefficients there are up to the highest that is not zero. In coefficient form only.
    pub fn significant_coeff_count(&self) -> usize {
        bridge::plaintext_significant_coeff_count(&self.inner)
    }

    /// Whether the plaintext is in NTT form.
    pub fn is_ntt_form(&self) -> bool {
        bridge::plaintext_is_ntt_form(&self.inner)
    }

    /// The level of a plaintext in NTT form, [`ParmsId::ZERO`] in coefficient form.
    pub fn parms_id(&self) -> ParmsId {
        ParmsId(bridge::plaintext_parms_id(&self.inner))
    }

    /// The coefficients; in NTT form the limbs of one prime after the other.
    pub fn coefficients(&self) -> &[u64] {
        bridge::plaintext_data(&self.inner)
    }

    /// Whether SEAL finds the plaintext valid for this context, coefficients included.
    ///
    /// # Errors
    /// None in practice: [`Error::Seal`] is decoded if SEAL ever throws.
    pub fn is_valid_for(&self, context: &Context) -> Result<bool> {
        bridge::plaintext_is_valid_for(&self.inner, context.as_ffi()).named("is_valid_for")
    }

    pub(crate) fn as_ffi(&self) -> &bridge::Plaintext {
        &self.inner
    }

    pub(crate) fn as_ffi_mut(&mut self) -> Pin<&mut bridge::Plaintext> {
        self.inner.pin_mut()
    }
}

impl std::fmt::Debug for Plaintext {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Plaintext")
            .field("coeff_count", &self.coeff_count())
            .field("is_ntt_form", &self.is_ntt_form())
            .finish()
    }
}

/// Refuses values that are not below t: SEAL checks this only in its debug build.
fn check_below(operation: &'static str, values: &[u64], plain_modulus: u64) -> Result<()> {
    match values.iter().position(|&value| value >= plain_modulus) {
        None => Ok(()),
        Some(index) => Err(Error::ValueOutOfRange {
            operation,
            index,
            value: i128::from(values[index]),
            plain_modulus,
        }),
    }
}
