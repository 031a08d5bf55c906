//! Responses whose coefficients are rounded to the bits that decryption needs.

use super::contexts::Contexts;
use super::error::{Doing, EngineError};
use super::message::{Response, check_shape};
use super::response_form::ResponseForm;
use crate::bits::{pack, packed_bytes, unpack};
use crate::modular::{invert, multiply, residue};
use crate::seal::{Ciphertext, Context};
use rayon::prelude::*;

/// A response in the form to send: each coefficient c modulo q' is rounded to b bits, to the nearest integer to 2^b c /
/// q', modulo 2^b. Each polynomial has its own b. The plan's noise model counts this rounding, so the logits stay exact.
/// Where the logits depend on some coefficients of polynomial 0 only, the others do not travel; they are 0 in what
/// [`CompactResponse::expand`] makes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CompactResponse {
    pub(crate) images: usize,
    /// For each plain prime, its ciphertexts in order: polynomial after polynomial, packed to their widths.
    pub(crate) parts: Vec<Vec<u8>>,
}

impl Response {
    /// Rounds the response to the form to send, on all threads of the current rayon pool.
    ///
    /// # Errors
    /// [`EngineError::CompactResponse`] if the plan's responses are not shortened, [`EngineError::Mismatch`] or
    /// [`EngineError::Seal`] if this one is another plan's.
    pub fn compact(&self, contexts: &Contexts) -> Result<CompactResponse, EngineError> {
        let form = contexts
            .response_form()
            .ok_or(EngineError::CompactResponse)?;
        let all = contexts.contexts();
        check_shape("response", &self.parts, all.len(), contexts.outputs())?;
        let parts = self.parts.iter().zip(all);
        let parts = parts.map(|(part, context)| shorten(context, form, part));
        Ok(CompactResponse {
            images: self.images,
            parts: parts.collect::<Result<_, _>>()?,
        })
    }
}

impl CompactResponse {
    /// Returns the number of images that it answers.
    pub const fn images(&self) -> usize {
        self.images
    }

    /// Returns the form of a plan's responses if it has their shape.
    pub(crate) fn form<'a>(&self, contexts: &'a Contexts) -> Option<&'a ResponseForm> {
        let all = contexts.contexts();
        let form = contexts.response_form()?;
        let whole = |(part, context): (&Vec<u8>, &Context)| {
            let degree = context.parameters().poly_modulus_degree();
            part.len() == contexts.outputs() * form.ciphertext_bytes(degree)
        };
        let fits = self.parts.len() == all.len() && self.parts.iter().zip(all).all(whole);
        fits.then_some(form)
    }

    /// Makes a response of it that [`super::Client::decrypt`] takes, on all threads of the current rayon pool.
    ///
    /// # Errors
    /// [`EngineError::CompactResponse`] if it is another plan's, or the plan's responses are not shortened;
    /// [`EngineError::Seal`] if memory is exhausted.
    pub fn expand(&self, contexts: &Contexts) -> Result<Response, EngineError> {
        let form = self.form(contexts).ok_or(EngineError::CompactResponse)?;
        let parts = self.parts.iter().zip(contexts.contexts());
        let parts = parts.map(|(part, context)| lengthen(context, form, part));
        Ok(Response {
            images: self.images,
            parts: parts.collect::<Result<_, _>>()?,
        })
    }
}

/// Rounds the ciphertexts for one plain prime.
fn shorten(
    context: &Context,
    form: &ResponseForm,
    ciphertexts: &[Ciphertext],
) -> Result<Vec<u8>, EngineError> {
    let degree = context.parameters().poly_modulus_degree();
    let primes = &context.primes()[..form.primes];
    let fractions = fractions(primes);
    let level = level(context, form)?;
    let size = form.ciphertext_bytes(degree);
    let mut bytes = vec![0; size * ciphertexts.len()];
    let pairs = bytes.par_chunks_exact_mut(size).zip(ciphertexts);
    pairs.try_for_each(|(mut bytes, encrypted)| {
        let fits = encrypted.parms_id() == level.parms_id
            && encrypted.size() == form.widths.len()
            && !encrypted.is_ntt_form();
        if !fits {
            return Err(EngineError::CompactResponse);
        }
        let mut rounded = vec![0; degree];
        let polynomials = encrypted.limbs().chunks_exact(degree * primes.len());
        for (polynomial, (width, count)) in polynomials.zip(form.lengths(degree)) {
            shorten_polynomial(polynomial, &fractions, width, &mut rounded);
            for at in 1..count {
                rounded[at] = rounded[at * (degree / count)];
            }
            let (packed, rest) = bytes.split_at_mut(packed_bytes(count, width));
            pack(&rounded[..count], width, packed);
            bytes = rest;
        }
        Ok(())
    })?;
    Ok(bytes)
}

