// Kernels of a Llama decoder with AVX-512.
#include <immintrin.h>

#include "llama.hpp"

namespace skm {
namespace {

constexpr std::size_t kWidth = 16;
typedef float Lanes __attribute__((vector_size(64)));
typedef std::int32_t Ints __attribute__((vector_size(64)));
typedef std::uint32_t Unsigned __attribute__((vector_size(64)));  // sums of which may wrap

inline Lanes fused(Lanes a, Lanes b, Lanes c) {
  return static_cast<Lanes>(
      _mm512_fmadd_ps(static_cast<__m512>(a), static_cast<__m512>(b), static_cast<__m512>(c)));
}
inline Lanes larger(Lanes a, Lanes b) {
  return static_cast<Lanes>(_mm512_max_ps(static_cast<__m512>(a), static_cast<__m512>(b)));
}
inline Lanes smaller(Lanes a, Lanes b) {
  return static_cast<Lanes>(_mm512_min_ps(static_cast<__m512>(a), static_cast<__m512>(b)));
}

// t less the nearest integer (0 for infinities), and that integer.
struct Nearest {
  Lanes rest, whole;
};
inline Nearest nearest(Lanes t) {
  const Lanes rest = static_cast<Lanes>(_mm512_reduce_ps(static_cast<__m512>(t), _MM_FROUND_TO_NEAREST_INT));
  return {rest, t - rest};
}
// p 2^n, but 0 where t < -126
inline Lanes scaled(Lanes t, const Nearest& n, Lanes p) {
  const __mmask16 keep = _mm512_cmp_ps_mask(static_cast<__m512>(t), _mm512_set1_ps(-126.0f), _CMP_NLT_UQ);
  return static_cast<Lanes>(
      _mm512_maskz_scalef_ps(keep, static_cast<__m512>(p), static_cast<__m512>(n.whole)));
}

template <std::size_t kCount>
inline void product_panel(const float* a, const float* x, std::size_t depth, float* c, bool add) {
  constexpr std::size_t kVectors = kCount / kWidth;
  __m512 sum[kPanelRows][kVectors];
#pragma GCC unroll 8
  for (std::size_t i = 0; i < kPanelRows; ++i) {
#pragma GCC unroll 2
    for (std::size_t v = 0; v < kVectors; ++v) {
      sum[i][v] = add ? _mm512_loadu_ps(c + i * kTokenLanes + v * kWidth) : _mm512_setzero_ps();
    }
  }
  for (std::size_t k = 0; k < depth; ++k) {
    __m512 row[kVectors];
#pragma GCC unroll 2
    for (std::size_t v = 0; v < kVectors; ++v) row[v] = _mm512_loadu_ps(x + k * kTokenLanes + v * kWidth);
#pragma GCC unroll 8
    for (std::size_t i = 0; i < kPanelRows; ++i) {
      const __m512 one = _mm512_set1_ps(a[k * kPanelRows + i]);
#pragma GCC unroll 2
      for (std::size_t v = 0; v < kVectors; ++v) sum[i][v] = _mm512_fmadd_ps(one, row[v], sum[i][v]);
    }
  }
#pragma GCC unroll 8
  for (std::size_t i = 0; i < kPanelRows; ++i) {
#pragma GCC unroll 2
    for (std::size_t v = 0; v < kVectors; ++v) {
      _mm512_storeu_ps(c + i * kTokenLanes + v * kWidth, sum[i][v]);
    }
  }
}

#include "llama.inl"

}  // namespace

const LlamaKernels& llama_kernels_avx512() noexcept { return kKernels; }

}  // namespace skm
