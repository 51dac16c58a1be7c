// Panel products with AVX-512: 12 rows by 32 lanes in registers.
#include <immintrin.h>

#include "panel_product.hpp"

namespace skm {
namespace {

constexpr std::size_t kRows = 12;

inline void product_block(const float* a, const float* b, std::size_t depth, float* c, std::size_t stride,
                          bool add) {
  __m512 sum[kRows][2];
#pragma GCC unroll 12
  for (std::size_t i = 0; i < kRows; ++i) {
    sum[i][0] = _mm512_setzero_ps();
    sum[i][1] = _mm512_setzero_ps();
  }
  for (std::size_t k = 0; k < depth; ++k) {
    const __m512 b0 = _mm512_loadu_ps(b + k * kLanes);
    const __m512 b1 = _mm512_loadu_ps(b + k * kLanes + 16);
#pragma GCC unroll 12
    for (std::size_t i = 0; i < kRows; ++i) {
      const __m512 one = _mm512_set1_ps(a[k * kRows + i]);
      sum[i][0] = _mm512_fmadd_ps(one, b0, sum[i][0]);
      sum[i][1] = _mm512_fmadd_ps(one, b1, sum[i][1]);
    }
  }
#pragma GCC unroll 12
  for (std::size_t i = 0; i < kRows; ++i) {
    for (std::size_t j = 0; j < 2; ++j) {
      float* to = c + i * stride + 16 * j;
      _mm512_storeu_ps(to, add ? _mm512_add_ps(_mm512_loadu_ps(to), sum[i][j]) : sum[i][j]);
    }
  }
}

#include "panel_product.inl"

}  // namespace

const PanelKernels& panel_kernels_avx512() noexcept { return kKernels; }

}  // namespace skm
