// Zipf numbers, four at a time.
#include <immintrin.h>

#include "zipf.hpp"

namespace skm {
namespace {

#include "lanes_avx2.inl"
#include "log2_exp2.inl"
#include "zipf.inl"

constexpr ZipfKernels kKernels = {run_kind<false>, run_kind<true>, places, look_up_each};

}  // namespace

const ZipfKernels& zipf_kernels_avx2() noexcept { return kKernels; }

}  // namespace skm
