//! The operands for one degree, and the three ways to run an operation on them.

use crate::exported::Exported;
use seal_sys::hresult::S_OK;
use sealquant::seal::{
    BatchEncoder, Ciphertext, Context, Decryptor, Encryptor, Error, Evaluator, GaloisKeys,
    KeyGenerator, ParametersLiteral, ParmsId, Plaintext, RelinKeys, Rotation, SecurityLevel,
    coeff_modulus, plain_modulus,
};
use sealquant_native_bench::{Native, Operands, Operation};
use std::error::Error as StdError;

/// A way to call SEAL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Caller {
    /// A loop in C++.
    Native,
    /// `sealquant::seal`.
    Crate,
    /// The declarations of SEAL's C export layer.
    Exported,
    /// The loop in C++ a second time: shows the error of the measurement itself on equal code.
    Control,
}

impl Caller {
    /// All callers.
    pub const ALL: [Self; 4] = [Self::Native, Self::Crate, Self::Exported, Self::Control];
}

/// The result of an operation, for comparison between callers.
#[derive(Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Residues of a ciphertext, or coefficients of a plaintext.
    Residues(Vec<u64>),
    /// Slots: decoded or, if the operation uses fresh randomness, decrypted and decoded.
    Slots(Vec<u64>),
    /// Bits of a noise budget, or a number of keys.
    Count(u64),
}

/// The operands, which all callers share: the same objects at the same addresses.
pub struct Kit {
    // Declared before the objects that they point to, so that they are dropped first.
    native: Native,
    exported: Exported,
    operands: Operands,
    pub context: Context,
    relin_keys: RelinKeys,
    galois_keys: GaloisKeys,
    encoder: BatchEncoder,
    key_generator: KeyGenerator,
    encryptor: Encryptor,
    decryptor: Decryptor,
    evaluator: Evaluator,
    first_level: ParmsId,
    last_level: ParmsId,
    values: Vec<u64>,
    decoded: SamePlace,
    plain: Plaintext,
    plain_ntt: Plaintext,
    constant: Plaintext,
    a: Ciphertext,
    b: Ciphertext,
    product: Ciphertext,
    a_ntt: Ciphertext,
    four: Vec<Ciphertext>,
    work: Ciphertext,
    work_plain: Plaintext,
    /// The last result of this crate's operations without a destination.
    result: Option<Ciphertext>,
    count: u64,
}

