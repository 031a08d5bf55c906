//! Encryption parameters: an unchecked literal, and the validated, immutable type made from it.

use super::error::{Error, Result};
use super::modulus::{Modulus, SecurityLevel, coeff_modulus};
use seal_sys::limits;
use std::ops::RangeInclusive;

/// Encryption parameters as the user wrote them; nothing is checked yet.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "inference", derive(serde::Serialize, serde::Deserialize))]
pub struct ParametersLiteral {
    /// N, a power of two, which is also the number of slots.
    pub poly_modulus_degree: usize,
    /// The primes of q; the last one is the special prime for key switching.
    pub coeff_modulus: Vec<u64>,
    /// t; batching needs a prime = 1 mod 2N.
    pub plain_modulus: u64,
    /// The security level that SEAL enforces.
    #[cfg_attr(feature = "inference", serde(default))]
    pub security: SecurityLevel,
}

impl ParametersLiteral {
    /// Uses SEAL's default primes for this degree and security level: [`super::coeff_modulus::bfv_default`].
    ///
    /// # Errors
    /// [`Error::Seal`] if SEAL's table has no entry. Everything else is checked later, because this is a literal.
    pub fn bfv_default(
        poly_modulus_degree: usize,
        plain_modulus: u64,
        security: SecurityLevel,
    ) -> Result<Self> {
        let coeff_modulus = coeff_modulus::bfv_default(poly_modulus_degree, security)?;
        Ok(Self {
            poly_modulus_degree,
            coeff_modulus: coeff_modulus.into_iter().map(u64::from).collect(),
            plain_modulus,
            security,
        })
    }
}

/// Encryption parameters of BFV within SEAL's limits.
///
/// [`super::Context::new`] checks what only SEAL can judge: coprimality, security and NTT support.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct EncryptionParameters {
    poly_modulus_degree: usize,
    coeff_modulus: Vec<Modulus>,
    plain_modulus: Modulus,
    security: SecurityLevel,
}

/// Values of N that SEAL allows.
const DEGREES: RangeInclusive<usize> =
    limits::SEAL_POLY_MOD_DEGREE_MIN as usize..=limits::SEAL_POLY_MOD_DEGREE_MAX as usize;
/// Numbers of primes that q can have, which differ between versions of SEAL.
const COEFF_MODULUS_SIZES: RangeInclusive<usize> =
    limits::SEAL_COEFF_MOD_COUNT_MIN as usize..=limits::SEAL_COEFF_MOD_COUNT_MAX as usize;

impl EncryptionParameters {
    /// Validates a literal.
    ///
    /// # Errors
    /// [`Error::Modulus`] for a modulus out of range; [`Error::Parameters`] for a degree that is not a power of two in
    /// 2..=131072, or for a number of primes outside SEAL's limits (1..=64 in SEAL 4.0, 1..=256 since SEAL 4.1).
    pub fn new(literal: &ParametersLiteral) -> Result<Self> {
        let degree = literal.poly_modulus_degree;
        if !degree.is_power_of_two() || !DEGREES.contains(&degree) {
            return Err(Error::Parameters {
                name: "invalid_poly_modulus_degree".to_owned(),
                message: format!(
                    "poly_modulus_degree {degree} is not a power of two in {DEGREES:?}"
                ),
            });
        }
        let count = literal.coeff_modulus.len();
        if !COEFF_MODULUS_SIZES.contains(&count) {
            return Err(Error::Parameters {
                name: "invalid_coeff_modulus_size".to_owned(),
                message: format!(
                    "coeff_modulus has {count} primes, {} to {} are possible",
                    COEFF_MODULUS_SIZES.start(),
                    COEFF_MODULUS_SIZES.end()
                ),
            });
        }
        Ok(Self {
            poly_modulus_degree: degree,
            coeff_modulus: literal
                .coeff_modulus
                .iter()
                .map(|&value| Modulus::new(value))
                .collect::<Result<_>>()?,
            plain_modulus: Modulus::new(literal.plain_modulus)?,
            security: literal.security,
        })
    }

    /// N.
    pub const fn poly_modulus_degree(&self) -> usize {
        self.poly_modulus_degree
    }

    /// The primes of q; the last one is the special prime.
    pub fn coeff_modulus(&self) -> &[Modulus] {
        &self.coeff_modulus
    }

    /// t.
    pub const fn plain_modulus(&self) -> Modulus {
        self.plain_modulus
    }

    /// The security level that SEAL enforces.
    pub const fn security(&self) -> SecurityLevel {
        self.security
    }

    /// Number of bits of each prime of q.
    pub fn coeff_modulus_bits(&self) -> Vec<u32> {
        self.coeff_modulus
            .iter()
            .map(|prime| prime.bit_count())
            .collect()
    }
}
