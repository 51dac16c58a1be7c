// Draws from alias tables with AVX-512, sixteen words at a time.
#include "alias.hpp"

#include <immintrin.h>

#include "skm/philox.hpp"

namespace skm {
namespace {

#include "lanes_avx512.inl"
#include "philox_blocks.inl"

#include "alias.inl"

}  // namespace

const AliasKernels& alias_kernels_avx512() noexcept { return kKernels; }

}  // namespace skm
