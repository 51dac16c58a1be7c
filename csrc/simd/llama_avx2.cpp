// Kernels of a Llama decoder with AVX2 and fused multiply-add.
#include <immintrin.h>

#include "llama.hpp"

namespace skm {
namespace {

constexpr std::size_t kWidth = 8;
typedef float Lanes __attribute__((vector_size(32)));
typedef std::int32_t Ints __attribute__((vector_size(32)));
typedef std::uint32_t Unsigned __attribute__((vector_size(32)));  // sums of which may wrap

inline Lanes fused(Lanes a, Lanes b, Lanes c) {
  return static_cast<Lanes>(
      _mm256_fmadd_ps(static_cast<__m256>(a), static_cast<__m256>(b), static_cast<__m256>(c)));
}
inline Lanes larger(Lanes a, Lanes b) {
  return static_cast<Lanes>(_mm256_max_ps(static_cast<__m256>(a), static_cast<__m256>(b)));
}
inline Lanes smaller(Lanes a, Lanes b) {
  return static_cast<Lanes>(_mm256_min_ps(static_cast<__m256>(a), static_cast<__m256>(b)));
}

// t less the nearest integer, and 1.5 * 2^23 more than that integer, which is in its lowest bits.
struct Nearest {
  Lanes rest, shifted;
};
inline Nearest nearest(Lanes t) {
  const Lanes shifted = t + 12582912.0f;
  return {t - (shifted - 12582912.0f), shifted};
}
// p 2^n, but 0 where t < -126
inline Lanes scaled(Lanes t, const Nearest& n, Lanes p) {
  const __m256 keep = _mm256_cmp_ps(static_cast<__m256>(t), _mm256_set1_ps(-126.0f), _CMP_NLT_UQ);
  const Unsigned raised = reinterpret_cast<Unsigned>(p) + (reinterpret_cast<Unsigned>(n.shifted) << 23);
  return static_cast<Lanes>(_mm256_and_ps(keep, reinterpret_cast<__m256>(raised)));
}

// Four rows by sixteen lanes at a time fill the registers.
template <std::size_t kCount>
inline void product_panel(const float* a, const float* x, std::size_t depth, float* c, bool add) {
  constexpr std::size_t kRows = 4;
  constexpr std::size_t kAcross = kCount / 16;
  for (std::size_t part = 0; part < 2 * kAcross; ++part) {
    const float* from = a + part / kAcross * kRows;
    const float* lanes = x + part % kAcross * 16;
    float* to = c + part / kAcross * kRows * kTokenLanes + part % kAcross * 16;
    __m256 sum[kRows][2];
#pragma GCC unroll 4
    for (std::size_t i = 0; i < kRows; ++i) {
      sum[i][0] = add ? _mm256_loadu_ps(to + i * kTokenLanes) : _mm256_setzero_ps();
      sum[i][1] = add ? _mm256_loadu_ps(to + i * kTokenLanes + 8) : _mm256_setzero_ps();
    }
    for (std::size_t k = 0; k < depth; ++k) {
      const __m256 x0 = _mm256_loadu_ps(lanes + k * kTokenLanes);
      const __m256 x1 = _mm256_loadu_ps(lanes + k * kTokenLanes + 8);
#pragma GCC unroll 4
      for (std::size_t i = 0; i < kRows; ++i) {
        const __m256 one = _mm256_broadcast_ss(from + k * kPanelRows + i);
        sum[i][0] = _mm256_fmadd_ps(one, x0, sum[i][0]);
        sum[i][1] = _mm256_fmadd_ps(one, x1, sum[i][1]);
      }
    }
#pragma GCC unroll 4
    for (std::size_t i = 0; i < kRows; ++i) {
      _mm256_storeu_ps(to + i * kTokenLanes, sum[i][0]);
      _mm256_storeu_ps(to + i * kTokenLanes + 8, sum[i][1]);
    }
  }
}

#include "llama.inl"

}  // namespace

const LlamaKernels& llama_kernels_avx2() noexcept { return kKernels; }

}  // namespace skm
