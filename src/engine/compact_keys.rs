//! Evaluation keys with one seed, packed as they travel.

use super::contexts::Contexts;
use super::error::EngineError;
use super::fresh::SEED_BYTES;
use super::fresh::keys::{self, KeyMaker};
use super::spec::NeededKey;
use crate::seal::{Context, SecretKey};

/// Evaluation keys for own kernels, with one seed for all random polynomials, in the form in which they travel. One set
/// serves all plain primes, and each key has only the primes of the level at which the server uses it.
///
/// The seed is public, and drawn anew for each set. The random polynomials are BLAKE3's output for it, taken as a random
/// oracle.
#[derive(Debug, Clone)]
pub struct CompactKeys {
    pub(crate) seed: [u8; SEED_BYTES],
    pub(crate) needed: Vec<NeededKey>,
    /// The primes of q, the special prime last.
    pub(crate) primes: Vec<u64>,
    /// For each key, the first polynomials of its digits.
    pub(crate) keys: Vec<Vec<u8>>,
}

impl CompactKeys {
    /// Makes the keys, on all threads of the current rayon pool.
    pub(super) fn make(
        context: &Context,
        secret_key: &SecretKey,
        needed: Vec<NeededKey>,
    ) -> Result<Self, EngineError> {
        let mut seed = [0; SEED_BYTES];
        getrandom::fill(&mut seed)?;
        let maker = KeyMaker::new(context, secret_key, &seed)?.ok_or(EngineError::Compact)?;
        let keys = needed.iter().enumerate();
        let keys = keys.map(|(index, key)| maker.key(index, key));
        Ok(Self {
            seed,
            keys: keys.collect::<Result<_, _>>()?,
            primes: context.primes().to_vec(),
            needed,
        })
    }

    /// Tells whether these are the keys that a plan needs.
    pub(crate) fn fits(&self, contexts: &Contexts) -> bool {
        let Some(context) = contexts.contexts().first() else {
            return false;
        };
        let whole = |(packed, key): (&Vec<u8>, &NeededKey)| {
            packed.len() == keys::key_bytes(context, key.level)
        };
        context.primes() == self.primes
            && contexts.needed_keys().as_ref() == Some(&self.needed)
            && self.keys.len() == self.needed.len()
            && self.keys.iter().zip(&self.needed).all(whole)
    }
}
