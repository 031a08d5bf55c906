//! The request as the layers read it. A shared upload is encrypted modulo the product T of all plain primes; for a plain
//! prime t, it is multiplied by T / t, and one prime of q is dropped.
//!
//! The phase of a ciphertext c of a shared upload, times T, is T e - [Q m]_T, which is the phase of a BGV ciphertext of
//! -Q m modulo each t. So T / t times c is a BFV ciphertext under t. Dropping a prime p is SEAL's division with rounding:
//! it leaves c' = (c T / t - d) / p for the residue d of c T / t around 0 modulo p. With x = c - d t / T, the BGV
//! ciphertext t c' is x T / p, so the layers read x, and their factors take account of T / p.

use crate::engine::backend::fresh_in_ntt_form;
use crate::engine::compact::CompactRequestPart;
use crate::engine::error::{Doing, EngineError};
use crate::engine::fresh::{self, StreamKey};
use crate::engine::plan::Plan;
use crate::kernels::{Backend, Prime};
use crate::modular::multiply;
use crate::seal::{Ciphertext, Context, Error};
use rayon::prelude::*;

/// The factors of the BGV form of the rows that the layers read: these rows are `divisors` over
/// `factors` times those of the BGV ciphertext.
pub(super) struct UploadScale {
    factors: Vec<u64>,
    divisors: Vec<u64>,
}

impl UploadScale {
    /// Finds the scale under the plain prime of a context.
    pub(super) fn new(context: &Context, plan: &Plan) -> Self {
        let spec = plan.client_spec();
        if !spec.shared_upload {
            let t = context.parameters().plain_modulus().value();
            return Self {
                factors: vec![t],
                divisors: Vec::new(),
            };
        }
        let layer_primes = plan.parameters().layer_primes().len();
        let data = context.first_level().coeff_modulus_size;
        Self {
            factors: spec.plain_moduli().to_vec(),
            divisors: context.primes()[layer_primes..data].to_vec(),
        }
    }

    /// Returns the scale modulo a prime.
    pub(super) fn modulo(&self, prime: &Prime) -> u64 {
        let product = |values: &[u64]| product(values.iter().copied(), prime.value());
        prime.multiply(
            product(&self.divisors),
            prime.invert(product(&self.factors)),
        )
    }
}

/// Computes a product modulo a prime.
fn product(values: impl Iterator<Item = u64>, prime: u64) -> u64 {
    values.fold(1 % prime, |product, value| {
        multiply(product, value % prime, prime)
    })
}

/// Drops the last data prime of a shared upload.
#[derive(Debug)]
pub(super) struct PrimeDrop {
    context: Context,
    /// The prime that is dropped, and its index.
    dropped: Prime,
    index: usize,
    /// T / t modulo the prime that is dropped.
    others: u64,
    /// The primes that are left, each with t / T.
    left: Vec<(Prime, u64)>,
}

impl PrimeDrop {
    /// Prepares the drop under the plain prime of a context; `None` if the plan drops nothing.
    pub(super) fn new(context: &Context, plan: &Plan) -> Result<Option<Self>, EngineError> {
        let index = plan.parameters().layer_primes().len();
        if index == context.first_level().coeff_modulus_size {
            return Ok(None);
        }
        let prime = |&value: &u64| Prime::new(value).ok_or(EngineError::Kernel { prime: value });
        let dropped = prime(&context.primes()[index])?;
        let t = context.parameters().plain_modulus().value();
        let others = plan.client_spec().plain_moduli().iter().copied();
        let others = others.filter(|&other| other != t);
        let left = context.primes()[..index].iter().map(|value| {
            let prime = prime(value)?;
            let ratio = prime.invert(product(others.clone(), prime.value()));
            Ok((prime, ratio))
        });
        Ok(Some(Self {
            left: left.collect::<Result<_, EngineError>>()?,
            others: product(others, dropped.value()),
            dropped,
            index,
            context: context.clone(),
        }))
    }

    /// Returns the index of the prime that is dropped.
    pub(super) const fn index(&self) -> usize {
        self.index
    }

    /// Computes the residues of T / t times each polynomial modulo the prime that is dropped, in coefficient form, in
    /// place.
    pub(super) fn remainders(
        &self,
        in_ntt_form: bool,
        rows: &mut [u64],
    ) -> Result<(), EngineError> {
        let degree = self.context.parameters().poly_modulus_degree();
        rows.par_chunks_mut(degree)
            .try_for_each(|row| {
                if in_ntt_form {
                    self.context.ntt_inverse(self.index, row)?;
                }
                self.dropped.multiply_row(row, self.others);
                Ok(())
            })
            .doing(|| "dropping a prime of the request".to_owned())
    }

