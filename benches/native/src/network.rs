//! Evaluates whole networks in C++ by stock SEAL calls, on ciphertexts and keys that the caller owns.

use std::ffi::c_void;

/// A layer of a batched network, as `sealquant` computes it by stock SEAL calls.
#[derive(Debug, Clone, Copy)]
#[repr(C)]
pub struct Layer {
    /// 0: weighted sums, 1: squares, 2: squares, relinearised.
    pub kind: u32,
    /// Number of weighted sums; output o adds the terms from `starts[o]` up to but without `starts[o + 1]`.
    pub outputs: usize,
    /// One element more than there are outputs.
    pub starts: *const usize,
    /// The input of each term.
    pub inputs: *const u32,
    /// The weight of each term: not 0, around 0 modulo t.
    pub weights: *const i64,
    /// The bias of each output modulo t.
    pub biases: *const u64,
}

/// A layer in the authors' schedule.
#[derive(Debug, Clone, Copy)]
#[repr(C)]
pub struct PaperLayer {
    /// 0: convolution, 1: squares, 2: fully connected.
    pub kind: u32,
    /// Number of channels to compute: output channels, or, in a fully connected layer, input channels.
    pub units: usize,
    /// Number of channels to hand on: the missing ones are copies.
    pub all_units: usize,
    /// The first tap or diagonal of each channel, and the end.
    pub starts: *const usize,
    /// The input channel of each tap.
    pub inputs: *const u32,
    /// The number of slots to rotate by, for each tap or diagonal.
    pub rotations: *const u32,
    /// The weight of each tap: not 0, around 0 modulo t.
    pub weights: *const i64,
    /// `period` residues for each diagonal.
    pub factors: *const u64,
    /// Number of slots after which a diagonal repeats.
    pub period: usize,
    /// Residues: one for each output channel, or, in a fully connected layer, `rows` of them.
    pub biases: *const u64,
    /// Number of outputs of a fully connected layer, rounded up to a power of two.
    pub rows: usize,
}

unsafe extern "C" {
    fn sealquant_native_thread_nanoseconds() -> u64;
    fn sealquant_native_stock(
        context: *const c_void,
        relin_keys: *const c_void,
        layers: *const Layer,
        layer_count: usize,
        request: *const *const c_void,
        request_count: usize,
        response_primes: usize,
        response: *const *mut c_void,
        response_count: usize,
    ) -> bool;
    fn sealquant_native_paper(
        context: *const c_void,
        relin_keys: *const c_void,
        galois_keys: *const c_void,
        layers: *const PaperLayer,
        layer_count: usize,
        request: *const *const c_void,
        request_count: usize,
        response: *mut c_void,
    ) -> bool;
}

/// Returns the nanoseconds that the calling thread has spent on processors.
pub fn thread_nanoseconds() -> u64 {
    // SAFETY: it reads a clock.
    unsafe { sealquant_native_thread_nanoseconds() }
}

/// Evaluates a batched network on the calling thread. Returns false if SEAL refused.
///
/// # Safety
/// `context` must be a `seal::SEALContext`; `relin_keys` must be `seal::RelinKeys` for it, or null if no layer is of
/// kind 2. The pointers of the layers must lead to as many elements as their documentation says, and inputs must be
/// indices into the output of the layer before. `request` and `response` must be `seal::Ciphertext`; those of the
/// response are overwritten, and nobody may use them meanwhile.
pub unsafe fn stock(
    context: *const c_void,
    relin_keys: *const c_void,
    layers: &[Layer],
    request: &[*const c_void],
    response_primes: usize,
    response: &[*mut c_void],
) -> bool {
    // SAFETY: the caller keeps the contract; the counts are those of the slices.
    unsafe {
        sealquant_native_stock(
            context,
            relin_keys,
            layers.as_ptr(),
            layers.len(),
            request.as_ptr(),
            request.len(),
            response_primes,
            response.as_ptr(),
            response.len(),
        )
    }
}

/// Evaluates the authors' schedule on the calling thread. Returns false if SEAL refused.
///
/// # Safety
/// As for [`stock`]; `galois_keys` must be `seal::GaloisKeys` for all powers of two, and `response` must be one
/// `seal::Ciphertext`.
pub unsafe fn paper(
    context: *const c_void,
    relin_keys: *const c_void,
    galois_keys: *const c_void,
    layers: &[PaperLayer],
    request: &[*const c_void],
    response: *mut c_void,
) -> bool {
    // SAFETY: the caller keeps the contract; the counts are those of the slices.
    unsafe {
        sealquant_native_paper(
            context,
            relin_keys,
            galois_keys,
            layers.as_ptr(),
            layers.len(),
            request.as_ptr(),
            request.len(),
            response,
        )
    }
}
