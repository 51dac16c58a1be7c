// Philox with AVX2, eight words at a time.
#include <immintrin.h>

#include "philox.hpp"
#include "skm/philox.hpp"

namespace skm {
namespace {

#include "lanes_avx2.inl"
#include "philox_blocks.inl"

#include "philox.inl"

}  // namespace

const PhiloxKernels& philox_kernels_avx2() noexcept { return kKernels; }

}  // namespace skm