impl Kit {
    /// Makes the operands with SEAL's default primes for 128 bits of security, a t of 20 bits and full slots.
    pub fn new(degree: usize) -> Result<Self, Box<dyn StdError>> {
        let context = Context::from_literal(&ParametersLiteral {
            poly_modulus_degree: degree,
            coeff_modulus: coeff_modulus::bfv_default(degree, SecurityLevel::Bits128)?
                .into_iter()
                .map(u64::from)
                .collect(),
            plain_modulus: plain_modulus::batching(degree, &[20])?[0].value(),
            security: SecurityLevel::Bits128,
        })?;
        let mut generator = KeyGenerator::new(&context)?;
        let secret_key = generator.secret_key()?;
        let public_key = generator.create_public_key()?;
        let relin_keys = generator.create_relin_keys()?;
        let galois_keys = generator.create_galois_keys(&[Rotation::Rows(1), Rotation::Columns])?;
        let encoder = BatchEncoder::new(&context)?;
        let encryptor = Encryptor::with_both_keys(&context, &public_key, &secret_key)?;
        let mut decryptor = Decryptor::new(&context, &secret_key)?;
        let evaluator = Evaluator::new(&context)?;

        let t = context.parameters().plain_modulus().value();
        let values: Vec<u64> = (0..degree as u64)
            .map(|i| i.wrapping_mul(0x9E37_79B9_7F4A_7C15) % t)
            .collect();
        let reversed: Vec<u64> = values.iter().rev().copied().collect();
        let plain = encoder.encode_u64(&values)?;
        let first_level = context.first_parms_id();
        let last_level = context.last_parms_id();
        let plain_ntt = evaluator.transform_plain_to_ntt(&plain, first_level)?;
        let constant = Plaintext::from_coefficients(&context, &[3])?;
        let a = encryptor.encrypt_symmetric(&plain)?;
        let b = encryptor.encrypt_symmetric(&encoder.encode_u64(&reversed)?)?;
        let product = evaluator.multiply(&a, &b)?;
        let a_ntt = evaluator.transform_to_ntt(&a)?;
        let four = [&a, &b, &a, &b]
            .into_iter()
            .map(Ciphertext::try_clone)
            .collect::<Result<Vec<_>, _>>()?;
        // Already at its largest size, so no caller pays for its growth.
        let mut work = product.try_clone()?;
        work.assign(&a)?;
        let mut work_plain = plain_ntt.try_clone()?;
        work_plain.assign(&plain)?;

        // The boxes inside these types do not move when the types do.
        let operands = Operands {
            context: context.as_seal_ptr(),
            key_generator: generator.as_seal_mut_ptr(),
            encryptor: encryptor.as_seal_ptr(),
            decryptor: decryptor.as_seal_mut_ptr(),
            evaluator: evaluator.as_seal_ptr(),
            relin_keys: relin_keys.as_seal_ptr(),
            galois_keys: galois_keys.as_seal_ptr(),
            plain: plain.as_seal_ptr(),
            plain_ntt: plain_ntt.as_seal_ptr(),
            constant: constant.as_seal_ptr(),
            a: a.as_seal_ptr(),
            b: b.as_seal_ptr(),
            product: product.as_seal_ptr(),
            a_ntt: a_ntt.as_seal_ptr(),
            work: work.as_seal_mut_ptr(),
            work_plain: work_plain.as_seal_mut_ptr(),
            values: values.as_ptr(),
            value_count: values.len(),
        };
        // SAFETY: the pointers were just taken from objects of these classes, which the kit keeps.
        let native = unsafe { Native::new(&operands) }.ok_or("SEAL refused the operands in C++")?;
        // SAFETY: as above.
        let exported = unsafe { Exported::new(&operands) }?;
        let decoded = SamePlace::new(values.len(), native.decoded());
        Ok(Self {
            native,
            exported,
            operands,
            decoded,
            context,
            relin_keys,
            galois_keys,
            encoder,
            key_generator: generator,
            encryptor,
            decryptor,
            evaluator,
            first_level,
            last_level,
            values,
            plain,
            plain_ntt,
            constant,
            a,
            b,
            product,
            a_ntt,
            four,
            work,
            work_plain,
            result: None,
            count: 0,
        })
    }

    /// Puts the initial value for in-place operations into `work`.
    pub fn prepare(&mut self, operation: Operation) -> Result<(), Error> {
        self.work.assign(match operation {
            Operation::MultiplyPlainNtt => &self.a_ntt,
            _ => &self.a,
        })
    }

    /// Runs an operation in a loop.
    pub fn run(
        &mut self,
        caller: Caller,
        operation: Operation,
        iterations: u64,
    ) -> Result<(), Box<dyn StdError>> {
        match caller {
            Caller::Native | Caller::Control => {
                // SAFETY: no reference to the working objects is in use during the call.
                let done = unsafe { self.native.run(operation, iterations) };
                done.then_some(()).ok_or("SEAL threw in C++")?;
            }
            Caller::Crate => self.run_crate(operation, iterations)?,
            Caller::Exported => {
                for _ in 0..iterations {
                    // SAFETY: no reference to the working objects is in use during the call; the operands live.
                    let result = unsafe {
                        self.exported
                            .call(operation, &self.operands, self.decoded.as_mut_slice())
                    };
                    if result != S_OK {
                        return Err(format!("SEAL's C layer returned {result:#x}").into());
                    }
                }
            }
        }
        Ok(())
    }

