#pragma once

#include "rust/cxx.h"
#include "seal/seal.h"
#include <cstdint>
#include <memory>
#include <stdexcept>

namespace sealquant
{
    // Reads SEAL's own format. `load` ends in SEAL's `is_valid_for`; SEAL 4.0.0 is not safe against hostile bytes before.
    template <typename Object>
    std::unique_ptr<Object> load_bytes(const seal::SEALContext &context, rust::Slice<const std::uint8_t> bytes)
    {
        auto object = std::make_unique<Object>();
        const auto used =
            object->load(context, reinterpret_cast<const seal::seal_byte *>(bytes.data()), bytes.size());
        if (static_cast<std::size_t>(used) != bytes.size())
        {
            throw std::invalid_argument("there are bytes after the end of the object");
        }
        return object;
    }
} // namespace sealquant
