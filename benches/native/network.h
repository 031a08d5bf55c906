#pragma once

#include <cstddef>
#include <cstdint>

// The order and types are those of src/network.rs. Ciphertexts and keys are SEAL's objects, which the caller owns.

// A batched network, as Scheme::Stock of this project computes it.
struct SealquantLayer
{
    // 0: weighted sums, 1: squares, 2: squares, relinearised.
    std::uint32_t kind;
    // Of weighted sums only: output o adds the terms starts[o] up to starts[o + 1].
    std::size_t outputs;
    const std::size_t *starts;
    const std::uint32_t *inputs;
    // Not 0, around 0.
    const std::int64_t *weights;
    // Modulo t; 0 for none.
    const std::uint64_t *biases;
};

// A layer by the authors' schedule, one image.
struct SealquantPaperLayer
{
    // 0: convolution, 1: squares, 2: fully connected.
    std::uint32_t kind;
    // Channels to compute, and channels to hand on: copies of those that were computed.
    std::size_t units;
    std::size_t all_units;
    // Convolution: output channel o adds the taps starts[o] up to starts[o + 1]. Fully connected: input channel c gives
    // the diagonals starts[c] up to starts[c + 1].
    const std::size_t *starts;
    // Convolution only.
    const std::uint32_t *inputs;
    const std::uint32_t *rotations;
    // Convolution: a weight a tap, around 0. Fully connected: `period` residues a diagonal.
    const std::int64_t *weights;
    const std::uint64_t *factors;
    std::size_t period;
    // Convolution: a residue an output channel. Fully connected: `rows` residues.
    const std::uint64_t *biases;
    std::size_t rows;
};

extern "C"
{
    // Nanoseconds that the calling thread has spent on processors.
    std::uint64_t sealquant_native_thread_nanoseconds();
    // Evaluates on the calling thread; false if SEAL refuses. The response takes the last layer's values.
    bool sealquant_native_stock(
        const void *context, const void *relin_keys, const SealquantLayer *layers, std::size_t layer_count,
        const void *const *request, std::size_t request_count, std::size_t response_primes, void *const *response,
        std::size_t response_count);
    bool sealquant_native_paper(
        const void *context, const void *relin_keys, const void *galois_keys, const SealquantPaperLayer *layers,
        std::size_t layer_count, const void *const *request, std::size_t request_count, void *response);
}
