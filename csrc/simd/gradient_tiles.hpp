// Tiles of gradients, rows of 32 floats, on their way to where the caller wants them.
#pragma once

#include <cstddef>
#include <cstdint>

#include "panel_product.hpp"

namespace skm {

struct GradientTileKernels {
  /// The first `columns` of each row to rows `stride` elements apart. Whole lines of memory that `out` is
  /// aligned to go past the caches.
  void (*to_float)(const float* tile, std::size_t rows, std::size_t columns, float* out, std::size_t stride);
  /// The same, added to what is there.
  void (*add_to_float)(const float* tile, std::size_t rows, std::size_t columns, float* out,
                       std::size_t stride);
  /// The same, rounded to the nearest bfloat16, ties to even; NaN stays NaN.
  void (*to_bfloat16)(const float* tile, std::size_t rows, std::size_t columns, std::uint16_t* out,
                      std::size_t stride);
  /// Sums of rows.
  void (*sum_rows)(const float* tile, std::size_t rows, float* sums);
};

const GradientTileKernels& gradient_tile_kernels_baseline() noexcept;
const GradientTileKernels& gradient_tile_kernels_avx2() noexcept;
const GradientTileKernels& gradient_tile_kernels_avx512() noexcept;

}  // namespace skm
