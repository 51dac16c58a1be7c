// Panel products with AMX tiles: 32 rows by 32 lanes of C in four tile registers, 32 of k at a time. While
// the tile unit makes products, the vector units take exponentials of those before.
#include <immintrin.h>

#include "panel_product.hpp"
#include "softmax_lanes.hpp"

namespace skm {
namespace {

constexpr std::size_t kRowUnit = 32;

#include "exponential_avx512.inl"
#include "panel_bf16_pack.inl"
#include "tile_unit.inl"
// Needs those above.
#include "tile_folding.inl"

// Tiles 0 to 3 are C, 4 and 5 two blocks of rows, 6 and 7 two blocks of lanes. Behind each instruction comes
// between(), of which the compiler is to know the place.
template <class Between>
[[gnu::always_inline]] inline void multiply(Between& between) {
  _tile_dpbf16ps(0, 4, 6);
  between();
  _tile_dpbf16ps(1, 4, 7);
  between();
  _tile_dpbf16ps(2, 5, 6);
  between();
  _tile_dpbf16ps(3, 5, 7);
  between();
}

// Past the first cache, which they would only pass through.
template <class Between>
[[gnu::always_inline]] inline void stream_rows(const char* a, std::size_t block, std::size_t term,
                                               Between& between) {
  _tile_stream_loadd(4, a + term * kTileBytes, 64);
  between();
  _tile_stream_loadd(5, a + block + term * kTileBytes, 64);
  between();
}

template <class Between>
[[gnu::always_inline]] inline void load_rows(const char* a, std::size_t block, std::size_t term,
                                             Between& between) {
  _tile_loadd(4, a + term * kTileBytes, 64);
  between();
  _tile_loadd(5, a + block + term * kTileBytes, 64);
  between();
}

template <class Between>
[[gnu::always_inline]] inline void load_lanes(const char* b, std::size_t block, std::size_t term,
                                              Between& between) {
  _tile_loadd(6, b + term * kTileBytes, 64);
  between();
  _tile_loadd(7, b + block + term * kTileBytes, 64);
  between();
}

// Of one term: a load that only later products need comes as late as they allow.
template <class Between>
[[gnu::always_inline]] inline void multiply_rounded(const char* a, const char* b, std::size_t block,
                                                    Between& between) {
  _tile_stream_loadd(4, a, 64);
  between();
  _tile_loadd(6, b, 64);
  between();
  _tile_loadd(7, b + block, 64);
  between();
  _tile_dpbf16ps(0, 4, 6);
  between();
  _tile_stream_loadd(5, a + block, 64);
  between();
  _tile_dpbf16ps(1, 4, 7);
  between();
  _tile_dpbf16ps(2, 5, 6);
  between();
  _tile_dpbf16ps(3, 5, 7);
  between();
}

// Of the nine products of three terms, the six that reach 2^-24 of the largest; the others are below 2^-26.
// Of the four of two terms, the three above 2^-18.
template <int kTerms, class Between>
[[gnu::always_inline]] inline void multiply_step(const char* a, const char* b, std::size_t block,
                                                 Between& between) {
  if (kTerms == 1) return multiply_rounded(a, b, block, between);
  if (kTerms == 2) {
    stream_rows(a, block, 1, between);
    load_lanes(b, block, 0, between);
    multiply(between);
    stream_rows(a, block, 0, between);
    multiply(between);
    load_lanes(b, block, 1, between);
    multiply(between);
    return;
  }
  load_rows(a, block, 0, between);
  load_lanes(b, block, 2, between);
  multiply(between);
  load_lanes(b, block, 1, between);
  multiply(between);
  load_rows(a, block, 1, between);
  multiply(between);
  load_lanes(b, block, 0, between);
  multiply(between);
  load_rows(a, block, 2, between);
  multiply(between);
  load_rows(a, block, 0, between);
  multiply(between);
}

// Tile instructions of a step.
template <int kTerms>
constexpr std::size_t kPlaces = kTerms == 1 ? 8 : (kTerms == 2 ? 20 : 38);

// C of 32 rows by 32 lanes in tiles 0 to 3 and in memory.
inline void load_sums(const float* c, std::size_t stride) {
  _tile_loadd(0, c, stride * sizeof(float));
  _tile_loadd(1, c + 16, stride * sizeof(float));
  _tile_loadd(2, c + 16 * stride, stride * sizeof(float));
  _tile_loadd(3, c + 16 * stride + 16, stride * sizeof(float));
}

inline void clear_sums() {
  _tile_zero(0);
  _tile_zero(1);
  _tile_zero(2);
  _tile_zero(3);
}

inline void store_sums(float* c, std::size_t stride) {
  _tile_stored(0, c, stride * sizeof(float));
  _tile_stored(1, c + 16, stride * sizeof(float));
  _tile_stored(2, c + 16 * stride, stride * sizeof(float));
  _tile_stored(3, c + 16 * stride + 16, stride * sizeof(float));
}

// So many of the steps of 32 of k make a part of the lanes' panel, 24 to 48 KiB, that stays in the first
// cache while rows pass by. With fewer, sums go to memory and back more often: all of them if that is
// possible.
template <int kTerms>
inline std::size_t chunk_steps(std::size_t steps) {
  if (kTerms == 1) return 16;
  return steps <= 8 ? 8 : 4;
}

template <int kTerms, class Between>
[[gnu::always_inline]] inline void one_step(const char* rows, const char* lanes, std::size_t row,
                                            std::size_t step, std::size_t block, Between between) {
  multiply_step<kTerms>(rows + row / kBlock * block + step * kTerms * kTileBytes,
                        lanes + step * kTerms * kTileBytes, block, between);
}

template <int kTerms>
void product(const void* rows_panel, const void* lanes_panel, std::size_t rows, std::size_t depth, float* c,
             std::size_t stride, bool add) {
  const std::size_t steps = depth / kDepthUnit;
  const std::size_t block = steps * kTerms * kTileBytes;
  const char* a = static_cast<const char*>(rows_panel);
  const char* b = static_cast<const char*>(lanes_panel);
  const std::size_t at_once = chunk_steps<kTerms>(steps);
  for (std::size_t chunk = 0; chunk < steps; chunk += at_once) {
    const std::size_t last = steps - chunk < at_once ? steps : chunk + at_once;
    for (std::size_t r = 0; r < rows; r += kRowUnit) {
      if (add || chunk != 0)
        load_sums(c + r * stride, stride);
      else
        clear_sums();
      for (std::size_t s = chunk; s < last; ++s) one_step<kTerms>(a, b, r, s, block, keep_apart);
      store_sums(c + r * stride, stride);
    }
  }
}

// Steps of the depth in each of the parts that take turns, all alike.
template <int kTerms>
inline std::size_t even_steps(std::size_t steps) {
  constexpr std::size_t most = kTerms == 1 ? 16 : 10;
  const std::size_t parts = (steps + most - 1) / most;
  return (steps + parts - 1) / parts;
}

// The same; what comes from far away is asked for ahead: sums that are added to, 32 rows of them, and the
// lanes' panel that follows. Rows, from the second cache, are loaded past the first.
template <int kTerms>
void product_ahead(const void* rows_panel, const void* lanes_panel, std::size_t rows, std::size_t depth,
                   float* c, std::size_t stride, bool add) {
  const std::size_t steps = depth / kDepthUnit;
  const std::size_t block = steps * kTerms * kTileBytes;
  const char* a = static_cast<const char*>(rows_panel);
  const char* b = static_cast<const char*>(lanes_panel);
  const char* next = b + 2 * block;
  const std::size_t share = (2 * block / 64 * kRowUnit + rows * steps - 1) / (rows * steps);
  const std::size_t at_once = even_steps<kTerms>(steps);
  for (std::size_t chunk = 0; chunk < steps; chunk += at_once) {
    const std::size_t last = steps - chunk < at_once ? steps : chunk + at_once;
    const std::size_t sums_share = (kRowUnit + last - chunk - 1) / (last - chunk);
    const bool sums_there = add || chunk != 0;
    for (std::size_t r = 0; r < rows; r += kRowUnit) {
      if (sums_there)
        load_sums(c + r * stride, stride);
      else
        clear_sums();
      std::size_t sums_row = r + kRowUnit;
      const std::size_t sums_end = sums_there && sums_row < rows ? sums_row + kRowUnit : sums_row;
      for (std::size_t s = chunk; s < last; ++s) {
        for (std::size_t i = 0; i < sums_share && sums_row < sums_end; ++i, ++sums_row) {
          _mm_prefetch(c + sums_row * stride, _MM_HINT_T0);
          _mm_prefetch(c + sums_row * stride + kLanes / 2, _MM_HINT_T0);
        }
        for (std::size_t line = 0; line < share; ++line, next += 64) _mm_prefetch(next, _MM_HINT_T1);
        one_step<kTerms>(a, b, r, s, block, keep_apart);
      }
      store_sums(c + r * stride, stride);
    }
  }
}

template <int kTerms>
void product_and_add(const void* rows_panel, const void* lanes_panel, std::size_t rows, std::size_t depth,
                     const WantedRows& wanted, TokenSums& sums) {
  constexpr std::size_t kMaxGroup = 3 * kRowUnit;  // two of them, 24 KiB, stay in the first cache
  alignas(64) float tiles[2][kMaxGroup * kLanes];
  const std::size_t steps = depth / kDepthUnit;
  const std::size_t at_once = chunk_steps<kTerms>(steps);
  const std::size_t group = steps <= at_once ? kRowUnit : kMaxGroup;
  const std::size_t block = steps * kTerms * kTileBytes;
  const char* a = static_cast<const char*>(rows_panel);
  const char* b = static_cast<const char*>(lanes_panel);
  Folding folding(sums);
  // The lanes' panel that comes next, a little of it at each step.
  const char* next = b + 2 * block;
  const std::size_t share = (2 * block / 64 * kRowUnit + rows * steps - 1) / (rows * steps);
  float* tile = tiles[0];
  for (std::size_t first = 0; first < rows; first += group) {
    const std::size_t here = rows - first < group ? rows - first : group;
    for (std::size_t chunk = 0; chunk < steps; chunk += at_once) {
      const std::size_t last = steps - chunk < at_once ? steps : chunk + at_once;
      for (std::size_t r = 0; r < here; r += kRowUnit) {
        if (chunk != 0)
          load_sums(tile + r * kLanes, kLanes);
        else
          clear_sums();
        for (std::size_t s = chunk; s < last; ++s) {
          folding.step_between<kPlaces<kTerms>>(
              [&](auto fold_next) { one_step<kTerms>(a, b, first + r, s, block, fold_next); });
          for (std::size_t line = 0; line < share; ++line, next += 64) _mm_prefetch(next, _MM_HINT_T1);
        }
        store_sums(tile + r * kLanes, kLanes);
      }
    }
    folding.finish();
    keep_wanted(wanted, first, here, tile);
    folding.start(tile, here, group / kRowUnit * steps);
    tile = tile == tiles[0] ? tiles[1] : tiles[0];
  }
  folding.finish();
}

// Panels of kTerms tiles for each.
template <int kTerms>
constexpr PanelKernels kernels(std::uint32_t largest_magnitude, const PackKernels<std::uint16_t>& bfloat16) {
  return {kRowUnit,
          2 * kTerms,
          0,
          kDepthUnit,
          kTileBlockBytes,
          largest_magnitude,
          false,
          pack_kernels<kTerms, float>(),
          bfloat16,
          kTerms == 3 ? product<kTerms> : product_ahead<kTerms>,
          product_and_add<kTerms>,
          begin,
          end,
          kTerms == 3 ? nullptr : pack_both_ways<kTerms>};
}

constexpr PanelKernels kRounded = kernels<1>(0, pack_kernels<1, std::uint16_t>());
// Products of terms of numbers below 2^32 neither overflow nor lose terms that would be seen in a sum.
constexpr PanelKernels kPairs = kernels<2>(0x4F800000, {});
constexpr PanelKernels kSplit = kernels<3>(0x4F800000, {});

}  // namespace

const PanelKernels& panel_kernels_amx() noexcept { return kRounded; }
const PanelKernels& panel_kernels_amx_pairs() noexcept { return kPairs; }
const PanelKernels& panel_kernels_amx_split() noexcept { return kSplit; }

}  // namespace skm
