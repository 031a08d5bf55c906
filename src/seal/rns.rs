//! The door for the layers above: primes, levels and transforms of a context; residues of ciphertexts and keys, read and
//! checked; ciphertexts and keys made of residues.
//!
//! Everything built here passes every check that SEAL would make, and also those that SEAL 4.0.0 omits: each residue is
//! below its prime, key polynomials are at the key level in NTT form, and each key has its full length.

use super::ciphertext::Ciphertext;
use super::context::{Context, Level, ParmsId};
use super::error::{Error, Named, Result};
#[cfg(feature = "inference")]
use super::keys::SecretKey;
use super::keys::{GaloisKeys, PublicKey, RelinKeys, check_switching};
use super::seed::Seed;
use super::seeded::expand::uniform;
use super::sizes::{CIPHERTEXT_SIZES, RELIN_SLOTS};
#[cfg(feature = "inference")]
use crate::ffi::ciphertext::bridge as bridge_of;
use crate::ffi::ciphertext::bridge::ciphertext_data_mut;
#[cfg(feature = "inference")]
use crate::ffi::ntt::bridge as ntt;
use crate::ffi::raw::bridge;
#[cfg(feature = "inference")]
use zeroize::Zeroizing;

/// Finds the first residue that is not below its prime, in polynomials with N residues for each prime in turn.
pub(super) fn first_invalid(limbs: &[u64], degree: usize, primes: &[u64]) -> Option<(usize, u64)> {
    limbs
        .chunks(degree.max(1))
        .zip(primes.iter().cycle())
        .enumerate()
        .find_map(|(chunk, (residues, &prime))| {
            // Without an early exit the compiler vectorises the pass.
            let mut valid = true;
            for &residue in residues {
                valid &= residue < prime;
            }
            if valid {
                return None;
            }
            let index = residues.iter().position(|&residue| residue >= prime)?;
            Some((chunk * degree + index, prime))
        })
}

/// Refuses limbs if their number is wrong or one is not a residue.
pub(super) fn check_limbs(
    operation: &'static str,
    context: &Context,
    level: Level,
    polynomials: usize,
    limbs: &[u64],
) -> Result<()> {
    let degree = context.parameters().poly_modulus_degree();
    let expected = polynomials * level.coeff_modulus_size * degree;
    if limbs.len() != expected {
        return Err(Error::LimbCount {
            operation,
            expected,
            actual: limbs.len(),
        });
    }
    let primes = &context.primes()[..level.coeff_modulus_size];
    match first_invalid(limbs, degree, primes) {
        None => Ok(()),
        Some((index, prime)) => Err(Error::Residue {
            operation,
            index,
            value: limbs[index],
            prime,
        }),
    }
}

impl Context {
    /// The primes of q at the key level.
    pub(crate) fn primes(&self) -> &[u64] {
        &self.inner.primes
    }

    /// The level of keys, which has all primes.
    pub(crate) fn key_level(&self) -> Level {
        self.levels()[0]
    }

    /// The level of fresh ciphertexts.
    pub(crate) fn first_level(&self) -> Level {
        self.data_levels()[0]
    }

    /// Number of parts that a key has in each slot: one for each prime of the first data level.
    pub(crate) fn key_parts(&self) -> usize {
        self.first_level().coeff_modulus_size
    }

    /// Number of residues of one key part, which is two polynomials at the key level.
    pub(crate) fn key_part_limbs(&self) -> usize {
        2 * self.key_level().coeff_modulus_size * self.parameters().poly_modulus_degree()
    }

    /// Transforms rows of N residues in place. Each residue must be below the context's prime with this index.
    ///
    /// # Errors
    /// [`super::Error::Seal`] if there is no such prime or the residues are not a whole number of rows.
    #[cfg(feature = "inference")]
    pub(crate) fn ntt_forward(&self, prime: usize, rows: &mut [u64]) -> Result<()> {
        ntt::ntt_forward(self.as_ffi(), prime, rows).named("ntt_negacyclic_harvey")
    }

    /// Inverts [`Context::ntt_forward`].
    ///
    /// # Errors
    /// Same as [`Context::ntt_forward`].
    #[cfg(feature = "inference")]
    pub(crate) fn ntt_inverse(&self, prime: usize, rows: &mut [u64]) -> Result<()> {
        ntt::ntt_inverse(self.as_ffi(), prime, rows).named("inverse_ntt_negacyclic_harvey")
    }

