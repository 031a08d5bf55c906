#include "sealquant/src/ffi/ciphertext.h"
#include "sealquant/src/ffi/context.h"
#include "sealquant/src/ffi/load.h"
#include "sealquant/src/ffi/save.h"

namespace sealquant
{
    std::unique_ptr<seal::Ciphertext> ciphertext_new()
    {
        return std::make_unique<seal::Ciphertext>();
    }

    std::unique_ptr<seal::Ciphertext> ciphertext_clone(const seal::Ciphertext &encrypted)
    {
        return std::make_unique<seal::Ciphertext>(encrypted);
    }

    void ciphertext_assign(seal::Ciphertext &destination, const seal::Ciphertext &source)
    {
        destination = source;
    }

    std::size_t ciphertext_size(const seal::Ciphertext &encrypted)
    {
        return encrypted.size();
    }

    std::size_t ciphertext_poly_modulus_degree(const seal::Ciphertext &encrypted)
    {
        return encrypted.poly_modulus_degree();
    }

    std::size_t ciphertext_coeff_modulus_size(const seal::Ciphertext &encrypted)
    {
        return encrypted.coeff_modulus_size();
    }

    bool ciphertext_is_ntt_form(const seal::Ciphertext &encrypted)
    {
        return encrypted.is_ntt_form();
    }

    bool ciphertext_is_transparent(const seal::Ciphertext &encrypted)
    {
        return encrypted.is_transparent();
    }

    std::array<std::uint64_t, 4> ciphertext_parms_id(const seal::Ciphertext &encrypted)
    {
        return encrypted.parms_id();
    }

    rust::Slice<const std::uint64_t> ciphertext_data(const seal::Ciphertext &encrypted)
    {
        return { encrypted.data(), encrypted.dyn_array().size() };
    }

    rust::Slice<std::uint64_t> ciphertext_data_mut(seal::Ciphertext &encrypted)
    {
        return { encrypted.data(), encrypted.dyn_array().size() };
    }

    void ciphertext_set_ntt_form(seal::Ciphertext &encrypted, bool is_ntt_form)
    {
        encrypted.is_ntt_form() = is_ntt_form;
    }

    void ciphertext_reshape(
        seal::Ciphertext &encrypted, const seal::SEALContext &context, const std::array<std::uint64_t, 4> &parms_id,
        std::size_t size, bool is_ntt_form)
    {
        const auto level = to_parms_id(parms_id);
        const auto level_data = context.get_context_data(level);
        if (!level_data)
        {
            throw std::invalid_argument("parms_id is not valid for encryption parameters");
        }
        const auto &parms = level_data->parms();
        const std::size_t words = size * parms.coeff_modulus().size() * parms.poly_modulus_degree();
        if (encrypted.dyn_array().capacity() < words)
        {
            // SEAL would copy what is there into the new memory.
            encrypted.release();
        }
        try
        {
            encrypted.resize(context, level, size);
        }
        catch (...)
        {
            // SEAL has set the level already.
            encrypted.release();
            throw;
        }
        encrypted.is_ntt_form() = is_ntt_form;
        encrypted.scale() = 1.0;
        encrypted.correction_factor() = 1;
    }

    rust::Vec<std::uint8_t> ciphertext_save(const seal::Ciphertext &encrypted, bool compress)
    {
        return save_bytes(encrypted, compress);
    }

    std::unique_ptr<seal::Ciphertext> ciphertext_load(
        const seal::SEALContext &context, rust::Slice<const std::uint8_t> bytes)
    {
        return load_bytes<seal::Ciphertext>(context, bytes);
    }

    bool ciphertext_is_valid_for(const seal::Ciphertext &encrypted, const seal::SEALContext &context)
    {
        return seal::is_valid_for(encrypted, context);
    }

    std::size_t ciphertext_size_capacity(const seal::Ciphertext &encrypted)
    {
        return encrypted.size_capacity();
    }

    void ciphertext_release(seal::Ciphertext &encrypted)
    {
        encrypted.release();
    }
} // namespace sealquant
