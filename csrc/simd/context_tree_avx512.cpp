// The context-tree fold compiled for AVX-512.
#include <immintrin.h>

#include <cstddef>

#include "context_tree.hpp"

namespace skm {
namespace {

#include "fold_stack.inl"

#include "context_tree.inl"

}  // namespace

const ContextTreeKernels& context_tree_kernels_avx512() noexcept { return context_tree_kernels; }

}  // namespace skm
