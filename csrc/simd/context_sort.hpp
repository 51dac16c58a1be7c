// Instruction-set dependent parts of the context sort.
#pragma once

#include <cstdint>

namespace skm {

struct ContextSortKernels {
  /// skm::sort_contexts, see skm/context_sort.hpp.
  void (*sort_contexts)(const std::uint8_t* text, std::uint64_t* items, std::uint32_t count,
                        std::uint8_t* shared, int from, int depth) noexcept;
};

const ContextSortKernels& context_sort_kernels_baseline() noexcept;
const ContextSortKernels& context_sort_kernels_avx2() noexcept;
const ContextSortKernels& context_sort_kernels_avx512() noexcept;

/// Ascending sort of distinct integers; the fallback of every instruction set.
void sort_integers_baseline(std::uint64_t* items, std::uint32_t count) noexcept;

}  // namespace skm
