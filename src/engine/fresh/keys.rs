//! Evaluation keys with one seed: a key for each rotation and for the squares, only for the primes of the level at which
//! the server uses it. They hold no plain prime: one set serves them all.
//!
//! The key that switches from s' to s has a pair for each digit j of its level: (b, a) with a uniform and
//! b = -a s + e + P s' modulo prime j, and b = -a s + e modulo the others. P is the special prime.

use super::small;
use super::stream::{SEED_BYTES, StreamKey, noise, uniform};
use crate::bits::{pack, packed_bytes, unpack_checked, width};
use crate::engine::error::{Doing, EngineError};
use crate::engine::fresh::ExpandError;
use crate::engine::spec::NeededKey;
use crate::kernels::{Backend, Permutation, Prime, Residues};
use crate::seal::{Context, SecretKey};
use rayon::prelude::*;
use zeroize::Zeroize;

/// Returns the indices of the primes of a key: those of its level, then the special prime.
fn rows(context: &Context, level: usize) -> impl Iterator<Item = usize> {
    (0..level).chain([context.primes().len() - 1])
}

/// Returns the bytes of a digit's first polynomial.
fn digit_bytes(context: &Context, level: usize) -> usize {
    let degree = context.parameters().poly_modulus_degree();
    let widths = rows(context, level).map(|row| width(context.primes()[row]));
    widths.map(|width| packed_bytes(degree, width)).sum()
}

/// Returns the bytes of a packed key for this number of data primes.
pub(crate) fn key_bytes(context: &Context, level: usize) -> usize {
    level * digit_bytes(context, level)
}

/// Describes what the streams of keys depend on. No plain prime is among it.
fn description(context: &Context) -> Vec<u8> {
    let degree = context.parameters().poly_modulus_degree() as u64;
    let words = std::iter::once(degree).chain(context.primes().iter().copied());
    words.flat_map(u64::to_le_bytes).collect()
}

/// Rows of a secret, one for each prime, which are cleared when they are dropped.
struct Secret(Vec<Residues>);

impl Drop for Secret {
    fn drop(&mut self) {
        for rows in &mut self.0 {
            rows.rows_mut()
                .into_iter()
                .for_each(|row| row.as_flattened_mut().zeroize());
        }
    }
}

/// Makes keys.
pub(in crate::engine) struct KeyMaker {
    context: Context,
    backend: Backend,
    primes: Vec<Prime>,
    /// For each prime, -s and 1, interleaved, in Montgomery form.
    factors: Secret,
    /// For each prime, s.
    secret: Secret,
    uniform: StreamKey,
    noise: StreamKey,
}

impl KeyMaker {
    /// Takes the secret key and a fresh public seed. `None` if a prime is not one of own kernels.
    pub(in crate::engine) fn new(
        context: &Context,
        secret_key: &SecretKey,
        seed: &[u8; SEED_BYTES],
    ) -> Result<Option<Self>, EngineError> {
        let degree = context.parameters().poly_modulus_degree();
        let primes = context.primes().iter();
        let Some(primes) = primes
            .map(|&prime| Prime::new(prime))
            .collect::<Option<Vec<_>>>()
        else {
            return Ok(None);
        };
        let limbs = secret_key.secret_limbs().chunks_exact(degree);
        let (mut factors, mut secret) = (Vec::new(), Vec::new());
        for (prime, limbs) in primes.iter().zip(limbs) {
            let mut both = Secret([(); 2].map(|()| Residues::zero(1, degree)).into());
            let negated = both.0[0].row_mut(0).as_flattened_mut();
            small::negate(limbs, prime.value(), negated);
            prime.multiply_row(negated, prime.radix());
            both.0[1].row_mut(0).as_flattened_mut().fill(prime.radix());
            factors.push(Residues::interleave(&both.0));
            let mut row = Residues::zero(1, degree);
            row.row_mut(0).as_flattened_mut().copy_from_slice(limbs);
            secret.push(row);
        }
        let parameters = description(context);
        Ok(Some(Self {
            context: context.clone(),
            backend: Backend::detect(),
            primes,
            factors: Secret(factors),
            secret: Secret(secret),
            uniform: StreamKey::uniform_of_keys(seed, &parameters),
            noise: StreamKey::noise(&parameters)?,
        }))
    }

    /// Makes key `index`, packed, on all threads of the current rayon pool.
    pub(in crate::engine) fn key(
        &self,
        index: usize,
        key: &NeededKey,
    ) -> Result<Vec<u8>, EngineError> {
        let from = self.switched(key)?;
        let size = digit_bytes(&self.context, key.level);
        let mut packed = vec![0; key.level * size];
        let digits = packed.par_chunks_exact_mut(size.max(1)).enumerate();
        digits
            .try_for_each(|(digit, packed)| self.digit([index, digit], key.level, &from, packed))?;
        Ok(packed)
    }

