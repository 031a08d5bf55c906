// The part of the CpuFeatures library that HEXL uses, on the compiler's own CPU detection.
//
// HEXL asks these questions while static objects are initialised, and then chooses between its
// AVX-512 and its plain functions. "Yes" therefore means: the processor has the instructions and
// the operating system saves the registers they need.

#pragma once

#include <cpuid.h>

namespace cpu_features {

struct X86Features {
  bool avx512f;
  bool avx512dq;
  bool avx512vl;
  bool avx512ifma;
  bool avx512vbmi2;
};

struct X86Info {
  X86Features features;
};

namespace detail {

// Whether the operating system saves the vector registers up to zmm31 and the mask registers.
inline bool OsSavesAvx512State() {
  unsigned int eax = 0, ebx = 0, ecx = 0, edx = 0;
  if (__get_cpuid(1, &eax, &ebx, &ecx, &edx) == 0) {
    return false;
  }
  const unsigned int osxsave = 1u << 27;
  if ((ecx & osxsave) == 0) {
    return false;
  }
  unsigned int low = 0, high = 0;
  __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  // Bits 1 and 2: SSE and AVX; bits 5, 6, 7: masks, upper halves of zmm0-15, zmm16-31.
  const unsigned int needed = 0xE6u;
  return (low & needed) == needed;
}

}  // namespace detail

inline X86Info GetX86Info() {
  X86Info info = {{false, false, false, false, false}};
  // Needed because this runs before main(), perhaps before the runtime's own detection.
  __builtin_cpu_init();
  const bool base = detail::OsSavesAvx512State() && __builtin_cpu_supports("avx512f") &&
                    __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
  info.features.avx512f = base;
  info.features.avx512dq = base;
  info.features.avx512vl = base;
  // HEXL checks these two alone, so they are only ever reported together with the base.
  info.features.avx512ifma = base && __builtin_cpu_supports("avx512ifma");
  info.features.avx512vbmi2 = base && __builtin_cpu_supports("avx512vbmi2");
  return info;
}

}  // namespace cpu_features
