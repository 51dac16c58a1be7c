// Kernels of a Llama decoder with AVX-512.
#include "llama.hpp"

#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic ignored "-Wuninitialized"  // gcc 12 warns about its own intrinsics
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif
#include <immintrin.h>

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
inline Lanes scaled_up(Lanes t, Lanes p, Ints n) {
  const __mmask16 keep = _mm512_cmp_ps_mask(static_cast<__m512>(t), _mm512_set1_ps(-126.0f), _CMP_NLT_UQ);
  return reinterpret_cast<Lanes>(
      _mm512_maskz_add_epi32(keep, reinterpret_cast<__m512i>(p), reinterpret_cast<__m512i>(n)));
}

inline void product_panel(const float* a, const float* x, std::size_t depth, float* c, bool add) {
  __m512 sum[kPanelRows][2];
#pragma GCC unroll 8
  for (std::size_t i = 0; i < kPanelRows; ++i) {
    sum[i][0] = add ? _mm512_loadu_ps(c + i * kTokenLanes) : _mm512_setzero_ps();
    sum[i][1] = add ? _mm512_loadu_ps(c + i * kTokenLanes + 16) : _mm512_setzero_ps();
  }
  for (std::size_t k = 0; k < depth; ++k) {
    const __m512 x0 = _mm512_loadu_ps(x + k * kTokenLanes);
    const __m512 x1 = _mm512_loadu_ps(x + k * kTokenLanes + 16);
#pragma GCC unroll 8
    for (std::size_t i = 0; i < kPanelRows; ++i) {
      const __m512 one = _mm512_set1_ps(a[k * kPanelRows + i]);
      sum[i][0] = _mm512_fmadd_ps(one, x0, sum[i][0]);
      sum[i][1] = _mm512_fmadd_ps(one, x1, sum[i][1]);
    }
  }
#pragma GCC unroll 8
  for (std::size_t i = 0; i < kPanelRows; ++i) {
    _mm512_storeu_ps(c + i * kTokenLanes, sum[i][0]);
    _mm512_storeu_ps(c + i * kTokenLanes + 16, sum[i][1]);
  }
}

#include "llama.inl"

}  // namespace

const LlamaKernels& llama_kernels_avx512() noexcept { return kKernels; }

}  // namespace skm
