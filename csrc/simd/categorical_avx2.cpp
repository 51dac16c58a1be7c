// Logit kernels, 8 entries at a time.
#include <immintrin.h>

#include "categorical.hpp"
#include "skm/fixed_exp.hpp"

namespace skm {
namespace {

constexpr std::size_t kLanes = 8;
using Words = __m256i;

inline __m256 load(const float* p) { return _mm256_loadu_ps(p); }

inline __m256 load(const std::uint16_t* p) {
  const __m128i halves = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
  return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(halves), 16));
}

template <class T>
inline __m256 load_part(const T* p, std::size_t count, T fill) {
  T part[kLanes];
  for (std::size_t k = 0; k < kLanes; ++k) part[k] = k < count ? p[k] : fill;
  return load(part);
}

inline void store(std::uint32_t* p, Words w) { _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), w); }

struct Parted {
  Words first, others;
};

inline Parted parted(Words w, std::size_t count) {
  const __m256i below = _mm256_cmpgt_epi32(_mm256_set1_epi32(static_cast<int>(count)),
                                           _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
  return {_mm256_and_si256(below, w), _mm256_andnot_si256(below, w)};
}

// exp_weight of fixed_exp.hpp. Its 16-bit operands stand in the upper halves of the 32-bit lanes.
struct Exponential {
  explicit Exponential(float largest)
      : max(_mm256_set1_ps(largest)),
        scale(_mm256_set1_ps(kExpScale)),
        first(_mm256_load_si256(reinterpret_cast<const __m256i*>(kExpBase))),
        second(_mm256_load_si256(reinterpret_cast<const __m256i*>(kExpBase + 8))),
        linear(_mm256_set1_epi32(static_cast<int>(kExpLinear << 16))),
        quadratic(_mm256_set1_epi32(static_cast<int>(kExpQuadratic << 16))) {}

  // The table has 16 entries and a permutation reaches 8: the index's top bit, moved to the sign,
  // chooses between two.
  __m256i table(__m256i t) const {
    const __m256i index = _mm256_srli_epi32(t, 16);
    const __m256 low = _mm256_castsi256_ps(_mm256_permutevar8x32_epi32(first, index));
    const __m256 high = _mm256_castsi256_ps(_mm256_permutevar8x32_epi32(second, index));
    const __m256 choice = _mm256_castsi256_ps(_mm256_slli_epi32(t, 12));
    return _mm256_castps_si256(_mm256_blendv_ps(low, high, choice));
  }

  __m256i operator()(__m256 x) const {
    const __m256i t = _mm256_cvttps_epi32(_mm256_mul_ps(_mm256_sub_ps(max, x), scale));
    const __m256i start = table(t);
    const __m256i g = _mm256_slli_epi32(t, 16);
    const __m256i slope = _mm256_sub_epi32(linear, _mm256_mulhi_epu16(g, quadratic));
    const __m256i fall = _mm256_mulhi_epu16(start, _mm256_mulhi_epu16(g, slope));
    return _mm256_srlv_epi32(_mm256_sub_epi32(start, _mm256_srli_epi32(fall, 4)),
                             _mm256_srli_epi32(t, kExpFractionBits));
  }

  __m256 max, scale;
  __m256i first, second, linear, quadratic;
};

// Sums 32-bit lanes in 64 bits: `all` adds them in pairs as 64-bit words, modulo 2^64, `upper` adds the
// upper ones alone; what remains of `all` without `upper` is the sum of the lower ones.
struct LaneSum {
  void add(__m256i w) {
    all = _mm256_add_epi64(all, w);
    upper = _mm256_add_epi64(upper, _mm256_srli_epi64(w, 32));
  }

  std::uint64_t total() const {
    const __m256i lower = _mm256_sub_epi64(all, _mm256_slli_epi64(upper, 32));
    const __m256i both = _mm256_add_epi64(lower, upper);
    const __m128i half = _mm_add_epi64(_mm256_castsi256_si128(both), _mm256_extracti128_si256(both, 1));
    return static_cast<std::uint64_t>(_mm_cvtsi128_si64(half)) +
           static_cast<std::uint64_t>(_mm_extract_epi64(half, 1));
  }

  __m256i all = _mm256_setzero_si256();
  __m256i upper = _mm256_setzero_si256();
};

struct Extremes {
  void add(__m256 x) {
    max = _mm256_max_ps(max, x);
    magnitude =
        _mm256_max_epu32(magnitude, _mm256_and_si256(_mm256_castps_si256(x), _mm256_set1_epi32(0x7FFFFFFF)));
  }

  RowSummary reduce() const {
    alignas(32) float maxima[kLanes];
    alignas(32) std::uint32_t magnitudes[kLanes];
    _mm256_store_ps(maxima, max);
    _mm256_store_si256(reinterpret_cast<__m256i*>(magnitudes), magnitude);
    RowSummary summary = {maxima[0], magnitudes[0]};
    for (std::size_t k = 1; k < kLanes; ++k) {
      summary.max = maxima[k] > summary.max ? maxima[k] : summary.max;
      if (magnitudes[k] > summary.largest_magnitude) summary.largest_magnitude = magnitudes[k];
    }
    return summary;
  }

  __m256 max = _mm256_set1_ps(-__builtin_inff());
  __m256i magnitude = _mm256_setzero_si256();
};

#include "categorical.inl"

}  // namespace

const CategoricalKernels& categorical_kernels_avx2() noexcept { return kKernels; }

}  // namespace skm
