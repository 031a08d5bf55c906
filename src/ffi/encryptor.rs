//! `seal::Encryptor`.

#[cxx::bridge(namespace = "sealquant")]
pub mod bridge {
    #[namespace = "seal"]
    unsafe extern "C++" {
        type SEALContext = crate::ffi::context::bridge::SEALContext;
        type Plaintext = crate::ffi::plaintext::bridge::Plaintext;
        type Ciphertext = crate::ffi::ciphertext::bridge::Ciphertext;
        type PublicKey = crate::ffi::keys::bridge::PublicKey;
        type SecretKey = crate::ffi::keys::bridge::SecretKey;
    }

    unsafe extern "C++" {
        include!("sealquant/src/ffi/encryptor.h");

        #[namespace = "seal"]
        type Encryptor;

        fn encryptor_new_public(
            context: &SEALContext,
            public_key: &PublicKey,
        ) -> Result<UniquePtr<Encryptor>>;
        fn encryptor_new_symmetric(
            context: &SEALContext,
            secret_key: &SecretKey,
        ) -> Result<UniquePtr<Encryptor>>;
        fn encryptor_new_both(
            context: &SEALContext,
            public_key: &PublicKey,
            secret_key: &SecretKey,
        ) -> Result<UniquePtr<Encryptor>>;
        fn encryptor_encrypt(
            encryptor: &Encryptor,
            plain: &Plaintext,
            destination: Pin<&mut Ciphertext>,
        ) -> Result<()>;
        fn encryptor_encrypt_symmetric(
            encryptor: &Encryptor,
            plain: &Plaintext,
            destination: Pin<&mut Ciphertext>,
        ) -> Result<()>;
        fn encryptor_encrypt_zero(
            encryptor: &Encryptor,
            parms_id: &[u64; 4],
            destination: Pin<&mut Ciphertext>,
        ) -> Result<()>;
        fn encryptor_encrypt_zero_symmetric(
            encryptor: &Encryptor,
            parms_id: &[u64; 4],
            destination: Pin<&mut Ciphertext>,
        ) -> Result<()>;
        fn encryptor_save_symmetric(
            encryptor: &Encryptor,
            plain: &Plaintext,
            compress: bool,
        ) -> Result<Vec<u8>>;
        fn encryptor_save_symmetric_ntt(
            context: &SEALContext,
            secret_key: &SecretKey,
            plain: &Plaintext,
        ) -> Result<Vec<u8>>;
    }
}
