//! SEAL's number-theoretic transforms, on rows of residues.

#[cxx::bridge(namespace = "sealquant")]
pub mod bridge {
    #[namespace = "seal"]
    unsafe extern "C++" {
        type SEALContext = crate::ffi::context::bridge::SEALContext;
    }

    unsafe extern "C++" {
        include!("sealquant/src/ffi/ntt.h");

        fn ntt_forward(context: &SEALContext, prime: usize, rows: &mut [u64]) -> Result<()>;
        fn ntt_inverse(context: &SEALContext, prime: usize, rows: &mut [u64]) -> Result<()>;
    }
}
