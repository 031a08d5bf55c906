//! This project's own encryption with the secret key: in one pass per prime, with one seed for a whole request.
//!
//! A ciphertext is (c0, a) with a uniform and c0 = -a s + e + round(Q m / t). As Q m is 0 modulo each prime of Q, the
//! rounded message is -[Q m]_t / t, with [..]_t the residue around 0. So c0 = (t e - [Q m]_t) / t - a s: one small
//! polynomial for all primes, one transform for each. (Q m / t is rounded to the nearest integer; SEAL's encryptor rounds
//! residue (t - 1) / 2 up.)
//!
//! A *shared* upload serves several plain primes: it is an encryption modulo their product T. Its message is joined from
//! those modulo each prime, by the Chinese remainder theorem; all else is as above, with T in place of t.
//!
//! Sampling, rounding and reduction have no branch and no memory access that depends on the noise or on the message.

pub(crate) mod keys;
mod small;
mod stream;

pub(crate) use stream::SEED_BYTES;

use self::small::{Shoup, Small};
pub(in crate::engine) use self::stream::StreamKey;
use self::stream::{noise, uniform};
use super::error::{Doing, EngineError};
use crate::bits::{Invalid, pack, packed_bytes, unpack_checked, width};
use crate::kernels::{Backend, Prime, Residues, to_montgomery};
use crate::modular::{invert, multiply};
use crate::params::encrypted_product;
use crate::seal::{BatchEncoder, Ciphertext, Context, Error, Modulus, Plaintext, SecretKey};
use std::fmt;
use zeroize::Zeroize;

/// Returns the bytes of the first polynomials of a ciphertext: residues packed to the width of their prime.
pub(crate) fn ciphertext_bytes(context: &Context) -> usize {
    let degree = context.parameters().poly_modulus_degree();
    let widths = data_primes(context).iter().map(|&prime| width(prime));
    widths.map(|width| packed_bytes(degree, width)).sum()
}

/// Returns the primes of fresh ciphertexts.
fn data_primes(context: &Context) -> &[u64] {
    &context.primes()[..context.first_level().coeff_modulus_size]
}

/// Describes all parameters for the derivation of keys: of one plain prime, or of those of a shared upload.
fn description(contexts: &[Context]) -> Vec<u8> {
    let first = contexts.first();
    let degree = first.map_or(0, |context| context.parameters().poly_modulus_degree());
    let mut words = vec![degree as u64];
    if contexts.len() > 1 {
        // No plain prime is 0.
        words.extend([0, contexts.len() as u64]);
    }
    let plain_primes = contexts
        .iter()
        .map(|context| context.parameters().plain_modulus());
    words.extend(plain_primes.map(Modulus::value));
    words.extend(first.iter().flat_map(|context| context.primes()));
    words.into_iter().flat_map(u64::to_le_bytes).collect()
}

/// A data prime, with the factors of a fresh ciphertext.
struct FreshPrime {
    prime: Prime,
    small: Small,
    /// 1 / t and -s, interleaved, in Montgomery form. **Secret.**
    factors: Residues,
}

impl Drop for FreshPrime {
    fn drop(&mut self) {
        self.factors.row_mut(0).as_flattened_mut().zeroize();
    }
}

/// A plain prime of an upload.
struct UploadPrime {
    encoder: BatchEncoder,
    /// Multiplies by Q t / T mod t, for the product T of all plain primes of the upload.
    scale: Shoup,
    /// T / t.
    others: u64,
}

/// Encrypts under one plain prime, or several that share an upload.
pub(super) struct FreshEncryptor {
    contexts: Vec<Context>,
    plain_primes: Vec<UploadPrime>,
    backend: Backend,
    /// The plain prime, or the product of all.
    plain_modulus: u64,
    primes: Vec<FreshPrime>,
}

impl fmt::Debug for FreshEncryptor {
    /// Reveals nothing.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("FreshEncryptor")
            .finish_non_exhaustive()
    }
}