    #[expect(clippy::too_many_lines, reason = "an arm for each operation")]
    fn run_crate(&mut self, operation: Operation, iterations: u64) -> Result<(), Error> {
        let evaluator = &self.evaluator;
        let work = &mut self.work;
        match operation {
            Operation::Encode => repeat(iterations, || {
                self.encoder
                    .encode_u64_into(&self.values, &mut self.work_plain)
            }),
            Operation::Decode => repeat(iterations, || {
                self.encoder
                    .decode_u64_into(&self.plain, self.decoded.as_mut_slice())
            }),
            Operation::Encrypt => repeat(iterations, || {
                self.encryptor.encrypt_into(&self.plain, work)
            }),
            Operation::EncryptSymmetric => repeat(iterations, || {
                self.encryptor.encrypt_symmetric_into(&self.plain, work)
            }),
            Operation::Decrypt => repeat(iterations, || {
                self.decryptor.decrypt_into(&self.a, &mut self.work_plain)
            }),
            Operation::Copy => repeat(iterations, || work.assign(&self.a)),
            Operation::Negate => repeat(iterations, || evaluator.negate_inplace(work)),
            Operation::Add => repeat(iterations, || evaluator.add_inplace(work, &self.b)),
            Operation::Sub => repeat(iterations, || evaluator.sub_inplace(work, &self.b)),
            Operation::AddPlain => repeat(iterations, || {
                evaluator.add_plain_inplace(work, &self.plain)
            }),
            Operation::MultiplyPlain => repeat(iterations, || {
                evaluator.multiply_plain_inplace(work, &self.plain)
            }),
            Operation::MultiplyPlainNtt => repeat(iterations, || {
                evaluator.multiply_plain_inplace(work, &self.plain_ntt)
            }),
            Operation::MultiplyPlainConstant => repeat(iterations, || {
                evaluator.multiply_plain_inplace(work, &self.constant)
            }),
            Operation::Multiply => repeat(iterations, || {
                work.assign(&self.a)?;
                evaluator.multiply_inplace(work, &self.b)
            }),
            Operation::Square => repeat(iterations, || {
                work.assign(&self.a)?;
                evaluator.square_inplace(work)
            }),
            Operation::Relinearize => repeat(iterations, || {
                work.assign(&self.product)?;
                evaluator.relinearize_inplace(work, &self.relin_keys)
            }),
            Operation::ModSwitchToNext => repeat(iterations, || {
                work.assign(&self.a)?;
                evaluator.mod_switch_to_next_inplace(work)
            }),
            Operation::TransformToNtt => repeat(iterations, || {
                work.assign(&self.a)?;
                evaluator.transform_to_ntt_inplace(work)
            }),
            Operation::TransformFromNtt => repeat(iterations, || {
                work.assign(&self.a_ntt)?;
                evaluator.transform_from_ntt_inplace(work)
            }),
            Operation::RotateRows => repeat(iterations, || {
                evaluator.rotate_rows_inplace(work, 1, &self.galois_keys)
            }),
            Operation::RotateColumns => repeat(iterations, || {
                evaluator.rotate_columns_inplace(work, &self.galois_keys)
            }),
            Operation::ApplyGalois => repeat(iterations, || {
                evaluator.apply_galois_inplace(work, 3, &self.galois_keys)
            }),
            Operation::SubPlain => repeat(iterations, || {
                evaluator.sub_plain_inplace(work, &self.plain)
            }),
            Operation::ModSwitchTo => repeat(iterations, || {
                work.assign(&self.a)?;
                evaluator.mod_switch_to_inplace(work, self.last_level)
            }),
            Operation::TransformPlainToNtt => repeat(iterations, || {
                self.work_plain.assign(&self.plain)?;
                evaluator.transform_plain_to_ntt_inplace(&mut self.work_plain, self.first_level)
            }),
            Operation::EncryptZero => repeat(iterations, || {
                self.encryptor.encrypt_zero_into(self.first_level, work)
            }),
            Operation::EncryptZeroSymmetric => repeat(iterations, || {
                self.encryptor
                    .encrypt_zero_symmetric_into(self.first_level, work)
            }),
            Operation::NoiseBudget => repeat(iterations, || {
                self.count = u64::from(self.decryptor.noise_budget_bits(&self.a)?);
                Ok(())
            }),
            Operation::AddMany => repeat(iterations, || evaluator.add_many_into(&self.four, work)),
            Operation::MultiplyMany => repeat(iterations, || {
                self.result = Some(evaluator.multiply_many(&self.four[..3], &self.relin_keys)?);
                Ok(())
            }),
            Operation::Exponentiate => repeat(iterations, || {
                self.result = Some(evaluator.exponentiate(&self.a, 4, &self.relin_keys)?);
                Ok(())
            }),
            Operation::CreateRelinKeys => repeat(iterations, || {
                self.count = self.key_generator.create_relin_keys()?.count() as u64;
                Ok(())
            }),
        }
    }

