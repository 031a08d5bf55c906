//! SEAL's findings about the parameters of a context, and the parameters in SEAL's own format.

use super::ciphertext::Compression;
use super::context::{Context, Level, ParmsId};
use super::error::{Named, Result};
use super::modulus::SecurityLevel;
use super::own_format::check_not_text;
use super::parameters::ParametersLiteral;
use crate::ffi::context::bridge;

/// `seal::EncryptionParameterQualifiers`: the operations and speedups that the parameters allow at one level.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "SEAL's own structure: independent findings"
)]
pub struct Qualifiers {
    /// True if the degree is a power of two, so that transforms multiply polynomials. Always true for BFV.
    pub using_fft: bool,
    /// True if all primes are 1 mod 2N, so that the transforms are NTTs. Always true for BFV.
    pub using_ntt: bool,
    /// True if t is a prime = 1 mod 2N.
    pub using_batching: bool,
    /// True if every prime of q is larger than t, which makes products with plaintexts faster.
    pub using_fast_plain_lift: bool,
    /// True if the primes of q are strictly decreasing.
    pub using_descending_modulus_chain: bool,
    /// The security level that SEAL enforced.
    pub security: SecurityLevel,
}

impl Context {
    /// Returns the qualifiers at a level.
    ///
    /// # Errors
    /// [`super::Error::Seal`] if the context has no such level.
    pub fn qualifiers(&self, level: ParmsId) -> Result<Qualifiers> {
        let info = bridge::context_qualifiers(self.as_ffi(), &level.0)
            .named("SEALContext::get_context_data")?;
        Ok(Qualifiers {
            using_fft: info.using_fft,
            using_ntt: info.using_ntt,
            using_batching: info.using_batching,
            using_fast_plain_lift: info.using_fast_plain_lift,
            using_descending_modulus_chain: info.using_descending_modulus_chain,
            security: match info.security_bits {
                128 => SecurityLevel::Bits128,
                192 => SecurityLevel::Bits192,
                256 => SecurityLevel::Bits256,
                _ => SecurityLevel::None,
            },
        })
    }

    /// The level of keys, which has all primes of q.
    pub fn key_parms_id(&self) -> ParmsId {
        self.key_level().parms_id
    }

    /// The level of fresh ciphertexts.
    pub fn first_parms_id(&self) -> ParmsId {
        self.first_level().parms_id
    }

    /// The lowest level, which has one prime of q.
    pub fn last_parms_id(&self) -> ParmsId {
        self.data_levels()
            .last()
            .map_or(ParmsId::ZERO, |level| level.parms_id)
    }

    /// The level after this one, with one prime less. `None` for the lowest level and for an unknown one.
    pub fn next_level(&self, level: ParmsId) -> Option<Level> {
        let mut levels = self.levels().iter();
        levels.find(|this| this.parms_id == level)?;
        levels.next().copied()
    }

    /// Serializes the parameters in SEAL's own format, which does not include the security level.
    ///
    /// # Errors
    /// [`super::Error::Seal`] if memory is exhausted.
    pub fn seal_bytes_parameters(&self, compression: Compression) -> Result<Vec<u8>> {
        bridge::parameters_save(self.as_ffi(), compression.is_on())
            .named("EncryptionParameters::save")
    }
}

impl ParametersLiteral {
    /// Reads BFV parameters in SEAL's own format. The bytes must come from a **trusted** source: see
    /// [`super::Ciphertext::from_seal_bytes_trusted`]. The result is a literal, which [`Context::from_literal`]
    /// validates.
    ///
    /// # Errors
    /// [`super::Error::Text`] if the bytes were handled as text on the way, [`super::Error::Seal`] if they are not BFV
    /// parameters.
    pub fn from_seal_bytes_trusted(bytes: &[u8], security: SecurityLevel) -> Result<Self> {
        let operation = "EncryptionParameters::load";
        check_not_text(operation, bytes)?;
        let info = bridge::parameters_load(bytes).named(operation)?;
        Ok(Self {
            poly_modulus_degree: info.poly_modulus_degree,
            coeff_modulus: info.coeff_modulus,
            plain_modulus: info.plain_modulus,
            security,
        })
    }
}
