//! Plaintexts.

use super::ciphertext::Compression;
use super::context::{Context, ParmsId};
use super::error::{Error, Named, Result};
use super::own_format::check_not_text;
use crate::ffi::plaintext::bridge;
use cxx::UniquePtr;
use std::pin::Pin;

/// A plaintext: a polynomial with coefficients modulo t, or, in NTT form, modulo each prime of a level.
pub struct Plaintext {
    inner: UniquePtr<bridge::Plaintext>,
    /// An exclusive upper bound known for all coefficients in coefficient form; `u64::MAX` if none is known.
    below: u64,
}

// SAFETY: a `seal::Plaintext` owns its coefficients, which come from the global thread-safe pool
// (`MemoryManager::GetPool` under `MMProfGlobal`, seal/memorymanager.h). Nothing in it is tied to a thread, and
// mutation needs `&mut self`.
unsafe impl Send for Plaintext {}
// SAFETY: only const member functions are called through `&self` (seal/plaintext.h), and these cache nothing.
unsafe impl Sync for Plaintext {}

impl Plaintext {
    /// Creates the zero polynomial, which holds no memory yet, for use as a destination.
    ///
    /// # Errors
    /// [`Error::Seal`] if memory is exhausted.
    pub fn new() -> Result<Self> {
        Ok(Self {
            inner: bridge::plaintext_new().named("Plaintext::new")?,
            below: 1,
        })
    }

    /// Creates a polynomial from its coefficients, the constant first.
    ///
    /// # Errors
    /// [`Error::TooManyValues`] for more than N coefficients, [`Error::ValueOutOfRange`] for one that is not below t.
    pub fn from_coefficients(context: &Context, coefficients: &[u64]) -> Result<Self> {
        let operation = "Plaintext::from_coefficients";
        check_degree(operation, context, coefficients.len())?;
        let plain_modulus = context.parameters().plain_modulus().value();
        check_below(operation, coefficients, plain_modulus)?;
        Ok(Self {
            inner: bridge::plaintext_from_coefficients(coefficients).named(operation)?,
            below: plain_modulus,
        })
    }

    /// Copies the plaintext.
    ///
    /// # Errors
    /// [`Error::Seal`] if memory is exhausted.
    pub fn try_clone(&self) -> Result<Self> {
        Ok(Self {
            inner: bridge::plaintext_clone(&self.inner).named("Plaintext::clone")?,
            below: self.below,
        })
    }

    /// Copies another plaintext into this one, reusing this one's memory if it is large enough.
    ///
    /// # Errors
    /// [`Error::Seal`] if memory is exhausted.
    pub fn assign(&mut self, source: &Self) -> Result<()> {
        bridge::plaintext_assign(self.as_ffi_mut(), &source.inner).named("Plaintext::assign")?;
        self.below = source.below;
        Ok(())
    }

    /// Sets all coefficients to zero. Their number, the form and the level do not change.
    pub fn set_zero(&mut self) {
        bridge::plaintext_set_zero(self.inner.pin_mut());
        self.below = 1;
    }

    /// Changes the number of coefficients: cuts off the highest ones, or appends zeros.
    ///
    /// # Errors
    /// [`Error::TooManyValues`] for more than N coefficients, [`Error::WrongForm`] in NTT form.
    pub fn resize(&mut self, context: &Context, coeff_count: usize) -> Result<()> {
        let operation = "Plaintext::resize";
        self.check_coefficient_form(operation)?;
        check_degree(operation, context, coeff_count)?;
        bridge::plaintext_resize(self.inner.pin_mut(), coeff_count).named(operation)
    }

    /// Releases the memory, which leaves the zero polynomial without coefficients, in coefficient form.
    pub fn release(&mut self) {
        bridge::plaintext_release(self.inner.pin_mut());
        self.below = 1;
    }

    /// Number of coefficients that fit before SEAL must allocate new memory.
    pub fn capacity(&self) -> usize {
        bridge::plaintext_capacity(&self.inner)
    }

    /// Number of coefficients that are not zero.
    pub fn nonzero_coeff_count(&self) -> usize {
        self.coefficients()
            .iter()
            .filter(|&&coefficient| coefficient != 0)
            .count()
    }

    /// Tells whether all coefficients are zero.
    pub fn is_zero(&self) -> bool {
        self.coefficients()
            .iter()
            .all(|&coefficient| coefficient == 0)
    }

    /// Number of coefficients stored.
    pub fn coeff_count(&self) -> usize {
        bridge::plaintext_coeff_count(&self.inner)
    }

    /// Number of coefficients up to the highest one that is not zero. In coefficient form only.
    pub fn significant_coeff_count(&self) -> usize {
        bridge::plaintext_significant_coeff_count(&self.inner)
    }