/// Makes ciphertexts of rounded ones, for one plain prime.
fn lengthen(
    context: &Context,
    form: &ResponseForm,
    bytes: &[u8],
) -> Result<Vec<Ciphertext>, EngineError> {
    let degree = context.parameters().poly_modulus_degree();
    let primes = &context.primes()[..form.primes];
    let level = level(context, form)?;
    let ciphertexts = bytes.par_chunks_exact(form.ciphertext_bytes(degree));
    let expanded = ciphertexts.map(|bytes| {
        let mut limbs = vec![0; degree * primes.len() * form.widths.len()];
        let mut values = vec![0; degree];
        let rows = limbs.chunks_exact_mut(degree * primes.len());
        for (rows, (width, count, packed)) in rows.zip(form.polynomials(degree, bytes)) {
            let values = &mut values[..count];
            unpack(packed, width, values);
            let rows = rows.chunks_exact_mut(degree);
            for (row, &prime) in rows.zip(primes) {
                let row = row.iter_mut().step_by(degree / count);
                Lengthening::new(primes, prime, width).apply(values, row);
            }
        }
        Ciphertext::from_checked_limbs(context, level, form.widths.len(), false, &limbs)
    });
    let expanded: Result<_, crate::seal::Error> = expanded.collect();
    expanded.doing(|| "expanding the response".to_owned())
}

fn level(context: &Context, form: &ResponseForm) -> Result<crate::seal::Level, EngineError> {
    let level = context.level_of(form.primes);
    level.ok_or(EngineError::CompactResponse)
}

/// Returns, for each prime p of q', 2^128 (q' / p)^-1 / p, with the inverse modulo p, rounded down. A coefficient of
/// residues c is q' times the fractional part of the sum of c (q' / p)^-1 / p.
fn fractions(primes: &[u64]) -> Vec<u128> {
    let fraction = |&prime: &u64| {
        let others = primes.iter().filter(|&&other| other != prime);
        let cofactor = others.fold(1, |product, &other| multiply(product, other % prime, prime));
        let top = u128::from(invert(cofactor, prime)) << 64;
        let prime = u128::from(prime);
        ((top / prime) << 64) | (((top % prime) << 64) / prime)
    };
    primes.iter().map(fraction).collect()
}

/// Rounds one polynomial, with its residues for each prime in turn. Each prime adds less than two units of 2^-64 of q'
/// to the error of rounding.
fn shorten_polynomial(residues: &[u64], fractions: &[u128], width: u32, rounded: &mut [u64]) {
    rounded.fill(1 << (u64::BITS - 1 - width));
    let rows = residues.chunks_exact(rounded.len());
    for (row, &fraction) in rows.zip(fractions) {
        let (high, low) = ((fraction >> 64) as u64, fraction as u64);
        for (sum, &residue) in rounded.iter_mut().zip(row) {
            let carried = (u128::from(residue) * u128::from(low)) >> 64;
            let part = residue.wrapping_mul(high).wrapping_add(carried as u64);
            *sum = sum.wrapping_add(part);
        }
    }
    for sum in rounded {
        *sum >>= u64::BITS - width;
    }
}

/// From integers v modulo 2^b to the residues modulo one prime p of the nearest integers to q' v / 2^b: with r = (q' v +
/// 2^(b-1)) mod 2^b, that is (q' v + 2^(b-1) - r) / 2^b, and p divides q'.
struct Lengthening {
    prime: u64,
    /// q' modulo 2^64.
    modulus: u64,
    half: u64,
    mask: u64,
    /// 2^-b modulo p, and 2^64 times that divided by p, rounded down.
    scale: u64,
    quotient: u64,
}

