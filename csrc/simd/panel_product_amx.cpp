// Panel products with AMX tiles: 32 rows by 32 lanes of C in four tile registers, 32 of k at a time.
#include "panel_product.hpp"

#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic ignored "-Wuninitialized"  // gcc 12 warns about its own intrinsics
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif
#include <immintrin.h>

namespace skm {
namespace {

constexpr std::size_t kRowUnit = 32;

#include "panel_bf16_pack.inl"

struct alignas(64) TileConfig {
  std::uint8_t palette = 1;
  std::uint8_t start_row = 0;
  std::uint8_t reserved[14] = {};
  std::uint16_t row_bytes[16] = {64, 64, 64, 64, 64, 64, 64, 64};
  std::uint8_t rows[16] = {16, 16, 16, 16, 16, 16, 16, 16};
};

void begin() {
  static const TileConfig config;
  _tile_loadconfig(&config);
}

void end() { _tile_release(); }

// Tiles 0 to 3 are C, 4 and 5 two blocks of rows, 6 and 7 two blocks of lanes.
inline void multiply() {
  _tile_dpbf16ps(0, 4, 6);
  _tile_dpbf16ps(1, 4, 7);
  _tile_dpbf16ps(2, 5, 6);
  _tile_dpbf16ps(3, 5, 7);
}

inline void load_rows(const char* a, std::size_t block, std::size_t term) {
  _tile_loadd(4, a + term * kTileBytes, 64);
  _tile_loadd(5, a + block + term * kTileBytes, 64);
}

inline void load_lanes(const char* b, std::size_t block, std::size_t term) {
  _tile_loadd(6, b + term * kTileBytes, 64);
  _tile_loadd(7, b + block + term * kTileBytes, 64);
}

// Of the nine products of three terms, the six that reach 2^-24 of the largest; the others are below 2^-26.
// Of the four of two terms, the three above 2^-18.
template <int kTerms>
inline void multiply_step(const char* a, const char* b, std::size_t block) {
  if (kTerms == 1) {
    load_rows(a, block, 0);
    load_lanes(b, block, 0);
    multiply();
    return;
  }
  if (kTerms == 2) {
    load_rows(a, block, 1);
    load_lanes(b, block, 0);
    multiply();
    load_rows(a, block, 0);
    multiply();
    load_lanes(b, block, 1);
    multiply();
    return;
  }
  load_rows(a, block, 0);
  load_lanes(b, block, 2);
  multiply();
  load_lanes(b, block, 1);
  multiply();
  load_rows(a, block, 1);
  multiply();
  load_lanes(b, block, 0);
  multiply();
  load_rows(a, block, 2);
  multiply();
  load_rows(a, block, 0);
  multiply();
}

template <int kTerms>
void product(const void* rows_panel, const void* lanes_panel, std::size_t rows, std::size_t depth, float* c,
             std::size_t stride, bool add) {
  // Lanes' share of a chunk, 16 KiB, stays in the first cache while all rows pass by.
  constexpr std::size_t kChunk = 8 / kTerms;
  const std::size_t steps = depth / kDepthUnit;
  const std::size_t block = steps * kTerms * kTileBytes;
  const std::size_t row_bytes = stride * sizeof(float);
  for (std::size_t chunk = 0; chunk < steps; chunk += kChunk) {
    const std::size_t last = steps - chunk < kChunk ? steps : chunk + kChunk;
    for (std::size_t r = 0; r < rows; r += kRowUnit) {
      const char* a = static_cast<const char*>(rows_panel) + r / kBlock * block;
      const char* b = static_cast<const char*>(lanes_panel);
      float* out = c + r * stride;
      if (add || chunk != 0) {
        _tile_loadd(0, out, row_bytes);
        _tile_loadd(1, out + 16, row_bytes);
        _tile_loadd(2, out + 16 * stride, row_bytes);
        _tile_loadd(3, out + 16 * stride + 16, row_bytes);
      } else {
        _tile_zero(0);
        _tile_zero(1);
        _tile_zero(2);
        _tile_zero(3);
      }
      for (std::size_t s = chunk; s < last; ++s) {
        multiply_step<kTerms>(a + s * kTerms * kTileBytes, b + s * kTerms * kTileBytes, block);
      }
      _tile_stored(0, out, row_bytes);
      _tile_stored(1, out + 16, row_bytes);
      _tile_stored(2, out + 16 * stride, row_bytes);
      _tile_stored(3, out + 16 * stride + 16, row_bytes);
    }
  }
}

constexpr PanelKernels kRounded = {
    kRowUnit, 2, 0, pack_kernels<1, float>(), pack_kernels<1, std::uint16_t>(), product<1>, begin, end};

// Products of terms of numbers below 2^32 neither overflow nor lose terms that would be seen in a sum.
constexpr PanelKernels kPairs = {kRowUnit, 4,          0x4F800000, pack_kernels<2, float>(),
                                 {},       product<2>, begin,      end};
constexpr PanelKernels kSplit = {kRowUnit, 6,          0x4F800000, pack_kernels<3, float>(),
                                 {},       product<3>, begin,      end};

}  // namespace

const PanelKernels& panel_kernels_amx() noexcept { return kRounded; }
const PanelKernels& panel_kernels_amx_pairs() noexcept { return kPairs; }
const PanelKernels& panel_kernels_amx_split() noexcept { return kSplit; }

}  // namespace skm
