//! The context: validated parameters with everything that SEAL precomputes from them.

use super::error::{Error, Named, Result};
use super::parameters::{EncryptionParameters, ParametersLiteral};
use crate::ffi::context::bridge;
use cxx::UniquePtr;
use std::sync::Arc;

/// SEAL's identifier of a level: a hash of the parameters at that level.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ParmsId(pub(crate) [u64; 4]);

impl ParmsId {
    /// The identifier used by plaintexts in coefficient form.
    pub const ZERO: Self = Self([0; 4]);
}

/// One level of the modulus switching chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Level {
    /// SEAL's identifier of the level.
    pub parms_id: ParmsId,
    /// Position in the chain: 0 at the lowest level; each switch to the next level lowers it by one.
    pub chain_index: usize,
    /// Number of primes of q at this level.
    pub coeff_modulus_size: usize,
    /// log2(q) at this level, in bits, rounded up.
    pub total_bits: u32,
}

pub(super) struct Inner {
    context: UniquePtr<bridge::SEALContext>,
    parameters: EncryptionParameters,
    pub(super) primes: Vec<u64>,
    levels: Vec<Level>,
}

// Only one thing in a context changes later: `GaloisTool::permutation_tables_`, which key generators fill. It is
// written once and read under a lock (`generate_table_ntt`, seal/util/galois.cpp). That lock and the pool's are
// `std::shared_mutex` or, on x86-64 only, SEAL's own (seal/util/locks.h); src/ffi/context.cc refuses all others.
//
// SAFETY: otherwise `seal::SEALContext` is immutable. All public member functions except the assignments are const
// (seal/context.h), the tables are `shared_ptr<const ContextData>`, and the memory comes from the global pool, a
// thread-safe `MemoryPoolMT` (seal/memorymanager.h, `MMProfGlobal`). Only shared references are handed out.
unsafe impl Send for Inner {}
// SAFETY: see `Send`.
unsafe impl Sync for Inner {}

/// Validated parameters with everything that SEAL precomputes from them. Cheap to clone and shared between threads.
#[derive(Clone)]
pub struct Context {
    pub(super) inner: Arc<Inner>,
}

impl Context {
    /// Precomputes the tables. This takes milliseconds to seconds and grows with N and the number of primes.
    ///
    /// # Errors
    /// [`Error::Parameters`], with SEAL's reason, if SEAL refuses the parameters.
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
    /// Same as [`EncryptionParameters::new`] and [`Context::new`].
    pub fn from_literal(literal: &ParametersLiteral) -> Result<Self> {
        Self::new(EncryptionParameters::new(literal)?)
    }

    /// The validated parameters.
    pub fn parameters(&self) -> &EncryptionParameters {
        &self.inner.parameters
    }

    /// Tells whether t allows batching.
    pub fn using_batching(&self) -> bool {
        bridge::context_using_batching(&self.inner.context)
    }

    /// Tells whether there is a special prime, which relinearisation and rotation need.
    pub fn using_keyswitching(&self) -> bool {
        bridge::context_using_keyswitching(&self.inner.context)
    }

    /// All levels: the key level first, then the data levels from the highest to the lowest. If q has a single prime,
    /// the key level is the only data level.
    pub fn levels(&self) -> &[Level] {
        &self.inner.levels
    }

    /// The levels that a ciphertext can be at, starting with the level of fresh ciphertexts.
    pub fn data_levels(&self) -> &[Level] {
        match self.inner.levels.as_slice() {
            [_key, data @ ..] if !data.is_empty() => data,
            all => all,
        }
    }

    /// Finds the level with this identifier.
    pub fn level(&self, parms_id: ParmsId) -> Option<Level> {
        self.inner
            .levels
            .iter()
            .find(|level| level.parms_id == parms_id)
            .copied()
    }

    /// Tells whether a number is a Galois element: odd and below 2N.
    pub(crate) fn is_galois_element(&self, element: u32) -> bool {
        element % 2 == 1 && (element as usize) < 2 * self.parameters().poly_modulus_degree()
    }

    /// Refuses a number that is no Galois element.
    pub(super) fn check_galois_element(&self, operation: &'static str, element: u32) -> Result<()> {
        if self.is_galois_element(element) {
            return Ok(());
        }
        Err(Error::GaloisElement {
            operation,
            element,
            bound: 2 * self.parameters().poly_modulus_degree(),
        })
    }

    pub(crate) fn as_ffi(&self) -> &bridge::SEALContext {
        &self.inner.context
    }
}

#[cfg(test)]
impl Context {
    /// Makes a context for tests, without security: primes of q of these widths, and t of 17 bits.
    pub(crate) fn insecure(degree: usize, bits: &[i32]) -> Self {
        use super::modulus::{SecurityLevel, coeff_modulus, plain_modulus};
        let primes = coeff_modulus::create(degree, bits).unwrap();
        Self::from_literal(&ParametersLiteral {
            poly_modulus_degree: degree,
            coeff_modulus: primes.into_iter().map(u64::from).collect(),
            plain_modulus: plain_modulus::batching(degree, &[17]).unwrap()[0].value(),
            security: SecurityLevel::None,
        })
        .unwrap()
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
