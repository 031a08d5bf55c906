#include "sealquant/src/ffi/keys.h"
#include "sealquant/src/ffi/save.h"

namespace sealquant
{
    namespace
    {
        std::vector<int> to_vector(rust::Slice<const std::int32_t> steps)
        {
            return { steps.begin(), steps.end() };
        }
    } // namespace

    std::unique_ptr<seal::KeyGenerator> key_generator_new(const seal::SEALContext &context)
    {
        return std::make_unique<seal::KeyGenerator>(context);
    }

    std::unique_ptr<seal::KeyGenerator> key_generator_from_secret_key(
        const seal::SEALContext &context, const seal::SecretKey &secret_key)
    {
        return std::make_unique<seal::KeyGenerator>(context, secret_key);
    }

    std::unique_ptr<seal::SecretKey> key_generator_secret_key(const seal::KeyGenerator &generator)
    {
        return std::make_unique<seal::SecretKey>(generator.secret_key());
    }

    std::unique_ptr<seal::PublicKey> key_generator_public_key(const seal::KeyGenerator &generator)
    {
        auto key = std::make_unique<seal::PublicKey>();
        generator.create_public_key(*key);
        return key;
    }

    std::unique_ptr<seal::RelinKeys> key_generator_relin_keys(seal::KeyGenerator &generator)
    {
        auto keys = std::make_unique<seal::RelinKeys>();
        generator.create_relin_keys(*keys);
        return keys;
    }

    std::unique_ptr<seal::GaloisKeys> key_generator_galois_keys(
        seal::KeyGenerator &generator, rust::Slice<const std::int32_t> steps)
    {
        auto keys = std::make_unique<seal::GaloisKeys>();
        generator.create_galois_keys(to_vector(steps), *keys);
        return keys;
    }

    rust::Vec<std::uint8_t> key_generator_save_public_key(const seal::KeyGenerator &generator, bool compress)
    {
        return save_bytes(generator.create_public_key(), compress);
    }

    rust::Vec<std::uint8_t> key_generator_save_relin_keys(seal::KeyGenerator &generator, bool compress)
    {
        return save_bytes(generator.create_relin_keys(), compress);
    }

    rust::Vec<std::uint8_t> key_generator_save_galois_keys(
        seal::KeyGenerator &generator, rust::Slice<const std::int32_t> steps, bool compress)
    {
        return save_bytes(generator.create_galois_keys(to_vector(steps)), compress);
    }

    std::unique_ptr<seal::SecretKey> secret_key_clone(const seal::SecretKey &key)
    {
        return std::make_unique<seal::SecretKey>(key);
    }

    std::unique_ptr<seal::PublicKey> public_key_clone(const seal::PublicKey &key)
    {
        return std::make_unique<seal::PublicKey>(key);
    }

    std::unique_ptr<seal::RelinKeys> relin_keys_clone(const seal::RelinKeys &keys)
    {
        return std::make_unique<seal::RelinKeys>(keys);
    }

    std::unique_ptr<seal::GaloisKeys> galois_keys_clone(const seal::GaloisKeys &keys)
    {
        return std::make_unique<seal::GaloisKeys>(keys);
    }

    std::size_t galois_keys_count(const seal::GaloisKeys &keys)
    {
        return keys.size();
    }

    bool galois_keys_has_step(const seal::GaloisKeys &keys, const seal::SEALContext &context, std::int32_t step)
    {
        return keys.has_key(context.key_context_data()->galois_tool()->get_elt_from_step(step));
    }
} // namespace sealquant
