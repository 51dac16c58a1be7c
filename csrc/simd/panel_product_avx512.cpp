// Panel products with AVX-512: 12 rows by 32 lanes in registers.
#include <immintrin.h>

#include "panel_product.hpp"

namespace skm {
namespace {

constexpr std::size_t kRows = 24;
constexpr std::size_t kVector = 16;

// 24 rows by 16 lanes: a multiply-add takes its row's number from memory itself, so that of 25 instructions
// 24 are multiply-adds. With 12 rows by 32 lanes it is 24 of 38, and where another thread runs on the same
// core, it is instructions that there are too few of.
inline void product_half(const float* a, const float* b, std::size_t depth, float* c, std::size_t stride,
                         bool add) {
  __m512 sum[kRows];
#pragma GCC unroll 24
  for (std::size_t i = 0; i < kRows; ++i) sum[i] = _mm512_setzero_ps();
  for (std::size_t k = 0; k < depth; ++k) {
    const __m512 lanes = _mm512_loadu_ps(b + k * kLanes);
#pragma GCC unroll 24
    for (std::size_t i = 0; i < kRows; ++i) {
      sum[i] = _mm512_fmadd_ps(_mm512_set1_ps(a[k * kRows + i]), lanes, sum[i]);
    }
  }
#pragma GCC unroll 24
  for (std::size_t i = 0; i < kRows; ++i) {
    float* to = c + i * stride;
    _mm512_storeu_ps(to, add ? _mm512_add_ps(_mm512_loadu_ps(to), sum[i]) : sum[i]);
  }
}

inline void product_block(const float* a, const float* b, std::size_t depth, float* c, std::size_t stride,
                          bool add) {
  product_half(a, b, depth, c, stride, add);
  product_half(a, b + kVector, depth, c + kVector, stride, add);
}

#include "panel_product.inl"

}  // namespace

const PanelKernels& panel_kernels_avx512() noexcept { return kKernels; }

}  // namespace skm
