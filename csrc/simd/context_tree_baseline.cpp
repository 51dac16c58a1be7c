// The context-tree fold compiled for any processor.
#include <cstddef>

#include "context_tree.hpp"

namespace skm {
namespace {

#include "fold_stack.inl"

#include "context_tree.inl"

}  // namespace

const ContextTreeKernels& context_tree_kernels_baseline() noexcept { return context_tree_kernels; }

}  // namespace skm