    /// Runs an operation once from its initial value and returns the result.
    pub fn outcome(
        &mut self,
        caller: Caller,
        operation: Operation,
    ) -> Result<Outcome, Box<dyn StdError>> {
        self.prepare(operation)?;
        self.run(caller, operation, 1)?;
        Ok(match operation {
            Operation::Encode | Operation::Decrypt | Operation::TransformPlainToNtt => {
                Outcome::Residues(self.work_plain.coefficients().to_vec())
            }
            Operation::Decode => Outcome::Slots(match caller {
                Caller::Native | Caller::Control => self.native.decoded().to_vec(),
                Caller::Crate | Caller::Exported => self.decoded.as_mut_slice().to_vec(),
            }),
            Operation::NoiseBudget | Operation::CreateRelinKeys => Outcome::Count(match caller {
                Caller::Native | Caller::Control => self.native.count(),
                Caller::Crate => self.count,
                Caller::Exported => self.exported.count,
            }),
            Operation::MultiplyMany | Operation::Exponentiate if caller == Caller::Crate => {
                let result = self.result.as_ref().ok_or("there is no result")?;
                Outcome::Residues(result.limbs().to_vec())
            }
            Operation::Encrypt
            | Operation::EncryptSymmetric
            | Operation::EncryptZero
            | Operation::EncryptZeroSymmetric => {
                let plain = self.decryptor.decrypt(&self.work)?;
                Outcome::Slots(self.encoder.decode_u64(&plain)?)
            }
            _ => Outcome::Residues(self.work.limbs().to_vec()),
        })
    }

    /// Returns the slots that [`Outcome::Slots`] must contain.
    pub fn expected_slots(&self, operation: Operation) -> Vec<u64> {
        match operation {
            Operation::EncryptZero | Operation::EncryptZeroSymmetric => vec![0; self.values.len()],
            _ => self.values.clone(),
        }
    }
}

fn repeat(iterations: u64, mut call: impl FnMut() -> Result<(), Error>) -> Result<(), Error> {
    for _ in 0..iterations {
        call()?;
    }
    Ok(())
}

/// An array at the same offset within a page as another one. The offset between an array and the one that is read
/// accounts for a few percent of the time of a pass over both.
struct SamePlace {
    words: Vec<u64>,
    start: usize,
    len: usize,
}

impl SamePlace {
    const PAGE_BYTES: usize = 4096;

    fn new(len: usize, other: &[u64]) -> Self {
        let words = vec![0; len + Self::PAGE_BYTES / size_of::<u64>()];
        let place = |address: usize| address % Self::PAGE_BYTES;
        let ahead =
            place(place(other.as_ptr().addr()) + Self::PAGE_BYTES - place(words.as_ptr().addr()));
        Self {
            words,
            start: ahead / size_of::<u64>(),
            len,
        }
    }

    fn as_mut_slice(&mut self) -> &mut [u64] {
        &mut self.words[self.start..self.start + self.len]
    }
}
