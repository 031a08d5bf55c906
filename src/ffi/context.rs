//! `seal::SEALContext`: the parameters with everything precomputed from them.

#[cxx::bridge(namespace = "sealquant")]
pub mod bridge {
    /// One level of the modulus switching chain.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    struct LevelInfo {
        parms_id: [u64; 4],
        chain_index: usize,
        coeff_modulus_size: usize,
        total_bits: u32,
    }

    /// SEAL's findings about the parameters at one level.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    struct QualifierInfo {
        using_fft: bool,
        using_ntt: bool,
        using_batching: bool,
        using_fast_plain_lift: bool,
        using_descending_modulus_chain: bool,
        security_bits: u32,
    }

    /// Encryption parameters as SEAL stored them.
    #[derive(Debug, Clone, PartialEq, Eq)]
    struct ParametersInfo {
        poly_modulus_degree: usize,
        coeff_modulus: Vec<u64>,
        plain_modulus: u64,
    }

    unsafe extern "C++" {
        include!("sealquant/src/ffi/context.h");

        #[namespace = "seal"]
        type SEALContext;

        fn context_new(
            poly_modulus_degree: usize,
            coeff_modulus: &[u64],
            plain_modulus: u64,
            security_bits: u32,
        ) -> Result<UniquePtr<SEALContext>>;
        fn context_is_valid(context: &SEALContext) -> bool;
        fn context_error_name(context: &SEALContext) -> Result<String>;
        fn context_error_message(context: &SEALContext) -> Result<String>;
        fn context_using_batching(context: &SEALContext) -> bool;
        fn context_using_keyswitching(context: &SEALContext) -> bool;
        fn context_levels(context: &SEALContext) -> Result<Vec<LevelInfo>>;
        fn context_qualifiers(context: &SEALContext, parms_id: &[u64; 4]) -> Result<QualifierInfo>;
        fn parameters_save(context: &SEALContext, compress: bool) -> Result<Vec<u8>>;
        fn parameters_load(bytes: &[u8]) -> Result<ParametersInfo>;
    }
}
