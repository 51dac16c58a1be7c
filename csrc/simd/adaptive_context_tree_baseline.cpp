// The adaptive context tree's vector steps compiled for any processor.
#include "adaptive_context_tree.hpp"

namespace skm {
namespace {

#include "adaptive_context_tree.inl"

}  // namespace

const AdaptiveKernels& adaptive_kernels_baseline() noexcept { return adaptive_kernels; }

}  // namespace skm