    /// Computes the rows that the layers read modulo the prime of index `at`, in NTT form, in place.
    pub(super) fn subtract(
        &self,
        at: usize,
        in_ntt_form: bool,
        remainders: &[u64],
        backend: Backend,
        rows: &mut [u64],
    ) -> Result<(), EngineError> {
        let degree = self.context.parameters().poly_modulus_degree();
        let (prime, ratio) = &self.left[at];
        let (value, dropped) = (prime.value(), self.dropped.value());
        // Makes residues around 0 positive.
        let offset = dropped.div_ceil(value) * value;
        let both = rows
            .par_chunks_mut(degree)
            .zip(remainders.par_chunks(degree));
        both.try_for_each_init(
            || vec![0; degree],
            |scratch, (row, remainder)| {
                backend.compiled(
                    #[inline(always)]
                    || {
                        for (word, &remainder) in scratch.iter_mut().zip(remainder) {
                            let below = if remainder > dropped / 2 { dropped } else { 0 };
                            *word = remainder + offset - below;
                        }
                        prime.multiply_row(scratch, *ratio);
                    },
                );
                if in_ntt_form {
                    self.context.ntt_forward(at, scratch)?;
                }
                for (word, &subtrahend) in row.iter_mut().zip(&*scratch) {
                    let difference = *word + value - subtrahend;
                    *word = difference.min(difference.wrapping_sub(value));
                }
                if !in_ntt_form {
                    self.context.ntt_forward(at, row)?;
                }
                Ok(())
            },
        )
        .doing(|| "dropping a prime of the request".to_owned())
    }
}

/// A request as it comes, from which the rows of one prime are read at a time.
pub(super) enum RequestRows<'a> {
    /// Whole ciphertexts, all in the same form.
    Whole {
        inputs: &'a [Ciphertext],
        in_ntt_form: bool,
    },
    /// The form in which it travels.
    Packed {
        part: &'a CompactRequestPart,
        key: StreamKey,
    },
}

impl<'a> RequestRows<'a> {
    /// Takes ciphertexts, which must all be fresh ones of the context.
    pub(super) fn whole(context: &Context, inputs: &'a [Ciphertext]) -> Result<Self, EngineError> {
        Ok(Self::Whole {
            inputs,
            in_ntt_form: fresh_in_ntt_form(context, inputs)?,
        })
    }

    /// Takes a part of a compact request, encrypted under these contexts: one, or those that share it.
    pub(super) fn packed(
        contexts: &[Context],
        inputs: usize,
        part: &'a CompactRequestPart,
    ) -> Result<Self, EngineError> {
        let context = contexts.first().ok_or(EngineError::Contexts)?;
        if !part.packed.fits(context, inputs) {
            return Err(Error::ContextMismatch {
                operation: "evaluation with own kernels",
                object: "compact request",
            })
            .doing(|| "reading the request".to_owned());
        }
        let key = fresh::uniform_key(contexts, &part.seed);
        Ok(Self::Packed { part, key })
    }

    /// Tells whether the rows are in NTT form.
    pub(super) const fn in_ntt_form(&self) -> bool {
        match self {
            Self::Whole { in_ntt_form, .. } => *in_ntt_form,
            Self::Packed { .. } => true,
        }
    }

    /// Returns the residues of both polynomials of every ciphertext modulo the prime of this index; `None` unless they
    /// lie in memory.
    pub(super) fn rows(&self, context: &Context, index: usize) -> Option<Vec<&'a [u64]>> {
        let Self::Whole { inputs, .. } = self else {
            return None;
        };
        let degree = context.parameters().poly_modulus_degree();
        let primes = context.first_level().coeff_modulus_size;
        let rows = inputs.iter().flat_map(|input| {
            let rows = input.limbs().chunks(degree);
            rows.skip(index).step_by(primes)
        });
        Some(rows.collect())
    }

    /// Copies or makes these residues.
    pub(super) fn fill(
        &self,
        context: &Context,
        index: usize,
        rows: &mut [u64],
    ) -> Result<(), EngineError> {
        let degree = context.parameters().poly_modulus_degree();
        match self {
            Self::Whole { .. } => {
                let from = self.rows(context, index).unwrap_or_default();
                let both = rows.par_chunks_mut(degree).zip(from);
                both.for_each(|(row, from)| row.copy_from_slice(from));
                Ok(())
            }
            Self::Packed { part, key } => {
                let packed = part
                    .packed
                    .bytes
                    .par_chunks(fresh::ciphertext_bytes(context));
                let pairs = rows.par_chunks_mut(2 * degree).zip(packed).enumerate();
                pairs
                    .try_for_each_init(Vec::new, |bytes, (at, (pair, packed))| {
                        let indices = [part.plain_prime, at, index];
                        let pair = pair.split_at_mut(degree);
                        fresh::expand_row(context, key, indices, packed, bytes, pair)
                    })
                    .map_err(|_| {
                        EngineError::Internal("a compact request whose residues were not checked")
                    })
            }
        }
    }
}
