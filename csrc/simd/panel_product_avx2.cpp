// Panel products with AVX2 and fused multiply-add: 6 rows by 16 lanes in registers.
#include <immintrin.h>

#include "panel_product.hpp"

namespace skm {
namespace {

constexpr std::size_t kRows = 6;

__attribute__((target("avx2,fma"))) inline void half_block(const float* a, const float* b, std::size_t depth,
                                                           float* c, std::size_t stride, bool add) {
  __m256 sum[kRows][2];
  for (std::size_t i = 0; i < kRows; ++i) {
    for (std::size_t j = 0; j < 2; ++j) {
      sum[i][j] = _mm256_setzero_ps();
    }
  }
  for (std::size_t k = 0; k < depth; ++k) {
    const __m256 b0 = _mm256_loadu_ps(b + k * kLanes);
    const __m256 b1 = _mm256_loadu_ps(b + k * kLanes + 8);
#pragma GCC unroll 6
    for (std::size_t i = 0; i < kRows; ++i) {
      const __m256 one = _mm256_broadcast_ss(a + k * kRows + i);
      sum[i][0] = _mm256_fmadd_ps(one, b0, sum[i][0]);
      sum[i][1] = _mm256_fmadd_ps(one, b1, sum[i][1]);
    }
  }
  for (std::size_t i = 0; i < kRows; ++i) {
    for (std::size_t j = 0; j < 2; ++j) {
      float* to = c + i * stride + 8 * j;
      _mm256_storeu_ps(to, add ? _mm256_add_ps(_mm256_loadu_ps(to), sum[i][j]) : sum[i][j]);
    }
  }
}

inline void product_block(const float* a, const float* b, std::size_t depth, float* c, std::size_t stride,
                          bool add) {
  half_block(a, b, depth, c, stride, add);
  half_block(a, b + kLanes / 2, depth, c + kLanes / 2, stride, add);
}

#include "panel_product.inl"

}  // namespace

const PanelKernels& panel_kernels_avx2() noexcept { return kKernels; }

}  // namespace skm
