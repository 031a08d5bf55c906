#include "sealquant/src/ffi/memory.h"

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
} // namespace sealquant
