//! Copies residues into and out of ciphertexts and keys.

#[cxx::bridge(namespace = "sealquant")]
pub mod bridge {
    #[namespace = "seal"]
    unsafe extern "C++" {
        type SEALContext = crate::ffi::context::bridge::SEALContext;
        type Ciphertext = crate::ffi::ciphertext::bridge::Ciphertext;
        type PublicKey = crate::ffi::keys::bridge::PublicKey;
        type RelinKeys = crate::ffi::keys::bridge::RelinKeys;
        type GaloisKeys = crate::ffi::keys::bridge::GaloisKeys;
        type SecretKey = crate::ffi::keys::bridge::SecretKey;
    }

    unsafe extern "C++" {
        include!("sealquant/src/ffi/raw.h");

        #[namespace = "seal"]
        type KSwitchKeys;

        fn raw_ciphertext(
            context: &SEALContext,
            parms_id: [u64; 4],
            size: usize,
            is_ntt_form: bool,
            limbs: &[u64],
        ) -> Result<UniquePtr<Ciphertext>>;
        fn raw_pair(
            context: &SEALContext,
            parms_id: [u64; 4],
            is_ntt_form: bool,
            first: &[u64],
        ) -> Result<UniquePtr<Ciphertext>>;
        fn raw_sample_uniform(
            poly_modulus_degree: usize,
            coeff_modulus: &[u64],
            seed: [u64; 8],
            destination: &mut [u64],
        ) -> Result<()>;

        fn raw_public_key(encrypted: UniquePtr<Ciphertext>) -> Result<UniquePtr<PublicKey>>;
        fn raw_public_key_data(key: &PublicKey) -> &Ciphertext;

        fn raw_secret_key_data(key: &SecretKey) -> &[u64];
        fn raw_secret_key(context: &SEALContext, limbs: &[u64]) -> Result<UniquePtr<SecretKey>>;

        fn raw_relin_keys(context: &SEALContext) -> Result<UniquePtr<RelinKeys>>;
        fn raw_galois_keys(context: &SEALContext) -> Result<UniquePtr<GaloisKeys>>;
        fn raw_relin_base(keys: &RelinKeys) -> &KSwitchKeys;
        fn raw_galois_base(keys: &GaloisKeys) -> &KSwitchKeys;
        fn raw_relin_push(
            keys: Pin<&mut RelinKeys>,
            slot: usize,
            part: UniquePtr<Ciphertext>,
        ) -> Result<()>;
        fn raw_galois_push(
            keys: Pin<&mut GaloisKeys>,
            slot: usize,
            part: UniquePtr<Ciphertext>,
        ) -> Result<()>;

        fn raw_slots(keys: &KSwitchKeys) -> usize;
        fn raw_parts(keys: &KSwitchKeys, slot: usize) -> usize;
        fn raw_part(keys: &KSwitchKeys, slot: usize, part: usize) -> Result<&Ciphertext>;
    }
}
