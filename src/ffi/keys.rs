//! `seal::KeyGenerator` and the keys that it makes.

#[cxx::bridge(namespace = "sealquant")]
pub mod bridge {
    #[namespace = "seal"]
    unsafe extern "C++" {
        type SEALContext = crate::ffi::context::bridge::SEALContext;
    }

    unsafe extern "C++" {
        include!("sealquant/src/ffi/keys.h");

        #[namespace = "seal"]
        type KeyGenerator;
        #[namespace = "seal"]
        type SecretKey;
        #[namespace = "seal"]
        type PublicKey;
        #[namespace = "seal"]
        type RelinKeys;
        #[namespace = "seal"]
        type GaloisKeys;

        fn key_generator_new(context: &SEALContext) -> Result<UniquePtr<KeyGenerator>>;
        fn key_generator_from_secret_key(
            context: &SEALContext,
            secret_key: &SecretKey,
        ) -> Result<UniquePtr<KeyGenerator>>;
        fn key_generator_secret_key(generator: &KeyGenerator) -> Result<UniquePtr<SecretKey>>;
        fn key_generator_public_key(generator: &KeyGenerator) -> Result<UniquePtr<PublicKey>>;
        fn key_generator_relin_keys(
            generator: Pin<&mut KeyGenerator>,
        ) -> Result<UniquePtr<RelinKeys>>;
        fn key_generator_galois_keys(
            generator: Pin<&mut KeyGenerator>,
            steps: &[i32],
        ) -> Result<UniquePtr<GaloisKeys>>;

        fn key_generator_galois_keys_of_elements(
            generator: Pin<&mut KeyGenerator>,
            elements: &[u32],
        ) -> Result<UniquePtr<GaloisKeys>>;
        fn key_generator_galois_keys_all(
            generator: Pin<&mut KeyGenerator>,
        ) -> Result<UniquePtr<GaloisKeys>>;

        fn key_generator_save_public_key(
            generator: &KeyGenerator,
            compress: bool,
        ) -> Result<Vec<u8>>;
        fn key_generator_save_relin_keys(
            generator: Pin<&mut KeyGenerator>,
            compress: bool,
        ) -> Result<Vec<u8>>;
        fn key_generator_save_galois_keys(
            generator: Pin<&mut KeyGenerator>,
            steps: &[i32],
            compress: bool,
        ) -> Result<Vec<u8>>;

        fn key_generator_save_galois_keys_of_elements(
            generator: Pin<&mut KeyGenerator>,
            elements: &[u32],
            compress: bool,
        ) -> Result<Vec<u8>>;

        fn secret_key_clone(key: &SecretKey) -> Result<UniquePtr<SecretKey>>;
        fn public_key_clone(key: &PublicKey) -> Result<UniquePtr<PublicKey>>;
        fn relin_keys_clone(keys: &RelinKeys) -> Result<UniquePtr<RelinKeys>>;
        fn galois_keys_clone(keys: &GaloisKeys) -> Result<UniquePtr<GaloisKeys>>;
        fn secret_key_save(key: &SecretKey, compress: bool) -> Result<Vec<u8>>;
        fn secret_key_load(context: &SEALContext, bytes: &[u8]) -> Result<UniquePtr<SecretKey>>;
        fn secret_key_is_valid_for(key: &SecretKey, context: &SEALContext) -> Result<bool>;
        fn secret_key_parms_id(key: &SecretKey) -> [u64; 4];
        fn public_key_save(key: &PublicKey, compress: bool) -> Result<Vec<u8>>;
        fn public_key_load(context: &SEALContext, bytes: &[u8]) -> Result<UniquePtr<PublicKey>>;
        fn public_key_is_valid_for(key: &PublicKey, context: &SEALContext) -> Result<bool>;
        fn public_key_parms_id(key: &PublicKey) -> [u64; 4];
        fn relin_keys_save(keys: &RelinKeys, compress: bool) -> Result<Vec<u8>>;
        fn relin_keys_load(context: &SEALContext, bytes: &[u8]) -> Result<UniquePtr<RelinKeys>>;
        fn relin_keys_is_valid_for(keys: &RelinKeys, context: &SEALContext) -> Result<bool>;
        fn relin_keys_parms_id(keys: &RelinKeys) -> [u64; 4];
        fn galois_keys_save(keys: &GaloisKeys, compress: bool) -> Result<Vec<u8>>;
        fn galois_keys_load(context: &SEALContext, bytes: &[u8]) -> Result<UniquePtr<GaloisKeys>>;
        fn galois_keys_is_valid_for(keys: &GaloisKeys, context: &SEALContext) -> Result<bool>;
        fn galois_keys_parms_id(keys: &GaloisKeys) -> [u64; 4];

        fn relin_keys_count(keys: &RelinKeys) -> usize;
        fn galois_keys_has_element(keys: &GaloisKeys, element: u32) -> Result<bool>;
        fn galois_keys_count(keys: &GaloisKeys) -> usize;
        fn galois_keys_has_step(
            keys: &GaloisKeys,
            context: &SEALContext,
            step: i32,
        ) -> Result<bool>;
    }
}
