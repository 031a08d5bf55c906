//! A plan's messages in SEAL's format: objects one after another.

use super::header::SealRelease;
use super::keys::{keys_bytes, read_galois_keys, read_relin_keys};
use super::object::explain_text;
use super::part::{PartForm, ReadFor, read_part, whole_bytes};
use super::source::read_object;
use super::write::write_ciphertext;
use crate::engine::{Contexts, EvaluationKeys, Request, Response};
use crate::seal::{Ciphertext, Context, GaloisKeys, ParametersLiteral, SEAL_HEADER_BYTES};
use crate::wire::ciphertext::{fit, unfit};
use crate::wire::error::{WireError, WireResult};
use crate::wire::limits::Limits;
use crate::wire::message::{check_field, check_limit};

/// Reads a plan's requests and keys in SEAL's format, and writes its responses in it.
///
/// * A request is a fresh ciphertext for each of the plan's uploads, for one plain prime after another. If one upload
///   serves all plain primes, the ciphertexts are those of a context whose plain modulus is their product.
/// * Keys are relinearisation keys, if the plan needs them, then Galois keys, if it rotates, both made for the first plain
///   prime: they serve all, as the secret key does.
/// * A response is the plan's ciphertexts for one plain prime after another, uncompressed.
#[derive(Debug, Clone)]
pub struct SealMessages {
    contexts: Contexts,
    /// The contexts that a request's ciphertexts name.
    named: Vec<Context>,
}

impl SealMessages {
    /// Prepares to read and write a plan's messages.
    ///
    /// # Errors
    /// [`WireError::Seal`] if SEAL refuses the product of the plain primes.
    pub fn new(contexts: &Contexts) -> WireResult<Self> {
        let named = if contexts.shared_upload() && contexts.contexts().len() > 1 {
            vec![joined(contexts)?]
        } else {
            contexts.uploads().to_vec()
        };
        Ok(Self {
            contexts: contexts.clone(),
            named,
        })
    }

    /// Returns the bytes of the largest request.
    pub fn request_bytes(&self) -> u64 {
        let ciphertexts = self.named.len() * self.contexts.inputs();
        let bytes = self.named.first().map_or(0, |context| {
            let level = context.first_level();
            let degree = context.parameters().poly_modulus_degree();
            SEAL_HEADER_BYTES + whole_bytes(2 * degree * level.coeff_modulus_size)
        });
        compressed_bound(bytes).saturating_mul(ciphertexts as u64)
    }

    /// Returns the bytes of the largest keys; 0 if the plan needs none. Seeded keys may be for more elements than the plan
    /// needs.
    pub fn key_bytes(&self) -> u64 {
        let Some(context) = self.contexts.contexts().first() else {
            return 0;
        };
        let degree = context.parameters().poly_modulus_degree();
        let rotations = self.contexts.galois_elements().len();
        let keys = |slots, full| compressed_bound(keys_bytes(context, slots, full));
        let relin = if self.contexts.needs_relin_keys() {
            keys(1, 1)
        } else {
            0
        };
        let galois = if rotations > 0 {
            keys(degree, rotations)
        } else {
            0
        };
        relin.saturating_add(galois)
    }

    /// Reads a request, which may be hostile. It counts as one of as many images as a batch has. Also returns the release
    /// of SEAL in which to answer.
    ///
    /// # Errors
    /// Any [`WireError`].
    pub fn read_request(
        &self,
        bytes: &[u8],
        limits: &Limits,
    ) -> WireResult<(Request, SealRelease)> {
        let read = self.request(bytes, limits);
        read.map_err(|error| explain_text(error, bytes))
    }

    fn request(&self, mut bytes: &[u8], limits: &Limits) -> WireResult<(Request, SealRelease)> {
        check_limit("message bytes", bytes.len() as u64, limits.message_bytes)?;
        let mut left = at_most(limits, self.request_bytes());
        let mut form: Option<(SealRelease, bool)> = None;
        let targets = self.named.iter().zip(self.contexts.uploads());
        let mut read = |(named, context)| {
            let scope = ReadFor { named, context };
            let part = (0..self.contexts.inputs()).map(|_| {
                let one = read_object(&mut bytes, &left, |source| {
                    read_part(scope, PartForm::Fresh, source)
                });
                let (ciphertext, header) = one?;
                let held = 8 * ciphertext.limbs().len() as u64;
                left.memory_bytes = left.memory_bytes.saturating_sub(held);
                let (release, in_ntt_form) =
                    *form.get_or_insert((header.release, ciphertext.is_ntt_form()));
                same_release(release, header.release)?;
                let own = u64::from(in_ntt_form);
                check_field("NTT form", ciphertext.is_ntt_form(), own..=own)?;
                Ok(ciphertext)
            });
            part.collect::<WireResult<Vec<Ciphertext>>>()
        };
        let parts = targets.map(&mut read).collect::<WireResult<_>>()?;
        end(bytes)?;
        let (release, _) = form.ok_or(unfit("request"))?;
        let request = Request {
            images: self.contexts.batch_size(),
            parts,
        };
        Ok((request, release))
    }

