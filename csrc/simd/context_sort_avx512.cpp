// The context sort with 64-byte comparisons and a vectorised quicksort of 64-bit integers.
#include <immintrin.h>

#include <cstring>

#include "context_sort.hpp"
#include "skm/context_sort.hpp"

namespace skm {
namespace {

inline int shared_bytes(const std::uint8_t* text, std::uint32_t a, std::uint32_t b) noexcept {
  const __m512i x = _mm512_loadu_si512(text + a - 64);
  const __m512i y = _mm512_loadu_si512(text + b - 64);
  return static_cast<int>(_lzcnt_u64(_mm512_cmpneq_epi8_mask(x, y)));
}

void load_keys(const std::uint8_t* text, std::uint64_t* items, std::uint32_t count, int depth) noexcept {
  for (std::uint32_t i = 0; i < count; ++i) {
    if (i + 16 < count) __builtin_prefetch(text + static_cast<std::uint32_t>(items[i + 16]) - depth - 4);
    const std::uint32_t position = static_cast<std::uint32_t>(items[i]);
    std::uint32_t key;
    std::memcpy(&key, text + position - depth - 4, sizeof key);
    items[i] = std::uint64_t{key} << 32 | position;
  }
}

// ---- bitonic networks on up to 64 integers in eight registers
// ----------------------------------------------

template <int mask>
inline __m512i exchange(__m512i v, __m512i partner) noexcept {
  return _mm512_mask_mov_epi64(_mm512_min_epu64(v, partner), mask, _mm512_max_epu64(v, partner));
}

inline __m512i reverse(__m512i v) noexcept {
  return _mm512_permutexvar_epi64(_mm512_set_epi64(0, 1, 2, 3, 4, 5, 6, 7), v);
}

inline __m512i merge_within(__m512i v) noexcept {
  v = exchange<0xf0>(v, _mm512_shuffle_i64x2(v, v, 0x4e));
  v = exchange<0xcc>(v, _mm512_permutex_epi64(v, 0x4e));
  return exchange<0xaa>(v, _mm512_permutex_epi64(v, 0xb1));
}

inline __m512i sort_within(__m512i v) noexcept {
  v = exchange<0xaa>(v, _mm512_permutex_epi64(v, 0xb1));
  v = exchange<0xcc>(v, _mm512_permutex_epi64(v, 0x1b));
  v = exchange<0xaa>(v, _mm512_permutex_epi64(v, 0xb1));
  v = exchange<0xf0>(v, reverse(v));
  v = exchange<0xcc>(v, _mm512_permutex_epi64(v, 0x4e));
  return exchange<0xaa>(v, _mm512_permutex_epi64(v, 0xb1));
}

template <int registers>
inline void merge_bitonic(__m512i* v) noexcept {
  if constexpr (registers == 1) {
    v[0] = merge_within(v[0]);
  } else {
    constexpr int half = registers / 2;
    for (int i = 0; i < half; ++i) {
      const __m512i low = _mm512_min_epu64(v[i], v[i + half]);
      v[i + half] = _mm512_max_epu64(v[i], v[i + half]);
      v[i] = low;
    }
    merge_bitonic<half>(v);
    merge_bitonic<half>(v + half);
  }
}

template <int registers>
inline void sort_registers(__m512i* v) noexcept {
  if constexpr (registers == 1) {
    v[0] = sort_within(v[0]);
  } else {
    constexpr int half = registers / 2;
    sort_registers<half>(v);
    sort_registers<half>(v + half);
    for (int i = 0; i < half; ++i) {  // ascending, then the second half descending: bitonic
      const __m512i a = v[i];
      const __m512i b = reverse(v[registers - 1 - i]);
      v[i] = _mm512_min_epu64(a, b);
      v[registers - 1 - i] = reverse(_mm512_max_epu64(a, b));
    }
    merge_bitonic<half>(v);
    merge_bitonic<half>(v + half);
  }
}

template <int registers>
void sort_loaded(std::uint64_t* items, std::uint32_t count) noexcept {
  __m512i v[registers];
  for (int i = 0; i < registers; ++i) {
    const std::uint32_t left = count > 8u * i ? count - 8u * i : 0;
    const __mmask8 mask = static_cast<__mmask8>(left >= 8 ? 0xff : (1u << left) - 1);
    v[i] = _mm512_mask_loadu_epi64(_mm512_set1_epi64(-1), mask, items + 8 * i);
  }
  sort_registers<registers>(v);
  for (int i = 0; i < registers; ++i) {
    const std::uint32_t left = count > 8u * i ? count - 8u * i : 0;
    const __mmask8 mask = static_cast<__mmask8>(left >= 8 ? 0xff : (1u << left) - 1);
    _mm512_mask_storeu_epi64(items + 8 * i, mask, v[i]);
  }
}

void sort_few(std::uint64_t* items, std::uint32_t count) noexcept {
  if (count <= 8) return sort_loaded<1>(items, count);
  if (count <= 16) return sort_loaded<2>(items, count);
  if (count <= 32) return sort_loaded<4>(items, count);
  sort_loaded<8>(items, count);
}

// ---- quicksort
// -----------------------------------------------------------------------------------------------

// A value with at least one item below it and one not below it (the items are distinct).
std::uint64_t choose_pivot(const std::uint64_t* items, std::uint32_t count) noexcept {
  std::uint64_t sample[8];
  const std::uint32_t step = count / 8;
  for (std::uint32_t i = 0; i < 8; ++i) sample[i] = items[i * step + step / 2];
  sort_loaded<1>(sample, 8);
  return sample[4];
}

// Moves the items below the pivot to the front, in no order; returns how many there are. count >= 16.
std::uint32_t partition(std::uint64_t* items, std::uint32_t count, std::uint64_t pivot) noexcept {
  const __m512i bound = _mm512_set1_epi64(static_cast<long long>(pivot));
  std::uint64_t* write_left = items;
  std::uint64_t* write_right = items + count;
  const auto place = [&](__m512i v, __mmask8 valid) {
    const __mmask8 below = _mm512_mask_cmplt_epu64_mask(valid, v, bound);
    const __mmask8 rest = static_cast<__mmask8>(valid & ~below);
    const int below_count = __builtin_popcount(below);
    const int rest_count = __builtin_popcount(rest);
    _mm512_mask_storeu_epi64(write_left, static_cast<__mmask8>((1u << below_count) - 1),
                             _mm512_maskz_compress_epi64(below, v));
    write_left += below_count;
    write_right -= rest_count;
    _mm512_mask_storeu_epi64(write_right, static_cast<__mmask8>((1u << rest_count) - 1),
                             _mm512_maskz_compress_epi64(rest, v));
  };
  // One register from each end is held back, so that there is always room to write eight on either side.
  const __m512i first = _mm512_loadu_si512(items);
  const __m512i last = _mm512_loadu_si512(items + count - 8);
  std::uint64_t* left = items + 8;
  std::uint64_t* right = items + count - 8;
  while (right - left >= 8) {
    __m512i v;
    if (left - write_left <= write_right - right) {
      v = _mm512_loadu_si512(left);
      left += 8;
    } else {
      right -= 8;
      v = _mm512_loadu_si512(right);
    }
    place(v, 0xff);
  }
  const __mmask8 tail = static_cast<__mmask8>((1u << (right - left)) - 1);
  const __m512i middle = _mm512_maskz_loadu_epi64(tail, left);
  place(middle, tail);
  place(first, 0xff);
  place(last, 0xff);
  return static_cast<std::uint32_t>(write_left - items);
}

void quicksort(std::uint64_t* items, std::uint32_t count, int budget) noexcept {
  while (count > 64) {
    if (budget-- == 0)
      return sort_integers_baseline(items, count);  // adversarial order: O(n log n) all the same
    const std::uint32_t below = partition(items, count, choose_pivot(items, count));
    quicksort(items, below, budget);
    items += below;
    count -= below;
  }
  if (count > 1) sort_few(items, count);
}

void sort_integers(std::uint64_t* items, std::uint32_t count) noexcept {
  quicksort(items, count, 2 * (32 - static_cast<int>(_lzcnt_u32(count))));
}

#include "context_sort.inl"

}  // namespace

const ContextSortKernels& context_sort_kernels_avx512() noexcept {
  static constexpr ContextSortKernels kernels{sort_group};
  return kernels;
}

}  // namespace skm
