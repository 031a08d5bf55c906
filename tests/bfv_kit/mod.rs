//! Shared by the BFV tests: a context with all its tools. The parameters are deliberately insecure.
#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::panic,
    reason = "each test file uses a part; a failed test may panic"
)]

use sealquant::seal::{
    BatchEncoder, Ciphertext, Context, Decryptor, Encryptor, Error, Evaluator, GaloisKeys,
    KeyGenerator, ParametersLiteral, Plaintext, PublicKey, RelinKeys, Rotation, SealErrorKind,
    SecretKey, SecurityLevel, coeff_modulus, plain_modulus,
};
use std::sync::LazyLock;

/// Three sets of parameters that allow batching.
pub static KITS: LazyLock<[Kit; 3]> = LazyLock::new(|| {
    [
        Kit::new(1024, &[50, 50, 50, 51], T::Batching(17)),
        Kit::new(2048, &[60, 60, 60], T::Batching(20)),
        Kit::new(4096, &[36, 36, 36, 36, 37], T::Batching(26)),
    ]
});

/// Returns the kind of SEAL's exception.
pub fn kind(error: &Error) -> SealErrorKind {
    error
        .seal_kind()
        .unwrap_or_else(|| panic!("SEAL did not throw: {error}"))
}

/// A test's choice of t.
#[derive(Debug, Clone, Copy)]
pub enum T {
    /// A prime of this many bits that allows batching.
    Batching(i32),
    /// Exactly this value.
    Value(u64),
}

/// Builds insecure encryption parameters.
pub fn literal(degree: usize, prime_bits: &[i32], t: T) -> ParametersLiteral {
    ParametersLiteral {
        poly_modulus_degree: degree,
        coeff_modulus: coeff_modulus::create(degree, prime_bits)
            .unwrap()
            .into_iter()
            .map(u64::from)
            .collect(),
        plain_modulus: match t {
            T::Batching(bits) => plain_modulus::batching(degree, &[bits]).unwrap()[0].value(),
            T::Value(value) => value,
        },
        security: SecurityLevel::None,
    }
}

/// Everything that a test needs for one set of parameters.
pub struct Kit {
    pub context: Context,
    pub secret_key: SecretKey,
    pub public_key: PublicKey,
    pub relin_keys: RelinKeys,
    pub galois_keys: GaloisKeys,
    pub encoder: Option<BatchEncoder>,
    pub encryptor: Encryptor,
    pub evaluator: Evaluator,
    pub t: u64,
    pub degree: usize,
}

impl Kit {
    /// Creates a kit with Galois keys for row steps of 1, -1 and 4 and the columns, or for the elements 3 and 2N - 1.
    pub fn new(degree: usize, prime_bits: &[i32], t: T) -> Self {
        let context = Context::from_literal(&literal(degree, prime_bits, t)).unwrap();
        let mut generator = KeyGenerator::new(&context).unwrap();
        let secret_key = generator.secret_key().unwrap();
        let public_key = generator.create_public_key().unwrap();
        let batching = context.using_batching();
        let galois_keys = if batching {
            let rotations = [1, -1, 4].map(Rotation::Rows);
            generator.create_galois_keys(&[&rotations[..], &[Rotation::Columns]].concat())
        } else {
            let last = u32::try_from(2 * degree - 1).unwrap();
            generator.create_galois_keys_of_elements(&[3, last])
        };
        Self {
            relin_keys: generator.create_relin_keys().unwrap(),
            galois_keys: galois_keys.unwrap(),
            encoder: batching.then(|| BatchEncoder::new(&context).unwrap()),
            encryptor: Encryptor::with_both_keys(&context, &public_key, &secret_key).unwrap(),
            evaluator: Evaluator::new(&context).unwrap(),
            t: context.parameters().plain_modulus().value(),
            degree,
            secret_key,
            public_key,
            context,
        }
    }

    pub fn plain(&self, coefficients: &[u64]) -> Plaintext {
        Plaintext::from_coefficients(&self.context, coefficients).unwrap()
    }

    pub fn encrypt(&self, coefficients: &[u64]) -> Ciphertext {
        self.encryptor
            .encrypt_symmetric(&self.plain(coefficients))
            .unwrap()
    }

    /// Decrypts all N coefficients.
    pub fn decrypt(&self, encrypted: &Ciphertext) -> Vec<u64> {
        let mut decryptor = Decryptor::new(&self.context, &self.secret_key).unwrap();
        let plain = decryptor.decrypt(encrypted).unwrap();
        let mut coefficients = plain.coefficients().to_vec();
        coefficients.resize(self.degree, 0);
        coefficients
    }

    /// Returns the encoder; only for parameters that allow batching.
    pub fn batch(&self) -> &BatchEncoder {
        self.encoder.as_ref().unwrap()
    }

    pub fn encrypt_slots(&self, values: &[i64]) -> Ciphertext {
        let plain = self.batch().encode_i64(values).unwrap();
        self.encryptor.encrypt_symmetric(&plain).unwrap()
    }

    /// Decrypts all N slots.
    pub fn decrypt_slots(&self, encrypted: &Ciphertext) -> Vec<i64> {
        let mut decryptor = Decryptor::new(&self.context, &self.secret_key).unwrap();
        let plain = decryptor.decrypt(encrypted).unwrap();
        self.batch().decode_i64(&plain).unwrap()
    }

    pub fn budget(&self, encrypted: &Ciphertext) -> u32 {
        let mut decryptor = Decryptor::new(&self.context, &self.secret_key).unwrap();
        decryptor.noise_budget_bits(encrypted).unwrap()
    }

    /// Returns the centred residue modulo t.
    pub fn reduce(&self, value: i128) -> i64 {
        let t = i128::from(self.t);
        let residue = value.rem_euclid(t);
        let centred = if residue > t / 2 {
            residue - t
        } else {
            residue
        };
        i64::try_from(centred).unwrap()
    }
}
