// The context sort with 32-byte comparisons.
#include <immintrin.h>

#include <cstring>

#include "context_sort.hpp"
#include "skm/context_sort.hpp"

namespace skm {
namespace {

inline std::uint32_t equal_bytes(const std::uint8_t* a, const std::uint8_t* b) noexcept {
  const __m256i x = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(a));
  const __m256i y = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(b));
  return static_cast<std::uint32_t>(_mm256_movemask_epi8(_mm256_cmpeq_epi8(x, y)));
}

inline int shared_bytes(const std::uint8_t* text, std::uint32_t a, std::uint32_t b) noexcept {
  const std::uint32_t near = ~equal_bytes(text + a - 32, text + b - 32);
  if (near != 0) return static_cast<int>(_lzcnt_u32(near));
  return 32 + static_cast<int>(_lzcnt_u32(~equal_bytes(text + a - 64, text + b - 64)));
}

void load_keys(const std::uint8_t* text, std::uint64_t* items, std::uint32_t count, int depth) noexcept {
  for (std::uint32_t i = 0; i < count; ++i) {
    const std::uint32_t position = static_cast<std::uint32_t>(items[i]);
    std::uint32_t key;
    std::memcpy(&key, text + position - depth - 4, sizeof key);
    items[i] = std::uint64_t{key} << 32 | position;
  }
}

void sort_integers(std::uint64_t* items, std::uint32_t count) noexcept {
  sort_integers_baseline(items, count);
}

#include "context_sort.inl"

}  // namespace

const ContextSortKernels& context_sort_kernels_avx2() noexcept {
  static constexpr ContextSortKernels kernels{sort_group};
  return kernels;
}

}  // namespace skm