    /// Returns the level at which ciphertexts have so many primes.
    pub(crate) fn level_of(&self, primes: usize) -> Option<Level> {
        let mut levels = self.data_levels().iter().copied();
        levels.find(|level| level.coeff_modulus_size == primes)
    }

    /// Finds the level of a ciphertext that is to be made, and checks its number of polynomials.
    pub(super) fn shape(
        &self,
        operation: &'static str,
        parms_id: ParmsId,
        size: usize,
    ) -> Result<Level> {
        let level = self.data_level(operation, "level", parms_id)?;
        if CIPHERTEXT_SIZES.contains(&size) {
            return Ok(level);
        }
        Err(Error::PolynomialCount {
            operation,
            actual: size,
        })
    }

    pub(super) fn data_level(
        &self,
        operation: &'static str,
        object: &'static str,
        id: ParmsId,
    ) -> Result<Level> {
        self.data_levels()
            .iter()
            .find(|level| level.parms_id == id)
            .copied()
            .ok_or(Error::ContextMismatch { operation, object })
    }
}

impl Ciphertext {
    /// Creates a ciphertext from its residues, in the order of [`Ciphertext::limbs`]: `size` polynomials, each with N
    /// residues for each prime of the level in turn.
    ///
    /// # Errors
    /// [`Error::ContextMismatch`] if the context has no such data level, [`Error::PolynomialCount`] if the size lies
    /// outside [`CIPHERTEXT_SIZES`], [`Error::LimbCount`] or [`Error::Residue`] if the limbs do not fit.
    pub fn from_limbs(
        context: &Context,
        parms_id: ParmsId,
        size: usize,
        is_ntt_form: bool,
        limbs: &[u64],
    ) -> Result<Self> {
        let operation = "Ciphertext::from_limbs";
        let level = context.shape(operation, parms_id, size)?;
        check_limbs(operation, context, level, size, limbs)?;
        Self::from_checked_limbs(context, level, size, is_ntt_form, limbs)
    }

    /// Like [`Ciphertext::from_limbs`], but takes residues that have been checked, and also works at the key level.
    pub(crate) fn from_checked_limbs(
        context: &Context,
        level: Level,
        size: usize,
        is_ntt_form: bool,
        limbs: &[u64],
    ) -> Result<Self> {
        Ok(Self::from_inner(
            bridge::raw_ciphertext(context.as_ffi(), level.parms_id.0, size, is_ntt_form, limbs)
                .named("Ciphertext::from_limbs")?,
        ))
    }

    /// Creates a ciphertext from its first polynomial, already checked, and the seed of the second.
    fn from_checked_seed(
        context: &Context,
        level: Level,
        is_ntt_form: bool,
        seed: &Seed,
        first: &[u64],
    ) -> Result<Self> {
        let mut encrypted = Self::from_inner(
            bridge::raw_pair(context.as_ffi(), level.parms_id.0, is_ntt_form, first)
                .named("Ciphertext::from_checked_seed")?,
        );
        let (_, second) = ciphertext_data_mut(encrypted.as_ffi_mut()).split_at_mut(first.len());
        let degree = context.parameters().poly_modulus_degree();
        let primes = &context.primes()[..level.coeff_modulus_size];
        uniform(seed, degree, primes, second);
        Ok(encrypted)
    }
}

/// A pair of polynomials at a data level or the key level, with a seed in place of the second one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SeededPart {
    level: Level,
    is_ntt_form: bool,
    seed: Seed,
    /// The residues of the first polynomial, each below its prime.
    first: Vec<u64>,
}

impl SeededPart {
    /// Makes a part from the residues of the first polynomial, which have been checked, and the seed of the second.
    pub(crate) const fn from_checked(
        level: Level,
        is_ntt_form: bool,
        seed: Seed,
        first: Vec<u64>,
    ) -> Self {
        Self {
            level,
            is_ntt_form,
            seed,
            first,
        }
    }