/// The keys of a request under one plain prime.
pub(super) struct RequestKeys {
    uniform: StreamKey,
    noise: StreamKey,
}

/// Memory that a thread reuses from one ciphertext to the next.
pub(super) struct EncryptionScratch {
    /// The slots of a ciphertext: integers from 0.
    pub(super) slots: Vec<i64>,
    plain: Plaintext,
    values: Vec<u64>,
    /// Secret: it is the noise of the last ciphertext.
    noise: Vec<i8>,
    /// The message modulo the product of all plain primes, if there are several.
    joined: Vec<u64>,
    small: Vec<i64>,
    rows: Residues,
    bytes: Vec<u8>,
}

impl Drop for EncryptionScratch {
    fn drop(&mut self) {
        self.plain.set_zero();
        self.slots.zeroize();
        self.values.zeroize();
        self.noise.zeroize();
        self.joined.zeroize();
        self.small.zeroize();
        self.bytes.zeroize();
        self.rows.row_mut(0).as_flattened_mut().zeroize();
    }
}

impl FreshEncryptor {
    /// Takes a secret key, and the contexts of the plain primes, which differ in nothing else. Returns `None` if this
    /// encryption does not serve the parameters: primes of own kernels, and plain primes whose product has at most 57
    /// bits.
    pub(super) fn new(
        contexts: &[Context],
        secret_key: &SecretKey,
    ) -> Result<Option<Self>, EngineError> {
        let context = contexts.first().ok_or(EngineError::Contexts)?;
        let degree = context.parameters().poly_modulus_degree();
        let plain_moduli = contexts
            .iter()
            .map(|context| context.parameters().plain_modulus());
        let plain_moduli: Vec<u64> = plain_moduli.map(Modulus::value).collect();
        let data = data_primes(context);
        let primes: Option<Vec<Prime>> = data.iter().map(|&prime| Prime::new(prime)).collect();
        let (Some(primes), Some(t)) = (primes, encrypted_product(&plain_moduli)) else {
            return Ok(None);
        };
        let secret = secret_key.secret_limbs();
        let prepare = |(index, prime): (usize, Prime)| {
            let [mut inverse, mut negated] = [(); 2].map(|()| Residues::zero(1, degree));
            let over_t = to_montgomery(&prime, prime.invert(t % prime.value()));
            inverse.row_mut(0).as_flattened_mut().fill(over_t);
            let of_prime = &secret[index * degree..(index + 1) * degree];
            let words = negated.row_mut(0).as_flattened_mut();
            small::negate(of_prime, prime.value(), words);
            prime.multiply_row(words, prime.radix());
            let both = [inverse, negated];
            let factors = Residues::interleave(&both);
            let [_, mut negated] = both;
            negated.row_mut(0).as_flattened_mut().zeroize();
            FreshPrime {
                small: Small::new(prime.value(), 22 * t),
                prime,
                factors,
            }
        };
        let plain_prime = |(context, &of): (&Context, &u64)| {
            let data_product = data
                .iter()
                .fold(1 % of, |product, &prime| multiply(product, prime % of, of));
            let others = t / of;
            let scale = multiply(data_product, invert(others % of, of), of);
            Ok(UploadPrime {
                encoder: BatchEncoder::new(context).doing(|| "preparing to encrypt".to_owned())?,
                scale: Shoup::new(scale, of),
                others,
            })
        };
        let plain_primes = contexts.iter().zip(&plain_moduli).map(plain_prime);
        Ok(Some(Self {
            plain_primes: plain_primes.collect::<Result<_, EngineError>>()?,
            backend: Backend::detect(),
            plain_modulus: t,
            primes: primes.into_iter().enumerate().map(prepare).collect(),
            contexts: contexts.to_vec(),
        }))
    }

    pub(super) const fn set_backend(&mut self, backend: Backend) {
        self.backend = backend;
    }

