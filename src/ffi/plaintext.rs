//! `seal::Plaintext`.

#[cxx::bridge(namespace = "sealquant")]
pub mod bridge {
    #[namespace = "seal"]
    unsafe extern "C++" {
        type SEALContext = crate::ffi::context::bridge::SEALContext;
    }

    unsafe extern "C++" {
        include!("sealquant/src/ffi/plaintext.h");

        #[namespace = "seal"]
        type Plaintext;

        fn plaintext_new() -> Result<UniquePtr<Plaintext>>;
        fn plaintext_clone(plain: &Plaintext) -> Result<UniquePtr<Plaintext>>;
        fn plaintext_from_coefficients(coefficients: &[u64]) -> Result<UniquePtr<Plaintext>>;
        fn plaintext_coeff_count(plain: &Plaintext) -> usize;
        fn plaintext_significant_coeff_count(plain: &Plaintext) -> usize;
        fn plaintext_is_ntt_form(plain: &Plaintext) -> bool;
        fn plaintext_parms_id(plain: &Plaintext) -> [u64; 4];
        fn plaintext_data(plain: &Plaintext) -> &[u64];
        fn plaintext_data_mut(plain: Pin<&mut Plaintext>) -> &mut [u64];
        fn plaintext_reshape(
            plain: Pin<&mut Plaintext>,
            parms_id: &[u64; 4],
            coeff_count: usize,
        ) -> Result<()>;
        fn plaintext_assign(destination: Pin<&mut Plaintext>, source: &Plaintext) -> Result<()>;
        fn plaintext_set_zero(plain: Pin<&mut Plaintext>);
        fn plaintext_resize(plain: Pin<&mut Plaintext>, coeff_count: usize) -> Result<()>;
        fn plaintext_release(plain: Pin<&mut Plaintext>);
        fn plaintext_capacity(plain: &Plaintext) -> usize;
        fn plaintext_save(plain: &Plaintext, compress: bool) -> Result<Vec<u8>>;
        fn plaintext_load(context: &SEALContext, bytes: &[u8]) -> Result<UniquePtr<Plaintext>>;
        fn plaintext_is_valid_for(plain: &Plaintext, context: &SEALContext) -> Result<bool>;
    }
}