    /// Checks the residues and makes a part of a key.
    pub(super) fn key(
        operation: &'static str,
        context: &Context,
        seed: Seed,
        first: &[u64],
    ) -> Result<Self> {
        let level = context.key_level();
        check_limbs(operation, context, level, 1, first)?;
        Ok(Self::from_checked(level, true, seed, first.to_vec()))
    }

    pub(crate) const fn level(&self) -> Level {
        self.level
    }

    pub(crate) const fn is_ntt_form(&self) -> bool {
        self.is_ntt_form
    }

    pub(crate) const fn seed(&self) -> Seed {
        self.seed
    }

    pub(crate) fn first(&self) -> &[u64] {
        &self.first
    }

    pub(super) fn expand(&self, context: &Context, object: &'static str) -> Result<Ciphertext> {
        if context.level(self.level.parms_id) != Some(self.level) {
            return Err(Error::ContextMismatch {
                operation: "expand",
                object,
            });
        }
        Ciphertext::from_checked_seed(
            context,
            self.level,
            self.is_ntt_form,
            &self.seed,
            &self.first,
        )
    }
}

/// A ciphertext or keys with seeds, as parts that have been checked.
pub(crate) trait SeededObject {
    type Parts;

    fn checked_parts(&self) -> &Self::Parts;
    fn from_checked_parts(parts: Self::Parts) -> Self;
}

#[cfg(feature = "inference")]
impl Ciphertext {
    /// Makes this a ciphertext of two polynomials at the level, whose residues the caller writes: the first polynomial's
    /// and the second's. Each must be below its prime. Memory is reused if it suffices.
    pub(crate) fn reshape_pair(
        &mut self,
        context: &Context,
        level: Level,
        is_ntt_form: bool,
    ) -> Result<(&mut [u64], &mut [u64])> {
        let id = level.parms_id.0;
        let residues = level.coeff_modulus_size * context.parameters().poly_modulus_degree();
        let fits = self.size() == 2
            && self.parms_id() == level.parms_id
            && self.is_ntt_form() == is_ntt_form;
        if !fits {
            bridge_of::ciphertext_reshape(self.as_ffi_mut(), context.as_ffi(), &id, 2, is_ntt_form)
                .named("Ciphertext::reshape_pair")?;
        }
        Ok(ciphertext_data_mut(self.as_ffi_mut()).split_at_mut(residues))
    }
}

#[cfg(feature = "inference")]
impl SecretKey {
    /// The residues of the secret key: N for each prime of the key level in turn, in NTT form. **Secret.**
    pub(crate) fn secret_limbs(&self) -> &[u64] {
        bridge::raw_secret_key_data(self.as_ffi())
    }

    /// Returns the same secret for a context that differs from this key's in nothing but t, or an error.
    pub(crate) fn for_context(&self, context: &Context) -> Result<Self> {
        Self::from_secret_limbs(context, self.secret_limbs())
    }

    /// Makes a key of its residues, in the order of [`SecretKey::secret_limbs`].
    fn from_secret_limbs(context: &Context, limbs: &[u64]) -> Result<Self> {
        let operation = "SecretKey::from_secret_limbs";
        let degree = context.parameters().poly_modulus_degree();
        let primes = context.primes();
        if limbs.len() != degree * primes.len() || first_invalid(limbs, degree, primes).is_some() {
            return Err(Error::ContextMismatch {
                operation,
                object: "secret key",
            });
        }
        Ok(Self::from_inner(
            bridge::raw_secret_key(context.as_ffi(), limbs).named(operation)?,
        ))
    }

    /// Returns the coefficients of the secret: -1, 0 or 1. **Secret.**
    pub(crate) fn coefficients(&self, context: &Context) -> Result<Zeroizing<Vec<i8>>> {
        let degree = context.parameters().poly_modulus_degree();
        let prime = context.primes()[0];
        let first = self.secret_limbs().get(..degree).unwrap_or_default();
        let mut residues = Zeroizing::new(first.to_vec());
        context.ntt_inverse(0, &mut residues)?;
        let ternary = |&residue: &u64| match residue {
            0 => Some(0),
            1 => Some(1),
            other => (other == prime - 1).then_some(-1),
        };
        let coefficients: Option<Vec<i8>> = residues.iter().map(ternary).collect();
        let coefficients = coefficients.filter(|coefficients| coefficients.len() == degree);
        coefficients
            .map(Zeroizing::new)
            .ok_or(Error::ContextMismatch {
                operation: "SecretKey::coefficients",
                object: "secret key",
            })
    }

