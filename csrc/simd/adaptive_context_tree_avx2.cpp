// The adaptive context tree's vector steps compiled for AVX2.
#include "adaptive_context_tree.hpp"

namespace skm {
namespace {

#include "adaptive_context_tree.inl"

}  // namespace

const AdaptiveKernels& adaptive_kernels_avx2() noexcept { return adaptive_kernels; }

}  // namespace skm
