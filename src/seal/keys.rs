//! Keys, and the generator that makes them.

use super::ciphertext::Compression;
use super::context::{Context, ParmsId};
use super::encoder::check_batching;
use super::error::{Error, Named, Result};
use super::own_format::check_not_text;
use crate::ffi::keys::bridge;
use cxx::UniquePtr;
use std::pin::Pin;

/// A rotation of the batching matrix (2 rows of N/2 slots).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Rotation {
    /// Rotates both rows by this many slots, to the left if positive. The step must be less than N/2 in magnitude. A
    /// step of 0 is no rotation: it needs no key and gets none.
    Rows(i32),
    /// Swaps the two rows.
    Columns,
}

/// SEAL's step number for swapping the two rows.
const SWAP: i32 = 0;

impl Rotation {
    /// SEAL's step, or `None` for a rotation by 0 slots, which SEAL would mistake for the swap of the two rows.
    ///
    /// # Errors
    /// [`Error::RotationStep`] for a step of N/2 or more.
    pub(super) fn step(self, operation: &'static str, context: &Context) -> Result<Option<i32>> {
        let Self::Rows(step) = self else {
            return Ok(Some(SWAP));
        };
        let row = context.parameters().poly_modulus_degree() / 2;
        if step.unsigned_abs() as usize >= row {
            return Err(Error::RotationStep {
                operation,
                step,
                row,
            });
        }
        Ok(Some(step).filter(|&step| step != 0))
    }
}

