// Panel products with AVX512_BF16: dot products of pairs, 8 rows by 32 lanes in registers.
#include <immintrin.h>

#include "panel_product.hpp"

namespace skm {
namespace {

constexpr std::size_t kRowUnit = 16;
constexpr std::size_t kRows = 8;

#include "panel_bf16_pack.inl"

inline __m512bh pairs(__m512i x) { return reinterpret_cast<__m512bh>(x); }

inline void product_block(const char* a, const char* b, std::size_t depth, float* c, std::size_t stride,
                          bool add) {
  const std::size_t lane_block = depth / kDepthUnit * kTileBytes;
  __m512 sum[kRows][2];
#pragma GCC unroll 8
  for (std::size_t i = 0; i < kRows; ++i) {
    sum[i][0] = add ? _mm512_loadu_ps(c + i * stride) : _mm512_setzero_ps();
    sum[i][1] = add ? _mm512_loadu_ps(c + i * stride + 16) : _mm512_setzero_ps();
  }
  for (std::size_t k = 0; k < depth; k += kDepthUnit, a += kTileBytes, b += kTileBytes) {
    for (std::size_t p = 0; p < kBlock; ++p) {
      const __m512bh b0 = pairs(_mm512_load_si512(b + 64 * p));
      const __m512bh b1 = pairs(_mm512_load_si512(b + lane_block + 64 * p));
#pragma GCC unroll 8
      for (std::size_t i = 0; i < kRows; ++i) {
        std::int32_t pair;
        __builtin_memcpy(&pair, a + 64 * i + 4 * p, sizeof pair);
        const __m512bh one = pairs(_mm512_set1_epi32(pair));
        sum[i][0] = _mm512_dpbf16_ps(sum[i][0], one, b0);
        sum[i][1] = _mm512_dpbf16_ps(sum[i][1], one, b1);
      }
    }
  }
#pragma GCC unroll 8
  for (std::size_t i = 0; i < kRows; ++i) {
    _mm512_storeu_ps(c + i * stride, sum[i][0]);
    _mm512_storeu_ps(c + i * stride + 16, sum[i][1]);
  }
}

void product(const void* rows_panel, const void* lanes_panel, std::size_t rows, std::size_t depth, float* c,
             std::size_t stride, bool add) {
  const char* b = static_cast<const char*>(lanes_panel);
  for (std::size_t first = 0; first < rows; first += kRows) {
    const char* a = static_cast<const char*>(rows_panel) +
                    first / kBlock * (depth / kDepthUnit) * kTileBytes + first % kBlock * 64;
    product_block(a, b, depth, c + first * stride, stride, add);
  }
}

void nothing() {}

constexpr PanelKernels kKernels = {kRowUnit,
                                   2,
                                   0,
                                   kDepthUnit,
                                   kBlockBytes,
                                   0,
                                   false,
                                   pack_kernels<1, float>(),
                                   pack_kernels<1, std::uint16_t>(),
                                   product,
                                   nullptr,
                                   nothing,
                                   nothing,
                                   pack_both_ways<1>};

}  // namespace

const PanelKernels& panel_kernels_avx512bf16() noexcept { return kKernels; }

}  // namespace skm
