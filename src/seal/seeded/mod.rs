//! Fresh objects with a seed in place of their random half: they are half the size to send, and the receiver expands
//! them.

pub(super) mod expand;

use crate::ffi::encryptor::bridge;
use crate::seal::ciphertext::{Ciphertext, Compression};
use crate::seal::context::{Context, ParmsId};
use crate::seal::encryptor::Encryptor;
use crate::seal::error::{Error, Named, Result};
use crate::seal::keys::{
    GaloisKeys, KeyGenerator, PublicKey, RelinKeys, Rotation, SecretKey, check_switching,
};
use crate::seal::plaintext::Plaintext;
use crate::seal::rns::{SeededObject, SeededPart, check_limbs};
use crate::seal::seal_stream::SealStream;
use crate::seal::seed::Seed;
use crate::seal::sizes::RELIN_SLOTS;

/// A fresh symmetric encryption with a seed in place of its random polynomial.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeededCiphertext(SeededPart);

impl SeededCiphertext {
    /// Builds the ciphertext from the residues of the first polynomial and the seed of the second.
    ///
    /// # Errors
    /// [`Error::ContextMismatch`] if the context has no such data level, [`Error::LimbCount`] or [`Error::Residue`] if
    /// the limbs do not fit.
    pub fn new(
        context: &Context,
        parms_id: ParmsId,
        is_ntt_form: bool,
        seed: Seed,
        first: Vec<u64>,
    ) -> Result<Self> {
        let operation = "SeededCiphertext::new";
        let level = context.data_level(operation, "level", parms_id)?;
        check_limbs(operation, context, level, 1, &first)?;
        Ok(Self(SeededPart::from_checked(
            level,
            is_ntt_form,
            seed,
            first,
        )))
    }

    /// The ciphertext's level.
    pub const fn parms_id(&self) -> ParmsId {
        self.0.level().parms_id
    }

    /// Tells whether the ciphertext is in NTT form.
    pub const fn is_ntt_form(&self) -> bool {
        self.0.is_ntt_form()
    }

    /// The seed of the second polynomial.
    pub const fn seed(&self) -> Seed {
        self.0.seed()
    }

    /// The residues of the first polynomial: N residues for each prime, one prime after the other.
    pub fn first(&self) -> &[u64] {
        self.0.first()
    }

    /// Expands the seed and returns the whole ciphertext. Cost: generating one random polynomial.
    ///
    /// # Errors
    /// [`Error::ContextMismatch`] for another context, [`Error::Seal`] if memory is exhausted.
    pub fn expand(&self, context: &Context) -> Result<Ciphertext> {
        self.0.expand(context, "seeded ciphertext")
    }
}

/// A fresh public key with a seed in place of its random polynomial.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeededPublicKey(SeededPart);

impl SeededPublicKey {
    /// Builds the key from the residues of the first polynomial and the seed of the second.
    ///
    /// # Errors
    /// [`Error::LimbCount`] or [`Error::Residue`] if the limbs do not fit the key level.
    pub fn new(context: &Context, seed: Seed, first: &[u64]) -> Result<Self> {
        SeededPart::key("SeededPublicKey::new", context, seed, first).map(Self)
    }

    /// The seed and the residues of the first polynomial.
    pub fn part(&self) -> (Seed, &[u64]) {
        (self.0.seed(), self.0.first())
    }

    /// Expands the seed and returns the whole key.
    ///
    /// # Errors
    /// [`Error::ContextMismatch`] for another context, [`Error::Seal`] if memory is exhausted.
    pub fn expand(&self, context: &Context) -> Result<PublicKey> {
        PublicKey::from_part(self.0.expand(context, "seeded public key")?)
    }
}

/// The parts of one key slot, each a seed and the residues of the first polynomial.
pub type SeededSlot<'a> = [(Seed, &'a [u64])];

fn slot(
    operation: &'static str,
    context: &Context,
    parts: &SeededSlot<'_>,
) -> Result<Vec<SeededPart>> {
    if parts.len() != context.key_parts() {
        return Err(Error::Unsupported {
            operation,
            reason: "a slot has one part for each prime of the first data level",
        });
    }
    parts
        .iter()
        .map(|&(seed, first)| SeededPart::key(operation, context, seed, first))
        .collect()
}

/// Fresh relinearisation keys with seeds in place of their random polynomials.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeededRelinKeys {
    slots: Vec<Vec<SeededPart>>,
}

