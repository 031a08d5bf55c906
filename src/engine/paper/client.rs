//! The client of the authors' schedule: encrypts one image and decrypts its logits.

use super::plan::PaperPlan;
use super::server::PaperKeys;
use crate::bfv::{
    BatchEncoder, Ciphertext, Context, Decryptor, Encryptor, Error, KeyGenerator, SecretKey,
};
use crate::engine::EngineError;
use crate::engine::error::Doing;
use crate::engine::message::check_images;
use crate::layout::Paper;
use crate::modular::{Crt, residue};
use num_bigint::BigInt;

#[derive(Debug)]
struct ClientPrime {
    context: Context,
    secret_key: SecretKey,
    encoder: BatchEncoder,
    encryptor: Encryptor,
}

/// The client: holds the secret keys, one for each plaintext modulus.
#[derive(Debug)]
pub struct PaperClient {
    input: Paper,
    input_max: i64,
    classes: usize,
    channels: Vec<ClientPrime>,
    crt: Crt,
}

impl ClientPrime {
    fn decryptor(&self) -> Result<Decryptor, Error> {
        Decryptor::new(&self.context, &self.secret_key)
    }
}

impl PaperClient {
    /// Makes fresh secret and public keys for a plan.
    ///
    /// # Errors
    /// [`EngineError::Bfv`] if SEAL refuses the parameters or memory is exhausted.
    pub fn new(plan: &PaperPlan) -> Result<Self, EngineError> {
        let channels = plan
            .literals()
            .map(|literal| {
                let context = Context::from_literal(&literal)?;
                let generator = KeyGenerator::new(&context)?;
                let public_key = generator.create_public_key()?;
                Ok(ClientPrime {
                    secret_key: generator.secret_key()?,
                    encoder: BatchEncoder::new(&context)?,
                    encryptor: Encryptor::new(&context, &public_key)?,
                    context,
                })
            })
            .collect::<Result<_, Error>>()
            .doing(|| "making the secret keys".to_owned())?;
        Ok(Self {
            input: plan.input(),
            input_max: plan.input_max(),
            classes: plan.classes(),
            channels,
            crt: Crt::new(&plan.parameters().plain_moduli),
        })
    }

    /// Makes the keys for the server: relinearisation keys, and Galois keys for all powers of two.
    ///
    /// # Errors
    /// [`EngineError::Bfv`] if memory is exhausted.
    pub fn evaluation_keys(&self) -> Result<Vec<PaperKeys>, EngineError> {
        self.channels
            .iter()
            .map(|channel| {
                let mut generator =
                    KeyGenerator::from_secret_key(&channel.context, &channel.secret_key)?;
                Ok(PaperKeys {
                    relin_keys: generator.create_relin_keys()?,
                    galois_keys: generator.create_all_galois_keys()?,
                })
            })
            .collect::<Result<_, Error>>()
            .doing(|| "making the evaluation keys".to_owned())
    }

    /// Encrypts a quantised image with the public keys: one ciphertext per channel, for each plaintext modulus.
    ///
    /// # Errors
    /// [`EngineError::ImageSize`], [`EngineError::InputRange`] for a value outside 0 to [`PaperPlan::input_max`], or
    /// [`EngineError::Bfv`] if memory is exhausted.
    pub fn encrypt(&self, image: &[i64]) -> Result<Vec<Vec<Ciphertext>>, EngineError> {
        let shape = self.input.shape();
        check_images([image], shape.len(), self.input_max)?;
        self.channels
            .iter()
            .map(|channel| {
                let t = channel.context.parameters().plain_modulus().value();
                image
                    .chunks(shape.height * shape.width)
                    .map(|values| {
                        let slots: Vec<u64> = self
                            .input
                            .spread(values, channel.encoder.slot_count())
                            .into_iter()
                            .map(|value| residue(i128::from(value), t))
                            .collect();
                        channel
                            .encryptor
                            .encrypt(&channel.encoder.encode_u64(&slots)?)
                    })
                    .collect()
            })
            .collect::<Result<_, Error>>()
            .doing(|| "encrypting the image".to_owned())
    }

    /// Returns the smallest noise budget of a response's ciphertexts, in bits; the response need not be complete. **Do
    /// not tell the server.**
    ///
    /// # Errors
    /// [`EngineError::Bfv`] if SEAL refuses a ciphertext.
    pub fn noise_budget_bits(&self, response: &[Ciphertext]) -> Result<u32, EngineError> {
        let budgets = self.channels.iter().zip(response);
        let budgets =
            budgets.map(|(channel, encrypted)| channel.decryptor()?.noise_budget_bits(encrypted));
        budgets
            .collect::<Result<Vec<_>, Error>>()
            .map(|budgets| budgets.into_iter().min().unwrap_or(0))
            .doing(|| "measuring the noise budget".to_owned())
    }

    /// Decrypts a response, one ciphertext for each plaintext modulus: returns the logits and the smallest noise budget
    /// in bits. **Do not tell the server either of them.**
    ///
    /// # Errors
    /// [`EngineError::NoiseExhausted`] if no noise budget is left, [`EngineError::Mismatch`] if the response is for
    /// another plan, [`EngineError::Bfv`] if SEAL refuses it.
    pub fn decrypt(&self, response: &[Ciphertext]) -> Result<(Vec<BigInt>, u32), EngineError> {
        crate::engine::message::check_channels("response", response.len(), self.channels.len())?;
        let least = self.noise_budget_bits(response)?;
        let mut residues = Vec::with_capacity(response.len());
        for (channel, encrypted) in self.channels.iter().zip(response) {
            let doing = || "decrypting the logits".to_owned();
            let mut decryptor = channel.decryptor().doing(doing)?;
            if decryptor.noise_budget_bits(encrypted).doing(doing)? == 0 {
                return Err(EngineError::NoiseExhausted {
                    logit: 0,
                    plain_modulus: channel.context.parameters().plain_modulus().value(),
                });
            }
            let plain = decryptor.decrypt(encrypted).doing(doing)?;
            residues.push(channel.encoder.decode_u64(&plain).doing(doing)?);
        }
        let logits = (0..self.classes)
            .map(|logit| {
                let of_logit: Vec<u64> = residues.iter().map(|slots| slots[logit]).collect();
                self.crt.centred(&of_logit)
            })
            .collect();
        Ok((logits, least))
    }
}
