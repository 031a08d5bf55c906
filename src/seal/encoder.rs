//! Batching: packs vectors of integers modulo t into the slots of a plaintext.

use super::context::Context;
use super::error::{Error, Named, Result};
use super::plaintext::{Plaintext, check_room};
use crate::ffi::encoder::bridge;
use cxx::UniquePtr;

/// Encodes N integers modulo t into one plaintext, so that one operation computes on all of them.
///
/// The slots form a matrix of 2 rows of N/2; shorter inputs are padded with zeros.
pub struct BatchEncoder {
    inner: UniquePtr<bridge::BatchEncoder>,
    plain_modulus: u64,
}

// SAFETY: a `sealquant::BatchEncoder` (src/ffi/encoder.h) owns its index table and a context of const data. Nothing in
// it is tied to a thread.
unsafe impl Send for BatchEncoder {}
// SAFETY: `encode` and `decode` are const, only read the tables, and allocate from the global thread-safe pool.
unsafe impl Sync for BatchEncoder {}

impl BatchEncoder {
    /// Creates an encoder for a context.
    ///
    /// # Errors
    /// [`Error::Batching`] if t does not allow batching.
    pub fn new(context: &Context) -> Result<Self> {
        let operation = "BatchEncoder::new";
        check_batching(operation, context)?;
        Ok(Self {
            inner: bridge::batch_encoder_new(context.as_ffi()).named(operation)?,
            plain_modulus: context.parameters().plain_modulus().value(),
        })
    }

    /// N, the number of integers in a plaintext.
    pub fn slot_count(&self) -> usize {
        bridge::batch_encoder_slot_count(&self.inner)
    }

    /// Encodes integers in 0..t.
    ///
    /// # Errors
    /// [`Error::TooManyValues`] for more than N values, [`Error::ValueOutOfRange`] for a value outside the range.
    pub fn encode_u64(&self, values: &[u64]) -> Result<Plaintext> {
        let mut plain = Plaintext::new()?;
        self.encode_u64_into(values, &mut plain)?;
        Ok(plain)
    }

    /// Like [`BatchEncoder::encode_u64`], but reuses a plaintext. After an error the plaintext is either unchanged or
    /// zero.
    ///
    /// # Errors
    /// Same as [`BatchEncoder::encode_u64`].
    pub fn encode_u64_into(&self, values: &[u64], destination: &mut Plaintext) -> Result<()> {
        let operation = "BatchEncoder::encode_u64";
        check_room(operation, self.slot_count(), values.len())?;
        let fits = bridge::batch_encoder_encode_u64(&self.inner, values, destination.as_ffi_mut())
            .named(operation)?;
        self.check_fits(operation, fits, values, |value| value < self.plain_modulus)?;
        destination.mark_below(self.plain_modulus);
        Ok(())
    }

    /// Encodes integers in -(t-1)/2..=(t-1)/2.
    ///
    /// # Errors
    /// [`Error::TooManyValues`] for more than N values, [`Error::ValueOutOfRange`] for a value outside the range.
    pub fn encode_i64(&self, values: &[i64]) -> Result<Plaintext> {
        let mut plain = Plaintext::new()?;
        self.encode_i64_into(values, &mut plain)?;
        Ok(plain)
    }

    /// Like [`BatchEncoder::encode_i64`], but reuses a plaintext. After an error the plaintext is either unchanged or
    /// zero.
    ///
    /// # Errors
    /// Same as [`BatchEncoder::encode_i64`].
    pub fn encode_i64_into(&self, values: &[i64], destination: &mut Plaintext) -> Result<()> {
        let operation = "BatchEncoder::encode_i64";
        check_room(operation, self.slot_count(), values.len())?;
        let fits = bridge::batch_encoder_encode_i64(&self.inner, values, destination.as_ffi_mut())
            .named(operation)?;
        let half = (self.plain_modulus - 1) / 2;
        self.check_fits(operation, fits, values, |value| {
            value.unsigned_abs() <= half
        })?;
        destination.mark_below(self.plain_modulus);
        Ok(())
    }

    /// Decodes all N slots as integers in 0..t.
    ///
    /// # Errors
    /// [`Error::Seal`] if the plaintext is in NTT form or does not fit the parameters.
    pub fn decode_u64(&self, plain: &Plaintext) -> Result<Vec<u64>> {
        let mut values = vec![0; self.slot_count()];
        self.decode_u64_into(plain, &mut values)?;
        Ok(values)
    }

    /// Like [`BatchEncoder::decode_u64`], but writes to a slice of exactly N values.
    ///
    /// # Errors
    /// Same as [`BatchEncoder::decode_u64`], and [`Error::Seal`] if the slice has another length.
    pub fn decode_u64_into(&self, plain: &Plaintext, destination: &mut [u64]) -> Result<()> {
        bridge::batch_encoder_decode_u64(&self.inner, plain.as_ffi(), destination)
            .named("BatchEncoder::decode_u64")
    }

    /// Decodes all N slots as signed integers centred on 0.
    ///
    /// # Errors
    /// [`Error::Seal`] if the plaintext is in NTT form or does not fit the parameters.
    pub fn decode_i64(&self, plain: &Plaintext) -> Result<Vec<i64>> {
        let mut values = vec![0; self.slot_count()];
        self.decode_i64_into(plain, &mut values)?;
        Ok(values)
    }

    /// Like [`BatchEncoder::decode_i64`], but writes to a slice of exactly N values.
    ///
    /// # Errors
    /// Same as [`BatchEncoder::decode_i64`], and [`Error::Seal`] if the slice has another length.
    pub fn decode_i64_into(&self, plain: &Plaintext, destination: &mut [i64]) -> Result<()> {
        bridge::batch_encoder_decode_i64(&self.inner, plain.as_ffi(), destination)
            .named("BatchEncoder::decode_i64")
    }

    /// Reports the first value that does not fit. The encoding itself checks the values; a separate check before it
    /// would cost a few percent.
    fn check_fits<Value: Copy + Into<i128>>(
        &self,
        operation: &'static str,
        fits: bool,
        values: &[Value],
        is_inside: impl Fn(Value) -> bool,
    ) -> Result<()> {
        if fits {
            return Ok(());
        }
        let index = values.iter().position(|&value| !is_inside(value));
        let index = index.unwrap_or_default();
        Err(Error::ValueOutOfRange {
            operation,
            index,
            value: values.get(index).map_or(0, |&value| value.into()),
            plain_modulus: self.plain_modulus,
        })
    }
}

/// Refuses parameters without batching, and names the condition that they fail.
pub(super) fn check_batching(operation: &'static str, context: &Context) -> Result<()> {
    if context.using_batching() {
        return Ok(());
    }
    let parameters = context.parameters();
    let plain_modulus = parameters.plain_modulus();
    Err(Error::Batching {
        operation,
        plain_modulus: plain_modulus.value(),
        poly_modulus_degree: parameters.poly_modulus_degree(),
        is_prime: plain_modulus.is_prime()?,
    })
}

impl std::fmt::Debug for BatchEncoder {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("BatchEncoder")
            .field("slot_count", &self.slot_count())
            .field("plain_modulus", &self.plain_modulus)
            .finish_non_exhaustive()
    }
}
