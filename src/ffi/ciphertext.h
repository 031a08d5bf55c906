#pragma once

#include "rust/cxx.h"
#include "sealquant/src/ffi/guard.h"
#include "seal/seal.h"
#include <array>
#include <cstdint>
#include <memory>

namespace sealquant
{
    std::unique_ptr<seal::Ciphertext> ciphertext_new();
    std::unique_ptr<seal::Ciphertext> ciphertext_clone(const seal::Ciphertext &encrypted);
    void ciphertext_assign(seal::Ciphertext &destination, const seal::Ciphertext &source);
    std::size_t ciphertext_size(const seal::Ciphertext &encrypted);
    std::size_t ciphertext_poly_modulus_degree(const seal::Ciphertext &encrypted);
    std::size_t ciphertext_coeff_modulus_size(const seal::Ciphertext &encrypted);
    bool ciphertext_is_ntt_form(const seal::Ciphertext &encrypted);
    bool ciphertext_is_transparent(const seal::Ciphertext &encrypted);
    std::array<std::uint64_t, 4> ciphertext_parms_id(const seal::Ciphertext &encrypted);
    rust::Slice<const std::uint64_t> ciphertext_data(const seal::Ciphertext &encrypted);
    rust::Slice<std::uint64_t> ciphertext_data_mut(seal::Ciphertext &encrypted);
    void ciphertext_set_ntt_form(seal::Ciphertext &encrypted, bool is_ntt_form);
    // Gives the ciphertext a size, a level and a form. What its residues are is unspecified, but they are initialised.
    void ciphertext_reshape(
        seal::Ciphertext &encrypted, const seal::SEALContext &context, const std::array<std::uint64_t, 4> &parms_id,
        std::size_t size, bool is_ntt_form);
    rust::Vec<std::uint8_t> ciphertext_save(const seal::Ciphertext &encrypted, bool compress);
    // Trusted bytes only.
    std::unique_ptr<seal::Ciphertext> ciphertext_load(
        const seal::SEALContext &context, rust::Slice<const std::uint8_t> bytes);
    bool ciphertext_is_valid_for(const seal::Ciphertext &encrypted, const seal::SEALContext &context);
    std::size_t ciphertext_size_capacity(const seal::Ciphertext &encrypted);
    void ciphertext_release(seal::Ciphertext &encrypted);
} // namespace sealquant
