// Products of packed matrices: C[i][j] (+)= sum over k of A[i][k] B[k][j], j over 32 lanes at a time.
//
// A is packed as a panel of rows, B as one of lanes; what a panel looks like inside is the kernel's own
// affair. Rows are padded to `row_unit`, lanes to 32, the depth (k) to `depth_unit`; padding is zero.
#pragma once

#include <cstddef>
#include <cstdint>

namespace skm {

inline constexpr std::size_t kLanes = 32;
inline constexpr std::size_t kDepthUnit = 32;
/// A sum of exp(z - max) over some rows from which on `max` falls too far short of their maximum: float32
/// loses 2^-24 of the difference.
inline constexpr float kLargeSum = 1000.0f;

/// Where a packed part goes: into a panel of padded depth `panel_depth`, from `first_depth` on (a multiple of
/// kDepthUnit). Element k is multiplied by factors[k], a power of two, where there are any: kernels of which
/// PanelKernels::by_coordinate holds.
struct PanelPlace {
  void* panel;
  std::size_t panel_depth;
  std::size_t first_depth;
  const float* factors = nullptr;
};

/// Packs a part `count` x `depth` of a matrix m with rows `stride` elements apart. All return the bits of
/// the largest magnitude seen, where that matters to the kernel, else 0.
template <class T>
struct PackKernels {
  using Pack = std::uint32_t (*)(const T* m, std::size_t stride, std::size_t count, std::size_t depth,
                                 PanelPlace place);
  Pack rows;              // A[i][k] = m[i][k]
  Pack rows_transposed;   // A[i][k] = m[k][i]
  Pack lanes;             // B[k][j] = m[k][j]
  Pack lanes_transposed;  // B[k][j] = m[j][k]
};

struct TokenSums;  // softmax_lanes.hpp

/// For each of 32 lanes the row of a panel that is wanted, kNoRow for none, and where its product goes.
struct WantedRows {
  static constexpr std::int32_t kNoRow = -1;
  std::int32_t row[kLanes];
  float* product;
};

/// PanelKernels::block_bytes where the second cache has 1 MiB or more.
inline constexpr std::size_t kBlockBytes = std::size_t{768} << 10;

struct PanelKernels {
  std::size_t row_unit;
  std::size_t element_bytes;        // of a packed element
  std::size_t row_bytes;            // of a packed row or lane beside its elements
  std::size_t depth_unit;           // a multiple of kDepthUnit
  std::size_t block_bytes;          // of packed rows that should stay in the second cache while lanes pass by
  std::uint32_t largest_magnitude;  // bits of the magnitude from which on results are wrong; 0 for none
  /// Errors are in proportion to a row's (or lane's) largest element, so that coordinates should be of like
  /// size, and packing takes factors, and whole rows at once; rows_transposed and lanes are null.
  bool by_coordinate;
  PackKernels<float> from_float;
  PackKernels<std::uint16_t> from_bfloat16;  // may be null where the kernel is for float alone
  /// rows is a multiple of row_unit, depth of kDepthUnit; rows of c are `stride` floats apart.
  void (*product)(const void* rows_panel, const void* lanes_panel, std::size_t rows, std::size_t depth,
                  float* c, std::size_t stride, bool add);
  /// Products of 32 lanes with `rows` rows (any number; the panel is padded), of which the sums of
  /// SoftmaxKernels::add and the wanted rows are all that is kept. `max` may then fall short of the maximum
  /// by as much as kSlack. Exponentials are taken while the next products are made, in another unit of the
  /// processor; null where there is none.
  void (*product_and_add)(const void* rows_panel, const void* lanes_panel, std::size_t rows,
                          std::size_t depth, const WantedRows& wanted, TokenSums& sums);
  /// Around all products of one thread.
  void (*begin)();
  void (*end)();
  /// Packs a tile of 32 lanes both ways at once: from_float.rows with the lanes as depth, and
  /// from_float.lanes with the rows, a multiple of 32, as depth; not to a place without a panel. Null where
  /// there is none.
  void (*pack_both_ways)(const float* tile, std::size_t rows, PanelPlace as_rows,
                         PanelPlace as_lanes) = nullptr;

  /// Of a panel of `count` rows or lanes, padded as they are.
  std::size_t bytes(std::size_t count, std::size_t depth) const noexcept {
    return count * (depth * element_bytes + row_bytes);
  }
};

/// Panels of float32 and multiply-adds in float32.
const PanelKernels& panel_kernels_baseline() noexcept;
const PanelKernels& panel_kernels_avx2() noexcept;
const PanelKernels& panel_kernels_avx512() noexcept;
/// Panels of bfloat16 and dot products of pairs.
const PanelKernels& panel_kernels_avx512bf16() noexcept;
/// Panels of bfloat16 tiles: float32 is rounded.
const PanelKernels& panel_kernels_amx() noexcept;
/// Panels of two bfloat16 tiles for each of float32: 16 bits.
const PanelKernels& panel_kernels_amx_pairs() noexcept;
/// Panels of three bfloat16 tiles for each of float32, exact to its 24 bits.
const PanelKernels& panel_kernels_amx_split() noexcept;
/// Panels of three tiles of bytes for each of float32: fixed-point numbers of 24 bits. For float32 alone.
const PanelKernels& panel_kernels_amx_fixed() noexcept;

}  // namespace skm
