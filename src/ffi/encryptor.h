#pragma once

#include "rust/cxx.h"
#include "sealquant/src/ffi/guard.h"
#include "seal/seal.h"
#include <array>
#include <cstdint>
#include <memory>

namespace sealquant
{
    std::unique_ptr<seal::Encryptor> encryptor_new_public(
        const seal::SEALContext &context, const seal::PublicKey &public_key);
    std::unique_ptr<seal::Encryptor> encryptor_new_symmetric(
        const seal::SEALContext &context, const seal::SecretKey &secret_key);
    std::unique_ptr<seal::Encryptor> encryptor_new_both(
        const seal::SEALContext &context, const seal::PublicKey &public_key, const seal::SecretKey &secret_key);
    void encryptor_encrypt(
        const seal::Encryptor &encryptor, const seal::Plaintext &plain, seal::Ciphertext &destination);
    void encryptor_encrypt_symmetric(
        const seal::Encryptor &encryptor, const seal::Plaintext &plain, seal::Ciphertext &destination);
    void encryptor_encrypt_zero(
        const seal::Encryptor &encryptor, const std::array<std::uint64_t, 4> &parms_id, seal::Ciphertext &destination);
    void encryptor_encrypt_zero_symmetric(
        const seal::Encryptor &encryptor, const std::array<std::uint64_t, 4> &parms_id, seal::Ciphertext &destination);
    // As it is sent: the random half replaced by its seed, in SEAL's own format.
    rust::Vec<std::uint8_t> encryptor_save_symmetric(
        const seal::Encryptor &encryptor, const seal::Plaintext &plain, bool compress);
    // The same in NTT form, uncompressed: the seed stands for the random half in that form.
    rust::Vec<std::uint8_t> encryptor_save_symmetric_ntt(
        const seal::SEALContext &context, const seal::SecretKey &secret_key, const seal::Plaintext &plain);
} // namespace sealquant
