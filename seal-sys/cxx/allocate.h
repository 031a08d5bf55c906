// Included before each of SEAL's C++ files. Two faults of SEAL 4.0 when memory runs out:
//
// - It uses the result of std::aligned_alloc without looking at it, writes to address 0, and the process is killed. Here
//   std::bad_alloc is thrown, for which SEAL is prepared. The alignment is the same, at least.
// - Where SEAL lets that exception pass, a memory pool stays locked, and its next user waits forever. SEAL allocates in
//   members of classes with and without a lock; the name `locked_` means the member where there is one, and the object
//   below elsewhere.
//
// It also asks for huge pages for large allocations: where memory is new, 4 KiB pages cost more than the arithmetic.
//
// The files of other libraries are of older standards of C++ and need none of this.
#pragma once

#ifdef __cpp_aligned_new

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <new>
#ifdef __linux__
#include <sys/mman.h>
#endif

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

    inline void *allocate_aligned(std::size_t size)
    {
        constexpr std::size_t line = 64;
        constexpr std::size_t huge_page = std::size_t(1) << 21;
        const std::size_t alignment = size < 2 * huge_page ? line : huge_page;
        if (size > SIZE_MAX - huge_page)
        {
            return nullptr;
        }
        const std::size_t whole = (size + alignment - 1) / alignment * alignment;
        void *memory = std::aligned_alloc(alignment, whole);
#if defined(__linux__) && defined(MADV_HUGEPAGE)
        if (memory && alignment == huge_page)
        {
            // Without huge pages it is slower, no more.
            (void)madvise(memory, whole, MADV_HUGEPAGE);
        }
#endif
        return memory;
    }

    template <typename Lock>
    void *allocate(std::size_t size, Lock &locked)
    {
        void *memory = allocate_aligned(size);
        if (!memory)
        {
            unlock(locked);
            throw std::bad_alloc();
        }
        return memory;
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
#define SEAL_FREE(ptr) std::free(ptr)

#endif
