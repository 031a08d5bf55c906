//! `seal::Decryptor`.

#[cxx::bridge(namespace = "sealquant")]
pub mod bridge {
    #[namespace = "seal"]
    unsafe extern "C++" {
        type SEALContext = crate::ffi::context::bridge::SEALContext;
        type Plaintext = crate::ffi::plaintext::bridge::Plaintext;
        type Ciphertext = crate::ffi::ciphertext::bridge::Ciphertext;
        type SecretKey = crate::ffi::keys::bridge::SecretKey;
    }

    unsafe extern "C++" {
        include!("sealquant/src/ffi/decryptor.h");

        #[namespace = "seal"]
        type Decryptor;

        fn decryptor_new(
            context: &SEALContext,
            secret_key: &SecretKey,
        ) -> Result<UniquePtr<Decryptor>>;
        fn decryptor_decrypt(
            decryptor: Pin<&mut Decryptor>,
            encrypted: &Ciphertext,
            destination: Pin<&mut Plaintext>,
        ) -> Result<()>;
        fn decryptor_noise_budget_bits(
            decryptor: Pin<&mut Decryptor>,
            encrypted: &Ciphertext,
        ) -> Result<u32>;
    }
}