    /// Reads evaluation keys, which may be hostile. Galois keys that the plan does not need are dropped.
    ///
    /// # Errors
    /// Any [`WireError`]; [`WireError::Field`] names a missing Galois element.
    pub fn read_keys(&self, bytes: &[u8], limits: &Limits) -> WireResult<EvaluationKeys> {
        let read = self.keys(bytes, limits);
        read.map_err(|error| explain_text(error, bytes))
    }

    fn keys(&self, mut bytes: &[u8], limits: &Limits) -> WireResult<EvaluationKeys> {
        check_limit("message bytes", bytes.len() as u64, limits.message_bytes)?;
        let limits = &at_most(limits, self.key_bytes());
        let context = self.contexts.contexts().first().ok_or(unfit("plan"))?;
        let elements = self.contexts.galois_elements();
        let mut release = None;
        let mut relin = None;
        if self.contexts.needs_relin_keys() {
            let (keys, header) = read_object(&mut bytes, limits, |source| {
                read_relin_keys(context, source)
            })?;
            (relin, release) = (Some(keys), Some(header.release));
        }
        let mut galois = None;
        if !elements.is_empty() {
            let (keys, header) = read_object(&mut bytes, limits, |source| {
                read_galois_keys(context, Some(elements), source)
            })?;
            same_release(release.unwrap_or(header.release), header.release)?;
            check_elements(&keys, elements)?;
            galois = Some(keys);
        }
        end(bytes)?;
        let plain_primes = self.contexts.contexts().len();
        Ok(EvaluationKeys::of_seal_for_all(relin, galois, plain_primes))
    }

    /// Writes a response for SEAL of this release.
    ///
    /// # Errors
    /// [`WireError::Unfit`] if it is another plan's, [`WireError::Memory`] if memory is exhausted.
    pub fn write_response(&self, response: &Response, release: SealRelease) -> WireResult<Vec<u8>> {
        let contexts = self.contexts.contexts();
        fit("response", response.parts.len() == contexts.len())?;
        let size =
            |encrypted: &Ciphertext| SEAL_HEADER_BYTES + whole_bytes(encrypted.limbs().len());
        let mut bytes = Vec::new();
        let all = response.parts.iter().flatten().map(size).sum();
        bytes
            .try_reserve_exact(all)
            .map_err(|_| WireError::Memory { field: "message" })?;
        for (part, context) in response.parts.iter().zip(contexts) {
            for encrypted in part {
                write_ciphertext(context, encrypted, release, &mut bytes)?;
            }
        }
        Ok(bytes)
    }
}

/// Makes the context whose plain modulus is the product of all plain primes.
fn joined(contexts: &Contexts) -> WireResult<Context> {
    let first = contexts.contexts().first().ok_or(unfit("plan"))?;
    let mut primes = contexts.plain_moduli();
    let product = primes.try_fold(1_u64, u64::checked_mul);
    let parameters = first.parameters();
    Ok(Context::from_literal(&ParametersLiteral {
        poly_modulus_degree: parameters.poly_modulus_degree(),
        coeff_modulus: first.primes().to_vec(),
        plain_modulus: product.ok_or(unfit("plan"))?,
        security: parameters.security(),
    })?)
}

/// Bounds what compressed bytes expand to by what a plan can use: twice the largest message, which covers seeds.
fn at_most(limits: &Limits, largest: u64) -> Limits {
    Limits {
        memory_bytes: limits.memory_bytes.min(largest.saturating_mul(2)),
        ..*limits
    }
}

/// Returns the bytes that an object may have after compression.
const fn compressed_bound(bytes: usize) -> u64 {
    (bytes + bytes / 128 + 1024) as u64
}

fn same_release(expected: SealRelease, actual: SealRelease) -> WireResult<()> {
    let minor = u64::from(expected.minor);
    check_field("SEAL's version", actual.minor, minor..=minor)
}

fn end(bytes: &[u8]) -> WireResult<()> {
    match bytes.len() {
        0 => Ok(()),
        count => Err(WireError::Trailing { count }),
    }
}

/// Refuses keys that lack an element.
fn check_elements(keys: &GaloisKeys, elements: &[u32]) -> WireResult<()> {
    let missing = elements.iter().find(|&&element| keys.parts(element) == 0);
    match missing {
        None => Ok(()),
        Some(&element) => Err(WireError::Field {
            field: "parts of the key of a Galois element",
            actual: 0,
            expected: format!("a key for element {element}"),
        }),
    }
}
