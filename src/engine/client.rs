//! The client: holds the secret keys, encrypts images and decrypts logits.

use super::compact::{CompactRequest, CompactRequestPart, PackedPart};
use super::compact_keys::CompactKeys;
use super::contexts::Contexts;
use super::encrypting::{BatchValues, CompactEncryption};
use super::error::{Doing, EngineError};
use super::fresh::FreshEncryptor;
use super::message::{
    EvaluationKeys, Request, RequestPart, Response, ResponsePart, check_images, check_parts,
    check_shape, suffix,
};
use super::pads::SpecFingerprint;
use super::secret::SecretPrime;
use super::seeded::{SeededEvaluationKeys, SeededRequest, SeededRequestPart};
use super::spec::{ClientSpec, Upload};
use super::stats::{Progress, StageProgress};
use crate::kernels::Backend;
use crate::modular::Crt;
use crate::seal::{Context, KeyGenerator, Plaintext, SecretKey};
use num_bigint::BigInt;
use rayon::prelude::*;
use std::sync::{Arc, OnceLock};

/// Makes own encryption for each part of a request; `None` if it does not serve the parameters.
fn encryptors(
    contexts: &Contexts,
    secret: &SecretKey,
) -> Result<Option<Vec<FreshEncryptor>>, EngineError> {
    let parts = 0..contexts.uploads().len();
    parts
        .map(|part| FreshEncryptor::new(contexts.of_upload(part), secret))
        .collect()
}

/// The client: holds the secret key, encrypts images and decrypts logits. The key serves all plain primes.
#[derive(Debug)]
pub struct Client {
    pub(crate) spec: ClientSpec,
    pub(super) primes: Vec<SecretPrime>,
    /// This project's own encryption for each part of a request; none if it does not serve the parameters.
    encryptors: Vec<FreshEncryptor>,
    contexts: Contexts,
    crt: Crt,
    /// Computed when the first pad is made or used.
    fingerprint: OnceLock<SpecFingerprint>,
}

impl Client {
    /// Makes a fresh secret key.
    ///
    /// # Errors
    /// [`EngineError::Contexts`] if the contexts are those of another plan, [`EngineError::Seal`] if memory is
    /// exhausted.
    pub fn new(spec: &ClientSpec, contexts: &Contexts) -> Result<Self, EngineError> {
        Self::with_secret(spec, contexts, |context| {
            KeyGenerator::new(context).and_then(|generator| generator.secret_key())
        })
    }

    /// Takes the secret key that `make` makes.
    pub(super) fn with_secret(
        spec: &ClientSpec,
        contexts: &Contexts,
        make: impl FnOnce(&Context) -> Result<SecretKey, crate::seal::Error>,
    ) -> Result<Self, EngineError> {
        contexts.check(spec)?;
        let first = contexts.contexts().first().ok_or(EngineError::Contexts)?;
        let secret = make(first).doing(|| "making the secret key".to_owned())?;
        let primes = contexts.contexts().iter().zip(&spec.corrections);
        let primes = primes.map(|(context, &correction)| {
            let coefficients = spec.slot_map.response_coefficients();
            SecretPrime::new(context, &secret, (spec.upload, correction), coefficients)
        });
        let primes = primes.collect::<Result<Vec<_>, EngineError>>()?;
        let encryptors = match spec.upload {
            Upload::SecretNtt => encryptors(contexts, &secret)?,
            Upload::Secret | Upload::Public => None,
        };
        Ok(Self {
            primes,
            encryptors: encryptors.unwrap_or_default(),
            contexts: contexts.clone(),
            crt: Crt::new(&spec.plain_moduli),
            spec: spec.clone(),
            fingerprint: OnceLock::new(),
        })
    }

    /// Returns the fingerprint of the client's specification, see [`ClientSpec::fingerprint`].
    pub fn fingerprint(&self) -> SpecFingerprint {
        *self.fingerprint.get_or_init(|| self.spec.fingerprint())
    }

    /// Makes own encryption use other instructions than this processor's fastest ones, for measurements.
    #[must_use]
    pub fn with_backend(mut self, backend: Backend) -> Self {
        for encryptor in &mut self.encryptors {
            encryptor.set_backend(backend);
        }
        self
    }

