// Logit kernels, 16 entries at a time. Entries past the end of a row are read as -inf, of weight zero.
#include "categorical.hpp"
#include "skm/fixed_exp.hpp"

#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic ignored "-Wuninitialized"  // gcc 12 warns about its own intrinsics
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif
#include <immintrin.h>

namespace skm {
namespace {

constexpr std::size_t kLanes = 16;

inline __m512 minus_infinity() { return _mm512_castsi512_ps(_mm512_set1_epi32(static_cast<int>(0xFF800000))); }

inline __mmask16 first_lanes(std::size_t count) { return static_cast<__mmask16>((1u << count) - 1); }

inline __m512 load(const float* p) { return _mm512_loadu_ps(p); }

inline __m512 load_part(const float* p, std::size_t count) {
  return _mm512_mask_loadu_ps(minus_infinity(), first_lanes(count), p);
}

inline __m512 widen(__m256i halves) {
  return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(halves), 16));
}

inline __m512 load(const std::uint16_t* p) {
  return widen(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)));
}

inline __m512 load_part(const std::uint16_t* p, std::size_t count) {
  return widen(_mm256_mask_loadu_epi16(_mm256_set1_epi16(static_cast<short>(0xFF80)), first_lanes(count), p));
}

inline __m512 first_entry(const float* row) { return _mm512_set1_ps(*row); }

inline __m512 first_entry(const std::uint16_t* row) { return widen(_mm256_set1_epi16(static_cast<short>(*row))); }

// exp_weight of fixed_exp.hpp. Its 16-bit operands stand in the upper halves of the 32-bit lanes.
struct Exponential {
  explicit Exponential(float largest)
      : max(_mm512_set1_ps(largest)),
        scale(_mm512_set1_ps(kExpScale)),
        base(_mm512_load_si512(kExpBase)),
        low_to_high(_mm512_set4_epi32(0x0D0CFFFF, 0x0908FFFF, 0x0504FFFF, 0x0100FFFF)),
        linear(_mm512_set1_epi32(static_cast<int>(kExpLinear << 16))),
        quadratic(_mm512_set1_epi32(static_cast<int>(kExpQuadratic << 16))) {}

  __m512i operator()(__m512 x) const {
    const __m512i t = _mm512_cvttps_epi32(_mm512_mul_ps(_mm512_sub_ps(max, x), scale));
    const __m512i start = _mm512_permutexvar_epi32(_mm512_srli_epi32(t, 16), base);  // low 4 bits count
    const __m512i g = _mm512_shuffle_epi8(t, low_to_high);  // t << 16, on the port that shifts do not use
    const __m512i slope = _mm512_sub_epi32(linear, _mm512_mulhi_epu16(g, quadratic));
    const __m512i fall = _mm512_mulhi_epu16(start, _mm512_mulhi_epu16(g, slope));
    return _mm512_srlv_epi32(_mm512_sub_epi32(start, _mm512_srli_epi32(fall, 4)),
                             _mm512_srli_epi32(t, kExpFractionBits));
  }

  __m512 max, scale;
  __m512i base, low_to_high, linear, quadratic;
};

// Sums 32-bit lanes in 64 bits: `all` adds them in pairs as 64-bit words, modulo 2^64, `upper` adds the
// upper ones alone; what remains of `all` without `upper` is the sum of the lower ones.
struct LaneSum {
  void add(__m512i w) {
    all = _mm512_add_epi64(all, w);
    upper = _mm512_add_epi64(upper, _mm512_maskz_shuffle_epi32(0x5555, w, _MM_PERM_DDBB));
  }

  std::uint64_t total() const {
    const __m512i lower = _mm512_sub_epi64(all, _mm512_slli_epi64(upper, 32));
    return static_cast<std::uint64_t>(_mm512_reduce_add_epi64(_mm512_add_epi64(lower, upper)));
  }

  __m512i all = _mm512_setzero_si512();
  __m512i upper = _mm512_setzero_si512();
};

inline LaneSum join(const LaneSum& a, const LaneSum& b) {
  return {_mm512_add_epi64(a.all, b.all), _mm512_add_epi64(a.upper, b.upper)};
}

