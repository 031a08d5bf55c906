#pragma once

#include "rust/cxx.h"
#include "sealquant/src/ffi/guard.h"
#include "seal/seal.h"
#include <array>
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

    std::unique_ptr<seal::GaloisKeys> key_generator_galois_keys_of_elements(
        seal::KeyGenerator &generator, rust::Slice<const std::uint32_t> elements);
    std::unique_ptr<seal::GaloisKeys> key_generator_galois_keys_all(seal::KeyGenerator &generator);

    // The same keys as they are sent: the random half replaced by its seed, in SEAL's own format.
    rust::Vec<std::uint8_t> key_generator_save_public_key(const seal::KeyGenerator &generator, bool compress);
    rust::Vec<std::uint8_t> key_generator_save_relin_keys(seal::KeyGenerator &generator, bool compress);
    rust::Vec<std::uint8_t> key_generator_save_galois_keys_of_elements(
        seal::KeyGenerator &generator, rust::Slice<const std::uint32_t> elements, bool compress);
    rust::Vec<std::uint8_t> key_generator_save_galois_keys(
        seal::KeyGenerator &generator, rust::Slice<const std::int32_t> steps, bool compress);

    std::unique_ptr<seal::SecretKey> secret_key_clone(const seal::SecretKey &key);
    std::unique_ptr<seal::PublicKey> public_key_clone(const seal::PublicKey &key);
    std::unique_ptr<seal::RelinKeys> relin_keys_clone(const seal::RelinKeys &keys);
    std::unique_ptr<seal::GaloisKeys> galois_keys_clone(const seal::GaloisKeys &keys);
    // SEAL's own format; `load` for trusted bytes only.
    rust::Vec<std::uint8_t> secret_key_save(const seal::SecretKey &key, bool compress);
    std::unique_ptr<seal::SecretKey> secret_key_load(const seal::SEALContext &context, rust::Slice<const std::uint8_t> bytes);
    bool secret_key_is_valid_for(const seal::SecretKey &key, const seal::SEALContext &context);
    std::array<std::uint64_t, 4> secret_key_parms_id(const seal::SecretKey &key);
    rust::Vec<std::uint8_t> public_key_save(const seal::PublicKey &key, bool compress);
    std::unique_ptr<seal::PublicKey> public_key_load(const seal::SEALContext &context, rust::Slice<const std::uint8_t> bytes);
    bool public_key_is_valid_for(const seal::PublicKey &key, const seal::SEALContext &context);
    std::array<std::uint64_t, 4> public_key_parms_id(const seal::PublicKey &key);
    rust::Vec<std::uint8_t> relin_keys_save(const seal::RelinKeys &keys, bool compress);
    std::unique_ptr<seal::RelinKeys> relin_keys_load(const seal::SEALContext &context, rust::Slice<const std::uint8_t> bytes);
    bool relin_keys_is_valid_for(const seal::RelinKeys &keys, const seal::SEALContext &context);
    std::array<std::uint64_t, 4> relin_keys_parms_id(const seal::RelinKeys &keys);
    rust::Vec<std::uint8_t> galois_keys_save(const seal::GaloisKeys &keys, bool compress);
    std::unique_ptr<seal::GaloisKeys> galois_keys_load(const seal::SEALContext &context, rust::Slice<const std::uint8_t> bytes);
    bool galois_keys_is_valid_for(const seal::GaloisKeys &keys, const seal::SEALContext &context);
    std::array<std::uint64_t, 4> galois_keys_parms_id(const seal::GaloisKeys &keys);

    std::size_t relin_keys_count(const seal::RelinKeys &keys);
    bool galois_keys_has_element(const seal::GaloisKeys &keys, std::uint32_t element);
    std::size_t galois_keys_count(const seal::GaloisKeys &keys);
    bool galois_keys_has_step(const seal::GaloisKeys &keys, const seal::SEALContext &context, std::int32_t step);
} // namespace sealquant
