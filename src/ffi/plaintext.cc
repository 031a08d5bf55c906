#include "sealquant/src/ffi/plaintext.h"
#include "sealquant/src/ffi/context.h"
#include "sealquant/src/ffi/load.h"
#include "sealquant/src/ffi/save.h"
#include <algorithm>

namespace sealquant
{
    std::unique_ptr<seal::Plaintext> plaintext_new()
    {
        return std::make_unique<seal::Plaintext>();
    }

    std::unique_ptr<seal::Plaintext> plaintext_clone(const seal::Plaintext &plain)
    {
        return std::make_unique<seal::Plaintext>(plain);
    }

    std::unique_ptr<seal::Plaintext> plaintext_from_coefficients(rust::Slice<const std::uint64_t> coefficients)
    {
        auto plain = std::make_unique<seal::Plaintext>(coefficients.size());
        std::copy(coefficients.begin(), coefficients.end(), plain->data());
        return plain;
    }

    std::size_t plaintext_coeff_count(const seal::Plaintext &plain)
    {
        return plain.coeff_count();
    }

    std::size_t plaintext_significant_coeff_count(const seal::Plaintext &plain)
    {
        return plain.significant_coeff_count();
    }

    bool plaintext_is_ntt_form(const seal::Plaintext &plain)
    {
        return plain.is_ntt_form();
    }

    std::array<std::uint64_t, 4> plaintext_parms_id(const seal::Plaintext &plain)
    {
        return plain.parms_id();
    }

    rust::Slice<const std::uint64_t> plaintext_data(const seal::Plaintext &plain)
    {
        return { plain.data(), plain.coeff_count() };
    }

    rust::Slice<std::uint64_t> plaintext_data_mut(seal::Plaintext &plain)
    {
        return { plain.data(), plain.coeff_count() };
    }

    void plaintext_reshape(
        seal::Plaintext &plain, const std::array<std::uint64_t, 4> &parms_id, std::size_t coeff_count)
    {
        if (plain.capacity() < coeff_count)
        {
            // SEAL would copy what is there into the new memory.
            plain.release();
        }
        // SEAL does not resize plaintexts in NTT form.
        plain.parms_id() = seal::parms_id_zero;
        plain.resize(coeff_count);
        plain.parms_id() = to_parms_id(parms_id);
    }

    void plaintext_assign(seal::Plaintext &destination, const seal::Plaintext &source)
    {
        destination = source;
    }

    void plaintext_set_zero(seal::Plaintext &plain)
    {
        plain.set_zero();
    }

    void plaintext_resize(seal::Plaintext &plain, std::size_t coeff_count)
    {
        plain.resize(coeff_count);
    }

    void plaintext_release(seal::Plaintext &plain)
    {
        plain.release();
    }

    std::size_t plaintext_capacity(const seal::Plaintext &plain)
    {
        return plain.capacity();
    }

    rust::Vec<std::uint8_t> plaintext_save(const seal::Plaintext &plain, bool compress)
    {
        return save_bytes(plain, compress);
    }

    std::unique_ptr<seal::Plaintext> plaintext_load(
        const seal::SEALContext &context, rust::Slice<const std::uint8_t> bytes)
    {
        return load_bytes<seal::Plaintext>(context, bytes);
    }

    bool plaintext_is_valid_for(const seal::Plaintext &plain, const seal::SEALContext &context)
    {
        return seal::is_valid_for(plain, context);
    }
} // namespace sealquant
