#pragma once

#include "rust/cxx.h"
#include "sealquant/src/ffi/guard.h"
#include "seal/seal.h"
#include <array>
#include <cstdint>
#include <memory>

namespace sealquant
{
    // Objects from residues that the caller has checked: their number, and each below its prime. The level must exist.
    std::unique_ptr<seal::Ciphertext> raw_ciphertext(
        const seal::SEALContext &context, std::array<std::uint64_t, 4> parms_id, std::size_t size, bool is_ntt_form,
        rust::Slice<const std::uint64_t> limbs);

    // A ciphertext of size 2 with this first polynomial; the second is zero.
    std::unique_ptr<seal::Ciphertext> raw_pair(
        const seal::SEALContext &context, std::array<std::uint64_t, 4> parms_id, bool is_ntt_form,
        rust::Slice<const std::uint64_t> first);

    // What SEAL makes of a seed: the reference of the tests.
    void raw_sample_uniform(
        std::size_t poly_modulus_degree, rust::Slice<const std::uint64_t> coeff_modulus,
        std::array<std::uint64_t, 8> seed, rust::Slice<std::uint64_t> destination);

    std::unique_ptr<seal::PublicKey> raw_public_key(std::unique_ptr<seal::Ciphertext> encrypted);
    const seal::Ciphertext &raw_public_key_data(const seal::PublicKey &key);

    // Secret. In NTT form at the key level, one prime after the other.
    rust::Slice<const std::uint64_t> raw_secret_key_data(const seal::SecretKey &key);
    std::unique_ptr<seal::SecretKey> raw_secret_key(
        const seal::SEALContext &context, rust::Slice<const std::uint64_t> limbs);

    // Keys without any slot, at the key level.
    std::unique_ptr<seal::RelinKeys> raw_relin_keys(const seal::SEALContext &context);
    std::unique_ptr<seal::GaloisKeys> raw_galois_keys(const seal::SEALContext &context);
    const seal::KSwitchKeys &raw_relin_base(const seal::RelinKeys &keys);
    const seal::KSwitchKeys &raw_galois_base(const seal::GaloisKeys &keys);

    // Appends a part to a slot; slots up to it are made.
    void raw_relin_push(seal::RelinKeys &keys, std::size_t slot, std::unique_ptr<seal::Ciphertext> part);
    void raw_galois_push(seal::GaloisKeys &keys, std::size_t slot, std::unique_ptr<seal::Ciphertext> part);

    std::size_t raw_slots(const seal::KSwitchKeys &keys);
    std::size_t raw_parts(const seal::KSwitchKeys &keys, std::size_t slot);
    const seal::Ciphertext &raw_part(const seal::KSwitchKeys &keys, std::size_t slot, std::size_t part);
} // namespace sealquant
