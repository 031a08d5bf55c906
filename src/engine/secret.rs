//! The client's objects for one plaintext modulus: its key, and the objects that encrypt and decrypt with it.

use super::error::{Doing, EngineError};
use crate::bfv::{
    BatchEncoder, Ciphertext, Context, Decryptor, Encryptor, Evaluator, KeyGenerator, Plaintext,
    SecretKey, SeededCiphertext,
};
use crate::modular::{multiply, residue};

/// The secret side of one plaintext modulus.
#[derive(Debug)]
pub(super) struct SecretPrime {
    pub(super) context: Context,
    pub(super) secret_key: SecretKey,
    pub(super) encoder: BatchEncoder,
    pub(super) encryptor: Encryptor,
    /// Factor by which decrypted slots are multiplied modulo t.
    pub(super) correction: u64,
    /// In fast mode, the evaluator that brings ciphertexts into NTT form.
    pub(super) transform: Option<Evaluator>,
}

impl SecretPrime {
    pub(super) fn plain_modulus(&self) -> u64 {
        self.context.parameters().plain_modulus().value()
    }

    /// Encrypts a plaintext; in fast mode, the ciphertext is in NTT form.
    pub(super) fn encrypt(&self, plain: &Plaintext) -> Result<Ciphertext, crate::bfv::Error> {
        let mut encrypted = self.encryptor.encrypt_symmetric(plain)?;
        if let Some(evaluator) = &self.transform {
            evaluator.transform_to_ntt_inplace(&mut encrypted)?;
        }
        Ok(encrypted)
    }

    /// Encrypts like [`SecretPrime::encrypt`], with a seed in place of the random half.
    pub(super) fn encrypt_seeded(
        &self,
        plain: &Plaintext,
    ) -> Result<SeededCiphertext, crate::bfv::Error> {
        if self.transform.is_some() {
            self.secret_key.encrypt_seeded_ntt(&self.context, plain)
        } else {
            self.encryptor
                .encrypt_symmetric_seeded(&self.context, plain)
        }
    }

    /// Decodes the slots, and divides out the factor that the server left on them.
    pub(super) fn decode(&self, plain: &Plaintext) -> Result<Vec<u64>, crate::bfv::Error> {
        let mut slots = self.encoder.decode_u64(plain)?;
        if self.correction != 1 {
            let t = self.plain_modulus();
            for slot in &mut slots {
                *slot = multiply(*slot, self.correction, t);
            }
        }
        Ok(slots)
    }

    pub(super) fn residues(&self, values: &[i64]) -> Vec<u64> {
        let t = self.plain_modulus();
        values
            .iter()
            .map(|&value| residue(i128::from(value), t))
            .collect()
    }

    pub(super) fn key_generator(&self) -> Result<KeyGenerator, crate::bfv::Error> {
        KeyGenerator::from_secret_key(&self.context, &self.secret_key)
    }

    pub(super) fn decryptor(&self) -> Result<Decryptor, EngineError> {
        Decryptor::new(&self.context, &self.secret_key).doing(|| "making a decryptor".to_owned())
    }

    pub(super) fn least_budget(&self, outputs: &[Ciphertext]) -> Result<u32, EngineError> {
        let mut decryptor = self.decryptor()?;
        let mut outputs = outputs.iter().enumerate();
        outputs.try_fold(u32::MAX, |least, (output, encrypted)| {
            Ok(least.min(self.budget(&mut decryptor, output, encrypted)?))
        })
    }

    pub(super) fn budget(
        &self,
        decryptor: &mut Decryptor,
        logit: usize,
        encrypted: &Ciphertext,
    ) -> Result<u32, EngineError> {
        decryptor.noise_budget_bits(encrypted).doing(|| {
            format!(
                "measuring the noise of logit {logit} modulo {}",
                self.plain_modulus()
            )
        })
    }
}
