//! Raw pointers to the objects behind the types, for C++ code that links the same SEAL: kernels of one's own, or SEAL's C
//! export layer as declared in `seal_sys::bindings` (tests/encoder.rs and benches/native use it so).
//!
//! Taking a pointer is safe; what is done with it is not, and what it must keep to stands with each. For residues alone no
//! pointer is needed: see [`Ciphertext::edit_limbs`].

use super::ciphertext::Ciphertext;
use super::context::Context;
use super::decryptor::Decryptor;
use super::encryptor::Encryptor;
use super::evaluator::Evaluator;
use super::keys::{GaloisKeys, KeyGenerator, PublicKey, RelinKeys, SecretKey};
use super::plaintext::Plaintext;
use std::ffi::c_void;

macro_rules! seal_pointer {
    ($($name:ident => $class:literal),* $(,)?) => {
        $(
            impl $name {
                #[doc = concat!("The `", $class, "` behind this value, for C++ code that links the same SEAL.")]
                ///
                /// The pointer is valid while this value lives. Nothing may change the object through it, and the
                /// thread rules of this type hold for it.
                pub fn as_seal_ptr(&self) -> *const c_void {
                    std::ptr::from_ref(self.as_ffi()).cast()
                }
            }
        )*
    };
}

seal_pointer!(
    Context => "seal::SEALContext",
    Plaintext => "seal::Plaintext",
    Ciphertext => "seal::Ciphertext",
    SecretKey => "seal::SecretKey",
    PublicKey => "seal::PublicKey",
    RelinKeys => "seal::RelinKeys",
    GaloisKeys => "seal::GaloisKeys",
    Encryptor => "seal::Encryptor",
    Evaluator => "seal::Evaluator",
);

macro_rules! seal_pointer_mut {
    ($($name:ident => $class:literal),* $(,)?) => {
        $(
            impl $name {
                #[doc = concat!("The `", $class, "` behind this value, for C++ code that links the same SEAL to change.")]
                ///
                /// The pointer is valid while this value lives; take it anew for each change. What it points to must
                /// stay a whole object (not moved from, not destroyed) with each residue below its modulus, and must
                /// not change while a reference to this value is in use.
                pub fn as_seal_mut_ptr(&mut self) -> *mut c_void {
                    // SAFETY: the object is not moved: only its address is taken.
                    let object = unsafe { self.as_ffi_mut().get_unchecked_mut() };
                    std::ptr::from_mut(object).cast()
                }
            }
        )*
    };
}

seal_pointer_mut!(
    Plaintext => "seal::Plaintext",
    Ciphertext => "seal::Ciphertext",
    Decryptor => "seal::Decryptor",
    KeyGenerator => "seal::KeyGenerator",
);
