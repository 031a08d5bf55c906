//! `seal::Ciphertext`.

#[cxx::bridge(namespace = "sealquant")]
pub mod bridge {
    #[namespace = "seal"]
    unsafe extern "C++" {
        type SEALContext = crate::ffi::context::bridge::SEALContext;
    }

    unsafe extern "C++" {
        include!("sealquant/src/ffi/ciphertext.h");

        #[namespace = "seal"]
        type Ciphertext;

        fn ciphertext_new() -> Result<UniquePtr<Ciphertext>>;
        fn ciphertext_clone(encrypted: &Ciphertext) -> Result<UniquePtr<Ciphertext>>;
        fn ciphertext_assign(destination: Pin<&mut Ciphertext>, source: &Ciphertext) -> Result<()>;
        fn ciphertext_size(encrypted: &Ciphertext) -> usize;
        fn ciphertext_poly_modulus_degree(encrypted: &Ciphertext) -> usize;
        fn ciphertext_coeff_modulus_size(encrypted: &Ciphertext) -> usize;
        fn ciphertext_is_ntt_form(encrypted: &Ciphertext) -> bool;
        fn ciphertext_is_transparent(encrypted: &Ciphertext) -> bool;
        fn ciphertext_parms_id(encrypted: &Ciphertext) -> [u64; 4];
        fn ciphertext_data(encrypted: &Ciphertext) -> &[u64];
        fn ciphertext_data_mut(encrypted: Pin<&mut Ciphertext>) -> &mut [u64];
        fn ciphertext_set_ntt_form(encrypted: Pin<&mut Ciphertext>, is_ntt_form: bool);
        fn ciphertext_reshape(
            encrypted: Pin<&mut Ciphertext>,
            context: &SEALContext,
            parms_id: &[u64; 4],
            size: usize,
            is_ntt_form: bool,
        ) -> Result<()>;
        fn ciphertext_save(encrypted: &Ciphertext, compress: bool) -> Result<Vec<u8>>;
        fn ciphertext_load(context: &SEALContext, bytes: &[u8]) -> Result<UniquePtr<Ciphertext>>;
        fn ciphertext_is_valid_for(encrypted: &Ciphertext, context: &SEALContext) -> Result<bool>;
        fn ciphertext_size_capacity(encrypted: &Ciphertext) -> usize;
        fn ciphertext_release(encrypted: Pin<&mut Ciphertext>);
    }
}
