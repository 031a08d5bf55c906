//! Ciphertexts as rows of residues: drops of primes, and key switches with SEAL's keys.
//!
//! All ciphertexts here have the form of SEAL's BFV ciphertexts: their phase is that of a BGV ciphertext divided by t
//! modulo Q. In that form, dropping a prime is SEAL's division with rounding, and a key switch is SEAL's own; only
//! squares take a factor t.

use crate::engine::error::{Doing, EngineError};
use crate::engine::fresh::{self, StreamKey};
use crate::kernels::{
    Backend, KeyedRotation, Permutation, Pool, Prime, Residues, Row, RowMut, RowSource, row_of,
    to_montgomery,
};
use crate::modular::centred;
use crate::seal::{Context, GaloisKeys, RelinKeys};
use rayon::prelude::*;
use std::time::Instant;

/// The primes of a context, and the tools to compute with rows.
#[derive(Debug)]
pub(super) struct Ring {
    pub context: Context,
    pub backend: Backend,
    pub degree: usize,
    pub plain_modulus: u64,
    /// Primes of the context, with the special prime last.
    primes: Vec<Prime>,
    /// Inverses: `inverses[i][j]` is the inverse of prime i modulo prime j.
    inverses: Vec<Vec<u64>>,
    pub pool: Pool,
}

/// A key for the digits of a level's primes: two polynomials for each digit, interleaved, in Montgomery form, with the
/// row of the special prime last.
#[derive(Debug)]
pub(super) struct Key {
    rows: Residues,
    digits: usize,
}

/// A key, and the permutation of rows by its rotation.
pub(super) type RotationKey = (Key, Permutation);

/// A ciphertext of two polynomials.
pub(super) type Pair = [Residues; 2];

impl Ring {
    pub(super) fn new(context: &Context) -> Result<Self, EngineError> {
        let primes: Vec<Prime> = context
            .primes()
            .iter()
            .map(|&prime| Prime::new(prime).ok_or(EngineError::Kernel { prime }))
            .collect::<Result<_, _>>()?;
        let inverses = primes
            .iter()
            .map(|of| {
                let inverse = |modulo: &Prime| modulo.invert(of.value() % modulo.value());
                primes.iter().map(inverse).collect()
            })
            .collect();
        Ok(Self {
            backend: Backend::detect(),
            degree: context.parameters().poly_modulus_degree(),
            plain_modulus: context.parameters().plain_modulus().value(),
            context: context.clone(),
            primes,
            inverses,
            pool: Pool::default(),
        })
    }

    /// Takes rows for a polynomial from the pool; their content is unspecified.
    pub(super) fn take(&self, rows: usize) -> Residues {
        self.pool.take(rows, self.degree)
    }

