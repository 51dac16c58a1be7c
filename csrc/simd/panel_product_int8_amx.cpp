// Panel products of float32 as fixed-point numbers of three bytes with AMX tiles [Ootomo, Ozaki, Yokota 2024,
// DGEMM on integer matrix multiplication unit]: 16 rows by 16 lanes, 64 of k at a time.
//
// Of the nine products of digits all but the last are made, by the weight they have: one at 2^32 (0 0), two
// at 2^24 (0 1, 1 0), three at 2^16 (0 2, 1 1, 2 0), two at 2^8 (1 2, 2 1), each with sums in int32, exact.
// An element is rounded by 2^-24 to 2^-23 of the largest magnitude of its row (see docs/decisions.md); the
// product that is left out, 2 2, is below 2^-30 of that of the two largest.
//
// With four sums there are four tiles for operands, and six loads for eight products.
#include <immintrin.h>

#include "panel_product.hpp"
#include "softmax_lanes.hpp"

namespace skm {
namespace {

constexpr std::size_t kRowUnit = 32;

#include "exponential_avx512.inl"
#include "panel_int8_pack.inl"
#include "tile_unit.inl"
// Needs those above.
#include "tile_folding.inl"

constexpr std::size_t kLevels = 4;

// Four sums of 16 rows by 16 lanes, each row 64 bytes.
struct alignas(64) LevelSums {
  std::int32_t of[kLevels][kBlock * kBlock];
};

// Tiles 0 to 3 are the sums, 4 to 6 the digits of rows, 7 one digit of lanes.
inline void multiply_step(const char* rows, const char* lanes) {
  _tile_loadd(4, rows, 64);
  keep_apart();
  _tile_loadd(7, lanes + 2 * kTileBytes, 64);
  keep_apart();
  _tile_dpbssd(2, 4, 7);
  keep_apart();
  _tile_loadd(5, rows + kTileBytes, 64);
  keep_apart();
  _tile_dpbssd(3, 5, 7);
  keep_apart();
  _tile_loadd(7, lanes + kTileBytes, 64);
  keep_apart();
  _tile_dpbssd(1, 4, 7);
  keep_apart();
  _tile_dpbssd(2, 5, 7);
  keep_apart();
  _tile_loadd(6, rows + 2 * kTileBytes, 64);
  keep_apart();
  _tile_dpbssd(3, 6, 7);
  keep_apart();
  _tile_loadd(7, lanes, 64);
  keep_apart();
  _tile_dpbssd(0, 4, 7);
  keep_apart();
  _tile_dpbssd(1, 5, 7);
  keep_apart();
  _tile_dpbssd(2, 6, 7);
  keep_apart();
}

inline void clear_sums() {
  _tile_zero(0);
  _tile_zero(1);
  _tile_zero(2);
  _tile_zero(3);
}

inline void store_sums(LevelSums& sums) {
  _tile_stored(0, sums.of[0], 64);
  _tile_stored(1, sums.of[1], 64);
  _tile_stored(2, sums.of[2], 64);
  _tile_stored(3, sums.of[3], 64);
}

// So many steps of 64 of k at a time, sums of them added in float32. Within them sums are at most
// 3 * 2^14 * 1024 < 2^26, far from overflow whatever the depth. Fewer steps would keep the lanes' part in the
// first cache, but store and convert sums more often, which took as long or longer.
constexpr std::size_t kChunkSteps = 16;

// One block of 16 rows by 16 lanes and a chunk of k on its way from integers to floats.
struct Converted {
  const LevelSums* sums;
  const float* row_scales;
  const float* lane_scales;
  float* c;
  std::size_t stride;
  bool add;
};

// Converts a block, some rows at a time, between the steps that make the next.
class Converting {
 public:
  inline void start(const Converted& block, std::size_t steps) {
    block_ = block;
    lanes_ = _mm512_load_ps(block.lane_scales);
    pace_ = (kBlock + steps - 1) / steps;
    done_ = 0;
  }

  inline void step() { convert(done_ + pace_ < kBlock ? done_ + pace_ : kBlock); }
  inline void finish() { convert(kBlock); }

 private:
  inline __m512 level(std::size_t i) const {
    return _mm512_cvtepi32_ps(_mm512_load_si512(block_.sums->of[i] + done_ * kBlock));
  }

  inline void convert(std::size_t to) {
    const __m512 byte = _mm512_set1_ps(0x1p-8f);
    for (; done_ < to; ++done_) {
      __m512 sum = _mm512_fmadd_ps(level(3), byte, level(2));
      sum = _mm512_fmadd_ps(sum, byte, level(1));
      sum = _mm512_fmadd_ps(sum, byte, level(0));
      sum = _mm512_mul_ps(sum, _mm512_set1_ps(block_.row_scales[done_]));
      float* c = block_.c + done_ * block_.stride;
      sum = block_.add ? _mm512_fmadd_ps(sum, lanes_, _mm512_loadu_ps(c)) : _mm512_mul_ps(sum, lanes_);
      _mm512_storeu_ps(c, sum);
    }
  }

