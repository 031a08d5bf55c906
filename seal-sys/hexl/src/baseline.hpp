// Everything that HEXL's AVX-512 files share with the rest of the program, compiled for any x86-64.
//
// Inline functions and templates of these headers are merged by the linker with the copies in other
// object files. Included here, before AVX-512 is switched on, each copy is a plain one, so no other
// caller can be handed a copy that needs AVX-512.

#pragma once

#include <immintrin.h>
#include <stdint.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <iostream>
#include <limits>
#include <memory>
#include <random>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "eltwise/eltwise-add-mod-internal.hpp"
#include "eltwise/eltwise-cmp-add-internal.hpp"
#include "eltwise/eltwise-cmp-sub-mod-internal.hpp"
#include "eltwise/eltwise-fma-mod-internal.hpp"
#include "eltwise/eltwise-mult-mod-internal.hpp"
#include "eltwise/eltwise-reduce-mod-internal.hpp"
#include "eltwise/eltwise-sub-mod-internal.hpp"
#include "hexl/hexl.hpp"
#include "hexl/util/aligned-allocator.hpp"
#include "ntt/ntt-internal.hpp"
#include "util/util-internal.hpp"
