//! `seal::Evaluator`. Every call works in place, because SEAL's other forms are a copy followed by these. The exception
//! is `mod_switch_to_next`, whose in-place form makes a copy.

#[cxx::bridge(namespace = "sealquant")]
pub mod bridge {
    #[namespace = "seal"]
    unsafe extern "C++" {
        type SEALContext = crate::ffi::context::bridge::SEALContext;
        type Plaintext = crate::ffi::plaintext::bridge::Plaintext;
        type Ciphertext = crate::ffi::ciphertext::bridge::Ciphertext;
        type RelinKeys = crate::ffi::keys::bridge::RelinKeys;
        type GaloisKeys = crate::ffi::keys::bridge::GaloisKeys;
    }

    unsafe extern "C++" {
        include!("sealquant/src/ffi/evaluator.h");

        #[namespace = "seal"]
        type Evaluator;

        fn evaluator_new(context: &SEALContext) -> Result<UniquePtr<Evaluator>>;
        fn evaluator_negate_inplace(
            evaluator: &Evaluator,
            encrypted: Pin<&mut Ciphertext>,
        ) -> Result<()>;
        fn evaluator_add_inplace(
            evaluator: &Evaluator,
            encrypted: Pin<&mut Ciphertext>,
            other: &Ciphertext,
        ) -> Result<()>;
        fn evaluator_sub_inplace(
            evaluator: &Evaluator,
            encrypted: Pin<&mut Ciphertext>,
            other: &Ciphertext,
        ) -> Result<()>;
        fn evaluator_multiply_inplace(
            evaluator: &Evaluator,
            encrypted: Pin<&mut Ciphertext>,
            other: &Ciphertext,
        ) -> Result<()>;
        fn evaluator_square_inplace(
            evaluator: &Evaluator,
            encrypted: Pin<&mut Ciphertext>,
        ) -> Result<()>;
        fn evaluator_relinearize_inplace(
            evaluator: &Evaluator,
            encrypted: Pin<&mut Ciphertext>,
            relin_keys: &RelinKeys,
        ) -> Result<()>;
        fn evaluator_mod_switch_to_next(
            evaluator: &Evaluator,
            encrypted: &Ciphertext,
            destination: Pin<&mut Ciphertext>,
        ) -> Result<()>;
        fn evaluator_mod_switch_to_next_inplace(
            evaluator: &Evaluator,
            encrypted: Pin<&mut Ciphertext>,
        ) -> Result<()>;
        fn evaluator_mod_switch_to_inplace(
            evaluator: &Evaluator,
            encrypted: Pin<&mut Ciphertext>,
            parms_id: &[u64; 4],
        ) -> Result<()>;
        fn evaluator_add_plain_inplace(
            evaluator: &Evaluator,
            encrypted: Pin<&mut Ciphertext>,
            plain: &Plaintext,
        ) -> Result<()>;
        fn evaluator_sub_plain_inplace(
            evaluator: &Evaluator,
            encrypted: Pin<&mut Ciphertext>,
            plain: &Plaintext,
        ) -> Result<()>;
        fn evaluator_multiply_plain_inplace(
            evaluator: &Evaluator,
            encrypted: Pin<&mut Ciphertext>,
            plain: &Plaintext,
        ) -> Result<()>;
        fn evaluator_transform_to_ntt_inplace(
            evaluator: &Evaluator,
            encrypted: Pin<&mut Ciphertext>,
        ) -> Result<()>;
        fn evaluator_transform_from_ntt_inplace(
            evaluator: &Evaluator,
            encrypted: Pin<&mut Ciphertext>,
        ) -> Result<()>;
        fn evaluator_rotate_rows_inplace(
            evaluator: &Evaluator,
            encrypted: Pin<&mut Ciphertext>,
            steps: i32,
            galois_keys: &GaloisKeys,
        ) -> Result<()>;
        fn evaluator_rotate_columns_inplace(
            evaluator: &Evaluator,
            encrypted: Pin<&mut Ciphertext>,
            galois_keys: &GaloisKeys,
        ) -> Result<()>;
        fn evaluator_apply_galois_inplace(
            evaluator: &Evaluator,
            encrypted: Pin<&mut Ciphertext>,
            element: u32,
            galois_keys: &GaloisKeys,
        ) -> Result<()>;
        fn evaluator_mod_switch_plain_to_next_inplace(
            evaluator: &Evaluator,
            plain: Pin<&mut Plaintext>,
        ) -> Result<()>;
        fn evaluator_mod_switch_plain_to_inplace(
            evaluator: &Evaluator,
            plain: Pin<&mut Plaintext>,
            parms_id: &[u64; 4],
        ) -> Result<()>;
        fn evaluator_transform_plain_to_ntt_inplace(
            evaluator: &Evaluator,
            plain: Pin<&mut Plaintext>,
            parms_id: &[u64; 4],
        ) -> Result<()>;
    }
}