    /// Copies the rows of a ciphertext of the request: those of one polynomial, then those of the other.
    pub(super) fn pair(&self, rows: &[Row<'_>]) -> Pair {
        let halves = rows.split_at(rows.len() / 2);
        [halves.0, halves.1].map(|rows| {
            let mut copy = self.take(rows.len());
            for (to, from) in copy.rows_mut().into_iter().zip(rows) {
                to.copy_from_slice(from);
            }
            copy
        })
    }

    /// Returns the number of data primes.
    pub(super) fn data(&self) -> usize {
        self.primes.len() - 1
    }

    pub(super) fn prime(&self, index: usize) -> &Prime {
        &self.primes[index]
    }

    /// Returns the index of a row's prime, for a polynomial with rows for `level` data primes and the special prime.
    fn extended(&self, level: usize, row: usize) -> usize {
        if row == level { self.data() } else { row }
    }

    /// Returns the prime of a row, like [`Ring::extended`].
    pub(super) fn extended_prime(&self, level: usize, row: usize) -> &Prime {
        &self.primes[self.extended(level, row)]
    }

    pub(super) fn forward(&self, prime: usize, row: RowMut<'_>) -> Result<(), EngineError> {
        self.context
            .ntt_forward(prime, row.as_flattened_mut())
            .doing(|| "transforming".to_owned())
    }

    pub(super) fn inverse(&self, prime: usize, row: RowMut<'_>) -> Result<(), EngineError> {
        self.context
            .ntt_inverse(prime, row.as_flattened_mut())
            .doing(|| "transforming".to_owned())
    }

    /// Measures the nanoseconds to lift a row from another one and to transform it: the fastest of several runs.
    pub(super) fn transform_nanoseconds(&self) -> Result<f64, EngineError> {
        const RUNS: usize = 9;
        let mut rows = self.take(2);
        rows.clear();
        let mut fastest = f64::INFINITY;
        for _ in 0..RUNS {
            let start = Instant::now();
            let (out, row) = rows.split();
            let [from, to] = [self.data(), 0].map(|prime| &self.primes[prime]);
            self.backend.lift(from, to, row, out);
            self.forward(0, rows.row_mut(0))?;
            fastest = fastest.min(start.elapsed().as_nanos() as f64);
        }
        Ok(fastest)
    }

    /// Copies rows in coefficient form.
    fn coefficients(&self, rows: &[(usize, Row<'_>)]) -> Result<Residues, EngineError> {
        let mut copies = self.take(rows.len());
        copies
            .rows_mut()
            .into_par_iter()
            .zip(rows)
            .try_for_each(|(copy, (prime, row))| {
                copy.copy_from_slice(row);
                self.inverse(*prime, copy)
            })?;
        Ok(copies)
    }

    /// Decomposes a polynomial into digits: its residues modulo each prime, as small polynomials modulo all primes of
    /// the level and the special prime. Cost: `level` inverse transforms and `level`^2 transforms.
    pub(super) fn decompose(&self, poly: &Residues) -> Result<Vec<Residues>, EngineError> {
        let level = poly.rows();
        let rows: Vec<_> = (0..level).map(|row| (row, poly.row(row))).collect();
        let coefficients = self.coefficients(&rows)?;
        let mut digits: Vec<Residues> = (0..level).map(|_| self.take(level + 1)).collect();
        let rows: Vec<(usize, usize, RowMut<'_>)> = digits
            .iter_mut()
            .enumerate()
            .flat_map(|(digit, residues)| {
                let rows = residues.rows_mut().into_iter().enumerate();
                rows.map(move |(row, out)| (digit, row, out))
            })
            .collect();
        rows.into_par_iter().try_for_each(|(digit, row, out)| {
            if digit == row {
                out.copy_from_slice(poly.row(row));
                return Ok(());
            }
            let to = self.extended(level, row);
            let (from, prime) = (&self.primes[digit], &self.primes[to]);
            self.backend.lift(from, prime, coefficients.row(digit), out);
            self.forward(to, out)
        })?;
        Ok(digits)
    }

    /// Computes the sum of a ciphertext's rotations, still multiplied by the special prime: digits of the second
    /// polynomial times keys and, if it is given, the first polynomial rotated. `second` is added without a rotation.
    /// Cost: 2 `level` (`level` + 1) rows of multiply-adds for each rotation.
    pub(super) fn switch(
        &self,
        digits: &[Residues],
        rotations: &[&RotationKey],
        first: Option<&Residues>,
        second: Option<[&Residues; 2]>,
    ) -> Pair {
        let level = digits.len();
        let mut out = [(); 2].map(|()| self.take(level + 1));
        let [out0, out1] = &mut out;
        out0.rows_mut()
            .into_par_iter()
            .zip(out1.rows_mut())
            .enumerate()
            .for_each(|(row, (out0, out1))| {
                self.with_row(digits, row, first, second, |prime, source| {
                    let rotations: Vec<KeyedRotation<'_>> = rotations
                        .iter()
                        .map(|rotation_key| rotation_row(rotation_key, level, row))
                        .collect();
                    self.backend
                        .switches(prime, &rotations, source, 0, [out0, out1]);
                });
            });
        out
    }

    /// Calls `f` with the sources of one row of a rotated ciphertext.
    pub(super) fn with_row(
        &self,
        digits: &[Residues],
        row: usize,
        first: Option<&Residues>,
        second: Option<[&Residues; 2]>,
        f: impl FnOnce(&Prime, &RowSource<'_>),
    ) {
        let level = digits.len();
        let prime = self.extended_prime(level, row);
        let digits: Vec<Row<'_>> = digits.iter().map(|digit| digit.row(row)).collect();
        let special = self.special(prime);
        // Times the special prime, they are 0 modulo it.
        let first = first.filter(|_| row < level);
        let second = second.filter(|_| row < level);
        let source = RowSource {
            digits: &digits,
            first: first.map(|first| (first.row(row), special)),
            second: second.map(|second| (second.map(|poly| poly.row(row)), special)),
        };
        f(prime, &source);
    }

    /// Returns the special prime as a weight in Montgomery form.
    fn special(&self, prime: &Prime) -> u64 {
        to_montgomery(prime, self.primes[self.data()].value())
    }

    /// Divides, with rounding, by the special prime (if the polynomial has a row for it) and by data primes until
    /// `keep` are left. Cost: an inverse transform for each prime that goes, and a transform for each that stays.
    pub(super) fn divide(
        &self,
        mut poly: Residues,
        has_special: bool,
        keep: usize,
    ) -> Result<Residues, EngineError> {
        let count = poly.rows();
        if count <= keep {
            return Ok(poly);
        }
        let index = |row: usize| {
            if has_special && row + 1 == count {
                self.data()
            } else {
                row
            }
        };
        // Go from the last prime to the first; each one is divided by those dropped before it.
        let dropped: Vec<usize> = (keep..count).rev().collect();
        let rows: Vec<_> = dropped
            .iter()
            .map(|&row| (index(row), poly.row(row)))
            .collect();
        let mut tails = self.coefficients(&rows)?;
        let mut lifted = self.take(1);
        for later in 1..dropped.len() {
            for earlier in 0..later {
                let (from, to) = (index(dropped[earlier]), index(dropped[later]));
                let prime = &self.primes[to];
                let inverse = to_montgomery(prime, self.inverses[from][to]);
                let backend = self.backend;
                backend.lift(
                    &self.primes[from],
                    prime,
                    tails.row(earlier),
                    lifted.row_mut(0),
                );
                backend.subtract_multiply(prime, tails.row_mut(later), lifted.row(0), inverse);
            }
        }
        poly.truncate(keep);
        poly.rows_mut()
            .into_par_iter()
            .enumerate()
            .try_for_each(|(to, row)| {
                let prime = &self.primes[to];
                let mut scratch = self.take(2);
                let (mut weight, mut inverse) = (1, 1);
                for (tail, &gone) in dropped.iter().enumerate() {
                    let from = index(gone);
                    let target = usize::from(tail > 0);
                    let source = &self.primes[from];
                    self.backend
                        .lift(source, prime, tails.row(tail), scratch.row_mut(target));
                    if tail > 0 {
                        let (sum, lifted) = scratch.split();
                        let weight = to_montgomery(prime, weight);
                        self.backend.multiply_add(prime, sum, lifted, weight);
                    }
                    weight = prime.multiply(weight, source.value() % prime.value());
                    inverse = prime.multiply(inverse, self.inverses[from][to]);
                }
                self.forward(to, scratch.row_mut(0))?;
                let inverse = to_montgomery(prime, inverse);
                self.backend
                    .subtract_multiply(prime, row, scratch.row(0), inverse);
                Ok::<(), EngineError>(())
            })?;
        Ok(poly)
    }

    /// Divides both polynomials, like [`Ring::divide`].
    pub(super) fn divide_pair(
        &self,
        pair: Pair,
        has_special: bool,
        keep: usize,
    ) -> Result<Pair, EngineError> {
        let [a, b] = pair;
        Ok([
            self.divide(a, has_special, keep)?,
            self.divide(b, has_special, keep)?,
        ])
    }

    /// Adds `other` to `target`, with or without a row for the special prime.
    pub(super) fn add(&self, target: &mut Residues, other: &Residues, has_special: bool) {
        let level = target.rows() - usize::from(has_special);
        target
            .rows_mut()
            .into_par_iter()
            .enumerate()
            .for_each(|(row, words)| {
                let prime = self.extended_prime(level, row);
                self.backend.add(prime, words, other.row(row));
            });
    }

    /// Adds the rotated `other` to `target`; both have a row for the special prime.
    pub(super) fn add_rotated(&self, target: &mut Residues, other: &Residues, by: &Permutation) {
        let level = other.rows() - 1;
        target
            .rows_mut()
            .into_par_iter()
            .enumerate()
            .for_each(|(row, words)| {
                let prime = &self.primes[self.extended(level, row)];
                self.backend.permute_add(prime, by, words, other.row(row));
            });
    }

    /// Converts a plaintext's coefficients, below t, to residues in NTT form for `level` primes and, if requested, the
    /// special prime, each multiplied by `factor(prime)`.
    pub(super) fn plain(
        &self,
        coefficients: &[u64],
        level: usize,
        special: bool,
        factor: impl Fn(&Prime) -> u64,
    ) -> Result<Residues, EngineError> {
        let count = level + usize::from(special);
        let mut made = Residues::zero(count, self.degree);
        for row in 0..count {
            let index = self.extended(level, row);
            let prime = &self.primes[index];
            let words = made.row_mut(row).as_flattened_mut();
            for (word, &coefficient) in words.iter_mut().zip(coefficients) {
                let value = centred(i128::from(coefficient), self.plain_modulus);
                *word = prime.residue(i128::from(value));
            }
            prime.multiply_row(words, factor(prime));
            self.forward(index, made.row_mut(row))?;
        }
        Ok(made)
    }

    /// Converts SEAL's key for the digits of `level` primes; `limbs` gives its parts.
    fn key<'a>(
        &self,
        level: usize,
        limbs: impl Fn(usize) -> Option<&'a [u64]>,
    ) -> Result<Key, EngineError> {
        let count = self.primes.len();
        let polynomial = |limbs: &[u64], polynomial: usize| {
            let mut made = Residues::zero(level + 1, self.degree);
            for row in 0..=level {
                let index = self.extended(level, row);
                let start = (polynomial * count + index) * self.degree;
                let words = made.row_mut(row);
                words.copy_from_slice(row_of(&limbs[start..start + self.degree]));
                let prime = &self.primes[index];
                prime.multiply_row(words.as_flattened_mut(), prime.radix());
            }
            made
        };
        let mut parts = Vec::with_capacity(2 * level);
        for part in 0..level {
            let limbs = limbs(part).filter(|limbs| limbs.len() == 2 * count * self.degree);
            let limbs = limbs.ok_or(EngineError::Mismatch {
                message: "set of evaluation keys",
                what: "parts of a key",
                expected: self.data(),
                actual: part,
            })?;
            parts.extend([polynomial(limbs, 0), polynomial(limbs, 1)]);
        }
        Ok(Key {
            rows: Residues::interleave(&parts),
            digits: level,
        })
    }

    /// Expands a packed key for the digits of `level` primes.
    pub(super) fn compact_key(
        &self,
        index: usize,
        level: usize,
        packed: &[u8],
        stream: &StreamKey,
    ) -> Result<Key, EngineError> {
        let digits = fresh::keys::digits(&self.context, level, packed);
        let mut bytes = Vec::new();
        let mut parts = Vec::with_capacity(2 * level);
        for (digit, packed) in digits.enumerate() {
            let [mut first, mut second] = [(); 2].map(|()| Residues::zero(level + 1, self.degree));
            let expanded = fresh::keys::expand_digit(
                &self.context,
                stream,
                [index, digit],
                (level, packed),
                [&mut first, &mut second],
                &mut bytes,
            );
            expanded.map_err(|_| EngineError::Internal("keys whose residues were not checked"))?;
            for polynomial in [&mut first, &mut second] {
                for row in 0..=level {
                    let prime = self.extended_prime(level, row);
                    prime.multiply_row(polynomial.row_mut(row).as_flattened_mut(), prime.radix());
                }
            }
            parts.extend([first, second]);
        }
        Ok(Key {
            rows: Residues::interleave(&parts),
            digits: level,
        })
    }

    pub(super) fn relin_key(&self, level: usize, keys: &RelinKeys) -> Result<Key, EngineError> {
        self.key(level, |part| keys.limbs(0, part))
    }

    pub(super) fn galois_key(
        &self,
        level: usize,
        keys: &GaloisKeys,
        element: u32,
    ) -> Result<Key, EngineError> {
        self.key(level, |part| keys.limbs(element, part))
    }
}

/// Returns the row of a rotation, for ciphertexts with `level` data primes.
pub(super) fn rotation_row(
    (key, permutation): &RotationKey,
    level: usize,
    row: usize,
) -> KeyedRotation<'_> {
    let row = if row == level { key.digits } else { row };
    KeyedRotation {
        permutation,
        key: key.rows.row(row),
        stride: 2 * key.digits,
    }
}
