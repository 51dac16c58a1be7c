// Draws from alias tables with AVX2, eight words at a time.
#include "alias.hpp"

#include <immintrin.h>

#include "skm/philox.hpp"

namespace skm {
namespace {

#include "lanes_avx2.inl"
#include "philox_blocks.inl"

#include "alias.inl"

}  // namespace

const AliasKernels& alias_kernels_avx2() noexcept { return kKernels; }

}  // namespace skm