  Converted block_{};
  __m512 lanes_{};
  std::size_t done_ = kBlock, pace_ = 0;
};

inline const float* scales_of(const char* block, std::size_t steps) {
  return reinterpret_cast<const float*>(block + steps * kStepBytes);
}

// The blocks' sums, of which one set is converted while the other is made.
class Pipeline {
 public:
  // A block of rows by one of lanes over some steps; `between` runs after each step. The block before is
  // converted then.
  template <class Between>
  inline void make(const char* rows, const char* lanes, std::size_t first, std::size_t last,
                   std::size_t steps, float* c, std::size_t stride, bool add, const Between& between) {
    clear_sums();
    for (std::size_t s = first; s < last; ++s) {
      multiply_step(rows + s * kStepBytes, lanes + s * kStepBytes);
      converting_.step();
      between();
    }
    store_sums(sums_[turn_]);
    converting_.finish();
    converting_.start({&sums_[turn_], scales_of(rows, steps), scales_of(lanes, steps), c, stride, add},
                      last - first);
    turn_ ^= 1;
  }

  inline void finish() { converting_.finish(); }

 private:
  LevelSums sums_[2];
  Converting converting_;
  std::size_t turn_ = 0;
};

void product(const void* rows_panel, const void* lanes_panel, std::size_t rows, std::size_t depth, float* c,
             std::size_t stride, bool add) {
  const std::size_t steps = depth / kDepthStep;
  const std::size_t block = block_bytes(depth);
  const char* a = static_cast<const char*>(rows_panel);
  const char* b = static_cast<const char*>(lanes_panel);
  Pipeline pipeline;
  for (std::size_t chunk = 0; chunk < steps; chunk += kChunkSteps) {
    const std::size_t last = steps - chunk < kChunkSteps ? steps : chunk + kChunkSteps;
    for (std::size_t r = 0; r < rows; r += kBlock) {
      for (std::size_t l = 0; l < kLanes; l += kBlock) {
        pipeline.make(a + r / kBlock * block, b + l / kBlock * block, chunk, last, steps, c + r * stride + l,
                      stride, add || chunk != 0, [] {});
      }
    }
  }
  pipeline.finish();
}

constexpr std::size_t kMaxGroup = 3 * kRowUnit;

void product_and_add(const void* rows_panel, const void* lanes_panel, std::size_t rows, std::size_t depth,
                     const WantedRows& wanted, TokenSums& sums) {
  alignas(64) float tiles[2][kMaxGroup * kLanes];
  const std::size_t steps = depth / kDepthStep;
  const std::size_t block = block_bytes(depth);
  const std::size_t group = steps <= kChunkSteps ? kRowUnit : kMaxGroup;
  const char* a = static_cast<const char*>(rows_panel);
  const char* b = static_cast<const char*>(lanes_panel);
  Folding folding(sums);
  Pipeline pipeline;
  // The lanes' panel that comes next, a little of it at each step.
  const char* next = b + 2 * block;
  const std::size_t units = (rows + kBlock - 1) / kBlock * 2 * steps;
  const std::size_t share = (2 * block / 64 + units - 1) / units;
  const auto between = [&] {
    folding.step();
    for (std::size_t line = 0; line < share; ++line, next += 64) _mm_prefetch(next, _MM_HINT_T1);
  };
  // The group that is being converted, to be folded when its last block is through.
  std::size_t before = 0, rows_before = 0;
  float* tile = tiles[0];
  const auto fold_before = [&](std::size_t over_steps) {
    folding.finish();
    const float* made = tile == tiles[0] ? tiles[1] : tiles[0];
    keep_wanted(wanted, before, rows_before, made);
    folding.start(made, rows_before, over_steps);
  };
  for (std::size_t first = 0; first < rows; first += group) {
    const std::size_t here = rows - first < group ? rows - first : group;
    bool fresh = first != 0;  // the last block before is still to be converted
    for (std::size_t chunk = 0; chunk < steps; chunk += kChunkSteps) {
      const std::size_t last = steps - chunk < kChunkSteps ? steps : chunk + kChunkSteps;
      for (std::size_t r = 0; r < here; r += kBlock) {
        for (std::size_t l = 0; l < kLanes; l += kBlock) {
          pipeline.make(a + (first + r) / kBlock * block, b + l / kBlock * block, chunk, last, steps,
                        tile + r * kLanes + l, kLanes, chunk != 0, between);
          if (fresh) fold_before(group / kBlock * 2 * steps);
          fresh = false;
        }
      }
    }
    before = first;
    rows_before = here;
    tile = tile == tiles[0] ? tiles[1] : tiles[0];
  }
  pipeline.finish();
  fold_before(1);
  folding.finish();
}

// Numbers below 2^32, times factors of 2^20 at most, neither overflow on the way nor, where a row's largest
// is so small that its power of two is bounded, lose what would be seen in a logit.
constexpr PanelKernels kFixed = {kRowUnit,
                                 kDigits,
                                 sizeof(float),
                                 kDepthStep,
                                 kTileBlockBytes,
                                 0x4F800000,
                                 true,
                                 {pack<false, kRowUnit>, nullptr, nullptr, pack<true, kLanes>},
                                 {},
                                 product,
                                 product_and_add,
                                 begin,
                                 end};

}  // namespace

const PanelKernels& panel_kernels_amx_fixed() noexcept { return kFixed; }

}  // namespace skm
