#pragma once

#include "rust/cxx.h"
#include "sealquant/src/ffi/guard.h"
#include "seal/seal.h"

namespace sealquant
{
    std::size_t global_pool_count();
    std::size_t global_pool_allocated_bytes();

    // From now on, `handler` is called wherever C++ code would throw std::bad_alloc for lack of memory. It does not return.
    void when_exhausted(rust::Fn<void()> handler);
} // namespace sealquant