/// Defines a key: its type, the evidence for its thread safety, a fallible clone, and SEAL's own format.
macro_rules! key {
    (
        $(#[$documentation:meta])*
        $name:ident, $clone:ident, $save:ident, $load:ident, $valid:ident, $parms_id:ident
    ) => {
        $(#[$documentation])*
        pub struct $name {
            inner: UniquePtr<bridge::$name>,
        }

        // SAFETY: the object owns its polynomials, which come from pools that are not tied to a thread: the global
        // `MemoryPoolMT`, or, for the secret key, a pool of its own (`MMProfNew`), which is an MT pool too. Mutation
        // needs `&mut`.
        unsafe impl Send for $name {}
        // SAFETY: only const member functions are called through `&self` (seal/secretkey.h, publickey.h,
        // kswitchkeys.h), and these cache nothing.
        unsafe impl Sync for $name {}

        impl $name {
            /// Copies the key.
            ///
            /// # Errors
            /// [`Error::Seal`] if memory is exhausted.
            pub fn try_clone(&self) -> Result<Self> {
                Ok(Self {
                    inner: bridge::$clone(&self.inner).named(concat!(stringify!($name), "::clone"))?,
                })
            }

            /// Serializes the key in SEAL's own format.
            ///
            /// # Errors
            /// [`Error::Seal`] if memory is exhausted.
            pub fn seal_bytes(&self, compression: Compression) -> Result<Vec<u8>> {
                bridge::$save(&self.inner, compression.is_on())
                    .named(concat!(stringify!($name), "::save"))
            }

            /// Reads a key in SEAL's own format, seeded or whole. The bytes must come from a **trusted** source: see
            /// [`super::Ciphertext::from_seal_bytes_trusted`].
            ///
            /// # Errors
            /// [`Error::Text`] if the bytes were handled as text on the way, [`Error::Seal`] if they are not a key of
            /// this type that is valid for this context.
            pub fn from_seal_bytes_trusted(context: &Context, bytes: &[u8]) -> Result<Self> {
                let operation = concat!(stringify!($name), "::load");
                check_not_text(operation, bytes)?;
                Ok(Self {
                    inner: bridge::$load(context.as_ffi(), bytes).named(operation)?,
                })
            }

            /// Tells whether SEAL considers the key valid for this context, including its residues.
            ///
            /// # Errors
            /// None in practice; if SEAL ever throws, the exception becomes [`Error::Seal`].
            pub fn is_valid_for(&self, context: &Context) -> Result<bool> {
                bridge::$valid(&self.inner, context.as_ffi())
                    .named(concat!(stringify!($name), "::is_valid_for"))
            }

            /// The key level of the parameters that the key was made for.
            pub fn parms_id(&self) -> ParmsId {
                ParmsId(bridge::$parms_id(&self.inner))
            }

            pub(crate) fn as_ffi(&self) -> &bridge::$name {
                &self.inner
            }

            #[allow(dead_code, reason = "not every key is built from outside")]
            pub(super) const fn from_inner(inner: UniquePtr<bridge::$name>) -> Self {
                Self { inner }
            }

            #[allow(dead_code, reason = "not every key grows")]
            pub(super) fn as_ffi_mut(&mut self) -> Pin<&mut bridge::$name> {
                self.inner.pin_mut()
            }
        }

    };
}

key!(
    /// The secret key. Its memory is cleared when it is dropped, and `Debug` reveals nothing about it.
    SecretKey,
    secret_key_clone,
    secret_key_save,
    secret_key_load,
    secret_key_is_valid_for,
    secret_key_parms_id
);
key!(
    /// The public key, which can only encrypt.
    PublicKey,
    public_key_clone,
    public_key_save,
    public_key_load,
    public_key_is_valid_for,
    public_key_parms_id
);
key!(
    /// Relinearisation keys, which bring a ciphertext of size 3 back to size 2.
    RelinKeys,
    relin_keys_clone,
    relin_keys_save,
    relin_keys_load,
    relin_keys_is_valid_for,
    relin_keys_parms_id
);
key!(
    /// Galois keys, which rotate. They serve exactly the rotations they were made for.
    GaloisKeys,
    galois_keys_clone,
    galois_keys_save,
    galois_keys_load,
    galois_keys_is_valid_for,
    galois_keys_parms_id
);

impl RelinKeys {
    /// Number of powers of the secret key that have a key: 1, for ciphertexts of size 3.
    pub fn count(&self) -> usize {
        bridge::relin_keys_count(&self.inner)
    }
}

impl GaloisKeys {
    /// Number of rotations that have a key.
    pub fn count(&self) -> usize {
        bridge::galois_keys_count(&self.inner)
    }

    /// Tells whether exactly this rotation has a key. A rotation by 0 slots never has one, and needs none.
    ///
    /// # Errors
    /// [`Error::RotationStep`] if the step is not below N/2.
    pub fn has(&self, context: &Context, rotation: Rotation) -> Result<bool> {
        let operation = "GaloisKeys::has_key";
        let Some(step) = rotation.step(operation, context)? else {
            return Ok(false);
        };
        bridge::galois_keys_has_step(&self.inner, context.as_ffi(), step).named(operation)
    }

    /// Tells whether this automorphism has a key.
    ///
    /// # Errors
    /// [`Error::GaloisElement`] for an element that is even or not below 2N.
    pub fn has_element(&self, context: &Context, element: u32) -> Result<bool> {
        let operation = "GaloisKeys::has_key";
        context.check_galois_element(operation, element)?;
        bridge::galois_keys_has_element(&self.inner, element).named(operation)
    }
}

/// Makes the keys. It holds the secret key, so it belongs to the client.
///
/// `Send` but not `Sync`: SEAL 4.0.0 replaces its cache of the secret key's powers under a lock but reads the cache
/// without one. Use one generator for each thread.
pub struct KeyGenerator {
    context: Context,
    inner: UniquePtr<bridge::KeyGenerator>,
}

// Not `Sync`: `create_relin_keys` reads `secret_key_array_` after `compute_secret_key_array` has released its lock,
// while another call may free the array under that lock (seal/keygenerator.cpp).
//
// SAFETY: a `seal::KeyGenerator` owns its members (seal/keygenerator.h). Its pool is `MMProfNew`, an MT pool of its
// own. Nothing in it is tied to a thread, and it is not shared.
unsafe impl Send for KeyGenerator {}

impl KeyGenerator {
    /// Creates a generator with a fresh secret key.
    ///
    /// # Errors
    /// [`Error::Seal`] if memory or the system's randomness is exhausted.
    pub fn new(context: &Context) -> Result<Self> {
        Ok(Self {
            inner: bridge::key_generator_new(context.as_ffi()).named("KeyGenerator::new")?,
            context: context.clone(),
        })
    }

    /// Creates a generator for an existing secret key.
    ///
    /// # Errors
    /// [`Error::Seal`] if the key was made for other parameters.
    pub fn from_secret_key(context: &Context, secret_key: &SecretKey) -> Result<Self> {
        Ok(Self {
            inner: bridge::key_generator_from_secret_key(context.as_ffi(), secret_key.as_ffi())
                .named("KeyGenerator::from_secret_key")?,
            context: context.clone(),
        })
    }

    /// Copies the secret key.
    ///
    /// # Errors
    /// [`Error::Seal`] if memory is exhausted.
    pub fn secret_key(&self) -> Result<SecretKey> {
        Ok(SecretKey {
            inner: bridge::key_generator_secret_key(&self.inner)
                .named("KeyGenerator::secret_key")?,
        })
    }

    /// Creates a public key.
    ///
    /// # Errors
    /// [`Error::Seal`] if memory is exhausted.
    pub fn create_public_key(&self) -> Result<PublicKey> {
        Ok(PublicKey {
            inner: bridge::key_generator_public_key(&self.inner)
                .named("KeyGenerator::create_public_key")?,
        })
    }

    /// Creates relinearisation keys for ciphertexts of size 3.
    ///
    /// # Errors
    /// [`Error::Unsupported`] if the parameters have no special prime.
    pub fn create_relin_keys(&mut self) -> Result<RelinKeys> {
        let operation = "KeyGenerator::create_relin_keys";
        check_switching(operation, &self.context)?;
        Ok(RelinKeys {
            inner: bridge::key_generator_relin_keys(self.inner.pin_mut()).named(operation)?,
        })
    }

    /// Creates Galois keys for exactly these rotations. Each takes as much memory as the relinearisation keys.
    /// Rotations by 0 slots get no key.
    ///
    /// # Errors
    /// [`Error::Unsupported`] if the parameters lack a special prime, [`Error::Batching`] if they lack batching,
    /// [`Error::RotationStep`] if a step is not below N/2.
    pub fn create_galois_keys(&mut self, rotations: &[Rotation]) -> Result<GaloisKeys> {
        let operation = "KeyGenerator::create_galois_keys";
        let steps = self.steps(operation, rotations)?;
        Ok(GaloisKeys {
            inner: bridge::key_generator_galois_keys(self.inner.pin_mut(), &steps)
                .named(operation)?,
        })
    }

    /// Creates Galois keys for every rotation by a power of two in either direction and, if there is batching, for the
    /// swap of the rows. These are 2 log2(N) - 2 keys, because a rotation by half a row is the same in either
    /// direction. SEAL composes every other rotation from these; keys for exactly the rotations you need are smaller
    /// and faster.
    ///
    /// # Errors
    /// [`Error::Unsupported`] if the parameters have no special prime.
    pub fn create_all_galois_keys(&mut self) -> Result<GaloisKeys> {
        let operation = "KeyGenerator::create_galois_keys (all)";
        check_switching(operation, &self.context)?;
        Ok(GaloisKeys {
            inner: bridge::key_generator_galois_keys_all(self.inner.pin_mut()).named(operation)?,
        })
    }

    /// Creates Galois keys for automorphisms x -> x^element. This needs no batching.
    ///
    /// # Errors
    /// [`Error::Unsupported`] if the parameters have no special prime, [`Error::GaloisElement`] for an element that is
    /// even or not below 2N.
    pub fn create_galois_keys_of_elements(&mut self, elements: &[u32]) -> Result<GaloisKeys> {
        let operation = "KeyGenerator::create_galois_keys (elements)";
        self.check_elements(operation, elements)?;
        Ok(GaloisKeys {
            inner: bridge::key_generator_galois_keys_of_elements(self.inner.pin_mut(), elements)
                .named(operation)?,
        })
    }

    /// Creates a fresh public key and serializes it for sending, in SEAL's own format with a seed for its random half.
    ///
    /// # Errors
    /// [`Error::Seal`] if memory is exhausted.
    pub fn seal_bytes_public_key(&self, compression: Compression) -> Result<Vec<u8>> {
        bridge::key_generator_save_public_key(&self.inner, compression.is_on())
            .named("PublicKey::save")
    }

    /// Creates fresh relinearisation keys and serializes them for sending, in SEAL's own format with seeds for their
    /// random halves.
    ///
    /// # Errors
    /// Same as [`KeyGenerator::create_relin_keys`].
    pub fn seal_bytes_relin_keys(&mut self, compression: Compression) -> Result<Vec<u8>> {
        let operation = "RelinKeys::save";
        check_switching(operation, &self.context)?;
        bridge::key_generator_save_relin_keys(self.inner.pin_mut(), compression.is_on())
            .named(operation)
    }

    /// Creates fresh Galois keys and serializes them for sending, in SEAL's own format with seeds for their random
    /// halves.
    ///
    /// # Errors
    /// Same as [`KeyGenerator::create_galois_keys`].
    pub fn seal_bytes_galois_keys(
        &mut self,
        rotations: &[Rotation],
        compression: Compression,
    ) -> Result<Vec<u8>> {
        let operation = "GaloisKeys::save";
        let steps = self.steps(operation, rotations)?;
        bridge::key_generator_save_galois_keys(self.inner.pin_mut(), &steps, compression.is_on())
            .named(operation)
    }

    /// Like [`KeyGenerator::seal_bytes_galois_keys`], but for automorphisms x -> x^element.
    ///
    /// # Errors
    /// Same as [`KeyGenerator::create_galois_keys_of_elements`].
    pub fn seal_bytes_galois_keys_of_elements(
        &mut self,
        elements: &[u32],
        compression: Compression,
    ) -> Result<Vec<u8>> {
        let operation = "GaloisKeys::save (elements)";
        self.check_elements(operation, elements)?;
        bridge::key_generator_save_galois_keys_of_elements(
            self.inner.pin_mut(),
            elements,
            compression.is_on(),
        )
        .named(operation)
    }

    pub(super) const fn context(&self) -> &Context {
        &self.context
    }

    /// Returns SEAL's steps for keys that can be made.
    fn steps(&self, operation: &'static str, rotations: &[Rotation]) -> Result<Vec<i32>> {
        check_switching(operation, &self.context)?;
        check_batching(operation, &self.context)?;
        rotations
            .iter()
            .filter_map(|rotation| rotation.step(operation, &self.context).transpose())
            .collect()
    }

    /// Refuses elements for which keys cannot be made.
    fn check_elements(&self, operation: &'static str, elements: &[u32]) -> Result<()> {
        check_switching(operation, &self.context)?;
        let mut elements = elements.iter();
        elements.try_for_each(|&element| self.context.check_galois_element(operation, element))
    }

    pub(crate) fn as_ffi_mut(&mut self) -> Pin<&mut bridge::KeyGenerator> {
        self.inner.pin_mut()
    }
}

/// Implements `Debug` for types whose contents it must not reveal, or cannot.
macro_rules! opaque_debug {
    ($($name:ident),*) => {$(
        impl std::fmt::Debug for $name {
            fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.debug_struct(stringify!($name)).finish_non_exhaustive()
            }
        }
    )*};
}
pub(super) use opaque_debug;

opaque_debug!(SecretKey, PublicKey, RelinKeys, GaloisKeys, KeyGenerator);

/// Refuses parameters without a special prime.
pub(super) fn check_switching(operation: &'static str, context: &Context) -> Result<()> {
    if context.using_keyswitching() {
        return Ok(());
    }
    Err(Error::Unsupported {
        operation,
        reason: "key switching needs a special prime: give coeff_modulus at least two primes",
    })
}
