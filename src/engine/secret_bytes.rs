//! A client's secret key as bytes, to be kept.

use super::client::Client;
use super::contexts::Contexts;
use super::error::{Doing as _, EngineError};
use super::spec::ClientSpec;
use crate::seal::SecretKey;
use zeroize::Zeroizing;

/// Number of coefficients of the secret key in a byte.
const SECRET_DIGITS: u32 = 4;

impl Client {
    /// Takes a secret key that [`Client::secret_bytes`] returned, for the same plan.
    ///
    /// # Errors
    /// Those of [`Client::new`], and [`EngineError::SecretBytes`] if the bytes are none of this plan's secret keys.
    pub fn from_secret_bytes(
        spec: &ClientSpec,
        contexts: &Contexts,
        bytes: &[u8],
    ) -> Result<Self, EngineError> {
        let degree = spec.poly_modulus_degree;
        let digits = bytes.iter().flat_map(|byte| {
            let digit = move |at: u32| (byte >> (2 * at) & 3).cast_signed() - 1;
            (0..SECRET_DIGITS).map(digit)
        });
        let coefficients: Zeroizing<Vec<i8>> = Zeroizing::new(digits.collect());
        if coefficients.len() != degree || coefficients.contains(&2) {
            return Err(EngineError::SecretBytes);
        }
        Self::with_secret(spec, contexts, |context| {
            SecretKey::from_coefficients(context, &coefficients)
        })
    }

    /// Returns the coefficients of the secret key, which are -1, 0 or 1: each as one more, in two bits, the first one in
    /// the lowest bits of a byte. **Whoever has them can decrypt.**
    ///
    /// # Errors
    /// [`EngineError::Seal`] if SEAL refuses the key.
    pub fn secret_bytes(&self) -> Result<Zeroizing<Vec<u8>>, EngineError> {
        let first = self.primes.first().ok_or(EngineError::Contexts)?;
        let coefficients = first.secret_key().coefficients(first.context());
        let coefficients = coefficients.doing(|| "reading the secret key".to_owned())?;
        let byte = |four: &[i8]| {
            let digits = four.iter().rev();
            digits.fold(0, |byte, &value| (byte << 2) | (value + 1).cast_unsigned())
        };
        let bytes = coefficients.chunks(SECRET_DIGITS as usize).map(byte);
        Ok(Zeroizing::new(bytes.collect()))
    }
}
