#pragma once

#include "rust/cxx.h"
#include "sealquant/src/ffi/guard.h"
#include "seal/seal.h"
#include <array>
#include <cstdint>
#include <memory>

namespace sealquant
{
    struct LevelInfo;
    struct QualifierInfo;
    struct ParametersInfo;

    // Never fails for parameters that SEAL merely refuses: ask `context_is_valid`.
    std::unique_ptr<seal::SEALContext> context_new(
        std::size_t poly_modulus_degree, rust::Slice<const std::uint64_t> coeff_modulus, std::uint64_t plain_modulus,
        std::uint32_t security_bits);
    bool context_is_valid(const seal::SEALContext &context);
    rust::String context_error_name(const seal::SEALContext &context);
    rust::String context_error_message(const seal::SEALContext &context);
    bool context_using_batching(const seal::SEALContext &context);
    bool context_using_keyswitching(const seal::SEALContext &context);
    // Key level first, then data levels from the highest to the lowest.
    rust::Vec<LevelInfo> context_levels(const seal::SEALContext &context);

    // Of the level with this identifier, which exists.
    QualifierInfo context_qualifiers(const seal::SEALContext &context, const std::array<std::uint64_t, 4> &parms_id);

    // SEAL's own format; `parameters_load` for trusted bytes only.
    rust::Vec<std::uint8_t> parameters_save(const seal::SEALContext &context, bool compress);
    ParametersInfo parameters_load(rust::Slice<const std::uint8_t> bytes);

    seal::parms_id_type to_parms_id(const std::array<std::uint64_t, 4> &parms_id);
} // namespace sealquant
