// HEXL defines two families of AVX-512 functions in headers that plain files include. They are compiled
// in eltwise-reduce-mod-avx512.cpp and eltwise-cmp-sub-mod-avx512.cpp, and nowhere else.

#pragma once

#include "eltwise/eltwise-cmp-sub-mod-avx512.hpp"
#include "eltwise/eltwise-reduce-mod-avx512.hpp"

namespace intel {
namespace hexl {

#ifdef HEXL_HAS_AVX512DQ
extern template void EltwiseReduceModAVX512<64>(uint64_t*, const uint64_t*, uint64_t, uint64_t,
                                                uint64_t, uint64_t);
extern template void EltwiseCmpSubModAVX512<64>(uint64_t*, const uint64_t*, uint64_t, uint64_t,
                                                CMPINT, uint64_t, uint64_t);
#endif

#ifdef HEXL_HAS_AVX512IFMA
extern template void EltwiseReduceModAVX512<52>(uint64_t*, const uint64_t*, uint64_t, uint64_t,
                                                uint64_t, uint64_t);
extern template void EltwiseCmpSubModAVX512<52>(uint64_t*, const uint64_t*, uint64_t, uint64_t,
                                                CMPINT, uint64_t, uint64_t);
#endif

}  // namespace hexl
}  // namespace intel