    /// Returns s', from which a key switches: the rotated secret, or its square.
    fn switched(&self, key: &NeededKey) -> Result<Secret, EngineError> {
        let degree = self.context.parameters().poly_modulus_degree();
        let permutation = key.element.map(|element| {
            Permutation::new(degree, element)
                .ok_or(EngineError::Internal("a rotation that is no permutation"))
        });
        let permutation = permutation.transpose()?;
        let rows = self.primes[..key.level].iter().zip(&self.secret.0);
        let rows = rows.map(|(prime, secret)| {
            let mut row = Residues::zero(1, degree);
            if let Some(permutation) = &permutation {
                (self.backend).permute_add(prime, permutation, row.row_mut(0), secret.row(0));
            } else {
                let squares = row.row_mut(0).as_flattened_mut().iter_mut();
                for (square, &value) in squares.zip(secret.row(0).as_flattened()) {
                    *square = prime.multiply(value, value);
                }
            }
            row
        });
        Ok(Secret(rows.collect()))
    }

    /// Makes the first polynomial of a digit.
    fn digit(
        &self,
        [index, digit]: [usize; 2],
        level: usize,
        from: &Secret,
        packed: &mut [u8],
    ) -> Result<(), EngineError> {
        let degree = self.context.parameters().poly_modulus_degree();
        // Never moved to other memory: they hold noise.
        let mut bytes = Vec::with_capacity(8 * degree);
        let mut noise_of_digit = vec![0; degree];
        let stream = self.noise.stream([index, digit, 0]);
        noise(stream, self.backend, &mut noise_of_digit, &mut bytes);
        let mut scratch = Secret(vec![Residues::zero(3, degree)]);
        let mut rest = packed;
        for row in rows(&self.context, level) {
            let prime = &self.primes[row];
            let mut rows = scratch.0[0].rows_mut().into_iter();
            let (Some(error), Some(random), Some(out)) = (rows.next(), rows.next(), rows.next())
            else {
                return Err(EngineError::Internal("scratch memory of three rows"));
            };
            small::residues_of_noise(&noise_of_digit, prime.value(), error.as_flattened_mut());
            self.context
                .ntt_forward(row, error.as_flattened_mut())
                .doing(|| "making the evaluation keys".to_owned())?;
            let mut stream = self.uniform.stream([index, digit, row]);
            uniform(
                &mut stream,
                prime.value(),
                random.as_flattened_mut(),
                &mut bytes,
            );
            let terms = [[&*random], [&*error]];
            (self.backend).products(prime, self.factors.0[row].row(0), &terms, [&mut *out]);
            if row == digit {
                let special = self.primes[self.primes.len() - 1].value() % prime.value();
                error.copy_from_slice(from.0[digit].row(0));
                prime.multiply_row(error.as_flattened_mut(), special);
                self.backend.add(prime, out, error);
            }
            let width = width(prime.value());
            let (bytes, others) = rest.split_at_mut(packed_bytes(degree, width));
            pack(out.as_flattened(), width, bytes);
            rest = others;
        }
        noise_of_digit.zeroize();
        bytes.zeroize();
        Ok(())
    }
}

/// Expands digit `digit` of packed key `index`: writes the rows of its two polynomials. Memory is reused.
pub(in crate::engine) fn expand_digit(
    context: &Context,
    key: &StreamKey,
    [index, digit]: [usize; 2],
    (level, packed): (usize, &[u8]),
    [first, second]: [&mut Residues; 2],
    bytes: &mut Vec<u8>,
) -> Result<(), ExpandError> {
    for (at, (row, prime, packed)) in rows_of(context, level, packed).enumerate() {
        let first = first.row_mut(at).as_flattened_mut();
        unpack_checked(packed, prime, first)
            .map_err(|invalid| ExpandError::Invalid(invalid, prime))?;
        let second = second.row_mut(at).as_flattened_mut();
        uniform(&mut key.stream([index, digit, row]), prime, second, bytes);
    }
    Ok(())
}

/// Returns the key of the uniform polynomials of keys.
pub(in crate::engine) fn uniform_key(context: &Context, seed: &[u8; SEED_BYTES]) -> StreamKey {
    StreamKey::uniform_of_keys(seed, &description(context))
}

/// Returns the packed rows of a digit, each with the index and the value of its prime.
fn rows_of<'a>(
    context: &'a Context,
    level: usize,
    packed: &'a [u8],
) -> impl Iterator<Item = (usize, u64, &'a [u8])> {
    let degree = context.parameters().poly_modulus_degree();
    let mut rest = packed;
    rows(context, level).map(move |row| {
        let prime = context.primes()[row];
        let (packed, others) = rest.split_at(packed_bytes(degree, width(prime)));
        rest = others;
        (row, prime, packed)
    })
}

/// Splits a packed key into its digits.
pub(crate) fn digits<'a>(
    context: &Context,
    level: usize,
    packed: &'a [u8],
) -> std::slice::ChunksExact<'a, u8> {
    packed.chunks_exact(digit_bytes(context, level).max(1))
}

/// Checks the residues of a packed digit. Memory is reused.
pub(crate) fn check_digit(
    context: &Context,
    level: usize,
    packed: &[u8],
    residues: &mut Vec<u64>,
) -> Result<(), ExpandError> {
    residues.resize(context.parameters().poly_modulus_degree(), 0);
    rows_of(context, level, packed).try_for_each(|(_, prime, packed)| {
        unpack_checked(packed, prime, residues)
            .map_err(|invalid| ExpandError::Invalid(invalid, prime))
    })
}
