#include "sealquant/src/ffi/modulus.h"

namespace sealquant
{
    namespace
    {
        rust::Vec<std::uint64_t> values(const std::vector<seal::Modulus> &moduli)
        {
            rust::Vec<std::uint64_t> result;
            result.reserve(moduli.size());
            for (const auto &modulus : moduli)
            {
                result.push_back(modulus.value());
            }
            return result;
        }
    } // namespace

    seal::sec_level_type security_level(std::uint32_t security_bits)
    {
        switch (security_bits)
        {
        case 0:
            return seal::sec_level_type::none;
        case 128:
            return seal::sec_level_type::tc128;
        case 192:
            return seal::sec_level_type::tc192;
        case 256:
            return seal::sec_level_type::tc256;
        default:
            throw std::invalid_argument("security level is not 0, 128, 192 or 256");
        }
    }

    bool modulus_is_prime(std::uint64_t value)
    {
        return seal::Modulus(value).is_prime();
    }

    std::uint32_t coeff_modulus_max_bit_count(std::size_t poly_modulus_degree, std::uint32_t security_bits)
    {
        return static_cast<std::uint32_t>(
            seal::CoeffModulus::MaxBitCount(poly_modulus_degree, security_level(security_bits)));
    }

    rust::Vec<std::uint64_t> coeff_modulus_bfv_default(std::size_t poly_modulus_degree, std::uint32_t security_bits)
    {
        return values(seal::CoeffModulus::BFVDefault(poly_modulus_degree, security_level(security_bits)));
    }

    rust::Vec<std::uint64_t> coeff_modulus_create(
        std::size_t poly_modulus_degree, rust::Slice<const std::int32_t> bit_sizes)
    {
        return values(seal::CoeffModulus::Create(
            poly_modulus_degree, std::vector<int>(bit_sizes.begin(), bit_sizes.end())));
    }

    rust::Vec<std::uint64_t> plain_modulus_batching(
        std::size_t poly_modulus_degree, rust::Slice<const std::int32_t> bit_sizes)
    {
        return values(seal::PlainModulus::Batching(
            poly_modulus_degree, std::vector<int>(bit_sizes.begin(), bit_sizes.end())));
    }
} // namespace sealquant
