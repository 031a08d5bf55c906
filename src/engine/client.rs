//! The client: holds the secret keys, encrypts images and decrypts logits.

use super::error::{Doing, EngineError};
use super::fused::correction;
use super::message::{
    EvaluationKeys, Request, RequestPart, Response, ResponsePart, check_images, check_shape, suffix,
};
use super::plan::Plan;
use super::secret::SecretPrime;
use super::seeded::{PlanContexts, SeededEvaluationKeys, SeededRequest, SeededRequestPart};
use super::stats::{Progress, StageProgress};
use crate::bfv::{
    BatchEncoder, Context, Encryptor, Evaluator, KeyGenerator, ParametersLiteral, Plaintext,
    SecurityLevel,
};
use crate::layout::Layout;
use crate::modular::Crt;
use crate::params::Mode;
use num_bigint::BigInt;
use rayon::prelude::*;

/// The client: holds the secret keys, encrypts images and decrypts logits. There is one key for each plaintext modulus.
#[derive(Debug)]
pub struct Client {
    layout: Layout,
    image_values: usize,
    /// Largest integer that the network reads.
    input_max: i64,
    inputs: usize,
    outputs: usize,
    needs_relin_keys: bool,
    galois_elements: Vec<u32>,
    channels: Vec<SecretPrime>,
    crt: Crt,
}

/// Makes the SEAL contexts of a plan, one for each plaintext modulus. SEAL checks its own caps (of 2018) once more.
pub(super) fn contexts(plan: &Plan) -> Result<Vec<Context>, EngineError> {
    let selection = plan.selection();
    selection
        .plain_moduli()
        .iter()
        .map(|&plain_modulus| {
            Context::from_literal(&ParametersLiteral {
                poly_modulus_degree: selection.poly_modulus_degree(),
                coeff_modulus: selection.coeff_modulus().to_vec(),
                plain_modulus,
                security: SecurityLevel::Bits128,
            })
            .doing(|| format!("setting up SEAL for the plaintext modulus {plain_modulus}"))
        })
        .collect()
}

impl Client {
    /// Makes fresh secret keys for a plan.
    ///
    /// # Errors
    /// [`EngineError::Bfv`] if SEAL refuses the parameters or memory is exhausted.
    pub fn new(plan: &Plan) -> Result<Self, EngineError> {
        let channels = contexts(plan)?
            .into_iter()
            .map(|context| {
                let secret_key = KeyGenerator::new(&context)?.secret_key()?;
                let t = context.parameters().plain_modulus().value();
                let is_fast = plan.selection().mode() == Mode::Fast;
                Ok(SecretPrime {
                    correction: if is_fast { correction(plan, t) } else { 1 },
                    transform: is_fast.then(|| Evaluator::new(&context)).transpose()?,
                    encoder: BatchEncoder::new(&context)?,
                    encryptor: Encryptor::symmetric(&context, &secret_key)?,
                    secret_key,
                    context,
                })
            })
            .collect::<Result<_, crate::bfv::Error>>()
            .doing(|| "making the secret keys".to_owned())?;
        Ok(Self {
            layout: plan.layout().clone(),
            image_values: plan.image_values(),
            input_max: plan.input_max(),
            inputs: plan.inputs(),
            outputs: plan.outputs(),
            needs_relin_keys: plan.needs_relin_keys(),
            galois_elements: plan.galois_elements(),
            channels,
            crt: Crt::new(plan.selection().plain_moduli()),
        })
    }

    /// Returns the contexts of the plan, shared with this client; messages are read and written against them.
    pub fn contexts(&self) -> PlanContexts {
        PlanContexts {
            contexts: self
                .channels
                .iter()
                .map(|channel| channel.context.clone())
                .collect(),
            slots: self.layout.images(),
            inputs: self.inputs,
            outputs: self.outputs,
            needs_relin_keys: self.needs_relin_keys,
            galois_elements: self.galois_elements.clone(),
        }
    }

    /// Makes the keys for the server. They are not secret.
    ///
    /// # Errors
    /// [`EngineError::Bfv`] if memory is exhausted.
    pub fn evaluation_keys(&self) -> Result<EvaluationKeys, EngineError> {
        let elements = &self.galois_elements;
        Ok(EvaluationKeys {
            relin_keys: self.keys(self.needs_relin_keys, KeyGenerator::create_relin_keys)?,
            galois_keys: self.keys(!elements.is_empty(), |generator| {
                generator.create_galois_keys_of_elements(elements)
            })?,
        })
    }

    /// Makes keys for each plaintext modulus, if they are wanted.
    fn keys<K>(
        &self,
        wanted: bool,
        make: impl Fn(&mut KeyGenerator) -> Result<K, crate::bfv::Error>,
    ) -> Result<Vec<Option<K>>, EngineError> {
        self.channels
            .iter()
            .map(|channel| {
                wanted
                    .then(|| make(&mut channel.key_generator()?))
                    .transpose()
            })
            .collect::<Result<_, _>>()
            .doing(|| "making the evaluation keys".to_owned())
    }