    /// Returns the bytes of a packed ciphertext.
    pub(super) fn ciphertext_bytes(&self) -> usize {
        self.contexts.first().map_or(0, ciphertext_bytes)
    }

    /// Returns the context of the first plain prime.
    pub(super) fn context(&self) -> Result<&Context, EngineError> {
        self.contexts.first().ok_or(EngineError::Contexts)
    }

    /// Derives the keys of a request with this public seed, which must be fresh: two requests with one seed under one
    /// secret key would reveal differences of their messages.
    pub(super) fn keys(&self, seed: &[u8; SEED_BYTES]) -> Result<RequestKeys, EngineError> {
        let parameters = description(&self.contexts);
        Ok(RequestKeys {
            uniform: StreamKey::uniform(seed, &parameters),
            noise: StreamKey::noise(&parameters)?,
        })
    }

    /// Makes memory for a thread.
    pub(super) fn scratch(&self) -> Result<EncryptionScratch, EngineError> {
        let degree = self.context()?.parameters().poly_modulus_degree();
        Ok(EncryptionScratch {
            plain: Plaintext::new().doing(|| "preparing to encrypt".to_owned())?,
            slots: Vec::with_capacity(degree),
            values: Vec::with_capacity(degree),
            noise: vec![0; degree],
            joined: vec![
                0;
                if self.plain_primes.len() > 1 {
                    degree
                } else {
                    0
                }
            ],
            small: vec![0; degree],
            rows: Residues::zero(3, degree),
            // Never moved to other memory: it holds noise at times.
            bytes: Vec::with_capacity(8 * degree),
        })
    }

    /// Encrypts the slots of the scratch memory as ciphertext `index` of part `part`: writes the packed first polynomial in
    /// NTT form. Cost: one transform modulo each plain prime and one for each prime of Q.
    pub(super) fn encrypt(
        &self,
        keys: &RequestKeys,
        [part, index]: [usize; 2],
        scratch: &mut EncryptionScratch,
        packed: &mut [u8],
    ) -> Result<(), EngineError> {
        let doing = || format!("encrypting input element {index}");
        let t = self.plain_modulus;
        let backend = self.backend;
        let context = self.context()?;
        scratch.values.resize(scratch.slots.len(), 0);
        scratch.joined.fill(0);
        for plain_prime in &self.plain_primes {
            backend.compiled(
                #[inline(always)]
                || (plain_prime.scale).multiply(&scratch.slots, &mut scratch.values),
            );
            (plain_prime.encoder)
                .encode_u64_into(&scratch.values, &mut scratch.plain)
                .doing(doing)?;
            let (plain, others) = (scratch.plain.coefficients(), plain_prime.others);
            backend.compiled(
                #[inline(always)]
                || small::join(plain, others, t, &mut scratch.joined),
            );
        }
        let stream = keys.noise.stream([part, index, 0]);
        noise(stream, backend, &mut scratch.noise, &mut scratch.bytes);
        backend.compiled(
            #[inline(always)]
            || {
                let message = if self.plain_primes.len() > 1 {
                    &scratch.joined
                } else {
                    scratch.plain.coefficients()
                };
                small::sums(&scratch.noise, message, t, &mut scratch.small);
            },
        );
        let mut rest = packed;
        for (row, fresh) in self.primes.iter().enumerate() {
            let value = fresh.prime.value();
            let mut rows = scratch.rows.rows_mut().into_iter();
            let (Some(small), Some(random), Some(out)) = (rows.next(), rows.next(), rows.next())
            else {
                return Err(EngineError::Internal("scratch memory of three rows"));
            };
            backend.compiled(
                #[inline(always)]
                || (fresh.small).residues(&scratch.small, small.as_flattened_mut()),
            );
            context
                .ntt_forward(row, small.as_flattened_mut())
                .doing(doing)?;
            let mut stream = keys.uniform.stream([part, index, row]);
            uniform(
                &mut stream,
                value,
                random.as_flattened_mut(),
                &mut scratch.bytes,
            );
            let terms = [[&*small], [&*random]];
            backend.products(&fresh.prime, fresh.factors.row(0), &terms, [&mut *out]);
            let width = width(value);
            let (bytes, others) = rest.split_at_mut(packed_bytes(out.as_flattened().len(), width));
            pack(out.as_flattened(), width, bytes);
            rest = others;
        }
        Ok(())
    }
}

