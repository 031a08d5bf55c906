#pragma once

#include "rust/cxx.h"
#include "seal/seal.h"
#include <cstdint>

namespace sealquant
{
    // SEAL's own format, uncompressed or with SEAL's default compression.
    template <typename Object>
    rust::Vec<std::uint8_t> save_bytes(const Object &object, bool compress)
    {
        const auto mode =
            compress ? seal::Serialization::compr_mode_default : seal::compr_mode_type::none;
        const auto bound = static_cast<std::size_t>(object.save_size(mode));
        rust::Vec<std::uint8_t> bytes;
        bytes.reserve(bound);
        for (std::size_t i = 0; i < bound; i++)
        {
            bytes.push_back(0);
        }
        const auto written = object.save(reinterpret_cast<seal::seal_byte *>(bytes.data()), bound, mode);
        bytes.truncate(static_cast<std::size_t>(written));
        return bytes;
    }
} // namespace sealquant