    /// Makes the same keys as [`Client::evaluation_keys`], with seeds in place of the random halves: the form to send.
    ///
    /// # Errors
    /// [`EngineError::Bfv`] if memory is exhausted.
    pub fn evaluation_keys_seeded(&self) -> Result<SeededEvaluationKeys, EngineError> {
        let elements = &self.galois_elements;
        Ok(SeededEvaluationKeys {
            relin_keys: self.keys(
                self.needs_relin_keys,
                KeyGenerator::create_relin_keys_seeded,
            )?,
            galois_keys: self.keys(!elements.is_empty(), |generator| {
                generator.create_galois_keys_of_elements_seeded(elements)
            })?,
        })
    }

    /// Encrypts a batch of quantised images with the secret keys, on all threads of the current rayon pool. In fast
    /// mode, the ciphertexts are in NTT form, which saves the server the transforms.
    ///
    /// Values are integers from 0 to [`Plan::input_max`], as the network's quantiser gives them. The bounds on the
    /// logits are proven only for these.
    ///
    /// # Errors
    /// [`EngineError::BatchSize`], [`EngineError::ImageSize`], [`EngineError::InputRange`], or [`EngineError::Bfv`] if
    /// memory is exhausted.
    pub fn encrypt(
        &self,
        images: &[Vec<i64>],
        progress: &dyn Progress,
    ) -> Result<Request, EngineError> {
        let channels = self.encrypt_each(images, progress, SecretPrime::encrypt)?;
        Ok(Request {
            images: images.len(),
            channels,
        })
    }

    /// Encrypts one part of [`Client::encrypt`]'s request: for the plaintext modulus of index `channel`, counted from
    /// 0. This takes the memory of one part at a time.
    ///
    /// # Errors
    /// The errors of [`Client::encrypt`], and [`EngineError::Mismatch`] if there is no such modulus.
    pub fn encrypt_part(
        &self,
        images: &[Vec<i64>],
        channel: usize,
        progress: &dyn Progress,
    ) -> Result<RequestPart, EngineError> {
        Ok(RequestPart {
            images: images.len(),
            channel,
            ciphertexts: self.encrypt_one(images, channel, progress, SecretPrime::encrypt)?,
        })
    }

    /// Encrypts the same part as [`Client::encrypt_part`], with seeds in place of the random halves: the form to send.
    ///
    /// # Errors
    /// The errors of [`Client::encrypt_part`].
    pub fn encrypt_seeded_part(
        &self,
        images: &[Vec<i64>],
        channel: usize,
        progress: &dyn Progress,
    ) -> Result<SeededRequestPart, EngineError> {
        Ok(SeededRequestPart {
            images: images.len(),
            channel,
            ciphertexts: self.encrypt_one(
                images,
                channel,
                progress,
                SecretPrime::encrypt_seeded,
            )?,
        })
    }

    /// Encrypts a batch for one of the plaintext moduli.
    fn encrypt_one<Encrypted: Send>(
        &self,
        images: &[Vec<i64>],
        channel: usize,
        progress: &dyn Progress,
        encrypt: impl Fn(&SecretPrime, &Plaintext) -> Result<Encrypted, crate::bfv::Error> + Sync,
    ) -> Result<Vec<Encrypted>, EngineError> {
        self.check_batch(images)?;
        let secret = self.channel(channel)?;
        let name = format!("encrypt{}", suffix(channel, self.channels.len()));
        let stage = StageProgress::new(progress, &name, self.inputs);
        self.encrypt_channel(images, secret, &stage, encrypt)
    }

    /// Encrypts the same request as [`Client::encrypt`], with seeds in place of the random halves: the form to send.
    ///
    /// # Errors
    /// The errors of [`Client::encrypt`].
    pub fn encrypt_seeded(
        &self,
        images: &[Vec<i64>],
        progress: &dyn Progress,
    ) -> Result<SeededRequest, EngineError> {
        let channels = self.encrypt_each(images, progress, SecretPrime::encrypt_seeded)?;
        Ok(SeededRequest {
            images: images.len(),
            channels,
        })
    }

    fn encrypt_each<Encrypted: Send>(
        &self,
        images: &[Vec<i64>],
        progress: &dyn Progress,
        encrypt: impl Fn(&SecretPrime, &Plaintext) -> Result<Encrypted, crate::bfv::Error> + Sync,
    ) -> Result<Vec<Vec<Encrypted>>, EngineError> {
        self.check_batch(images)?;
        let stage = StageProgress::new(progress, "encrypt", self.inputs * self.channels.len());
        self.channels
            .iter()
            .map(|channel| self.encrypt_channel(images, channel, &stage, &encrypt))
            .collect()
    }