/// The reason why a packed ciphertext cannot be expanded.
#[derive(Debug)]
pub(crate) enum ExpandError {
    /// It holds other numbers than residues.
    Invalid(Invalid, u64),
    /// Memory is exhausted.
    Seal(Error),
}

/// Expands ciphertext `index` for plain prime `part`: unpacks and checks its first polynomial, and makes the second one
/// of the seed's key. Memory of the ciphertext is reused.
pub(crate) fn expand(
    context: &Context,
    key: &StreamKey,
    [part, index]: [usize; 2],
    packed: &[u8],
    bytes: &mut Vec<u8>,
    encrypted: &mut Ciphertext,
) -> Result<(), ExpandError> {
    let degree = context.parameters().poly_modulus_degree();
    let pair = encrypted.reshape_pair(context, context.first_level(), true);
    let (first, second) = pair.map_err(ExpandError::Seal)?;
    let rows = first
        .chunks_exact_mut(degree)
        .zip(second.chunks_exact_mut(degree));
    let packed = rows_of(context, packed);
    for (row, ((prime, packed), (first, second))) in packed.zip(rows).enumerate() {
        unpack_checked(packed, prime, first)
            .map_err(|invalid| ExpandError::Invalid(invalid, prime))?;
        uniform(&mut key.stream([part, index, row]), prime, second, bytes);
    }
    Ok(())
}

/// Expands the rows of one prime as [`expand`] does: those of both polynomials of ciphertext `index` of part `part`
/// modulo the prime of index `row`.
pub(in crate::engine) fn expand_row(
    context: &Context,
    key: &StreamKey,
    [part, index, row]: [usize; 3],
    packed: &[u8],
    bytes: &mut Vec<u8>,
    (first, second): (&mut [u64], &mut [u64]),
) -> Result<(), Invalid> {
    if let Some((prime, packed)) = rows_of(context, packed).nth(row) {
        unpack_checked(packed, prime, first)?;
        uniform(&mut key.stream([part, index, row]), prime, second, bytes);
    }
    Ok(())
}

/// Splits the bytes of a ciphertext into those of each prime.
fn rows_of<'a>(context: &'a Context, packed: &'a [u8]) -> impl Iterator<Item = (u64, &'a [u8])> {
    let degree = context.parameters().poly_modulus_degree();
    let mut rest = packed;
    data_primes(context).iter().map(move |&prime| {
        let (row, others) = rest.split_at(packed_bytes(degree, width(prime)));
        rest = others;
        (prime, row)
    })
}

/// Checks the packed first polynomial of a ciphertext, as [`expand`] does. Memory is reused.
pub(crate) fn check(
    context: &Context,
    packed: &[u8],
    residues: &mut Vec<u64>,
) -> Result<(), ExpandError> {
    residues.resize(context.parameters().poly_modulus_degree(), 0);
    rows_of(context, packed).try_for_each(|(prime, packed)| {
        unpack_checked(packed, prime, residues)
            .map_err(|invalid| ExpandError::Invalid(invalid, prime))
    })
}

/// Returns the key of the uniform polynomials of a part of a request, under one plain prime or all that share it.
pub(crate) fn uniform_key(contexts: &[Context], seed: &[u8; SEED_BYTES]) -> StreamKey {
    StreamKey::uniform(seed, &description(contexts))
}

#[cfg(test)]
mod tests;
