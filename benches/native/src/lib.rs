//! SEAL's operations called from C++ in a loop, on objects that somebody else owns.
//!
//! The benchmark `bfv` of `sealquant` compares its own calls with these loops: same objects, same process; the benchmark
//! `network` compares whole networks with those of [`network`].

pub mod network;

use seal_sys as _;
use std::ffi::c_void;
use std::ptr::NonNull;

/// What can be run; the comments say on what, and what is left in which operand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
pub enum Operation {
    /// `values` into `work_plain`.
    Encode,
    /// `plain` into the decoded values.
    Decode,
    /// `plain` into `work`, with the public key.
    Encrypt,
    /// `plain` into `work`, with the secret key.
    EncryptSymmetric,
    /// `a` into `work_plain`.
    Decrypt,
    /// `a` into `work`.
    Copy,
    /// `work`, in place.
    Negate,
    /// `b` to `work`, in place.
    Add,
    /// `b` from `work`, in place.
    Sub,
    /// `plain` to `work`, in place.
    AddPlain,
    /// `work` by `plain`, in place.
    MultiplyPlain,
    /// `work`, in NTT form, by `plain_ntt`, in place.
    MultiplyPlainNtt,
    /// `work` by `constant`, in place.
    MultiplyPlainConstant,
    /// `a` is copied to `work`, which is multiplied by `b`.
    Multiply,
    /// `a` is copied to `work`, which is squared.
    Square,
    /// `product` is copied to `work`, which is relinearised.
    Relinearize,
    /// `a` is copied to `work`, which loses a prime.
    ModSwitchToNext,
    /// `a` is copied to `work`, which is transformed.
    TransformToNtt,
    /// `a_ntt` is copied to `work`, which is transformed back.
    TransformFromNtt,
    /// `work` by one step, in place.
    RotateRows,
    /// `work`, in place.
    RotateColumns,
    /// `work` by the automorphism of element 3, in place.
    ApplyGalois,
    /// `plain` from `work`, in place.
    SubPlain,
    /// `a` is copied to `work`, which loses all primes but one.
    ModSwitchTo,
    /// `plain` is copied to `work_plain`, which is transformed to the first level.
    TransformPlainToNtt,
    /// An encryption of zero into `work`, with the public key.
    EncryptZero,
    /// An encryption of zero into `work`, with the secret key.
    EncryptZeroSymmetric,
    /// Of `a`.
    NoiseBudget,
    /// `a`, `b`, `a` and `b` summed into `work`.
    AddMany,
    /// The product of `a`, `b`, `a`, relinearised, into `work`.
    MultiplyMany,
    /// `a` to the fourth power, relinearised, into `work`.
    Exponentiate,
    /// Relinearisation keys.
    CreateRelinKeys,
}

impl Operation {
    /// All operations.
    pub const ALL: [Self; 32] = [
        Self::Encode,
        Self::Decode,
        Self::Encrypt,
        Self::EncryptSymmetric,
        Self::Decrypt,
        Self::Copy,
        Self::Negate,
        Self::Add,
        Self::Sub,
        Self::AddPlain,
        Self::MultiplyPlain,
        Self::MultiplyPlainNtt,
        Self::MultiplyPlainConstant,
        Self::Multiply,
        Self::Square,
        Self::Relinearize,
        Self::ModSwitchToNext,
        Self::TransformToNtt,
        Self::TransformFromNtt,
        Self::RotateRows,
        Self::RotateColumns,
        Self::ApplyGalois,
        Self::SubPlain,
        Self::ModSwitchTo,
        Self::TransformPlainToNtt,
        Self::EncryptZero,
        Self::EncryptZeroSymmetric,
        Self::NoiseBudget,
        Self::AddMany,
        Self::MultiplyMany,
        Self::Exponentiate,
        Self::CreateRelinKeys,
    ];

    /// Whether `sealquant::bfv` does something else here than call SEAL's function of this name: it encodes and decodes
    /// by itself, and makes sums, products and powers of single calls.
    pub const fn is_own(self) -> bool {
        matches!(
            self,
            Self::Encode | Self::Decode | Self::AddMany | Self::MultiplyMany | Self::Exponentiate
        )
    }

