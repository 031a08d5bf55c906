//! Whole networks in C++ by stock SEAL calls, on ciphertexts and keys that somebody else owns.

use std::ffi::c_void;

/// A layer of a batched network, as `Mode::Stock` of `sealquant` computes it.
#[derive(Debug, Clone, Copy)]
#[repr(C)]
pub struct Layer {
    /// 0: weighted sums, 1: squares, 2: squares, relinearised.
    pub kind: u32,
    /// Of weighted sums, how many; output o adds the terms `starts[o]` up to `starts[o + 1]`.
    pub outputs: usize,
    /// One more than outputs.
    pub starts: *const usize,
    /// For each term the input.
    pub inputs: *const u32,
    /// For each term the weight: not 0, around 0 modulo t.
    pub weights: *const i64,
    /// For each output the bias modulo t.
    pub biases: *const u64,
}

/// A layer by the authors' schedule.
#[derive(Debug, Clone, Copy)]
#[repr(C)]
pub struct PaperLayer {
    /// 0: convolution, 1: squares, 2: fully connected.
    pub kind: u32,
    /// Channels to compute: of the output, of a fully connected layer of the input.
    pub units: usize,
    /// Channels to hand on: the missing ones are copies.
    pub all_units: usize,
    /// For each channel its first tap or diagonal, and the end.
    pub starts: *const usize,
    /// For each tap the input channel.
    pub inputs: *const u32,
    /// For each tap or diagonal by how many slots to rotate.
    pub rotations: *const u32,
    /// For each tap the weight: not 0, around 0 modulo t.
    pub weights: *const i64,
    /// For each diagonal `period` residues.
    pub factors: *const u64,
    /// After how many slots a diagonal repeats.
    pub period: usize,
    /// Residues: one for each output channel; of a fully connected layer `rows`.
    pub biases: *const u64,
    /// Outputs of a fully connected layer, rounded up to a power of two.
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

/// Nanoseconds that the calling thread has spent on processors.
pub fn thread_nanoseconds() -> u64 {
    // SAFETY: it reads a clock.
    unsafe { sealquant_native_thread_nanoseconds() }
}

/// Evaluates a batched network on the calling thread. Whether SEAL did not refuse.
///
/// # Safety
/// `context` is a `seal::SEALContext`; `relin_keys` are `seal::RelinKeys` for it, or null if no layer is of kind 2. The
/// pointers of the layers lead to as many elements as their documentation says, and inputs are indices of what the layer
/// before gives. `request` and `response` are `seal::Ciphertext`; those of the response are overwritten, and nobody uses
/// them meanwhile.
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

/// Evaluates the authors' schedule on the calling thread. Whether SEAL did not refuse.
///
/// # Safety
/// As [`stock`]; `galois_keys` are `seal::GaloisKeys` for all powers of two, `response` is one `seal::Ciphertext`.
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
