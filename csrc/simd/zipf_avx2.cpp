// Zipf numbers, four at a time.
#include <immintrin.h>

#include "zipf.hpp"

namespace skm {
namespace {

#include "lanes_avx2.inl"
#include "log2_exp2.inl"
#include "zipf.inl"

}  // namespace

const ZipfKernels& zipf_kernels_avx2() noexcept { return kKernels; }

}  // namespace skm