    /// Makes the keys for the server, on all threads of the current rayon pool: those of [`Client::compact_keys`] where
    /// own kernels take them, else SEAL's. They are not secret.
    ///
    /// # Errors
    /// [`EngineError::Seal`] if memory is exhausted.
    pub fn evaluation_keys(&self) -> Result<EvaluationKeys, EngineError> {
        if self.is_compact() {
            let keys = Arc::new(self.compact_keys()?);
            return Ok(EvaluationKeys::compact(keys, self.primes.len()));
        }
        let elements = &self.spec.galois_elements;
        Ok(EvaluationKeys::of_seal(
            self.keys(self.spec.needs_relin_keys, KeyGenerator::create_relin_keys)?,
            self.keys(!elements.is_empty(), |generator| {
                generator.create_galois_keys_of_elements(elements)
            })?,
        ))
    }

    /// Makes the keys of own kernels, on all threads of the current rayon pool, with one fresh public seed: the form to
    /// send, of the fewest bytes. One set serves all plain primes.
    ///
    /// # Errors
    /// [`EngineError::Compact`] unless [`Client::is_compact`], [`EngineError::Seal`] if memory is exhausted.
    pub fn compact_keys(&self) -> Result<CompactKeys, EngineError> {
        let needed = self.spec.needed_keys().ok_or(EngineError::Compact)?;
        let first = self.primes.first().ok_or(EngineError::Compact)?;
        CompactKeys::make(first.context(), first.secret_key(), needed)
    }

    /// Makes keys for each plaintext modulus, if they are wanted.
    fn keys<K>(
        &self,
        wanted: bool,
        make: impl Fn(&mut KeyGenerator) -> Result<K, crate::seal::Error>,
    ) -> Result<Vec<Option<K>>, EngineError> {
        self.primes
            .iter()
            .map(|plain_prime| {
                wanted
                    .then(|| make(&mut plain_prime.key_generator()?))
                    .transpose()
            })
            .collect::<Result<_, _>>()
            .doing(|| "making the evaluation keys".to_owned())
    }

    /// Makes SEAL's keys, with seeds in place of the random halves: the form to send. Each plain prime has its own, and
    /// each key has all primes of q.
    ///
    /// # Errors
    /// [`EngineError::Seal`] if memory is exhausted.
    pub fn evaluation_keys_seeded(&self) -> Result<SeededEvaluationKeys, EngineError> {
        let elements = &self.spec.galois_elements;
        Ok(SeededEvaluationKeys {
            relin_keys: self.keys(
                self.spec.needs_relin_keys,
                KeyGenerator::create_relin_keys_seeded,
            )?,
            galois_keys: self.keys(!elements.is_empty(), |generator| {
                generator.create_galois_keys_of_elements_seeded(elements)
            })?,
        })
    }

    /// Encrypts a batch of quantised images as the plan's backend takes them, on all threads of the current rayon pool. For
    /// own kernels, the ciphertexts are in NTT form, which saves the server the transforms. SEAL encrypts, unless one
    /// upload serves several plain primes.
    ///
    /// Values are integers from 0 to [`ClientSpec::input_max`], as the network's quantiser gives them. The bounds on the
    /// logits are proven only for these.
    ///
    /// # Errors
    /// [`EngineError::BatchSize`], [`EngineError::ImageSize`], [`EngineError::InputRange`], or [`EngineError::Seal`] if
    /// memory is exhausted.
    pub fn encrypt(
        &self,
        images: &[Vec<i64>],
        progress: &dyn Progress,
    ) -> Result<Request, EngineError> {
        if self.spec.shared_upload {
            return (self.encrypt_compact(images, progress)?).expand(&self.contexts);
        }
        let parts = self.encrypt_each(images, progress, SecretPrime::encrypt)?;
        Ok(Request {
            images: images.len(),
            parts,
        })
    }

    /// Encrypts one part of [`Client::encrypt`]'s request: for the plaintext modulus of index `plain_prime`, counted from
    /// 0. If one upload serves all moduli, it is part 0. This takes the memory of one part at a time.
    ///
    /// # Errors
    /// The errors of [`Client::encrypt`], and [`EngineError::Mismatch`] if there is no such modulus.
    pub fn encrypt_part(
        &self,
        images: &[Vec<i64>],
        plain_prime: usize,
        progress: &dyn Progress,
    ) -> Result<RequestPart, EngineError> {
        if self.spec.shared_upload {
            let part = self.encrypt_compact_part(images, plain_prime, progress)?;
            return part.expand(&self.contexts);
        }
        Ok(RequestPart {
            images: images.len(),
            plain_prime,
            ciphertexts: self.encrypt_one(images, plain_prime, progress, SecretPrime::encrypt)?,
        })
    }

