#pragma once

#include "rust/cxx.h"
#include "sealquant/src/ffi/guard.h"
#include "seal/seal.h"
#include <cstdint>

namespace sealquant
{
    bool modulus_is_prime(std::uint64_t value);
    std::uint32_t coeff_modulus_max_bit_count(std::size_t poly_modulus_degree, std::uint32_t security_bits);
    rust::Vec<std::uint64_t> coeff_modulus_bfv_default(std::size_t poly_modulus_degree, std::uint32_t security_bits);
    rust::Vec<std::uint64_t> coeff_modulus_create(
        std::size_t poly_modulus_degree, rust::Slice<const std::int32_t> bit_sizes);
    rust::Vec<std::uint64_t> plain_modulus_batching(
        std::size_t poly_modulus_degree, rust::Slice<const std::int32_t> bit_sizes);

    // Throws std::invalid_argument for anything but 0 (none), 128, 192, 256.
    seal::sec_level_type security_level(std::uint32_t security_bits);
} // namespace sealquant