    /// Makes a key of its coefficients.
    pub(crate) fn from_coefficients(context: &Context, coefficients: &[i8]) -> Result<Self> {
        let degree = context.parameters().poly_modulus_degree();
        let ternary = coefficients.iter().all(|value| (-1..=1).contains(value));
        if coefficients.len() != degree || !ternary {
            return Err(Error::ContextMismatch {
                operation: "SecretKey::from_coefficients",
                object: "secret key",
            });
        }
        let primes = context.primes();
        let mut limbs = Zeroizing::new(vec![0; degree * primes.len()]);
        for (index, row) in limbs.chunks_exact_mut(degree).enumerate() {
            for (residue, &value) in row.iter_mut().zip(coefficients) {
                *residue = primes[index].wrapping_add_signed(i64::from(value)) % primes[index];
            }
            context.ntt_forward(index, row)?;
        }
        Self::from_secret_limbs(context, &limbs)
    }
}

impl PublicKey {
    /// The raw residues: two polynomials in NTT form at the key level, in the order of [`Ciphertext::limbs`].
    pub fn limbs(&self) -> &[u64] {
        crate::ffi::ciphertext::bridge::ciphertext_data(bridge::raw_public_key_data(self.as_ffi()))
    }

    /// Creates a public key from its residues.
    ///
    /// # Errors
    /// [`Error::LimbCount`] or [`Error::Residue`] if the limbs do not fit the key level.
    pub fn from_limbs(context: &Context, limbs: &[u64]) -> Result<Self> {
        let level = context.key_level();
        check_limbs("PublicKey::from_limbs", context, level, 2, limbs)?;
        Self::from_part(Ciphertext::from_checked_limbs(
            context, level, 2, true, limbs,
        )?)
    }

    pub(crate) fn from_part(part: Ciphertext) -> Result<Self> {
        Ok(Self::from_inner(
            bridge::raw_public_key(part.into_inner()).named("PublicKey::from_limbs")?,
        ))
    }
}

/// Defines the raw access that relinearisation and Galois keys share.
macro_rules! switching_keys {
    ($name:ident, $base:ident, $new:ident, $push:ident) => {
        impl $name {
            fn part_limbs(&self, slot: usize, part: usize) -> Option<&[u64]> {
                bridge::raw_part(bridge::$base(self.as_ffi()), slot, part)
                    .ok()
                    .map(crate::ffi::ciphertext::bridge::ciphertext_data)
            }

            fn part_count(&self, slot: usize) -> usize {
                bridge::raw_parts(bridge::$base(self.as_ffi()), slot)
            }

            /// Creates keys that have no slot yet.
            pub(crate) fn start(context: &Context) -> Result<Self> {
                Ok(Self::from_inner(
                    bridge::$new(context.as_ffi())
                        .named(concat!(stringify!($name), "::from_limbs"))?,
                ))
            }

            fn push_part(&mut self, slot: usize, part: Ciphertext) -> Result<()> {
                bridge::$push(self.as_ffi_mut(), slot, part.into_inner())
                    .named(concat!(stringify!($name), "::from_limbs"))
            }
        }
    };
}

switching_keys!(RelinKeys, raw_relin_base, raw_relin_keys, raw_relin_push);
switching_keys!(
    GaloisKeys,
    raw_galois_base,
    raw_galois_keys,
    raw_galois_push
);

impl RelinKeys {
    /// Number of slots: one for each power of the secret key, starting with the second.
    pub fn slots(&self) -> usize {
        bridge::raw_slots(bridge::raw_relin_base(self.as_ffi()))
    }

    /// Number of parts in a slot: one for each prime of the first data level.
    pub fn parts(&self, slot: usize) -> usize {
        self.part_count(slot)
    }

    /// The raw residues of a part: two polynomials in NTT form at the key level, in the order of
    /// [`Ciphertext::limbs`]. `None` if there is no such part.
    pub fn limbs(&self, slot: usize, part: usize) -> Option<&[u64]> {
        self.part_limbs(slot, part)
    }

