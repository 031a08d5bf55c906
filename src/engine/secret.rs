//! The client's objects for one plain prime: its key, and the objects that encrypt and decrypt with it.

use super::error::{Doing, EngineError};
use super::spec::Upload;
use crate::modular::{multiply, residue};
use crate::seal::{
    BatchEncoder, Ciphertext, Context, Decryptor, Encryptor, Evaluator, KeyGenerator, Level,
    Plaintext, SecretKey, SeededCiphertext,
};
use std::ops::Deref;
use zeroize::{Zeroize as _, Zeroizing};

/// The secret side of one plain prime.
#[derive(Debug)]
pub(super) struct SecretPrime {
    context: Context,
    secret_key: SecretKey,
    pub(super) encoder: BatchEncoder,
    encryptor: Encryptor,
    /// Factor by which decrypted slots are multiplied modulo t.
    correction: u64,
    /// For own kernels, the evaluator that brings ciphertexts into NTT form.
    transform: Option<Evaluator>,
    upload: Upload,
    /// Number of coefficients of polynomial 0 of a response that are needed.
    coefficients: usize,
}

/// A response's ciphertext as it is decrypted.
pub(super) enum Opened<'a> {
    Whole(&'a Ciphertext),
    Completed(Completed<'a>),
}

/// A copy of a ciphertext whose polynomial 0 has coefficients of -c1 s in place of those that are not needed: these
/// decrypt to 0 without noise. They would reveal the secret key, so polynomial 0 is cleared.
pub(super) struct Completed<'a> {
    copy: Ciphertext,
    context: &'a Context,
    level: Level,
}

impl Deref for Opened<'_> {
    type Target = Ciphertext;

    fn deref(&self) -> &Ciphertext {
        match self {
            Self::Whole(encrypted) => encrypted,
            Self::Completed(completed) => &completed.copy,
        }
    }
}

impl Drop for Completed<'_> {
    fn drop(&mut self) {
        let copy = self.copy.reshape_pair(self.context, self.level, false);
        if let Ok((first, _)) = copy {
            first.zeroize();
        }
    }
}

impl SecretPrime {
    /// Takes the client's secret for this plain prime.
    pub(super) fn new(
        context: &Context,
        secret_key: &SecretKey,
        (upload, correction): (Upload, u64),
        coefficients: usize,
    ) -> Result<Self, EngineError> {
        Self::with_key(context, secret_key, (upload, correction), coefficients)
            .doing(|| "making the secret keys".to_owned())
    }

    fn with_key(
        context: &Context,
        secret_key: &SecretKey,
        (upload, correction): (Upload, u64),
        coefficients: usize,
    ) -> Result<Self, crate::seal::Error> {
        let secret_key = secret_key.for_context(context)?;
        let encryptor = if upload == Upload::Public {
            let generator = KeyGenerator::from_secret_key(context, &secret_key)?;
            Encryptor::new(context, &generator.create_public_key()?)
        } else {
            Encryptor::symmetric(context, &secret_key)
        };
        let in_ntt_form = upload == Upload::SecretNtt;
        Ok(Self {
            correction,
            transform: in_ntt_form.then(|| Evaluator::new(context)).transpose()?,
            encoder: BatchEncoder::new(context)?,
            encryptor: encryptor?,
            secret_key,
            context: context.clone(),
            upload,
            coefficients,
        })
    }

    pub(super) const fn secret_key(&self) -> &SecretKey {
        &self.secret_key
    }

    pub(super) const fn context(&self) -> &Context {
        &self.context
    }

    pub(super) fn plain_modulus(&self) -> u64 {
        self.context.parameters().plain_modulus().value()
    }

    /// Encrypts a plaintext, in the form that the server takes.
    pub(super) fn encrypt(&self, plain: &Plaintext) -> Result<Ciphertext, crate::seal::Error> {
        if self.upload == Upload::Public {
            return self.encryptor.encrypt(plain);
        }
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
    ) -> Result<SeededCiphertext, crate::seal::Error> {
        match self.upload {
            Upload::SecretNtt => self.secret_key.encrypt_seeded_ntt(&self.context, plain),
            Upload::Secret => (self.encryptor).encrypt_symmetric_seeded(&self.context, plain),
            // Only an encryption with the secret key has a half that a seed can stand for.
            Upload::Public => Encryptor::symmetric(&self.context, &self.secret_key)?
                .encrypt_symmetric_seeded(&self.context, plain),
        }
    }

    /// Decodes the slots, and divides out the factor that the server left on them.
    pub(super) fn decode(&self, plain: &Plaintext) -> Result<Vec<u64>, crate::seal::Error> {
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

    pub(super) fn key_generator(&self) -> Result<KeyGenerator, crate::seal::Error> {
        KeyGenerator::from_secret_key(&self.context, &self.secret_key)
    }

    pub(super) fn decryptor(&self) -> Result<Decryptor, EngineError> {
        Decryptor::new(&self.context, &self.secret_key).doing(|| "making a decryptor".to_owned())
    }

    /// Prepares a response's ciphertext for decryption: if some coefficients of polynomial 0 are not needed, these become
    /// those of -c1 s.
    pub(super) fn open<'a>(&'a self, encrypted: &'a Ciphertext) -> Result<Opened<'a>, EngineError> {
        let degree = self.context.parameters().poly_modulus_degree();
        let mut levels = self.context.data_levels().iter();
        let level = levels.find(|level| level.parms_id == encrypted.parms_id());
        let lacks = self.coefficients < degree;
        let fits = encrypted.size() == 2 && !encrypted.is_ntt_form();
        let Some(&level) = level.filter(|_| lacks && fits) else {
            return Ok(Opened::Whole(encrypted));
        };
        let doing = || "preparing the response".to_owned();
        let mut completed = Completed {
            copy: encrypted.try_clone().doing(doing)?,
            context: &self.context,
            level,
        };
        let pair = completed.copy.reshape_pair(&self.context, level, false);
        let (first, second) = pair.doing(doing)?;
        let secret = self.secret_key.secret_limbs().chunks_exact(degree);
        let rows = first
            .chunks_exact_mut(degree)
            .zip(second.chunks_exact(degree));
        let mut product = Zeroizing::new(vec![0; degree]);
        for (prime, ((first, second), secret)) in rows.zip(secret).enumerate() {
            let modulus = self.context.primes()[prime];
            product.copy_from_slice(second);
            self.context.ntt_forward(prime, &mut product).doing(doing)?;
            for (value, &secret) in product.iter_mut().zip(secret) {
                *value = multiply(*value, secret, modulus);
            }
            self.context.ntt_inverse(prime, &mut product).doing(doing)?;
            for (at, (first, &value)) in first.iter_mut().zip(product.iter()).enumerate() {
                if !at.is_multiple_of(degree / self.coefficients) {
                    *first = (modulus - value) % modulus;
                }
            }
        }
        Ok(Opened::Completed(completed))
    }

    /// Returns the least budget of some ciphertexts, as they are.
    pub(super) fn least_budget<'a>(
        &self,
        outputs: impl IntoIterator<Item = &'a Ciphertext>,
    ) -> Result<u32, EngineError> {
        let mut decryptor = self.decryptor()?;
        let mut outputs = outputs.into_iter().enumerate();
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