impl SeededRelinKeys {
    /// Builds the keys from slots of parts, each a seed and the residues of the first polynomial.
    ///
    /// # Errors
    /// [`Error::Unsupported`] for a wrong number of slots or parts, [`Error::LimbCount`] or [`Error::Residue`] if the
    /// limbs do not fit the key level.
    pub fn new(context: &Context, slots: &[&SeededSlot<'_>]) -> Result<Self> {
        let operation = "SeededRelinKeys::new";
        check_switching(operation, context)?;
        if !RELIN_SLOTS.contains(&slots.len()) {
            return Err(Error::Unsupported {
                operation,
                reason: "relinearisation keys have 1 to 14 slots",
            });
        }
        Ok(Self {
            slots: slots
                .iter()
                .map(|parts| slot(operation, context, parts))
                .collect::<Result<_>>()?,
        })
    }

    /// Iterates over the slots and, in each, over its parts: the seed, and the residues of the first polynomial in NTT
    /// form at the key level.
    pub fn parts(&self) -> impl Iterator<Item = impl Iterator<Item = (Seed, &[u64])>> {
        self.slots
            .iter()
            .map(|parts| parts.iter().map(|part| (part.seed(), part.first())))
    }

    /// Expands the seeds and returns the whole keys.
    ///
    /// # Errors
    /// [`Error::ContextMismatch`] for another context, [`Error::Seal`] if memory is exhausted.
    pub fn expand(&self, context: &Context) -> Result<RelinKeys> {
        let mut keys = RelinKeys::start(context)?;
        for (slot, parts) in self.slots.iter().enumerate() {
            for part in parts {
                keys.append(
                    slot,
                    part.expand(context, "set of seeded relinearisation keys")?,
                )?;
            }
        }
        Ok(keys)
    }
}

/// Fresh Galois keys with seeds in place of their random polynomials.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeededGaloisKeys {
    /// Sorted by Galois element, ascending.
    keys: Vec<(u32, Vec<SeededPart>)>,
}

