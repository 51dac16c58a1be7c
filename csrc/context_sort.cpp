// Chooses the context sort of the processor.
#include "skm/context_sort.hpp"

#include "simd/context_sort.hpp"
#include "skm/isa.hpp"

namespace skm {

void sort_contexts(const std::uint8_t* text, std::uint64_t* items, std::uint32_t count, std::uint8_t* shared,
                   int from, int depth) noexcept {
  switch (active_isa()) {
#if defined(SKM_X86)
    case Isa::avx512:
      return context_sort_kernels_avx512().sort_contexts(text, items, count, shared, from, depth);
    case Isa::avx2: return context_sort_kernels_avx2().sort_contexts(text, items, count, shared, from, depth);
#endif
    default: return context_sort_kernels_baseline().sort_contexts(text, items, count, shared, from, depth);
  }
}

}  // namespace skm
