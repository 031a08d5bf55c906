//! Memory: `seal::MemoryPoolHandle`, and Rust buffers for C++ to fill.

#[cxx::bridge(namespace = "sealquant")]
pub mod bridge {
    extern "Rust" {
        fn zeroed_bytes(length: usize) -> Vec<u8>;
    }

    unsafe extern "C++" {
        include!("sealquant/src/ffi/memory.h");

        fn global_pool_count() -> Result<usize>;
        fn global_pool_allocated_bytes() -> Result<usize>;
        fn when_exhausted(handler: fn());
    }
}

/// Allocates a buffer of `length` zeros; an empty one if memory is exhausted.
fn zeroed_bytes(length: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    if bytes.try_reserve_exact(length).is_ok() {
        bytes.resize(length, 0);
    }
    bytes
}
