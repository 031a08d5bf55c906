//! Primes and limits: `seal::Modulus`, `seal::CoeffModulus`, `seal::PlainModulus`.

#[cxx::bridge(namespace = "sealquant")]
pub mod bridge {
    unsafe extern "C++" {
        include!("sealquant/src/ffi/modulus.h");

        fn modulus_is_prime(value: u64) -> Result<bool>;
        fn coeff_modulus_max_bit_count(
            poly_modulus_degree: usize,
            security_bits: u32,
        ) -> Result<u32>;
        fn coeff_modulus_bfv_default(
            poly_modulus_degree: usize,
            security_bits: u32,
        ) -> Result<Vec<u64>>;
        fn coeff_modulus_create(poly_modulus_degree: usize, bit_sizes: &[i32]) -> Result<Vec<u64>>;
        fn plain_modulus_batching(
            poly_modulus_degree: usize,
            bit_sizes: &[i32],
        ) -> Result<Vec<u64>>;
    }
}
