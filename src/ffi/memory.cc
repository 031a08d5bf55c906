#include "sealquant/src/ffi/memory.h"

#include <new>

namespace sealquant
{
    std::size_t global_pool_count()
    {
        return seal::MemoryPoolHandle::Global().pool_count();
    }

    std::size_t global_pool_allocated_bytes()
    {
        return seal::MemoryPoolHandle::Global().alloc_byte_count();
    }

    namespace
    {
        rust::Fn<void()> exhausted;
    }

    void when_exhausted(rust::Fn<void()> handler)
    {
        exhausted = handler;
        std::set_new_handler([] { (*exhausted)(); });
    }
} // namespace sealquant
