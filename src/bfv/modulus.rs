//! Moduli, and how SEAL generates them.

use super::error::{Error, Named, Result};
use crate::ffi::modulus::bridge;
use seal_sys::limits::SEAL_MOD_BIT_COUNT_MAX;
use serde::{Deserialize, Serialize};

/// A modulus that SEAL can compute with: 2 to 61 bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "u64", into = "u64")]
pub struct Modulus(u64);

/// The most bits of a modulus in SEAL.
const MODULUS_BITS_MAX: u32 = SEAL_MOD_BIT_COUNT_MAX;

impl Modulus {
    /// Checks the range.
    ///
    /// # Errors
    /// [`Error::Modulus`] for 0, 1 and values of more than 61 bits.
    pub const fn new(value: u64) -> Result<Self> {
        if value < 2 || value >> MODULUS_BITS_MAX != 0 {
            return Err(Error::Modulus { value });
        }
        Ok(Self(value))
    }

    /// The value.
    pub const fn value(self) -> u64 {
        self.0
    }

    /// Bits of the value.
    pub const fn bit_count(self) -> u32 {
        u64::BITS - self.0.leading_zeros()
    }

    /// Words of 64 bits the value takes: always 1.
    pub const fn uint64_count(self) -> usize {
        1
    }

    /// The constants of Barrett reduction: floor(2^128 / value), the lower word first, and the remainder.
    pub const fn const_ratio(self) -> [u64; 3] {
        let value = self.0 as u128;
        let (mut ratio, mut remainder) = (u128::MAX / value, u128::MAX % value + 1);
        if remainder == value {
            ratio += 1;
            remainder = 0;
        }
        [ratio as u64, (ratio >> 64) as u64, remainder as u64]
    }

    /// The value modulo this modulus.
    pub const fn reduce(self, value: u64) -> u64 {
        value % self.0
    }

    /// Whether the modulus is prime, by SEAL's Miller-Rabin test.
    ///
    /// # Errors
    /// [`Error::Seal`] only if memory is exhausted.
    pub fn is_prime(self) -> Result<bool> {
        bridge::modulus_is_prime(self.0).named("Modulus::is_prime")
    }
}

impl TryFrom<u64> for Modulus {
    type Error = Error;

    fn try_from(value: u64) -> Result<Self> {
        Self::new(value)
    }
}

impl From<Modulus> for u64 {
    fn from(modulus: Modulus) -> Self {
        modulus.0
    }
}

impl std::fmt::Display for Modulus {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(formatter)
    }
}

/// What SEAL itself enforces, by the HE-standard tables of 2018 (classical attacks, ternary secret).
///
/// `sealquant::params` holds the stricter caps of 2024, which are the default of everything above this layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub enum SecurityLevel {
    /// Nothing is enforced. **Insecure: for tests only.**
    None,
    /// 128 bits, against classical attackers.
    #[default]
    Bits128,
    /// 192 bits, likewise.
    Bits192,
    /// 256 bits, likewise.
    Bits256,
}

impl SecurityLevel {
    /// Bits of security, 0 for [`SecurityLevel::None`].
    pub const fn bits(self) -> u32 {
        match self {
            Self::None => 0,
            Self::Bits128 => 128,
            Self::Bits192 => 192,
            Self::Bits256 => 256,
        }
    }
}

fn moduli(values: Vec<u64>) -> Result<Vec<Modulus>> {
    values.into_iter().map(Modulus::new).collect()
}

/// `seal::CoeffModulus`: primes of the coefficient modulus q.
pub mod coeff_modulus {
    use super::{Modulus, Named, Result, SecurityLevel, bridge, moduli};

    /// The largest log2(q), in bits, that SEAL accepts at this degree; 0 for a degree outside its table.
    ///
    /// # Errors
    /// None in practice: [`super::Error::Seal`] is decoded if SEAL ever throws.
    pub fn max_bit_count(poly_modulus_degree: usize, security: SecurityLevel) -> Result<u32> {
        bridge::coeff_modulus_max_bit_count(poly_modulus_degree, security.bits())
            .named("CoeffModulus::MaxBitCount")
    }

    /// SEAL's default primes for BFV.
    ///
    /// # Errors
    /// [`super::Error::Seal`] if SEAL's table has no entry.
    pub fn bfv_default(
        poly_modulus_degree: usize,
        security: SecurityLevel,
    ) -> Result<Vec<Modulus>> {
        moduli(
            bridge::coeff_modulus_bfv_default(poly_modulus_degree, security.bits())
                .named("CoeffModulus::BFVDefault")?,
        )
    }

    /// Distinct primes = 1 mod 2N of the given sizes in bits, the largest of each size.
    ///
    /// # Errors
    /// [`super::Error::Seal`] if a size lies outside 2..=60 bits or there are not enough primes.
    pub fn create(poly_modulus_degree: usize, bit_sizes: &[i32]) -> Result<Vec<Modulus>> {
        moduli(
            bridge::coeff_modulus_create(poly_modulus_degree, bit_sizes)
                .named("CoeffModulus::Create")?,
        )
    }
}

/// `seal::PlainModulus`: plaintext moduli t for batching.
pub mod plain_modulus {
    use super::{Modulus, Named, Result, bridge, moduli};

    /// Distinct primes = 1 mod 2N of the given sizes in bits.
    ///
    /// # Errors
    /// [`super::Error::Seal`] if there is no such prime.
    pub fn batching(poly_modulus_degree: usize, bit_sizes: &[i32]) -> Result<Vec<Modulus>> {
        moduli(
            bridge::plain_modulus_batching(poly_modulus_degree, bit_sizes)
                .named("PlainModulus::Batching")?,
        )
    }
}
