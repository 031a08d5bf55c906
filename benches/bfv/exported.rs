//! Calls SEAL's C export layer through the declarations of `seal_sys::bindings`.

use seal_sys::bindings as c;
use seal_sys::hresult::{Hresult, S_OK};
use sealquant_native_bench::{Operands, Operation};
use std::ffi::c_void;
use std::ptr::null_mut;

/// SEAL's encoder behind the C export layer, and the level identifiers that some calls need.
pub struct Exported {
    encoder: *mut c_void,
    first_level: [u64; 4],
    last_level: [u64; 4],
    /// Like [`sealquant_native_bench::Native::count`].
    pub count: u64,
}

impl Exported {
    /// # Safety
    /// The operands must be what their documentation says.
    pub unsafe fn new(operands: &Operands) -> Result<Self, String> {
        let context = operands.context.cast_mut();
        let mut new = Self {
            encoder: null_mut(),
            first_level: [0; 4],
            last_level: [0; 4],
            count: 0,
        };
        // SAFETY: the pointer is a context, which the layer copies and does not change; a level's identifier takes four
        // words.
        let results = unsafe {
            [
                c::SEALContext_FirstParmsId(context, new.first_level.as_mut_ptr()),
                c::SEALContext_LastParmsId(context, new.last_level.as_mut_ptr()),
                c::BatchEncoder_Create(context, &raw mut new.encoder),
            ]
        };
        match results.into_iter().find(|&result| result != S_OK) {
            None => Ok(new),
            Some(result) => Err(format!("SEAL's C layer returned {result:#x}")),
        }
    }

