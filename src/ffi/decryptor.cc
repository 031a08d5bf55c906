#include "sealquant/src/ffi/decryptor.h"

namespace sealquant
{
    std::unique_ptr<seal::Decryptor> decryptor_new(
        const seal::SEALContext &context, const seal::SecretKey &secret_key)
    {
        return std::make_unique<seal::Decryptor>(context, secret_key);
    }

    void decryptor_decrypt(seal::Decryptor &decryptor, const seal::Ciphertext &encrypted, seal::Plaintext &destination)
    {
        decryptor.decrypt(encrypted, destination);
    }

    std::uint32_t decryptor_noise_budget_bits(seal::Decryptor &decryptor, const seal::Ciphertext &encrypted)
    {
        return static_cast<std::uint32_t>(decryptor.invariant_noise_budget(encrypted));
    }
} // namespace sealquant
