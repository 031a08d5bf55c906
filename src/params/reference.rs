//! Parameters as the paper's tool chose them.

use super::error::ParamsError;
use super::plain::plain_moduli;
use crate::bits::width;
use crate::seal::{SecurityLevel, coeff_modulus};
use num_bigint::{BigInt, BigUint};

/// SEAL's own default primes for N, with plaintext moduli that hold a bound.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReferenceParameters {
    /// N.
    pub poly_modulus_degree: usize,
    /// Primes of q, with the special prime last.
    pub coeff_modulus: Vec<u64>,
    /// t, or the primes whose product takes its place: the circuit runs once for each.
    pub plain_moduli: Vec<u64>,
    /// Width of a signed integer that holds every logit, in bits.
    pub logit_bits: u64,
    /// Security level that SEAL checks q against: its caps are those of HE-standard 2018.
    pub security: SecurityLevel,
}

impl ReferenceParameters {
    /// Takes the default primes for 128 bits of security (HE-standard 2018, classical attackers), and the `count`
    /// smallest batching primes that hold logits of up to `magnitude`.
    ///
    /// Only a run shows whether the noise allows it: the authors found N by trial.
    ///
    /// # Errors
    /// [`ParamsError::NothingFits`] if `count` primes of at most 60 bits cannot hold the logits, [`ParamsError::Seal`]
    /// if SEAL has no default for this N.
    pub fn seal_default(
        poly_modulus_degree: usize,
        count: usize,
        magnitude: &BigInt,
    ) -> Result<Self, ParamsError> {
        let security = SecurityLevel::Bits128;
        let coeff_modulus = coeff_modulus::bfv_default(poly_modulus_degree, security)?
            .into_iter()
            .map(u64::from)
            .collect();
        let product = BigUint::from(2u32) * magnitude.magnitude() + 1u32;
        let Some(plain_moduli) = plain_moduli(poly_modulus_degree, count, &product)? else {
            return Err(ParamsError::NothingFits {
                security: "128 bits, classical (HE-standard 2018)".to_owned(),
                magnitude: magnitude.clone(),
                rule: "given",
                bits: product.bits(),
                scheme: None,
                reason: format!(
                    "{count} plaintext primes of at most 60 bits do not hold the logits"
                ),
                advice: "take more plaintext primes",
            });
        };
        Ok(Self {
            poly_modulus_degree,
            coeff_modulus,
            plain_moduli,
            logit_bits: product.bits(),
            security,
        })
    }

    /// Returns the width in bits of each prime of q, with the special prime last.
    pub fn coeff_modulus_bits(&self) -> Vec<u32> {
        self.coeff_modulus.iter().copied().map(width).collect()
    }

    /// Keeps N and q, with one plaintext prime: the run for one of several primes.
    #[must_use]
    pub fn with_plain_modulus(mut self, t: u64) -> Self {
        self.plain_moduli = vec![t];
        self
    }

    /// Keeps N and t, with as many primes of q, of the same widths in bits, as `other` has.
    ///
    /// # Errors
    /// [`ParamsError::Seal`] if there are not enough primes of these widths for this N.
    pub fn with_bits_of(mut self, other: &Self) -> Result<Self, ParamsError> {
        let bits = other.coeff_modulus_bits();
        let bits: Vec<i32> = bits.into_iter().map(u32::cast_signed).collect();
        self.coeff_modulus = coeff_modulus::create(self.poly_modulus_degree, &bits)?
            .into_iter()
            .map(u64::from)
            .collect();
        Ok(self)
    }
}
