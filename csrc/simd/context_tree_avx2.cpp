// The context-tree fold compiled for AVX2.
#include "context_tree.hpp"

#include <cstddef>

namespace skm {
namespace {

#include "context_tree.inl"

}  // namespace

const ContextTreeKernels& context_tree_kernels_avx2() noexcept { return context_tree_kernels; }

}  // namespace skm
