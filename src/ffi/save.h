#pragma once

#include "rust/cxx.h"
#include "sealquant/src/ffi/memory.rs.h"
#include "seal/seal.h"
#include <cstdint>
#include <new>

namespace sealquant
{
    // SEAL's own format, uncompressed or with SEAL's default compression.
    template <typename Object>
    rust::Vec<std::uint8_t> save_bytes(const Object &object, bool compress)
    {
        const auto mode =
            compress ? seal::Serialization::compr_mode_default : seal::compr_mode_type::none;
        const auto bound = static_cast<std::size_t>(object.save_size(mode));
        auto bytes = zeroed_bytes(bound);
        if (bytes.size() != bound)
        {
            throw std::bad_alloc();
        }
        const auto written = object.save(reinterpret_cast<seal::seal_byte *>(bytes.data()), bound, mode);
        bytes.truncate(static_cast<std::size_t>(written));
        return bytes;
    }
} // namespace sealquant
