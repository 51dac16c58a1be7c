// The context sort for any processor: words of eight bytes, and the standard library's sort.
#include <algorithm>
#include <bit>
#include <cstring>

#include "context_sort.hpp"
#include "skm/context_sort.hpp"

namespace skm {

void sort_integers_baseline(std::uint64_t* items, std::uint32_t count) noexcept {
  std::sort(items, items + count);
}

namespace {

template <typename Word>
Word load_context(const std::uint8_t* end) noexcept {
  Word word;
  std::memcpy(&word, end - sizeof word, sizeof word);
  if constexpr (std::endian::native == std::endian::big) {
    Word swapped = 0;
    for (unsigned i = 0; i < sizeof word; ++i) swapped = swapped << 8 | (word >> 8 * i & 255);
    word = swapped;
  }
  return word;
}

int shared_bytes(const std::uint8_t* text, std::uint32_t a, std::uint32_t b) noexcept {
  for (int d = 0; d < max_context_depth; d += 8) {
    const std::uint64_t differ =
        load_context<std::uint64_t>(text + a - d) ^ load_context<std::uint64_t>(text + b - d);
    if (differ != 0) return d + (std::countl_zero(differ) >> 3);
  }
  return max_context_depth;
}

void load_keys(const std::uint8_t* text, std::uint64_t* items, std::uint32_t count, int depth) noexcept {
  for (std::uint32_t i = 0; i < count; ++i) {
    const std::uint32_t position = static_cast<std::uint32_t>(items[i]);
    items[i] = std::uint64_t{load_context<std::uint32_t>(text + position - depth)} << 32 | position;
  }
}

void sort_integers(std::uint64_t* items, std::uint32_t count) noexcept {
  sort_integers_baseline(items, count);
}

#include "context_sort.inl"

}  // namespace

const ContextSortKernels& context_sort_kernels_baseline() noexcept {
  static constexpr ContextSortKernels kernels{sort_group};
  return kernels;
}

}  // namespace skm
