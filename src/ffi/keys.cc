#include "sealquant/src/ffi/keys.h"
#include "sealquant/src/ffi/load.h"
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

    std::unique_ptr<seal::GaloisKeys> key_generator_galois_keys_of_elements(
        seal::KeyGenerator &generator, rust::Slice<const std::uint32_t> elements)
    {
        auto keys = std::make_unique<seal::GaloisKeys>();
        generator.create_galois_keys(std::vector<std::uint32_t>(elements.begin(), elements.end()), *keys);
        return keys;
    }

    std::unique_ptr<seal::GaloisKeys> key_generator_galois_keys_all(seal::KeyGenerator &generator)
    {
        auto keys = std::make_unique<seal::GaloisKeys>();
        generator.create_galois_keys(*keys);
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

    rust::Vec<std::uint8_t> key_generator_save_galois_keys_of_elements(
        seal::KeyGenerator &generator, rust::Slice<const std::uint32_t> elements, bool compress)
    {
        return save_bytes(
            generator.create_galois_keys(std::vector<std::uint32_t>(elements.begin(), elements.end())), compress);
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

    rust::Vec<std::uint8_t> secret_key_save(const seal::SecretKey &key, bool compress)
    {
        return save_bytes(key, compress);
    }

    std::unique_ptr<seal::SecretKey> secret_key_load(const seal::SEALContext &context, rust::Slice<const std::uint8_t> bytes)
    {
        return load_bytes<seal::SecretKey>(context, bytes);
    }

    bool secret_key_is_valid_for(const seal::SecretKey &key, const seal::SEALContext &context)
    {
        return seal::is_valid_for(key, context);
    }

    std::array<std::uint64_t, 4> secret_key_parms_id(const seal::SecretKey &key)
    {
        return key.parms_id();
    }

    rust::Vec<std::uint8_t> public_key_save(const seal::PublicKey &key, bool compress)
    {
        return save_bytes(key, compress);
    }

    std::unique_ptr<seal::PublicKey> public_key_load(const seal::SEALContext &context, rust::Slice<const std::uint8_t> bytes)
    {
        return load_bytes<seal::PublicKey>(context, bytes);
    }

    bool public_key_is_valid_for(const seal::PublicKey &key, const seal::SEALContext &context)
    {
        return seal::is_valid_for(key, context);
    }

    std::array<std::uint64_t, 4> public_key_parms_id(const seal::PublicKey &key)
    {
        return key.parms_id();
    }

    rust::Vec<std::uint8_t> relin_keys_save(const seal::RelinKeys &keys, bool compress)
    {
        return save_bytes(keys, compress);
    }

    std::unique_ptr<seal::RelinKeys> relin_keys_load(const seal::SEALContext &context, rust::Slice<const std::uint8_t> bytes)
    {
        auto keys = load_bytes<seal::RelinKeys>(context, bytes);
        // SEAL counts the slots that are not empty, then reads the first ones: a hole among them would be read.
        const auto &slots = keys->data();
        for (std::size_t i = 0; i < keys->size(); i++)
        {
            if (slots[i].empty())
            {
                throw std::invalid_argument("a lower power's relinearization key is missing");
            }
        }
        return keys;
    }

    bool relin_keys_is_valid_for(const seal::RelinKeys &keys, const seal::SEALContext &context)
    {
        return seal::is_valid_for(keys, context);
    }

    std::array<std::uint64_t, 4> relin_keys_parms_id(const seal::RelinKeys &keys)
    {
        return keys.parms_id();
    }

    rust::Vec<std::uint8_t> galois_keys_save(const seal::GaloisKeys &keys, bool compress)
    {
        return save_bytes(keys, compress);
    }

    std::unique_ptr<seal::GaloisKeys> galois_keys_load(const seal::SEALContext &context, rust::Slice<const std::uint8_t> bytes)
    {
        return load_bytes<seal::GaloisKeys>(context, bytes);
    }

    bool galois_keys_is_valid_for(const seal::GaloisKeys &keys, const seal::SEALContext &context)
    {
        return seal::is_valid_for(keys, context);
    }

    std::array<std::uint64_t, 4> galois_keys_parms_id(const seal::GaloisKeys &keys)
    {
        return keys.parms_id();
    }

    std::size_t relin_keys_count(const seal::RelinKeys &keys)
    {
        return keys.size();
    }

    bool galois_keys_has_element(const seal::GaloisKeys &keys, std::uint32_t element)
    {
        return keys.has_key(element);
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
