// Included before each of SEAL's C++ files. Two faults of SEAL 4.0 when memory runs out:
//
// - It uses the result of std::aligned_alloc without looking at it, writes to address 0, and the process is killed. The
//   operator `new` throws std::bad_alloc, for which SEAL is prepared. The alignment is the same.
// - Where SEAL lets that exception pass, a memory pool stays locked, and its next user waits forever. SEAL allocates in
//   members of classes with and without a lock; the name `locked_` means the member where there is one, and the object
//   below elsewhere.
//
// The files of other libraries are of older standards of C++ and need none of this.
#pragma once

#ifdef __cpp_aligned_new

#include <atomic>
#include <cstddef>
#include <new>

namespace sealquant
{
    struct NoLock
    {
    };

    inline void unlock(NoLock) noexcept
    {}

    inline void unlock(std::atomic<bool> &locked) noexcept
    {
        locked.store(false, std::memory_order_release);
    }

    template <typename Lock>
    void *allocate(std::size_t size, Lock &locked)
    {
        try
        {
            return ::operator new(size, std::align_val_t{ 64 });
        }
        catch (const std::bad_alloc &)
        {
            unlock(locked);
            throw;
        }
    }
} // namespace sealquant

namespace seal
{
    namespace util
    {
        inline sealquant::NoLock locked_;
    }
} // namespace seal

#define SEAL_MALLOC(size) static_cast<seal_byte *>(::sealquant::allocate((size), locked_))
#define SEAL_FREE(ptr) ::operator delete((ptr), std::align_val_t{ 64 })

#endif
