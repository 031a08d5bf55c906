#pragma once

#include "rust/cxx.h"
#include "sealquant/src/ffi/guard.h"
#include "seal/seal.h"
#include <array>
#include <cstdint>
#include <memory>

namespace sealquant
{
    std::unique_ptr<seal::Evaluator> evaluator_new(const seal::SEALContext &context);
    void evaluator_negate_inplace(const seal::Evaluator &evaluator, seal::Ciphertext &encrypted);
    void evaluator_add_inplace(
        const seal::Evaluator &evaluator, seal::Ciphertext &encrypted, const seal::Ciphertext &other);
    void evaluator_sub_inplace(
        const seal::Evaluator &evaluator, seal::Ciphertext &encrypted, const seal::Ciphertext &other);
    void evaluator_multiply_inplace(
        const seal::Evaluator &evaluator, seal::Ciphertext &encrypted, const seal::Ciphertext &other);
    void evaluator_square_inplace(const seal::Evaluator &evaluator, seal::Ciphertext &encrypted);
    void evaluator_relinearize_inplace(
        const seal::Evaluator &evaluator, seal::Ciphertext &encrypted, const seal::RelinKeys &relin_keys);
    void evaluator_mod_switch_to_next(
        const seal::Evaluator &evaluator, const seal::Ciphertext &encrypted, seal::Ciphertext &destination);
    void evaluator_mod_switch_to_next_inplace(const seal::Evaluator &evaluator, seal::Ciphertext &encrypted);
    void evaluator_mod_switch_to_inplace(
        const seal::Evaluator &evaluator, seal::Ciphertext &encrypted, const std::array<std::uint64_t, 4> &parms_id);
    void evaluator_add_plain_inplace(
        const seal::Evaluator &evaluator, seal::Ciphertext &encrypted, const seal::Plaintext &plain);
    void evaluator_sub_plain_inplace(
        const seal::Evaluator &evaluator, seal::Ciphertext &encrypted, const seal::Plaintext &plain);
    void evaluator_multiply_plain_inplace(
        const seal::Evaluator &evaluator, seal::Ciphertext &encrypted, const seal::Plaintext &plain);
    void evaluator_transform_to_ntt_inplace(const seal::Evaluator &evaluator, seal::Ciphertext &encrypted);
    void evaluator_transform_from_ntt_inplace(const seal::Evaluator &evaluator, seal::Ciphertext &encrypted);
    void evaluator_rotate_rows_inplace(
        const seal::Evaluator &evaluator, seal::Ciphertext &encrypted, std::int32_t steps, const seal::GaloisKeys &galois_keys);
    void evaluator_rotate_columns_inplace(
        const seal::Evaluator &evaluator, seal::Ciphertext &encrypted, const seal::GaloisKeys &galois_keys);
    void evaluator_apply_galois_inplace(
        const seal::Evaluator &evaluator, seal::Ciphertext &encrypted, std::uint32_t element,
        const seal::GaloisKeys &galois_keys);
    void evaluator_mod_switch_plain_to_next_inplace(const seal::Evaluator &evaluator, seal::Plaintext &plain);
    void evaluator_mod_switch_plain_to_inplace(
        const seal::Evaluator &evaluator, seal::Plaintext &plain, const std::array<std::uint64_t, 4> &parms_id);
    void evaluator_transform_plain_to_ntt_inplace(
        const seal::Evaluator &evaluator, seal::Plaintext &plain, const std::array<std::uint64_t, 4> &parms_id);
} // namespace sealquant
