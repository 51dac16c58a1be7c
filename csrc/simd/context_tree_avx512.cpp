// The context-tree fold compiled for AVX-512.
#include "context_tree.hpp"

#include <cstddef>

namespace skm {
namespace {

#include "context_tree.inl"

}  // namespace

const ContextTreeKernels& context_tree_kernels_avx512() noexcept { return context_tree_kernels; }

}  // namespace skm
