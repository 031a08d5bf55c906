#include "sealquant/src/ffi/encryptor.h"
#include "sealquant/src/ffi/context.h"
#include "sealquant/src/ffi/save.h"
#include "seal/util/polyarithsmallmod.h"
#include "seal/util/rlwe.h"
#include "seal/util/scalingvariant.h"
#include "seal/valcheck.h"
#include <stdexcept>

namespace sealquant
{
    std::unique_ptr<seal::Encryptor> encryptor_new_public(
        const seal::SEALContext &context, const seal::PublicKey &public_key)
    {
        return std::make_unique<seal::Encryptor>(context, public_key);
    }

    std::unique_ptr<seal::Encryptor> encryptor_new_symmetric(
        const seal::SEALContext &context, const seal::SecretKey &secret_key)
    {
        return std::make_unique<seal::Encryptor>(context, secret_key);
    }

    std::unique_ptr<seal::Encryptor> encryptor_new_both(
        const seal::SEALContext &context, const seal::PublicKey &public_key, const seal::SecretKey &secret_key)
    {
        return std::make_unique<seal::Encryptor>(context, public_key, secret_key);
    }

    void encryptor_encrypt(
        const seal::Encryptor &encryptor, const seal::Plaintext &plain, seal::Ciphertext &destination)
    {
        encryptor.encrypt(plain, destination);
    }

    void encryptor_encrypt_symmetric(
        const seal::Encryptor &encryptor, const seal::Plaintext &plain, seal::Ciphertext &destination)
    {
        encryptor.encrypt_symmetric(plain, destination);
    }

    void encryptor_encrypt_zero(
        const seal::Encryptor &encryptor, const std::array<std::uint64_t, 4> &parms_id, seal::Ciphertext &destination)
    {
        encryptor.encrypt_zero(to_parms_id(parms_id), destination);
    }

    void encryptor_encrypt_zero_symmetric(
        const seal::Encryptor &encryptor, const std::array<std::uint64_t, 4> &parms_id, seal::Ciphertext &destination)
    {
        encryptor.encrypt_zero_symmetric(to_parms_id(parms_id), destination);
    }

    rust::Vec<std::uint8_t> encryptor_save_symmetric(
        const seal::Encryptor &encryptor, const seal::Plaintext &plain, bool compress)
    {
        return save_bytes(encryptor.encrypt_symmetric(plain), compress);
    }

    rust::Vec<std::uint8_t> encryptor_save_symmetric_ntt(
        const seal::SEALContext &context, const seal::SecretKey &secret_key, const seal::Plaintext &plain)
    {
        if (!seal::is_valid_for(secret_key, context) || !seal::is_valid_for(plain, context) || plain.is_ntt_form())
        {
            throw std::invalid_argument("secret key or plaintext is not valid for encryption parameters");
        }
        const auto &level = *context.first_context_data();
        const auto &moduli = level.parms().coeff_modulus();
        const auto degree = level.parms().poly_modulus_degree();

        // -(a * s + e), a, the latter as a seed: what SEAL itself does for BGV and CKKS.
        seal::Ciphertext encrypted;
        seal::util::encrypt_zero_symmetric(secret_key, context, level.parms_id(), true, true, encrypted);

        // The scaled message, cleared afterwards.
        auto pool = seal::MemoryManager::GetPool(seal::mm_prof_opt::mm_force_new, true);
        auto scaled = seal::util::allocate_zero_poly(degree, moduli.size(), pool);
        const seal::util::RNSIter message(scaled.get(), degree);
        seal::util::multiply_add_plain_with_scaling_variant(plain, level, message);
        seal::util::ntt_negacyclic_harvey(message, moduli.size(), level.small_ntt_tables());
        const seal::util::RNSIter first(encrypted.data(), degree);
        seal::util::add_poly_coeffmod(first, message, moduli.size(), moduli, first);
        return save_bytes(encrypted, false);
    }
} // namespace sealquant
