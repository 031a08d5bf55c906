#pragma once

#include "rust/cxx.h"
#include "sealquant/src/ffi/guard.h"
#include "seal/seal.h"

namespace sealquant
{
    std::size_t global_pool_count();
    std::size_t global_pool_allocated_bytes();
} // namespace sealquant
