// Logit kernels, 16 entries at a time.
#include <immintrin.h>

#include "categorical.hpp"
#include "skm/fixed_exp.hpp"

namespace skm {
namespace {

constexpr std::size_t kLanes = 16;
using Words = __m512i;

inline __mmask16 first_lanes(std::size_t count) { return static_cast<__mmask16>((1u << count) - 1); }

inline __m512 widen(__m256i halves) {
  return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(halves), 16));
}

inline __m512 load(const float* p) { return _mm512_loadu_ps(p); }

inline __m512 load(const std::uint16_t* p) {
  return widen(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)));
}

inline __m512 load_part(const float* p, std::size_t count, float fill) {
  return _mm512_mask_loadu_ps(_mm512_set1_ps(fill), first_lanes(count), p);
}

inline __m512 load_part(const std::uint16_t* p, std::size_t count, std::uint16_t fill) {
  return widen(_mm256_mask_loadu_epi16(_mm256_set1_epi16(static_cast<short>(fill)), first_lanes(count), p));
}

inline void store(std::uint32_t* p, Words w) { _mm512_storeu_si512(p, w); }

struct Parted {
  Words first, others;
};

inline Parted parted(Words w, std::size_t count) {
  const __mmask16 below = first_lanes(count);
  return {_mm512_maskz_mov_epi32(below, w), _mm512_maskz_mov_epi32(static_cast<__mmask16>(~below), w)};
}

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

struct Extremes {
  void add(__m512 x) {
    max = _mm512_max_ps(max, x);
    magnitude =
        _mm512_max_epu32(magnitude, _mm512_and_si512(_mm512_castps_si512(x), _mm512_set1_epi32(0x7FFFFFFF)));
  }

  RowSummary reduce() const { return {_mm512_reduce_max_ps(max), _mm512_reduce_max_epu32(magnitude)}; }

  __m512 max = _mm512_set1_ps(-__builtin_inff());
  __m512i magnitude = _mm512_setzero_si512();
};

#include "categorical.inl"

}  // namespace

const CategoricalKernels& categorical_kernels_avx512() noexcept { return kKernels; }

}  // namespace skm
