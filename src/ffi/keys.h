#pragma once

#include "rust/cxx.h"
#include "sealquant/src/ffi/guard.h"
#include "seal/seal.h"
#include <cstdint>
#include <memory>

namespace sealquant
{
    std::unique_ptr<seal::KeyGenerator> key_generator_new(const seal::SEALContext &context);
    std::unique_ptr<seal::KeyGenerator> key_generator_from_secret_key(
        const seal::SEALContext &context, const seal::SecretKey &secret_key);
    std::unique_ptr<seal::SecretKey> key_generator_secret_key(const seal::KeyGenerator &generator);
    std::unique_ptr<seal::PublicKey> key_generator_public_key(const seal::KeyGenerator &generator);
    std::unique_ptr<seal::RelinKeys> key_generator_relin_keys(seal::KeyGenerator &generator);
    // A step of 0 stands for the rotation of columns, as in SEAL.
    std::unique_ptr<seal::GaloisKeys> key_generator_galois_keys(
        seal::KeyGenerator &generator, rust::Slice<const std::int32_t> steps);

    // The same keys as they are sent: the random half replaced by its seed, in SEAL's own format.
    rust::Vec<std::uint8_t> key_generator_save_public_key(const seal::KeyGenerator &generator, bool compress);
    rust::Vec<std::uint8_t> key_generator_save_relin_keys(seal::KeyGenerator &generator, bool compress);
    rust::Vec<std::uint8_t> key_generator_save_galois_keys(
        seal::KeyGenerator &generator, rust::Slice<const std::int32_t> steps, bool compress);

    std::unique_ptr<seal::SecretKey> secret_key_clone(const seal::SecretKey &key);
    std::unique_ptr<seal::PublicKey> public_key_clone(const seal::PublicKey &key);
    std::unique_ptr<seal::RelinKeys> relin_keys_clone(const seal::RelinKeys &keys);
    std::unique_ptr<seal::GaloisKeys> galois_keys_clone(const seal::GaloisKeys &keys);
    std::size_t galois_keys_count(const seal::GaloisKeys &keys);
    bool galois_keys_has_step(const seal::GaloisKeys &keys, const seal::SEALContext &context, std::int32_t step);
} // namespace sealquant
