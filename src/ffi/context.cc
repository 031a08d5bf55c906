#include "sealquant/src/ffi/context.h"
#include "sealquant/src/ffi/context.rs.h"
#include "sealquant/src/ffi/modulus.h"
#include "sealquant/src/ffi/save.h"
#include <algorithm>

// Contexts and memory pools are shared between threads: their locks must hold. SEAL's own lock, which it takes where it
// is compiled without std::shared_mutex, relies on the strong order of x86-64.
#if !defined(SEAL_USE_SHARED_MUTEX) && !defined(__x86_64__) && !defined(_M_X64)
#error "this SEAL was compiled without std::shared_mutex: compile it as C++17 (SEAL_USE_CXX17=ON)"
#endif

namespace sealquant
{
    std::unique_ptr<seal::SEALContext> context_new(
        std::size_t poly_modulus_degree, rust::Slice<const std::uint64_t> coeff_modulus, std::uint64_t plain_modulus,
        std::uint32_t security_bits)
    {
        std::vector<seal::Modulus> moduli;
        moduli.reserve(coeff_modulus.size());
        for (const auto value : coeff_modulus)
        {
            moduli.emplace_back(value);
        }
        seal::EncryptionParameters parameters(seal::scheme_type::bfv);
        parameters.set_poly_modulus_degree(poly_modulus_degree);
        parameters.set_coeff_modulus(moduli);
        parameters.set_plain_modulus(plain_modulus);
        return std::make_unique<seal::SEALContext>(parameters, true, security_level(security_bits));
    }

    bool context_is_valid(const seal::SEALContext &context)
    {
        return context.parameters_set();
    }

    rust::String context_error_name(const seal::SEALContext &context)
    {
        return context.parameter_error_name();
    }

    rust::String context_error_message(const seal::SEALContext &context)
    {
        return context.parameter_error_message();
    }

    bool context_using_batching(const seal::SEALContext &context)
    {
        return context.first_context_data()->qualifiers().using_batching;
    }

    bool context_using_keyswitching(const seal::SEALContext &context)
    {
        return context.using_keyswitching();
    }

    rust::Vec<LevelInfo> context_levels(const seal::SEALContext &context)
    {
        rust::Vec<LevelInfo> levels;
        const auto add = [&levels](const seal::SEALContext::ContextData &data) {
            LevelInfo info{};
            std::copy(data.parms_id().cbegin(), data.parms_id().cend(), info.parms_id.begin());
            info.chain_index = data.chain_index();
            info.coeff_modulus_size = data.parms().coeff_modulus().size();
            info.total_bits = static_cast<std::uint32_t>(data.total_coeff_modulus_bit_count());
            levels.push_back(info);
        };
        add(*context.key_context_data());
        if (context.key_parms_id() != context.first_parms_id())
        {
            add(*context.first_context_data());
        }
        for (auto data = context.first_context_data()->next_context_data(); data; data = data->next_context_data())
        {
            add(*data);
        }
        return levels;
    }

    QualifierInfo context_qualifiers(const seal::SEALContext &context, const std::array<std::uint64_t, 4> &parms_id)
    {
        const auto data = context.get_context_data(to_parms_id(parms_id));
        if (!data)
        {
            throw std::invalid_argument("the context has no level with this parms_id");
        }
        const auto qualifiers = data->qualifiers();
        QualifierInfo info{};
        info.using_fft = qualifiers.using_fft;
        info.using_ntt = qualifiers.using_ntt;
        info.using_batching = qualifiers.using_batching;
        info.using_fast_plain_lift = qualifiers.using_fast_plain_lift;
        info.using_descending_modulus_chain = qualifiers.using_descending_modulus_chain;
        info.security_bits = static_cast<std::uint32_t>(qualifiers.sec_level);
        return info;
    }

    rust::Vec<std::uint8_t> parameters_save(const seal::SEALContext &context, bool compress)
    {
        return save_bytes(context.key_context_data()->parms(), compress);
    }

    ParametersInfo parameters_load(rust::Slice<const std::uint8_t> bytes)
    {
        seal::EncryptionParameters parameters;
        const auto used = parameters.load(reinterpret_cast<const seal::seal_byte *>(bytes.data()), bytes.size());
        if (static_cast<std::size_t>(used) != bytes.size())
        {
            throw std::invalid_argument("there are bytes after the end of the parameters");
        }
        if (parameters.scheme() != seal::scheme_type::bfv)
        {
            throw std::invalid_argument("the parameters are not of the scheme BFV");
        }
        ParametersInfo info{};
        info.poly_modulus_degree = parameters.poly_modulus_degree();
        for (const auto &prime : parameters.coeff_modulus())
        {
            info.coeff_modulus.push_back(prime.value());
        }
        info.plain_modulus = parameters.plain_modulus().value();
        return info;
    }

    seal::parms_id_type to_parms_id(const std::array<std::uint64_t, 4> &parms_id)
    {
        seal::parms_id_type result;
        std::copy(parms_id.cbegin(), parms_id.cend(), result.begin());
        return result;
    }
} // namespace sealquant