    fn encrypt_channel<Encrypted: Send>(
        &self,
        images: &[Vec<i64>],
        channel: &SecretPrime,
        stage: &StageProgress<'_>,
        encrypt: impl Fn(&SecretPrime, &Plaintext) -> Result<Encrypted, crate::bfv::Error> + Sync,
    ) -> Result<Vec<Encrypted>, EngineError> {
        (0..self.inputs)
            .into_par_iter()
            .map(|element| {
                let values = channel.residues(&self.layout.gather(images, element));
                let encrypted = channel
                    .encoder
                    .encode_u64(&values)
                    .and_then(|plain| encrypt(channel, &plain))
                    .doing(|| format!("encrypting input element {element}"))?;
                stage.advance();
                Ok(encrypted)
            })
            .collect()
    }

    fn channel(&self, index: usize) -> Result<&SecretPrime, EngineError> {
        self.channels.get(index).ok_or(EngineError::Mismatch {
            message: "part of a message",
            what: "plaintext moduli at least",
            expected: self.channels.len(),
            actual: index + 1,
        })
    }

    /// Decrypts the response to a request of `images` images: returns the logits of each image, as exact integers.
    ///
    /// The response states how many images it answers; this must be the number in the client's request.
    ///
    /// # Errors
    /// [`EngineError::ImageCount`] if the response answers another number of images, [`EngineError::Mismatch`] if it is
    /// for another plan, [`EngineError::NoiseExhausted`] if a ciphertext cannot be decrypted, [`EngineError::Bfv`] if
    /// SEAL refuses one. **Do not tell the server which.**
    pub fn decrypt(
        &self,
        response: &Response,
        images: usize,
    ) -> Result<Vec<Vec<BigInt>>, EngineError> {
        if response.images != images {
            return Err(EngineError::ImageCount {
                expected: images,
                actual: response.images,
            });
        }
        self.check_response(response)?;
        let residues: Vec<Vec<Vec<u64>>> = self
            .channels
            .par_iter()
            .zip(&response.channels)
            .map(|(channel, outputs)| {
                // A decryptor serves one thread only.
                let mut decryptor = channel.decryptor()?;
                let slots = outputs
                    .iter()
                    .enumerate()
                    .map(|(output, encrypted)| {
                        if channel.budget(&mut decryptor, output, encrypted)? == 0 {
                            return Err(EngineError::NoiseExhausted {
                                logit: output,
                                plain_modulus: channel.plain_modulus(),
                            });
                        }
                        decryptor
                            .decrypt(encrypted)
                            .and_then(|plain| channel.decode(&plain))
                            .doing(|| format!("decrypting logit {output}"))
                    })
                    .collect::<Result<_, _>>()?;
                Ok(self.layout.collect(slots, images, channel.plain_modulus()))
            })
            .collect::<Result<_, EngineError>>()?;
        let logits = residues.first().map_or(0, Vec::len);
        let logits: Vec<Vec<BigInt>> = (0..logits)
            .into_par_iter()
            .map(|logit| {
                (0..images)
                    .map(|image| {
                        let of_image: Vec<u64> = residues
                            .iter()
                            .map(|channel| channel[logit][image])
                            .collect();
                        self.crt.centred(&of_image)
                    })
                    .collect()
            })
            .collect();
        Ok((0..images)
            .map(|image| logits.iter().map(|values| values[image].clone()).collect())
            .collect())
    }

    /// Returns the smallest noise budget of a response, in bits. A diagnostic: **never send it to the server**.
    ///
    /// # Errors
    /// [`EngineError::Mismatch`] or [`EngineError::Bfv`].
    pub fn noise_budget_bits(&self, response: &Response) -> Result<u32, EngineError> {
        self.check_response(response)?;
        let mut least = u32::MAX;
        for (channel, outputs) in self.channels.iter().zip(&response.channels) {
            least = least.min(channel.least_budget(outputs)?);
        }
        Ok(least)
    }

    /// Returns the smallest noise budget of one part, in bits; the part may hold the results of a [`Plan::prefix`].
    /// **Never send it to the server** either.
    ///
    /// # Errors
    /// [`EngineError::Mismatch`] or [`EngineError::Bfv`].
    pub fn part_budget_bits(&self, part: &ResponsePart) -> Result<u32, EngineError> {
        self.channel(part.channel)?.least_budget(&part.ciphertexts)
    }

    fn check_batch(&self, images: &[Vec<i64>]) -> Result<(), EngineError> {
        let slots = self.layout.images();
        if !(1..=slots).contains(&images.len()) {
            return Err(EngineError::BatchSize {
                actual: images.len(),
                slots,
            });
        }
        let images = images.iter().map(Vec::as_slice);
        check_images(images, self.image_values, self.input_max)
    }

    fn check_response(&self, response: &Response) -> Result<(), EngineError> {
        let slots = self.layout.images();
        if !(1..=slots).contains(&response.images) {
            return Err(EngineError::BatchSize {
                actual: response.images,
                slots,
            });
        }
        check_shape(
            "response",
            &response.channels,
            self.channels.len(),
            self.outputs,
        )
    }
}