    /// Makes one call, or a copy and a call.
    ///
    /// # Safety
    /// The operands must be alive, and no reference to the working objects may be in use. `decoded` must have a place
    /// for each slot.
    #[expect(clippy::too_many_lines, reason = "an arm for each operation")]
    pub unsafe fn call(
        &mut self,
        operation: Operation,
        on: &Operands,
        decoded: &mut [u64],
    ) -> Hresult {
        let plain = on.plain.cast_mut();
        let a = on.a.cast_mut();
        let b = on.b.cast_mut();
        let work = on.work;
        let encryptor = on.encryptor.cast_mut();
        let evaluator = on.evaluator.cast_mut();
        let pool = null_mut();
        let first_level = self.first_level.as_mut_ptr();
        let last_level = self.last_level.as_mut_ptr();
        // SAFETY: the caller keeps the contract; the layer changes nothing but its destinations.
        unsafe {
            // The copy from which some operations start.
            let source = match operation {
                Operation::Multiply
                | Operation::Square
                | Operation::ModSwitchToNext
                | Operation::ModSwitchTo
                | Operation::TransformToNtt
                | Operation::Copy => a,
                Operation::Relinearize => on.product.cast_mut(),
                Operation::TransformFromNtt => on.a_ntt.cast_mut(),
                _ => null_mut(),
            };
            if !source.is_null() {
                let result = c::Ciphertext_Set(work, source);
                if result != S_OK {
                    return result;
                }
            }
            match operation {
                Operation::Copy => S_OK,
                Operation::Encode => c::BatchEncoder_Encode1(
                    self.encoder,
                    on.value_count as u64,
                    on.values.cast_mut(),
                    on.work_plain,
                ),
                Operation::Decode => {
                    let mut count = decoded.len() as u64;
                    let destination = decoded.as_mut_ptr();
                    c::BatchEncoder_Decode1(self.encoder, plain, &raw mut count, destination, pool)
                }
                Operation::Encrypt => c::Encryptor_Encrypt(encryptor, plain, work, pool),
                Operation::EncryptSymmetric => {
                    c::Encryptor_EncryptSymmetric(encryptor, plain, false, work, pool)
                }
                Operation::Decrypt => c::Decryptor_Decrypt(on.decryptor, a, on.work_plain),
                Operation::Negate => c::Evaluator_Negate(evaluator, work, work),
                Operation::Add => c::Evaluator_Add(evaluator, work, b, work),
                Operation::Sub => c::Evaluator_Sub(evaluator, work, b, work),
                Operation::AddPlain => c::Evaluator_AddPlain(evaluator, work, plain, work),
                Operation::MultiplyPlain => {
                    c::Evaluator_MultiplyPlain(evaluator, work, plain, work, pool)
                }
                Operation::MultiplyPlainNtt => {
                    let plain_ntt = on.plain_ntt.cast_mut();
                    c::Evaluator_MultiplyPlain(evaluator, work, plain_ntt, work, pool)
                }
                Operation::MultiplyPlainConstant => {
                    let constant = on.constant.cast_mut();
                    c::Evaluator_MultiplyPlain(evaluator, work, constant, work, pool)
                }
                Operation::Multiply => c::Evaluator_Multiply(evaluator, work, b, work, pool),
                Operation::Square => c::Evaluator_Square(evaluator, work, work, pool),
                Operation::Relinearize => {
                    let keys = on.relin_keys.cast_mut();
                    c::Evaluator_Relinearize(evaluator, work, keys, work, pool)
                }
                Operation::ModSwitchToNext => {
                    c::Evaluator_ModSwitchToNext1(evaluator, work, work, pool)
                }
                Operation::TransformToNtt => c::Evaluator_TransformToNTT2(evaluator, work, work),
                Operation::TransformFromNtt => c::Evaluator_TransformFromNTT(evaluator, work, work),
                Operation::RotateRows => {
                    let keys = on.galois_keys.cast_mut();
                    c::Evaluator_RotateRows(evaluator, work, 1, keys, work, pool)
                }
                Operation::RotateColumns => {
                    let keys = on.galois_keys.cast_mut();
                    c::Evaluator_RotateColumns(evaluator, work, keys, work, pool)
                }
                Operation::ApplyGalois => {
                    let keys = on.galois_keys.cast_mut();
                    c::Evaluator_ApplyGalois(evaluator, work, 3, keys, work, pool)
                }
                Operation::SubPlain => c::Evaluator_SubPlain(evaluator, work, plain, work),
                Operation::ModSwitchTo => {
                    c::Evaluator_ModSwitchTo1(evaluator, work, last_level, work, pool)
                }
                Operation::TransformPlainToNtt => match c::Plaintext_Set1(on.work_plain, plain) {
                    S_OK => c::Evaluator_TransformToNTT1(
                        evaluator,
                        on.work_plain,
                        first_level,
                        on.work_plain,
                        pool,
                    ),
                    result => result,
                },
                Operation::EncryptZero => {
                    c::Encryptor_EncryptZero1(encryptor, first_level, work, pool)
                }
                Operation::EncryptZeroSymmetric => {
                    c::Encryptor_EncryptZeroSymmetric1(encryptor, first_level, false, work, pool)
                }
                Operation::NoiseBudget => {
                    let mut bits = 0;
                    let result = c::Decryptor_InvariantNoiseBudget(on.decryptor, a, &raw mut bits);
                    self.count = bits.try_into().unwrap_or(u64::MAX);
                    result
                }
                Operation::AddMany => {
                    let mut four = [a, b, a, b];
                    c::Evaluator_AddMany(evaluator, 4, four.as_mut_ptr(), work)
                }
                Operation::MultiplyMany => {
                    let mut three = [a, b, a];
                    let keys = on.relin_keys.cast_mut();
                    c::Evaluator_MultiplyMany(evaluator, 3, three.as_mut_ptr(), keys, work, pool)
                }
                Operation::Exponentiate => {
                    let keys = on.relin_keys.cast_mut();
                    c::Evaluator_Exponentiate(evaluator, a, 4, keys, work, pool)
                }
                Operation::CreateRelinKeys => {
                    let mut keys = null_mut();
                    match c::KeyGenerator_CreateRelinKeys(on.key_generator, false, &raw mut keys) {
                        S_OK => {
                            let result = c::KSwitchKeys_Size(keys, &raw mut self.count);
                            c::KSwitchKeys_Destroy(keys);
                            result
                        }
                        result => result,
                    }
                }
            }
        }
    }
}

impl Drop for Exported {
    fn drop(&mut self) {
        // SAFETY: made by `new`, and destroyed only here.
        unsafe {
            c::BatchEncoder_Destroy(self.encoder);
        }
    }
}