impl Lengthening {
    fn new(primes: &[u64], prime: u64, width: u32) -> Self {
        let scale = invert(residue(1 << width, prime), prime);
        Self {
            prime,
            modulus: primes
                .iter()
                .fold(1, |product: u64, &p| product.wrapping_mul(p)),
            half: 1 << (width - 1),
            mask: (1 << width) - 1,
            scale,
            quotient: ((u128::from(scale) << 64) / u128::from(prime)) as u64,
        }
    }

    fn apply<'a>(&self, values: &[u64], residues: impl Iterator<Item = &'a mut u64>) {
        for (residue, &value) in residues.zip(values) {
            let rest = self.modulus.wrapping_mul(value).wrapping_add(self.half) & self.mask;
            // Above by 2^b, so as not to be negative: one more than the result.
            let above = self.half + self.mask + 1 - rest;
            let estimate = (u128::from(above) * u128::from(self.quotient)) >> 64;
            let product = above.wrapping_mul(self.scale);
            let product = product.wrapping_sub((estimate as u64).wrapping_mul(self.prime));
            let reduced = product.min(product.wrapping_sub(self.prime));
            *residue = reduced.checked_sub(1).unwrap_or(self.prime - 1);
        }
    }
}

#[cfg(test)]
#[path = "compact_response_tests.rs"]
mod tests;

#[cfg(test)]
mod rounding_tests {
    #![allow(clippy::unwrap_used, reason = "a failed test may panic")]
    use super::*;
    use num_bigint::BigUint;
    use proptest::prelude::*;

    /// The nearest integer to a / b.
    fn nearest(a: BigUint, b: &BigUint) -> BigUint {
        (a * 2u32 + b) / (b * 2u32)
    }

    /// The number below the product of the primes that has these residues.
    fn compose(residues: &[u64], primes: &[u64]) -> BigUint {
        let modulus: BigUint = primes.iter().product();
        let parts = residues.iter().zip(primes).map(|(&residue, &prime)| {
            let others = &modulus / prime;
            let cofactor = u64::try_from(&others % prime).unwrap();
            others * multiply(residue, invert(cofactor, prime), prime)
        });
        parts.sum::<BigUint>() % &modulus
    }

    const PRIMES: [u64; 4] = [
        4_398_046_150_657,
        1_125_899_904_679_937,
        1_152_921_504_606_830_593,
        12_289,
    ];

    proptest! {
        /// Against exact division: forth, the result may be off by one where a coefficient lies near the middle between
        /// two integers, within eight units of 2^-64 of q'; back, it is exact.
        #[test]
        fn rounding_is_to_the_nearest(
            count in 1_usize..=4,
            width in 1_u32..=60,
            residues: [u64; 4],
            value: u64,
        ) {
            let primes = &PRIMES[..count];
            let modulus: BigUint = primes.iter().product();
            let power = BigUint::from(1_u64 << width);
            let residues: Vec<u64> = residues.iter().zip(primes).map(|(r, p)| r % p).collect();

            let mut rounded = [0];
            shorten_polynomial(&residues, &fractions(primes), width, &mut rounded);
            let scaled = compose(&residues, primes) * &power * (1_u64 << 15);
            let fine = nearest(scaled, &modulus);
            let distance = fine.clone() + (1_u64 << 15) * &power - (BigUint::from(rounded[0]) << 15);
            let distance = u128::try_from(distance % ((1_u64 << 15) * &power)).unwrap();
            let distance = distance.min((1_u128 << (15 + width)) - distance);
            prop_assert!(distance <= (1 << 14) + 1 + (1 << width.saturating_sub(46)), "{distance}");

            let value = value & ((1 << width) - 1);
            let expected = nearest(&modulus * value, &power);
            for &prime in primes {
                let mut residue = [0];
                Lengthening::new(primes, prime, width).apply(&[value], residue.iter_mut());
                prop_assert_eq!(BigUint::from(residue[0]), &expected % prime);
            }
        }
    }
}
