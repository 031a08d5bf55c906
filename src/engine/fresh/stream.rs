//! Streams of BLAKE3: uniform polynomials from a public seed, and noise from a secret one.

use crate::bits::{BLOCK, packed_bytes, unpack, width};
use crate::engine::error::EngineError;
use crate::kernels::Backend;
use blake3::{Hasher, OutputReader};
use zeroize::Zeroize;

/// Size of a seed, in bytes.
pub(crate) const SEED_BYTES: usize = 32;

/// Context string from which the key of the uniform polynomials of requests is derived.
const UNIFORM: &str = "sealquant 2026-11 compact request 1, uniform polynomials";
/// Context string for the uniform polynomials of keys.
const KEYS: &str = "sealquant 2026-11 compact keys 1, uniform polynomials";
/// Context string for noise.
const NOISE: &str = "sealquant 2026-11, noise";

/// The key of the streams of one request.
pub(crate) struct StreamKey([u8; SEED_BYTES]);

impl Drop for StreamKey {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl StreamKey {
    /// Derives the key of the uniform polynomials of a request under these parameters. The seed is public.
    pub(super) fn uniform(seed: &[u8; SEED_BYTES], parameters: &[u8]) -> Self {
        Self::derive(UNIFORM, seed, parameters)
    }

    /// Derives the key of the uniform polynomials of evaluation keys. The seed is public.
    pub(super) fn uniform_of_keys(seed: &[u8; SEED_BYTES], parameters: &[u8]) -> Self {
        Self::derive(KEYS, seed, parameters)
    }

    /// Draws the key of a request's noise from the operating system.
    pub(super) fn noise(parameters: &[u8]) -> Result<Self, EngineError> {
        let mut seed = [0; SEED_BYTES];
        getrandom::fill(&mut seed)?;
        let key = Self::derive(NOISE, &seed, parameters);
        seed.zeroize();
        Ok(key)
    }

    fn derive(purpose: &str, seed: &[u8], parameters: &[u8]) -> Self {
        let mut hasher = Hasher::new_derive_key(purpose);
        hasher.update(seed).update(parameters);
        let mut hash = hasher.finalize();
        let key = Self(*hash.as_bytes());
        hash.zeroize();
        hasher.zeroize();
        key
    }

    /// Returns the stream of a polynomial: for a plain prime, a ciphertext of the request, and a prime of q.
    pub(super) fn stream(&self, indices: [usize; 3]) -> OutputReader {
        let mut hasher = Hasher::new_keyed(&self.0);
        for index in indices {
            hasher.update(&(index as u64).to_le_bytes());
        }
        let reader = hasher.finalize_xof();
        hasher.zeroize();
        reader
    }
}

/// Fills a row with uniform residues, exactly.
///
/// Candidate i is bits i w to (i + 1) w of the stream, for a prime of w bits. Candidates that are not residues are
/// replaced, in the order of coefficients, by candidates N, N + 1 and so on.
pub(super) fn uniform(stream: &mut OutputReader, prime: u64, row: &mut [u64], bytes: &mut Vec<u8>) {
    let width = width(prime);
    bytes.resize(packed_bytes(row.len(), width), 0);
    stream.fill(bytes);
    unpack(bytes, width, row);
    if crate::bits::all_below(row, prime) {
        return;
    }
    let mut more = [0; BLOCK];
    let mut next = BLOCK;
    bytes.resize(packed_bytes(BLOCK, width), 0);
    for residue in row.iter_mut().filter(|residue| **residue >= prime) {
        while *residue >= prime {
            if next == BLOCK {
                stream.fill(bytes);
                unpack(bytes, width, &mut more);
                next = 0;
            }
            *residue = more[next];
            next += 1;
        }
    }
}

/// Fills a row with noise: SEAL's centred binomial of 42 bits, from -21 to 21, of deviation sqrt(42) / 2. Clears the
/// stream, which holds its key.
pub(super) fn noise(
    mut stream: OutputReader,
    backend: Backend,
    row: &mut [i8],
    bytes: &mut Vec<u8>,
) {
    bytes.resize(6 * row.len(), 0);
    stream.fill(bytes);
    stream.zeroize();
    backend.compiled(
        #[inline(always)]
        || count_ones(bytes, row),
    );
}

/// Counts the ones of 42 bits of each six bytes.
#[inline]
fn count_ones(bytes: &[u8], row: &mut [i8]) {
    const USED: u64 = (1 << 42) - 1;
    for (value, bytes) in row.iter_mut().zip(bytes.as_chunks::<6>().0) {
        let [a, b, c, d, e, f] = *bytes;
        let word = u64::from_le_bytes([a, b, c, d, e, f, 0, 0]);
        *value = (word & USED).count_ones() as i8 - 21;
    }
}
