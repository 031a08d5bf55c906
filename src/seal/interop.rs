//! Raw pointers to the SEAL objects behind these types, for C++ code that links the same SEAL: your own kernels, or
//! SEAL's C export layer as declared in `seal_sys::bindings`. tests/encoder.rs and benches/native use it this way.
//!
//! Getting a pointer is safe. Using it is not, and each function states the rules. To access only residues you need no
//! pointer: see [`Ciphertext::edit_limbs`].

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
                /// The pointer is valid while this value lives. Do not change the object through it. This type's thread
                /// rules apply to the pointer too.
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
                /// The pointer is valid while this value lives; get it anew for each change. The object it points to
                /// must stay whole (not moved from, not destroyed), with each residue below its modulus. It must not
                /// change while a reference to this value is in use.
                pub fn as_seal_mut_ptr(&mut self) -> *mut c_void {
                    // SAFETY: only the object's address is taken; the object is not moved.
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