    /// The name in tables.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Encode => "encode",
            Self::Decode => "decode",
            Self::Encrypt => "encrypt",
            Self::EncryptSymmetric => "encrypt_symmetric",
            Self::Decrypt => "decrypt",
            Self::Copy => "copy",
            Self::Negate => "negate",
            Self::Add => "add",
            Self::Sub => "sub",
            Self::AddPlain => "add_plain",
            Self::MultiplyPlain => "multiply_plain",
            Self::MultiplyPlainNtt => "multiply_plain (NTT)",
            Self::MultiplyPlainConstant => "multiply_plain (constant)",
            Self::Multiply => "copy + multiply",
            Self::Square => "copy + square",
            Self::Relinearize => "copy + relinearize",
            Self::ModSwitchToNext => "copy + mod_switch_to_next",
            Self::TransformToNtt => "copy + transform_to_ntt",
            Self::TransformFromNtt => "copy + transform_from_ntt",
            Self::RotateRows => "rotate_rows",
            Self::RotateColumns => "rotate_columns",
            Self::ApplyGalois => "apply_galois",
            Self::SubPlain => "sub_plain",
            Self::ModSwitchTo => "copy + mod_switch_to (last)",
            Self::TransformPlainToNtt => "copy + transform_to_ntt (plain)",
            Self::EncryptZero => "encrypt_zero",
            Self::EncryptZeroSymmetric => "encrypt_zero_symmetric",
            Self::NoiseBudget => "invariant_noise_budget",
            Self::AddMany => "add_many (4)",
            Self::MultiplyMany => "multiply_many (3)",
            Self::Exponentiate => "exponentiate (4)",
            Self::CreateRelinKeys => "create_relin_keys",
        }
    }
}

/// Pointers to objects of SEAL's C++ classes.
#[derive(Debug, Clone, Copy)]
#[repr(C)]
pub struct Operands {
    /// `seal::SEALContext`, with batching and a special prime.
    pub context: *const c_void,
    /// `seal::KeyGenerator`.
    pub key_generator: *mut c_void,
    /// `seal::Encryptor` with both keys.
    pub encryptor: *const c_void,
    /// `seal::Decryptor`.
    pub decryptor: *mut c_void,
    /// `seal::Evaluator`.
    pub evaluator: *const c_void,
    /// `seal::RelinKeys`.
    pub relin_keys: *const c_void,
    /// `seal::GaloisKeys` for one step and for the columns.
    pub galois_keys: *const c_void,
    /// `seal::Plaintext`.
    pub plain: *const c_void,
    /// The same in NTT form at the first level.
    pub plain_ntt: *const c_void,
    /// `seal::Plaintext` of a single coefficient.
    pub constant: *const c_void,
    /// `seal::Ciphertext` at the first level.
    pub a: *const c_void,
    /// Another one.
    pub b: *const c_void,
    /// A `seal::Ciphertext` of size 3.
    pub product: *const c_void,
    /// `a` in NTT form.
    pub a_ntt: *const c_void,
    /// A `seal::Ciphertext` to overwrite.
    pub work: *mut c_void,
    /// A `seal::Plaintext` to overwrite.
    pub work_plain: *mut c_void,
    /// Values modulo t to encode; they are copied.
    pub values: *const u64,
    /// How many.
    pub value_count: usize,
}

unsafe extern "C" {
    fn sealquant_native_new(operands: *const Operands) -> *mut c_void;
    fn sealquant_native_delete(native: *mut c_void);
    fn sealquant_native_run(native: *mut c_void, operation: u32, iterations: u64) -> bool;
    fn sealquant_native_decoded(native: *const c_void) -> *const u64;
    fn sealquant_native_count(native: *const c_void) -> u64;
}

/// The operands, and what SEAL's C++ interface wants besides: an encoder, and vectors of ciphertexts.
#[derive(Debug)]
pub struct Native {
    object: NonNull<c_void>,
    slots: usize,
}

impl Native {
    /// Makes the encoder; `None` if SEAL refuses.
    ///
    /// # Safety
    /// The operands are what their documentation says, and live, at the same addresses, as long as this object.
    pub unsafe fn new(operands: &Operands) -> Option<Self> {
        // SAFETY: the caller keeps the contract.
        let object = unsafe { sealquant_native_new(operands) };
        Some(Self {
            object: NonNull::new(object)?,
            slots: operands.value_count,
        })
    }

    /// Runs an operation in a loop. Whether SEAL did not refuse.
    ///
    /// # Safety
    /// No reference to `work`, `work_plain`, the decryptor or the key generator is in use.
    pub unsafe fn run(&mut self, operation: Operation, iterations: u64) -> bool {
        // SAFETY: the object was made by `new` and lives; the caller keeps the rest of the contract.
        unsafe { sealquant_native_run(self.object.as_ptr(), operation as u32, iterations) }
    }

    /// What the last [`Operation::Decode`] gave.
    pub fn decoded(&self) -> &[u64] {
        // SAFETY: the vector holds one value a slot, as many as `values`, from the beginning.
        unsafe {
            std::slice::from_raw_parts(sealquant_native_decoded(self.object.as_ptr()), self.slots)
        }
    }

    /// What the last [`Operation::NoiseBudget`] gave, in bits, or the number of keys that the last
    /// [`Operation::CreateRelinKeys`] made.
    pub fn count(&self) -> u64 {
        // SAFETY: the object was made by `new` and lives.
        unsafe { sealquant_native_count(self.object.as_ptr()) }
    }
}

impl Drop for Native {
    fn drop(&mut self) {
        // SAFETY: made by `new`, and destroyed here only.
        unsafe { sealquant_native_delete(self.object.as_ptr()) }
    }
}
