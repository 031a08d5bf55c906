#pragma once

#include "rust/cxx.h"
#include "sealquant/src/ffi/guard.h"
#include "seal/seal.h"
#include <array>
#include <cstdint>
#include <memory>

namespace sealquant
{
    std::unique_ptr<seal::Plaintext> plaintext_new();
    std::unique_ptr<seal::Plaintext> plaintext_clone(const seal::Plaintext &plain);
    std::unique_ptr<seal::Plaintext> plaintext_from_coefficients(rust::Slice<const std::uint64_t> coefficients);
    std::size_t plaintext_coeff_count(const seal::Plaintext &plain);
    std::size_t plaintext_significant_coeff_count(const seal::Plaintext &plain);
    bool plaintext_is_ntt_form(const seal::Plaintext &plain);
    std::array<std::uint64_t, 4> plaintext_parms_id(const seal::Plaintext &plain);
    rust::Slice<const std::uint64_t> plaintext_data(const seal::Plaintext &plain);
    rust::Slice<std::uint64_t> plaintext_data_mut(seal::Plaintext &plain);
    // Gives the plaintext a level (zero: coefficient form) and a length. What its coefficients are is unspecified, but
    // they are initialised.
    void plaintext_reshape(
        seal::Plaintext &plain, const std::array<std::uint64_t, 4> &parms_id, std::size_t coeff_count);
    void plaintext_assign(seal::Plaintext &destination, const seal::Plaintext &source);
    void plaintext_set_zero(seal::Plaintext &plain);
    void plaintext_resize(seal::Plaintext &plain, std::size_t coeff_count);
    void plaintext_release(seal::Plaintext &plain);
    std::size_t plaintext_capacity(const seal::Plaintext &plain);
    rust::Vec<std::uint8_t> plaintext_save(const seal::Plaintext &plain, bool compress);
    // Trusted bytes only.
    std::unique_ptr<seal::Plaintext> plaintext_load(
        const seal::SEALContext &context, rust::Slice<const std::uint8_t> bytes);
    bool plaintext_is_valid_for(const seal::Plaintext &plain, const seal::SEALContext &context);
} // namespace sealquant
