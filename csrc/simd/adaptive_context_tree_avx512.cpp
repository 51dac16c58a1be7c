// The adaptive context tree's vector steps compiled for AVX-512.
#include "adaptive_context_tree.hpp"

namespace skm {
namespace {

#include "adaptive_context_tree.inl"

}  // namespace

const AdaptiveKernels& adaptive_kernels_avx512() noexcept { return adaptive_kernels; }

}  // namespace skm
