#pragma once

#include "rust/cxx.h"
#include "sealquant/src/ffi/guard.h"
#include "seal/seal.h"
#include <cstdint>
#include <memory>

namespace sealquant
{
    std::unique_ptr<seal::Decryptor> decryptor_new(
        const seal::SEALContext &context, const seal::SecretKey &secret_key);
    void decryptor_decrypt(seal::Decryptor &decryptor, const seal::Ciphertext &encrypted, seal::Plaintext &destination);
    std::uint32_t decryptor_noise_budget_bits(seal::Decryptor &decryptor, const seal::Ciphertext &encrypted);
} // namespace sealquant