struct Extremes {
  void add(__m512 x) {
    max = _mm512_max_ps(max, x);
    magnitude = _mm512_max_epu32(
        magnitude, _mm512_and_si512(_mm512_castps_si512(x), _mm512_set1_epi32(0x7FFFFFFF)));
  }

  void join(const Extremes& other) {
    max = _mm512_max_ps(max, other.max);
    magnitude = _mm512_max_epu32(magnitude, other.magnitude);
  }

  __m512 max = minus_infinity();
  __m512i magnitude = _mm512_setzero_si512();
};

template <class T>
RowSummary summarise(const T* row, std::size_t n) {
  Extremes extremes[4];
  std::size_t j = 0;
  for (; j + 4 * kLanes <= n; j += 4 * kLanes) {
    for (std::size_t k = 0; k < 4; ++k) extremes[k].add(load(row + j + k * kLanes));
  }
  for (; j + kLanes <= n; j += kLanes) extremes[0].add(load(row + j));
  if (j < n) {
    // The -inf that fills the last vector is no entry of the row and must not count as one.
    const __mmask16 rest = first_lanes(n - j);
    extremes[1].add(_mm512_mask_mov_ps(first_entry(row), rest, load_part(row + j, n - j)));
  }
  extremes[0].join(extremes[1]);
  extremes[2].join(extremes[3]);
  extremes[0].join(extremes[2]);
  return {_mm512_reduce_max_ps(extremes[0].max), _mm512_reduce_max_epu32(extremes[0].magnitude)};
}

template <class T>
inline void prefetch(const T* next, std::size_t j) {
  if (next != nullptr) _mm_prefetch(reinterpret_cast<const char*>(next + j), _MM_HINT_T1);
}

template <class T>
std::uint64_t weight_sum(const T* row, std::size_t n, float max, const T* next) {
  const Exponential weight(max);
  LaneSum sums[2];
  std::size_t j = 0;
  for (; j + 2 * kLanes <= n; j += 2 * kLanes) {
    prefetch(next, j);
    if constexpr (sizeof(T) == 4) prefetch(next, j + kLanes);
    sums[0].add(weight(load(row + j)));
    sums[1].add(weight(load(row + j + kLanes)));
  }
  if (j + kLanes <= n) {
    sums[0].add(weight(load(row + j)));
    j += kLanes;
  }
  if (j < n) sums[1].add(weight(load_part(row + j, n - j)));
  return join(sums[0], sums[1]).total();
}

template <class T>
SymbolSums symbol_sums(const T* row, std::size_t n, std::size_t symbol, float max, const T* next) {
  const std::uint64_t before = weight_sum(row, symbol, max, next);
  const T* rest_of_next = next != nullptr ? next + symbol : nullptr;
  return {before, before + weight_sum(row + symbol, n - symbol, max, rest_of_next)};
}

template <class T>
std::uint64_t weights(const T* row, std::size_t n, float max, std::uint32_t* out, std::uint64_t* running,
                      const T* next) {
  const Exponential weight(max);
  std::uint64_t sum = 0;
  std::size_t j = 0;
  for (; j + kWeightBlock <= n; j += kWeightBlock) {
    LaneSum lanes;
    for (std::size_t k = 0; k < kWeightBlock; k += kLanes) {
      prefetch(next, j + k);
      const __m512i w = weight(load(row + j + k));
      _mm512_storeu_si512(out + j + k, w);
      lanes.add(w);
    }
    sum += lanes.total();
    *running++ = sum;
  }
  if (j < n) {
    LaneSum lanes;
    for (; j < n; j += kLanes) {
      const __m512i w = weight(j + kLanes <= n ? load(row + j) : load_part(row + j, n - j));
      _mm512_storeu_si512(out + j, w);
      lanes.add(w);
    }
    *running = sum += lanes.total();
  }
  return sum;
}

constexpr CategoricalKernels kKernels = {
    {summarise<float>, weight_sum<float>, symbol_sums<float>, weights<float>},
    {summarise<std::uint16_t>, weight_sum<std::uint16_t>, symbol_sums<std::uint16_t>, weights<std::uint16_t>},
};

}  // namespace

const CategoricalKernels& categorical_kernels_avx512() noexcept { return kKernels; }

}  // namespace skm
