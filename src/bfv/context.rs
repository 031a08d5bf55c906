//! The context: validated parameters with everything SEAL precomputes from them.

use super::error::{Error, Named, Result};
use super::parameters::{EncryptionParameters, ParametersLiteral};
use crate::ffi::context::bridge;
use cxx::UniquePtr;
use std::sync::Arc;

/// SEAL's identifier of a level: a hash of the parameters at that level.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ParmsId(pub(crate) [u64; 4]);

impl ParmsId {
    /// The identifier of plaintexts in coefficient form.
    pub const ZERO: Self = Self([0; 4]);
}

/// One level of the modulus switching chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Level {
    /// The identifier.
    pub parms_id: ParmsId,
    /// 0 at the lowest level; each switch to the next level lowers it by one.
    pub chain_index: usize,
    /// How many primes q has at this level.
    pub coeff_modulus_size: usize,
    /// log2(q) at this level, in bits, rounded up.
    pub total_bits: u32,
}

struct Inner {
    context: UniquePtr<bridge::SEALContext>,
    parameters: EncryptionParameters,
    primes: Vec<u64>,
    levels: Vec<Level>,
}

// The one thing in a context that changes later, `GaloisTool::permutation_tables_`, which key generators fill, is written
// once and read under a lock (`generate_table_ntt`, seal/util/galois.cpp). That lock and the pool's are
// `std::shared_mutex`, or, on x86-64 only, SEAL's own (seal/util/locks.h): src/ffi/context.cc refuses the rest.
//
// SAFETY: otherwise `seal::SEALContext` is immutable: all public member functions but the assignments are const
// (seal/context.h), tables are `shared_ptr<const ContextData>`, memory is of the global pool, a thread-safe
// `MemoryPoolMT` (seal/memorymanager.h, `MMProfGlobal`). Only shared references are handed out.
unsafe impl Send for Inner {}
// SAFETY: see `Send`.
unsafe impl Sync for Inner {}

/// Validated parameters with everything SEAL precomputes from them. Cheap to clone, shared between threads.
#[derive(Clone)]
pub struct Context {
    inner: Arc<Inner>,
}

impl Context {
    /// Precomputes the tables. Takes milliseconds to seconds, growing with N and the number of primes.
    ///
    /// # Errors
    /// [`Error::Parameters`] with SEAL's reason if SEAL refuses the parameters.
    pub fn new(parameters: EncryptionParameters) -> Result<Self> {
        let primes: Vec<u64> = parameters
            .coeff_modulus()
            .iter()
            .map(|prime| prime.value())
            .collect();
        let context = bridge::context_new(
            parameters.poly_modulus_degree(),
            &primes,
            parameters.plain_modulus().value(),
            parameters.security().bits(),
        )
        .named("SEALContext")?;
        if !bridge::context_is_valid(&context) {
            return Err(Error::Parameters {
                name: bridge::context_error_name(&context)
                    .named("SEALContext::parameter_error_name")?,
                message: bridge::context_error_message(&context)
                    .named("SEALContext::parameter_error_message")?,
            });
        }
        let levels = bridge::context_levels(&context)
            .named("SEALContext::levels")?
            .into_iter()
            .map(|info| Level {
                parms_id: ParmsId(info.parms_id),
                chain_index: info.chain_index,
                coeff_modulus_size: info.coeff_modulus_size,
                total_bits: info.total_bits,
            })
            .collect();
        Ok(Self {
            inner: Arc::new(Inner {
                context,
                parameters,
                primes,
                levels,
            }),
        })
    }

    /// Validates a literal and builds its context.
    ///
    /// # Errors
    /// As [`EncryptionParameters::new`] and [`Context::new`].
    pub fn from_literal(literal: &ParametersLiteral) -> Result<Self> {
        Self::new(EncryptionParameters::new(literal)?)
    }

    /// The parameters.
    pub fn parameters(&self) -> &EncryptionParameters {
        &self.inner.parameters
    }

    /// Whether t allows batching.
    pub fn using_batching(&self) -> bool {
        bridge::context_using_batching(&self.inner.context)
    }

    /// Whether there is a special prime, so that relinearisation and rotation are possible.
    pub fn using_keyswitching(&self) -> bool {
        bridge::context_using_keyswitching(&self.inner.context)
    }

    /// All levels: the key level first, then the data levels from the highest to the lowest. With a single prime
    /// the key level is the only data level.
    pub fn levels(&self) -> &[Level] {
        &self.inner.levels
    }

    /// The levels a ciphertext can be at, the level of fresh ciphertexts first.
    pub fn data_levels(&self) -> &[Level] {
        match self.inner.levels.as_slice() {
            [_key, data @ ..] if !data.is_empty() => data,
            all => all,
        }
    }

    /// The level with this identifier.
    pub fn level(&self, parms_id: ParmsId) -> Option<Level> {
        self.inner
            .levels
            .iter()
            .find(|level| level.parms_id == parms_id)
            .copied()
    }

    /// The primes of q at the key level.
    pub(crate) fn primes(&self) -> &[u64] {
        &self.inner.primes
    }

    pub(crate) fn as_ffi(&self) -> &bridge::SEALContext {
        &self.inner.context
    }
}

impl std::fmt::Debug for Context {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Context")
            .field("parameters", self.parameters())
            .finish_non_exhaustive()
    }
}