    /// Tells whether the plaintext is in NTT form.
    pub fn is_ntt_form(&self) -> bool {
        bridge::plaintext_is_ntt_form(&self.inner)
    }

    /// The level of a plaintext in NTT form; [`ParmsId::ZERO`] in coefficient form.
    pub fn parms_id(&self) -> ParmsId {
        ParmsId(bridge::plaintext_parms_id(&self.inner))
    }

    /// The coefficients; in NTT form, the limbs of one prime after the other.
    pub fn coefficients(&self) -> &[u64] {
        bridge::plaintext_data(&self.inner)
    }

    /// Serializes the plaintext in SEAL's own format.
    ///
    /// # Errors
    /// [`Error::Seal`] if memory is exhausted.
    pub fn seal_bytes(&self, compression: Compression) -> Result<Vec<u8>> {
        bridge::plaintext_save(&self.inner, compression.is_on()).named("Plaintext::save")
    }

    /// Reads a plaintext in SEAL's own format. The bytes must come from a **trusted** source: see
    /// [`super::Ciphertext::from_seal_bytes_trusted`].
    ///
    /// # Errors
    /// [`Error::Text`] if the bytes were handled as text on the way, [`Error::Seal`] if they are not a plaintext that
    /// is valid for this context.
    pub fn from_seal_bytes_trusted(context: &Context, bytes: &[u8]) -> Result<Self> {
        let operation = "Plaintext::load";
        check_not_text(operation, bytes)?;
        Ok(Self {
            inner: bridge::plaintext_load(context.as_ffi(), bytes).named(operation)?,
            below: u64::MAX,
        })
    }

    /// Tells whether SEAL considers the plaintext valid for this context, including its coefficients.
    ///
    /// # Errors
    /// None in practice; if SEAL ever throws, the exception becomes [`Error::Seal`].
    pub fn is_valid_for(&self, context: &Context) -> Result<bool> {
        bridge::plaintext_is_valid_for(&self.inner, context.as_ffi()).named("is_valid_for")
    }

    pub(crate) fn as_ffi(&self) -> &bridge::Plaintext {
        &self.inner
    }

    /// Discards what is known about the coefficients (see [`Plaintext::mark_below`]), because the caller may change
    /// them.
    pub(crate) fn as_ffi_mut(&mut self) -> Pin<&mut bridge::Plaintext> {
        self.below = u64::MAX;
        self.inner.pin_mut()
    }

    /// Records that all coefficients are below this modulus, as SEAL has just written them modulo t.
    pub(super) const fn mark_below(&mut self, plain_modulus: u64) {
        self.below = plain_modulus;
    }

    /// Refuses coefficients that do not fit a context. This is almost free for plaintexts of the same t, otherwise one
    /// pass.
    pub(super) fn check_fits(&self, operation: &'static str, context: &Context) -> Result<()> {
        self.check_count(operation, context)?;
        let plain_modulus = context.parameters().plain_modulus().value();
        if self.below <= plain_modulus {
            return Ok(());
        }
        check_below(operation, self.coefficients(), plain_modulus)
    }

    /// Refuses more than N coefficients.
    pub(super) fn check_count(&self, operation: &'static str, context: &Context) -> Result<()> {
        check_degree(operation, context, self.coeff_count())
    }

    pub(super) fn check_coefficient_form(&self, operation: &'static str) -> Result<()> {
        if self.is_ntt_form() {
            return Err(Error::WrongForm {
                operation,
                object: "plaintext",
                expected: "coefficient form, and SEAL has no way back from NTT form for it",
            });
        }
        Ok(())
    }
}

/// Compares like SEAL: the form and level must be equal, and so must the coefficients, ignoring zeros at the end.
impl PartialEq for Plaintext {
    fn eq(&self, other: &Self) -> bool {
        let (a, b) = (self.coefficients(), other.coefficients());
        let common = a.len().min(b.len());
        self.parms_id() == other.parms_id()
            && a[..common] == b[..common]
            && a[common..].iter().chain(&b[common..]).all(|&c| c == 0)
    }
}

impl Eq for Plaintext {}

impl std::fmt::Debug for Plaintext {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Plaintext")
            .field("coeff_count", &self.coeff_count())
            .field("is_ntt_form", &self.is_ntt_form())
            .finish()
    }
}

/// Refuses values that are not below t. SEAL checks this only in its debug build.
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

/// Refuses more than N coefficients.
fn check_degree(operation: &'static str, context: &Context, actual: usize) -> Result<()> {
    check_room(
        operation,
        context.parameters().poly_modulus_degree(),
        actual,
    )
}

/// Refuses more values than there are places.
pub(super) fn check_room(operation: &'static str, expected: usize, actual: usize) -> Result<()> {
    if actual > expected {
        return Err(Error::TooManyValues {
            operation,
            expected,
            actual,
        });
    }
    Ok(())
}