    /// Encrypts the same part as [`Client::encrypt_part`], with seeds in place of the random halves: the form to send.
    ///
    /// # Errors
    /// The errors of [`Client::encrypt_part`] and [`Client::encrypt_seeded`].
    pub fn encrypt_seeded_part(
        &self,
        images: &[Vec<i64>],
        plain_prime: usize,
        progress: &dyn Progress,
    ) -> Result<SeededRequestPart, EngineError> {
        self.check_separate()?;
        Ok(SeededRequestPart {
            images: images.len(),
            plain_prime,
            ciphertexts: self.encrypt_one(
                images,
                plain_prime,
                progress,
                SecretPrime::encrypt_seeded,
            )?,
        })
    }

    /// Encrypts a batch for one of the plaintext moduli.
    fn encrypt_one<Encrypted: Send>(
        &self,
        images: &[Vec<i64>],
        plain_prime: usize,
        progress: &dyn Progress,
        encrypt: impl Fn(&SecretPrime, &Plaintext) -> Result<Encrypted, crate::seal::Error> + Sync,
    ) -> Result<Vec<Encrypted>, EngineError> {
        self.check_batch(images)?;
        let secret = self.prime(plain_prime)?;
        let name = format!("encrypt{}", suffix(plain_prime, self.primes.len()));
        let stage = StageProgress::new(progress, &name, self.spec.inputs());
        self.encrypt_for(images, secret, &stage, encrypt)
    }

    /// Encrypts the same request as [`Client::encrypt`], with seeds in place of the random halves: the form to send.
    ///
    /// # Errors
    /// The errors of [`Client::encrypt`], and [`EngineError::SharedUpload`] if one upload serves several plain primes.
    pub fn encrypt_seeded(
        &self,
        images: &[Vec<i64>],
        progress: &dyn Progress,
    ) -> Result<SeededRequest, EngineError> {
        self.check_separate()?;
        let parts = self.encrypt_each(images, progress, SecretPrime::encrypt_seeded)?;
        Ok(SeededRequest {
            images: images.len(),
            parts,
        })
    }

    /// True if this project's own encryption and keys serve the plan: for own kernels, and plain primes of at most 57
    /// bits.
    pub fn is_compact(&self) -> bool {
        self.spec.needed_keys().is_some() && !self.encryptors.is_empty()
    }

    /// Encrypts a batch like [`Client::encrypt`], with this project's own encryption and one fresh public seed: the form
    /// to send to own kernels, of the fewest bytes.
    ///
    /// # Errors
    /// The errors of [`Client::encrypt`], and [`EngineError::Compact`] unless [`Client::is_compact`].
    pub fn encrypt_compact(
        &self,
        images: &[Vec<i64>],
        progress: &dyn Progress,
    ) -> Result<CompactRequest, EngineError> {
        let encryption = self.encryption(images, "encrypt", self.spec.uploads(), progress)?;
        self.encrypt_all(images.len(), &encryption)
    }

    /// Encrypts residues of one image for each plain prime, like [`Client::encrypt_compact`]. They have been checked.
    pub(super) fn encrypt_residues(
        &self,
        residues: &[Vec<Vec<i64>>],
    ) -> Result<CompactRequest, EngineError> {
        let inputs = self.spec.inputs() * self.encryptors.len();
        let stage = StageProgress::new(&(), "encrypt", inputs);
        let batch = BatchValues::Residues(residues);
        let encryption = CompactEncryption::new(&self.spec, &self.encryptors, batch, stage)?;
        self.encrypt_all(1, &encryption)
    }

    /// Encrypts a batch for all plain primes.
    fn encrypt_all(
        &self,
        images: usize,
        encryption: &CompactEncryption<'_>,
    ) -> Result<CompactRequest, EngineError> {
        let parts = 0..self.encryptors.len();
        Ok(CompactRequest {
            images,
            seed: *encryption.seed(),
            parts: parts
                .map(|part| self.encrypt_packed(encryption, part))
                .collect::<Result<_, _>>()?,
        })
    }

    /// Encrypts one part of [`Client::encrypt_compact`]'s request, with a seed of its own: for the plain prime of index
    /// `plain_prime`. This takes the memory of one part at a time.
    ///
    /// # Errors
    /// The errors of [`Client::encrypt_compact`], and [`EngineError::Mismatch`] if there is no such plain prime.
    pub fn encrypt_compact_part(
        &self,
        images: &[Vec<i64>],
        plain_prime: usize,
        progress: &dyn Progress,
    ) -> Result<CompactRequestPart, EngineError> {
        let uploads = self.spec.uploads();
        if plain_prime >= uploads {
            check_parts("part of a request", plain_prime + 1, uploads)?;
        }
        let name = format!("encrypt{}", suffix(plain_prime, uploads));
        let encryption = self.encryption(images, &name, 1, progress)?;
        Ok(CompactRequestPart {
            images: images.len(),
            plain_prime,
            seed: *encryption.seed(),
            packed: self.encrypt_packed(&encryption, plain_prime)?,
        })
    }

