#pragma once

#include "rust/cxx.h"
#include "sealquant/src/ffi/guard.h"
#include "seal/seal.h"
#include <cstdint>

namespace sealquant
{
    // The transform of rows of N residues modulo the context's prime of this index, by SEAL's tables (with HEXL: its
    // kernels). In and out: below the prime.
    void ntt_forward(const seal::SEALContext &context, std::size_t prime, rust::Slice<std::uint64_t> rows);
    void ntt_inverse(const seal::SEALContext &context, std::size_t prime, rust::Slice<std::uint64_t> rows);
} // namespace sealquant
