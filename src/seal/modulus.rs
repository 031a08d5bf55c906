//! Moduli, and SEAL's generation of them.

use super::error::{Error, Named, Result};
use crate::ffi::modulus::bridge;
use seal_sys::limits::SEAL_MOD_BIT_COUNT_MAX;

/// A modulus of 2 to 61 bits, with which SEAL can compute.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "inference", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "inference", serde(try_from = "u64", into = "u64"))]
pub struct Modulus(u64);

/// Maximum number of bits of a modulus in SEAL.
const MODULUS_BITS_MAX: u32 = SEAL_MOD_BIT_COUNT_MAX;

impl Modulus {
    /// Creates a modulus after checking its range.
    ///
    /// # Errors
    /// [`Error::Modulus`] for 0, 1 and values of more than 61 bits.
    pub const fn new(value: u64) -> Result<Self> {
        if value < 2 || value >> MODULUS_BITS_MAX != 0 {
            return Err(Error::Modulus { value });
        }
        Ok(Self(value))
    }

    /// The modulus as a number.
    pub const fn value(self) -> u64 {
        self.0
    }

    /// Number of bits of the value.
    pub const fn bit_count(self) -> u32 {
        u64::BITS - self.0.leading_zeros()
    }

    /// Number of 64-bit words of the value: always 1.
    pub const fn uint64_count(self) -> usize {
        1
    }

    /// The constants for Barrett reduction: floor(2^128 / value), lower word first, then the remainder.
    pub const fn const_ratio(self) -> [u64; 3] {
        let value = self.0 as u128;
        let (mut ratio, mut remainder) = (u128::MAX / value, u128::MAX % value + 1);
        if remainder == value {
            ratio += 1;
            remainder = 0;
        }
        [ratio as u64, (ratio >> 64) as u64, remainder as u64]
    }

    /// Reduces a value modulo this modulus.
    pub const fn reduce(self, value: u64) -> u64 {
        value % self.0
    }

    /// Tells whether the modulus is prime, by SEAL's Miller-Rabin test.
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

/// The security level that SEAL itself enforces, by the HE-standard tables of 2018 (classical attacks, ternary secret).
///
/// `sealquant::params` holds the stricter caps of 2024, which everything above this layer uses by default.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[cfg_attr(feature = "inference", derive(serde::Serialize, serde::Deserialize))]
pub enum SecurityLevel {
    /// No security level is enforced. **Insecure: for tests only.**
    None,
    /// 128 bits against classical attackers.
    #[default]
    Bits128,
    /// 192 bits against classical attackers.
    Bits192,
    /// 256 bits against classical attackers.
    Bits256,
}

impl SecurityLevel {
    /// Security in bits; 0 for [`SecurityLevel::None`].
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

    /// Returns the largest log2(q), in bits, that SEAL accepts for this degree; 0 for a degree outside its table.
    ///
    /// # Errors
    /// None in practice; if SEAL ever throws, the exception becomes [`super::Error::Seal`].
    pub fn max_bit_count(poly_modulus_degree: usize, security: SecurityLevel) -> Result<u32> {
        bridge::coeff_modulus_max_bit_count(poly_modulus_degree, security.bits())
            .named("CoeffModulus::MaxBitCount")
    }

    /// Returns SEAL's default primes for BFV.
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

    /// Generates distinct primes = 1 mod 2N of the given sizes in bits, the largest of each size.
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

    /// Generates distinct primes = 1 mod 2N of the given sizes in bits.
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