    /// Creates keys from their residues: for each slot, all its parts one after the other.
    ///
    /// # Errors
    /// [`Error::Unsupported`] if the context has no special prime or the number of slots lies outside
    /// [`RELIN_SLOTS`], [`Error::LimbCount`] or [`Error::Residue`] if the limbs do not fit.
    pub fn from_limbs(context: &Context, slots: &[&[u64]]) -> Result<Self> {
        let operation = "RelinKeys::from_limbs";
        check_switching(operation, context)?;
        if !RELIN_SLOTS.contains(&slots.len()) {
            return Err(Error::Unsupported {
                operation,
                reason: "relinearisation keys have 1 to 14 slots",
            });
        }
        let mut keys = Self::start(context)?;
        for (slot, limbs) in slots.iter().enumerate() {
            for part in parts(operation, context, limbs)? {
                keys.append(slot, part?)?;
            }
        }
        Ok(keys)
    }

    pub(crate) fn append(&mut self, slot: usize, part: Ciphertext) -> Result<()> {
        self.push_part(slot, part)
    }
}

impl GaloisKeys {
    /// The Galois elements that have a key, in ascending order. The element 3^s mod 2N rotates the rows by s; 2N - 1
    /// swaps the two rows.
    pub fn elements(&self) -> Vec<u32> {
        let slots = bridge::raw_slots(bridge::raw_galois_base(self.as_ffi()));
        (0..slots)
            .filter(|&slot| self.part_count(slot) > 0)
            .map(|slot| 2 * slot as u32 + 1)
            .collect()
    }

    /// Number of parts in an element's key: one for each prime of the first data level.
    pub fn parts(&self, element: u32) -> usize {
        galois_slot(element).map_or(0, |slot| self.part_count(slot))
    }

    /// The raw residues of a part: two polynomials in NTT form at the key level, in the order of
    /// [`Ciphertext::limbs`]. `None` if there is no such part.
    pub fn limbs(&self, element: u32, part: usize) -> Option<&[u64]> {
        self.part_limbs(galois_slot(element)?, part)
    }

    /// Creates keys from their residues: for each Galois element, all its parts one after the other.
    ///
    /// # Errors
    /// [`Error::Unsupported`] if the context has no special prime, or an element is even, not below 2N, or repeated;
    /// [`Error::LimbCount`] or [`Error::Residue`] if the limbs do not fit.
    pub fn from_limbs(context: &Context, keys: &[(u32, &[u64])]) -> Result<Self> {
        let operation = "GaloisKeys::from_limbs";
        check_switching(operation, context)?;
        let mut made = Self::start(context)?;
        for &(element, limbs) in keys {
            if !context.is_galois_element(element) || made.parts(element) > 0 {
                return Err(Error::Unsupported {
                    operation,
                    reason: "a Galois element must be odd, below 2N, and given once",
                });
            }
            for part in parts(operation, context, limbs)? {
                made.append(element, part?)?;
            }
        }
        Ok(made)
    }

    /// Appends a part to an element's key. The argument must be a Galois element.
    pub(crate) fn append(&mut self, element: u32, part: Ciphertext) -> Result<()> {
        match galois_slot(element) {
            Some(slot) => self.push_part(slot, part),
            None => Err(Error::Unsupported {
                operation: "GaloisKeys::from_limbs",
                reason: "a Galois element must be odd",
            }),
        }
    }
}

const fn galois_slot(element: u32) -> Option<usize> {
    if element % 2 == 1 {
        Some((element / 2) as usize)
    } else {
        None
    }
}

/// Splits one slot into its parts and checks them.
fn parts<'a>(
    operation: &'static str,
    context: &'a Context,
    limbs: &'a [u64],
) -> Result<impl Iterator<Item = Result<Ciphertext>> + 'a> {
    let expected = context.key_parts() * context.key_part_limbs();
    if limbs.len() != expected {
        return Err(Error::LimbCount {
            operation,
            expected,
            actual: limbs.len(),
        });
    }
    let level = context.key_level();
    Ok(limbs.chunks(context.key_part_limbs()).map(move |part| {
        check_limbs(operation, context, level, 2, part)?;
        Ciphertext::from_checked_limbs(context, level, 2, true, part)
    }))
}
