#include "sealquant/src/ffi/evaluator.h"
#include "sealquant/src/ffi/context.h"

namespace sealquant
{
    std::unique_ptr<seal::Evaluator> evaluator_new(const seal::SEALContext &context)
    {
        return std::make_unique<seal::Evaluator>(context);
    }

    void evaluator_negate_inplace(const seal::Evaluator &evaluator, seal::Ciphertext &encrypted)
    {
        evaluator.negate_inplace(encrypted);
    }

    void evaluator_add_inplace(
        const seal::Evaluator &evaluator, seal::Ciphertext &encrypted, const seal::Ciphertext &other)
    {
        evaluator.add_inplace(encrypted, other);
    }

    void evaluator_sub_inplace(
        const seal::Evaluator &evaluator, seal::Ciphertext &encrypted, const seal::Ciphertext &other)
    {
        evaluator.sub_inplace(encrypted, other);
    }

    void evaluator_multiply_inplace(
        const seal::Evaluator &evaluator, seal::Ciphertext &encrypted, const seal::Ciphertext &other)
    {
        evaluator.multiply_inplace(encrypted, other);
    }

    void evaluator_square_inplace(const seal::Evaluator &evaluator, seal::Ciphertext &encrypted)
    {
        evaluator.square_inplace(encrypted);
    }

    void evaluator_relinearize_inplace(
        const seal::Evaluator &evaluator, seal::Ciphertext &encrypted, const seal::RelinKeys &relin_keys)
    {
        evaluator.relinearize_inplace(encrypted, relin_keys);
    }

    void evaluator_mod_switch_to_next(
        const seal::Evaluator &evaluator, const seal::Ciphertext &encrypted, seal::Ciphertext &destination)
    {
        evaluator.mod_switch_to_next(encrypted, destination);
    }

    void evaluator_mod_switch_to_next_inplace(const seal::Evaluator &evaluator, seal::Ciphertext &encrypted)
    {
        evaluator.mod_switch_to_next_inplace(encrypted);
    }

    void evaluator_mod_switch_to_inplace(
        const seal::Evaluator &evaluator, seal::Ciphertext &encrypted, const std::array<std::uint64_t, 4> &parms_id)
    {
        evaluator.mod_switch_to_inplace(encrypted, to_parms_id(parms_id));
    }

    void evaluator_add_plain_inplace(
        const seal::Evaluator &evaluator, seal::Ciphertext &encrypted, const seal::Plaintext &plain)
    {
        evaluator.add_plain_inplace(encrypted, plain);
    }

    void evaluator_sub_plain_inplace(
        const seal::Evaluator &evaluator, seal::Ciphertext &encrypted, const seal::Plaintext &plain)
    {
        evaluator.sub_plain_inplace(encrypted, plain);
    }

    void evaluator_multiply_plain_inplace(
        const seal::Evaluator &evaluator, seal::Ciphertext &encrypted, const seal::Plaintext &plain)
    {
        evaluator.multiply_plain_inplace(encrypted, plain);
    }

    void evaluator_transform_to_ntt_inplace(const seal::Evaluator &evaluator, seal::Ciphertext &encrypted)
    {
        evaluator.transform_to_ntt_inplace(encrypted);
    }

    void evaluator_transform_from_ntt_inplace(const seal::Evaluator &evaluator, seal::Ciphertext &encrypted)
    {
        evaluator.transform_from_ntt_inplace(encrypted);
    }

    void evaluator_rotate_rows_inplace(
        const seal::Evaluator &evaluator, seal::Ciphertext &encrypted, std::int32_t steps, const seal::GaloisKeys &galois_keys)
    {
        evaluator.rotate_rows_inplace(encrypted, steps, galois_keys);
    }

    void evaluator_rotate_columns_inplace(
        const seal::Evaluator &evaluator, seal::Ciphertext &encrypted, const seal::GaloisKeys &galois_keys)
    {
        evaluator.rotate_columns_inplace(encrypted, galois_keys);
    }

    void evaluator_apply_galois_inplace(
        const seal::Evaluator &evaluator, seal::Ciphertext &encrypted, std::uint32_t element,
        const seal::GaloisKeys &galois_keys)
    {
        evaluator.apply_galois_inplace(encrypted, element, galois_keys);
    }

    void evaluator_mod_switch_plain_to_next_inplace(const seal::Evaluator &evaluator, seal::Plaintext &plain)
    {
        evaluator.mod_switch_to_next_inplace(plain);
    }

    void evaluator_mod_switch_plain_to_inplace(
        const seal::Evaluator &evaluator, seal::Plaintext &plain, const std::array<std::uint64_t, 4> &parms_id)
    {
        evaluator.mod_switch_to_inplace(plain, to_parms_id(parms_id));
    }

    void evaluator_transform_plain_to_ntt_inplace(
        const seal::Evaluator &evaluator, seal::Plaintext &plain, const std::array<std::uint64_t, 4> &parms_id)
    {
        evaluator.transform_to_ntt_inplace(plain, to_parms_id(parms_id));
    }
} // namespace sealquant
