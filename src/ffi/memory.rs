//! Statistics of SEAL's global memory pool.

#[cxx::bridge(namespace = "sealquant")]
pub mod bridge {
    unsafe extern "C++" {
        include!("sealquant/src/ffi/memory.h");

        fn global_pool_count() -> Result<usize>;
        fn global_pool_allocated_bytes() -> Result<usize>;
    }
}
