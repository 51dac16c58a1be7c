// Philox with AVX-512, sixteen words at a time.
#include <immintrin.h>

#include "philox.hpp"
#include "skm/philox.hpp"

namespace skm {
namespace {

#include "lanes_avx512.inl"
#include "philox_blocks.inl"

#include "philox.inl"

}  // namespace

const PhiloxKernels& philox_kernels_avx512() noexcept { return kKernels; }

}  // namespace skm
