//! Calls SEAL's operations in a loop from C++, on objects that the caller owns.
//!
//! The benchmark `bfv` of `sealquant` compares its own calls with these loops, on the same objects in the same process.
//! The benchmark `network` compares whole networks with those of [`network`].

pub mod network;

use seal_sys as _;
use std::ffi::c_void;
use std::ptr::NonNull;

/// An operation to run. The comments say on which operands it works and where the result goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
pub enum Operation {
    /// Encodes `values` into `work_plain`.
    Encode,
    /// Decodes `plain` into the decoded values.
    Decode,
    /// Encrypts `plain` into `work` with the public key.
    Encrypt,
    /// Encrypts `plain` into `work` with the secret key.
    EncryptSymmetric,
    /// Decrypts `a` into `work_plain`.
    Decrypt,
    /// Copies `a` into `work`.
    Copy,
    /// Negates `work` in place.
    Negate,
    /// Adds `b` to `work` in place.
    Add,
    /// Subtracts `b` from `work` in place.
    Sub,
    /// Adds `plain` to `work` in place.
    AddPlain,
    /// Multiplies `work` by `plain` in place.
    MultiplyPlain,
    /// Multiplies `work`, in NTT form, by `plain_ntt` in place.
    MultiplyPlainNtt,
    /// Multiplies `work` by `constant` in place.
    MultiplyPlainConstant,
    /// Copies `a` to `work` and multiplies it by `b`.
    Multiply,
    /// Copies `a` to `work` and squares it.
    Square,
    /// Copies `product` to `work` and relinearises it.
    Relinearize,
    /// Copies `a` to `work` and removes a prime from it.
    ModSwitchToNext,
    /// Copies `a` to `work` and transforms it.
    TransformToNtt,
    /// Copies `a_ntt` to `work` and transforms it back.
    TransformFromNtt,
    /// Rotates `work` by one step in place.
    RotateRows,
    /// Rotates the columns of `work` in place.
    RotateColumns,
    /// Applies the automorphism of element 3 to `work` in place.
    ApplyGalois,
    /// Subtracts `plain` from `work` in place.
    SubPlain,
    /// Copies `a` to `work` and removes all primes but one from it.
    ModSwitchTo,
    /// Copies `plain` to `work_plain` and transforms it to the first level.
    TransformPlainToNtt,
    /// Encrypts zero into `work` with the public key.
    EncryptZero,
    /// Encrypts zero into `work` with the secret key.
    EncryptZeroSymmetric,
    /// Measures the noise budget of `a`.
    NoiseBudget,
    /// Adds up `a`, `b`, `a` and `b` into `work`.
    AddMany,
    /// Multiplies `a`, `b` and `a`, relinearised, into `work`.
    MultiplyMany,
    /// Raises `a` to the fourth power, relinearised, into `work`.
    Exponentiate,
    /// Creates relinearisation keys.
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

    /// Tells whether `sealquant::seal` does not simply call SEAL's function of this name: it encodes and decodes by
    /// itself, and computes sums, products and powers from single calls.
    pub const fn is_own(self) -> bool {
        matches!(
            self,
            Self::Encode | Self::Decode | Self::AddMany | Self::MultiplyMany | Self::Exponentiate
        )
    }

    /// Returns the name used in tables.
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
    /// The same plaintext in NTT form at the first level.
    pub plain_ntt: *const c_void,
    /// `seal::Plaintext` with a single coefficient.
    pub constant: *const c_void,
    /// `seal::Ciphertext` at the first level.
    pub a: *const c_void,
    /// Another `seal::Ciphertext` at the first level.
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
    /// Number of values.
    pub value_count: usize,
}

unsafe extern "C" {
    fn sealquant_native_new(operands: *const Operands) -> *mut c_void;
    fn sealquant_native_delete(native: *mut c_void);
    fn sealquant_native_run(native: *mut c_void, operation: u32, iterations: u64) -> bool;
    fn sealquant_native_decoded(native: *const c_void) -> *const u64;
    fn sealquant_native_count(native: *const c_void) -> u64;
}

/// The operands, and the objects that SEAL's C++ interface needs in addition: an encoder, and vectors of ciphertexts.
#[derive(Debug)]
pub struct Native {
    object: NonNull<c_void>,
    slots: usize,
}

impl Native {
    /// Creates the encoder; `None` if SEAL refuses.
    ///
    /// # Safety
    /// The operands must be what their documentation says, and must stay alive at the same addresses as long as this
    /// object.
    pub unsafe fn new(operands: &Operands) -> Option<Self> {
        // SAFETY: the caller keeps the contract.
        let object = unsafe { sealquant_native_new(operands) };
        Some(Self {
            object: NonNull::new(object)?,
            slots: operands.value_count,
        })
    }

    /// Runs an operation in a loop. Returns false if SEAL refused.
    ///
    /// # Safety
    /// No reference to `work`, `work_plain`, the decryptor or the key generator may be in use.
    pub unsafe fn run(&mut self, operation: Operation, iterations: u64) -> bool {
        // SAFETY: the object was made by `new` and is alive; the caller keeps the rest of the contract.
        unsafe { sealquant_native_run(self.object.as_ptr(), operation as u32, iterations) }
    }

    /// Returns the result of the last [`Operation::Decode`].
    pub fn decoded(&self) -> &[u64] {
        // SAFETY: the vector holds one value for each slot, as many as `values`, from the beginning.
        unsafe {
            std::slice::from_raw_parts(sealquant_native_decoded(self.object.as_ptr()), self.slots)
        }
    }

    /// Returns the noise budget that the last [`Operation::NoiseBudget`] measured, in bits, or the number of keys that
    /// the last [`Operation::CreateRelinKeys`] made.
    pub fn count(&self) -> u64 {
        // SAFETY: the object was made by `new` and is alive.
        unsafe { sealquant_native_count(self.object.as_ptr()) }
    }
}

impl Drop for Native {
    fn drop(&mut self) {
        // SAFETY: made by `new`, and destroyed only here.
        unsafe { sealquant_native_delete(self.object.as_ptr()) }
    }
}
