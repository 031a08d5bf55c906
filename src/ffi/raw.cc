#include "sealquant/src/ffi/raw.h"
#include "sealquant/src/ffi/context.h"
#include "seal/util/rlwe.h"
#include <algorithm>
#include <utility>

namespace sealquant
{
    namespace
    {
        std::unique_ptr<seal::Ciphertext> sized(
            const seal::SEALContext &context, const std::array<std::uint64_t, 4> &parms_id, std::size_t size,
            bool is_ntt_form)
        {
            auto encrypted = std::make_unique<seal::Ciphertext>();
            encrypted->resize(context, to_parms_id(parms_id), size);
            encrypted->is_ntt_form() = is_ntt_form;
            encrypted->scale() = 1.0;
            return encrypted;
        }

        void push(seal::KSwitchKeys &keys, std::size_t slot, std::unique_ptr<seal::Ciphertext> part)
        {
            if (keys.data().size() <= slot)
            {
                keys.data().resize(slot + 1);
            }
            auto &parts = keys.data()[slot];
            parts.emplace_back();
            parts.back().data() = std::move(*part);
        }
    } // namespace

    std::unique_ptr<seal::Ciphertext> raw_ciphertext(
        const seal::SEALContext &context, std::array<std::uint64_t, 4> parms_id, std::size_t size, bool is_ntt_form,
        rust::Slice<const std::uint64_t> limbs)
    {
        auto encrypted = sized(context, parms_id, size, is_ntt_form);
        if (encrypted->dyn_array().size() != limbs.size())
        {
            throw std::invalid_argument("wrong number of residues");
        }
        std::copy(limbs.begin(), limbs.end(), encrypted->data());
        return encrypted;
    }

    std::unique_ptr<seal::Ciphertext> raw_pair(
        const seal::SEALContext &context, std::array<std::uint64_t, 4> parms_id, bool is_ntt_form,
        rust::Slice<const std::uint64_t> first)
    {
        auto encrypted = sized(context, parms_id, 2, is_ntt_form);
        if (encrypted->dyn_array().size() != 2 * first.size())
        {
            throw std::invalid_argument("wrong number of residues");
        }
        std::copy(first.begin(), first.end(), encrypted->data());
        return encrypted;
    }

    void raw_sample_uniform(
        std::size_t poly_modulus_degree, rust::Slice<const std::uint64_t> coeff_modulus,
        std::array<std::uint64_t, 8> seed, rust::Slice<std::uint64_t> destination)
    {
        if (destination.size() != poly_modulus_degree * coeff_modulus.size())
        {
            throw std::invalid_argument("wrong number of residues");
        }
        seal::EncryptionParameters parms(seal::scheme_type::bfv);
        parms.set_poly_modulus_degree(poly_modulus_degree);
        parms.set_coeff_modulus({ coeff_modulus.begin(), coeff_modulus.end() });
        seal::prng_seed_type prng_seed;
        std::copy(seed.cbegin(), seed.cend(), prng_seed.begin());
        seal::util::sample_poly_uniform(
            std::make_shared<seal::Blake2xbPRNG>(prng_seed), parms, destination.data());
    }

    std::unique_ptr<seal::PublicKey> raw_public_key(std::unique_ptr<seal::Ciphertext> encrypted)
    {
        auto key = std::make_unique<seal::PublicKey>();
        key->data() = std::move(*encrypted);
        return key;
    }

    const seal::Ciphertext &raw_public_key_data(const seal::PublicKey &key)
    {
        return key.data();
    }

    rust::Slice<const std::uint64_t> raw_secret_key_data(const seal::SecretKey &key)
    {
        return { key.data().data(), key.data().coeff_count() };
    }

    std::unique_ptr<seal::SecretKey> raw_secret_key(
        const seal::SEALContext &context, rust::Slice<const std::uint64_t> limbs)
    {
        // A new key's memory is cleared when it is freed.
        auto key = std::make_unique<seal::SecretKey>();
        key->data().resize(limbs.size());
        std::copy(limbs.begin(), limbs.end(), key->data().data());
        key->data().parms_id() = context.key_parms_id();
        return key;
    }

    std::unique_ptr<seal::RelinKeys> raw_relin_keys(const seal::SEALContext &context)
    {
        auto keys = std::make_unique<seal::RelinKeys>();
        keys->parms_id() = context.key_parms_id();
        return keys;
    }

    std::unique_ptr<seal::GaloisKeys> raw_galois_keys(const seal::SEALContext &context)
    {
        auto keys = std::make_unique<seal::GaloisKeys>();
        keys->parms_id() = context.key_parms_id();
        // As SEAL's generator: a slot for each possible element, most of them empty.
        keys->data().resize(context.key_context_data()->parms().poly_modulus_degree());
        return keys;
    }

    const seal::KSwitchKeys &raw_relin_base(const seal::RelinKeys &keys)
    {
        return keys;
    }

    const seal::KSwitchKeys &raw_galois_base(const seal::GaloisKeys &keys)
    {
        return keys;
    }

    void raw_relin_push(seal::RelinKeys &keys, std::size_t slot, std::unique_ptr<seal::Ciphertext> part)
    {
        push(keys, slot, std::move(part));
    }

    void raw_galois_push(seal::GaloisKeys &keys, std::size_t slot, std::unique_ptr<seal::Ciphertext> part)
    {
        push(keys, slot, std::move(part));
    }

    std::size_t raw_slots(const seal::KSwitchKeys &keys)
    {
        return keys.data().size();
    }

    std::size_t raw_parts(const seal::KSwitchKeys &keys, std::size_t slot)
    {
        return slot < keys.data().size() ? keys.data()[slot].size() : 0;
    }

    const seal::Ciphertext &raw_part(const seal::KSwitchKeys &keys, std::size_t slot, std::size_t part)
    {
        return keys.data().at(slot).at(part).data();
    }
} // namespace sealquant
