#include "sealquant/src/ffi/encryptor.h"
#include "sealquant/src/ffi/context.h"
#include "sealquant/src/ffi/save.h"

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
} // namespace sealquant
