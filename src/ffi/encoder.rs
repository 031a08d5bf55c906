//! An encoder that works on slices and does the same as `seal::BatchEncoder`.

#[cxx::bridge(namespace = "sealquant")]
pub mod bridge {
    #[namespace = "seal"]
    unsafe extern "C++" {
        type SEALContext = crate::ffi::context::bridge::SEALContext;
        type Plaintext = crate::ffi::plaintext::bridge::Plaintext;
    }

    unsafe extern "C++" {
        include!("sealquant/src/ffi/encoder.h");

        type BatchEncoder;

        fn batch_encoder_new(context: &SEALContext) -> Result<UniquePtr<BatchEncoder>>;
        fn batch_encoder_slot_count(encoder: &BatchEncoder) -> usize;
        fn batch_encoder_encode_u64(
            encoder: &BatchEncoder,
            values: &[u64],
            destination: Pin<&mut Plaintext>,
        ) -> Result<bool>;
        fn batch_encoder_encode_i64(
            encoder: &BatchEncoder,
            values: &[i64],
            destination: Pin<&mut Plaintext>,
        ) -> Result<bool>;
        fn batch_encoder_decode_u64(
            encoder: &BatchEncoder,
            plain: &Plaintext,
            destination: &mut [u64],
        ) -> Result<()>;
        fn batch_encoder_decode_i64(
            encoder: &BatchEncoder,
            plain: &Plaintext,
            destination: &mut [i64],
        ) -> Result<()>;
    }
}