impl SeededGaloisKeys {
    /// Builds the keys from Galois elements with their parts, each a seed and the residues of the first polynomial.
    ///
    /// # Errors
    /// [`Error::Unsupported`] for an element that is even, not below 2N or repeated, or for a wrong number of parts;
    /// [`Error::LimbCount`] or [`Error::Residue`] if the limbs do not fit the key level.
    pub fn new(context: &Context, keys: &[(u32, &SeededSlot<'_>)]) -> Result<Self> {
        let operation = "SeededGaloisKeys::new";
        check_switching(operation, context)?;
        let mut made = keys
            .iter()
            .map(|&(element, parts)| Ok((element, slot(operation, context, parts)?)))
            .collect::<Result<Vec<_>>>()?;
        made.sort_by_key(|&(element, _)| element);
        if made.windows(2).any(|pair| pair[0].0 == pair[1].0)
            || made
                .iter()
                .any(|&(element, _)| !context.is_galois_element(element))
        {
            return Err(Error::Unsupported {
                operation,
                reason: "a Galois element must be odd, below 2N, and given once",
            });
        }
        Ok(Self { keys: made })
    }

    /// Reads SEAL's own stream, which has a slot for each odd number.
    fn of_seal(operation: &'static str, bytes: &[u8], context: &Context) -> Result<Self> {
        let slots = SealStream::keys(operation, bytes, context)?;
        let keys = (1..).step_by(2).zip(slots);
        Ok(Self {
            keys: keys.filter(|(_, parts)| !parts.is_empty()).collect(),
        })
    }

    /// The Galois elements in ascending order.
    pub fn elements(&self) -> impl Iterator<Item = u32> {
        self.keys.iter().map(|&(element, _)| element)
    }

    /// Iterates over the parts of an element's key: the seed, and the residues of the first polynomial in NTT form at
    /// the key level.
    pub fn parts(&self, element: u32) -> impl Iterator<Item = (Seed, &[u64])> {
        self.keys
            .iter()
            .filter(move |&&(other, _)| other == element)
            .flat_map(|(_, parts)| parts)
            .map(|part| (part.seed(), part.first()))
    }

    /// Expands the seeds and returns the whole keys.
    ///
    /// # Errors
    /// [`Error::ContextMismatch`] for another context, [`Error::Seal`] if memory is exhausted.
    pub fn expand(&self, context: &Context) -> Result<GaloisKeys> {
        let mut keys = GaloisKeys::start(context)?;
        for (element, parts) in &self.keys {
            for part in parts {
                keys.append(*element, part.expand(context, "set of seeded Galois keys")?)?;
            }
        }
        Ok(keys)
    }
}

/// Defines the parts of a seeded object as its only field.
macro_rules! seeded_objects {
    ($($name:ident { $field:tt: $parts:ty })*) => {$(
        impl SeededObject for $name {
            type Parts = $parts;

            fn checked_parts(&self) -> &$parts {
                &self.$field
            }

            fn from_checked_parts(parts: $parts) -> Self {
                Self { $field: parts }
            }
        }
    )*};
}

seeded_objects! {
    SeededCiphertext { 0: SeededPart }
    SeededPublicKey { 0: SeededPart }
    SeededRelinKeys { slots: Vec<Vec<SeededPart>> }
    SeededGaloisKeys { keys: Vec<(u32, Vec<SeededPart>)> }
}

impl Encryptor {
    /// Encrypts with the secret key and keeps the random polynomial as a seed.
    ///
    /// # Errors
    /// Same as [`Encryptor::encrypt_symmetric`], and [`Error::Seed`] if N is too small for SEAL to use a seed or if
    /// SEAL was built with a generator other than Blake2xb.
    pub fn encrypt_symmetric_seeded(
        &self,
        context: &Context,
        plain: &Plaintext,
    ) -> Result<SeededCiphertext> {
        let bytes = self.seal_bytes_symmetric(plain, Compression::None)?;
        let operation = "Encryptor::encrypt_symmetric_seeded";
        SealStream::single(operation, &bytes, context).map(SeededCiphertext)
    }
}

impl SecretKey {
    /// Encrypts with this key at the highest data level, in NTT form, and keeps the random polynomial as a seed. The
    /// seed stands for a polynomial in NTT form, so the receiver need not transform it. SEAL encrypts like this for BGV
    /// and CKKS but has no such call for BFV. Cost: one transform less for each prime than
    /// [`Encryptor::encrypt_symmetric_seeded`].
    ///
    /// # Errors
    /// [`Error::Seal`] if the plaintext or this key does not fit the context; [`Error::Seed`] under the same conditions
    /// as [`Encryptor::encrypt_symmetric_seeded`].
    pub fn encrypt_seeded_ntt(
        &self,
        context: &Context,
        plain: &Plaintext,
    ) -> Result<SeededCiphertext> {
        let operation = "SecretKey::encrypt_seeded_ntt";
        let bytes =
            bridge::encryptor_save_symmetric_ntt(context.as_ffi(), self.as_ffi(), plain.as_ffi())
                .named(operation)?;
        SealStream::single(operation, &bytes, context).map(SeededCiphertext)
    }
}

impl KeyGenerator {
    /// Creates a fresh public key and keeps the random polynomial as a seed.
    ///
    /// # Errors
    /// Same as [`KeyGenerator::create_public_key`], and [`Error::Seed`] under the same conditions as
    /// [`Encryptor::encrypt_symmetric_seeded`].
    pub fn create_public_key_seeded(&self) -> Result<SeededPublicKey> {
        let bytes = self.seal_bytes_public_key(Compression::None)?;
        let operation = "KeyGenerator::create_public_key_seeded";
        SealStream::single(operation, &bytes, self.context()).map(SeededPublicKey)
    }

    /// Creates fresh relinearisation keys and keeps the random polynomials as seeds.
    ///
    /// # Errors
    /// Same as [`KeyGenerator::create_relin_keys`], and [`Error::Seed`] under the same conditions as
    /// [`Encryptor::encrypt_symmetric_seeded`].
    pub fn create_relin_keys_seeded(&mut self) -> Result<SeededRelinKeys> {
        let bytes = self.seal_bytes_relin_keys(Compression::None)?;
        let operation = "KeyGenerator::create_relin_keys_seeded";
        let slots = SealStream::keys(operation, &bytes, self.context())?;
        Ok(SeededRelinKeys { slots })
    }

    /// Creates fresh Galois keys for exactly these rotations and keeps the random polynomials as seeds.
    ///
    /// # Errors
    /// Same as [`KeyGenerator::create_galois_keys`], and [`Error::Seed`] under the same conditions as
    /// [`Encryptor::encrypt_symmetric_seeded`].
    pub fn create_galois_keys_seeded(
        &mut self,
        rotations: &[Rotation],
    ) -> Result<SeededGaloisKeys> {
        let bytes = self.seal_bytes_galois_keys(rotations, Compression::None)?;
        let operation = "KeyGenerator::create_galois_keys_seeded";
        SeededGaloisKeys::of_seal(operation, &bytes, self.context())
    }

    /// Like [`KeyGenerator::create_galois_keys_seeded`], but for automorphisms x -> x^element.
    ///
    /// # Errors
    /// Same as [`KeyGenerator::create_galois_keys_of_elements`], and [`Error::Seed`] under the same conditions as
    /// [`Encryptor::encrypt_symmetric_seeded`].
    pub fn create_galois_keys_of_elements_seeded(
        &mut self,
        elements: &[u32],
    ) -> Result<SeededGaloisKeys> {
        let bytes = self.seal_bytes_galois_keys_of_elements(elements, Compression::None)?;
        let operation = "KeyGenerator::create_galois_keys_of_elements_seeded";
        SeededGaloisKeys::of_seal(operation, &bytes, self.context())
    }
}

#[cfg(test)]
mod tests;