    /// Starts to encrypt a batch, `parts` parts of it, with a fresh seed.
    pub(crate) fn encryption<'a>(
        &'a self,
        images: &'a [Vec<i64>],
        name: &str,
        parts: usize,
        progress: &'a dyn Progress,
    ) -> Result<CompactEncryption<'a>, EngineError> {
        self.check_batch(images)?;
        let stage = StageProgress::new(progress, name, self.spec.inputs() * parts);
        if self.encryptors.is_empty() {
            return Err(EngineError::Compact);
        }
        CompactEncryption::new(
            &self.spec,
            &self.encryptors,
            BatchValues::Images(images),
            stage,
        )
    }

    /// Encrypts one part of a request.
    fn encrypt_packed(
        &self,
        encryption: &CompactEncryption<'_>,
        part: usize,
    ) -> Result<PackedPart, EngineError> {
        let context = self.encryptors[part].context()?;
        let mut part_of = PackedPart::new(context, self.spec.inputs());
        encryption.encrypt(part, 0, &mut part_of.bytes)?;
        Ok(part_of)
    }

    /// Refuses to encrypt with SEAL if one upload serves several plain primes.
    const fn check_separate(&self) -> Result<(), EngineError> {
        if self.spec.shared_upload {
            return Err(EngineError::SharedUpload);
        }
        Ok(())
    }

    fn encrypt_each<Encrypted: Send>(
        &self,
        images: &[Vec<i64>],
        progress: &dyn Progress,
        encrypt: impl Fn(&SecretPrime, &Plaintext) -> Result<Encrypted, crate::seal::Error> + Sync,
    ) -> Result<Vec<Vec<Encrypted>>, EngineError> {
        self.check_batch(images)?;
        let stage = StageProgress::new(progress, "encrypt", self.spec.inputs() * self.primes.len());
        self.primes
            .iter()
            .map(|plain_prime| self.encrypt_for(images, plain_prime, &stage, &encrypt))
            .collect()
    }

    fn encrypt_for<Encrypted: Send>(
        &self,
        images: &[Vec<i64>],
        plain_prime: &SecretPrime,
        stage: &StageProgress<'_>,
        encrypt: impl Fn(&SecretPrime, &Plaintext) -> Result<Encrypted, crate::seal::Error> + Sync,
    ) -> Result<Vec<Encrypted>, EngineError> {
        (0..self.spec.inputs())
            .into_par_iter()
            .map(|element| {
                let mut slots = Vec::new();
                self.spec.slot_map.gather(images, element, &mut slots);
                let values = plain_prime.residues(&slots);
                let encrypted = plain_prime
                    .encoder
                    .encode_u64(&values)
                    .and_then(|plain| encrypt(plain_prime, &plain))
                    .doing(|| format!("encrypting input element {element}"))?;
                stage.advance();
                Ok(encrypted)
            })
            .collect()
    }

    fn prime(&self, index: usize) -> Result<&SecretPrime, EngineError> {
        self.primes.get(index).ok_or(EngineError::Mismatch {
            message: "part of a message",
            what: "plaintext moduli at least",
            expected: self.primes.len(),
            actual: index + 1,
        })
    }

    /// Decrypts the response to a request of `images` images: returns the logits of each image, as exact integers.
    ///
    /// The response states how many images it answers; this must be the number in the client's request.
    ///
    /// # Errors
    /// [`EngineError::ImageCount`] if the response answers another number of images, [`EngineError::Mismatch`] if it is
    /// for another plan, [`EngineError::NoiseExhausted`] if a ciphertext cannot be decrypted, [`EngineError::Seal`] if
    /// SEAL refuses one. **Do not tell the server which.**
    pub fn decrypt(
        &self,
        response: &Response,
        images: usize,
    ) -> Result<Vec<Vec<BigInt>>, EngineError> {
        let (logits, _) = self.decrypt_measured(response, images)?;
        Ok(logits)
    }

    /// Decrypts like [`Client::decrypt`], and also returns the smallest noise budget of the response as it is, in bits: a
    /// diagnostic, which is at least 1. **Never send it to the server.**
    ///
    /// # Errors
    /// Same as [`Client::decrypt`].
    pub fn decrypt_measured(
        &self,
        response: &Response,
        images: usize,
    ) -> Result<(Vec<Vec<BigInt>>, u32), EngineError> {
        if response.images != images {
            return Err(EngineError::ImageCount {
                expected: images,
                actual: response.images,
            });
        }
        self.check_response(response)?;
        let (residues, budgets): (Vec<Vec<Vec<u64>>>, Vec<u32>) = self
            .primes
            .par_iter()
            .zip(&response.parts)
            .map(|(prime, outputs)| {
                // A decryptor serves one thread only.
                let mut decryptor = prime.decryptor()?;
                let mut least = u32::MAX;
                let slots: Vec<Vec<u64>> = outputs
                    .iter()
                    .enumerate()
                    .map(|(output, encrypted)| {
                        let encrypted = prime.open(encrypted)?;
                        let budget = prime.budget(&mut decryptor, output, &encrypted)?;
                        least = least.min(budget);
                        if budget == 0 {
                            return Err(EngineError::NoiseExhausted {
                                logit: output,
                                plain_modulus: prime.plain_modulus(),
                            });
                        }
                        decryptor
                            .decrypt(&encrypted)
                            .and_then(|plain| prime.decode(&plain))
                            .doing(|| format!("decrypting logit {output}"))
                    })
                    .collect::<Result<_, _>>()?;
                let slot_map = &self.spec.slot_map;
                let residues = slot_map.collect(&slots, images, prime.plain_modulus());
                Ok((residues, least))
            })
            .collect::<Result<_, EngineError>>()?;
        let logits = residues.first().map_or(0, Vec::len);
        let logits: Vec<Vec<BigInt>> = (0..logits)
            .into_par_iter()
            .map(|logit| {
                (0..images)
                    .map(|image| {
                        let of_image: Vec<u64> =
                            residues.iter().map(|prime| prime[logit][image]).collect();
                        self.crt.centred(&of_image)
                    })
                    .collect()
            })
            .collect();
        let of_images = (0..images)
            .map(|image| logits.iter().map(|values| values[image].clone()).collect())
            .collect();
        Ok((of_images, budgets.into_iter().min().unwrap_or(u32::MAX)))
    }

    /// Returns the smallest noise budget of a response, in bits, over the coefficients on which the logits depend. A
    /// diagnostic: **never send it to the server**.
    ///
    /// # Errors
    /// [`EngineError::Mismatch`] or [`EngineError::Seal`].
    pub fn noise_budget_bits(&self, response: &Response) -> Result<u32, EngineError> {
        self.check_response(response)?;
        let mut least = u32::MAX;
        for (plain_prime, outputs) in self.primes.iter().zip(&response.parts) {
            let opened = outputs.iter().map(|output| plain_prime.open(output));
            let opened: Vec<_> = opened.collect::<Result<_, _>>()?;
            least = least.min(plain_prime.least_budget(opened.iter().map(|opened| &**opened))?);
        }
        Ok(least)
    }

    /// Returns the smallest noise budget of one part, in bits; the part may hold the results of a [`super::Plan::prefix`].
    /// **Never send it to the server** either.
    ///
    /// # Errors
    /// [`EngineError::Mismatch`] or [`EngineError::Seal`].
    pub fn part_budget_bits(&self, part: &ResponsePart) -> Result<u32, EngineError> {
        self.prime(part.plain_prime)?
            .least_budget(&part.ciphertexts)
    }

    /// Refuses an image that [`Client::encrypt`] would refuse.
    pub(super) fn check_image(&self, image: &[i64]) -> Result<(), EngineError> {
        check_images([image], self.spec.image_values(), self.spec.input_max())
    }

    fn check_batch(&self, images: &[Vec<i64>]) -> Result<(), EngineError> {
        let batch_size = self.spec.batch_size();
        if !(1..=batch_size).contains(&images.len()) {
            return Err(EngineError::BatchSize {
                actual: images.len(),
                batch_size,
            });
        }
        let images = images.iter().map(Vec::as_slice);
        check_images(images, self.spec.image_values(), self.spec.input_max())
    }

    fn check_response(&self, response: &Response) -> Result<(), EngineError> {
        let batch_size = self.spec.batch_size();
        if !(1..=batch_size).contains(&response.images) {
            return Err(EngineError::BatchSize {
                actual: response.images,
                batch_size,
            });
        }
        check_shape(
            "response",
            &response.parts,
            self.primes.len(),
            self.spec.outputs(),
        )
    }
}
