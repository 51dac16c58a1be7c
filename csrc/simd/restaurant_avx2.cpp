// Eight customers at a time: four Philox blocks, eight points on the line, one gather.
#include "restaurant.hpp"

#include <immintrin.h>

#include "skm/philox.hpp"

namespace skm {
namespace {

struct Halves {
  __m256i even, odd;  // the first and second 64-bit number of four blocks
};

inline __m256i xor3(__m256i a, __m256i b, __m256i c) { return _mm256_xor_si256(_mm256_xor_si256(a, b), c); }

/// Blocks (index, 0). Only the low 32 bits of each 64-bit lane of c0 to c3 and of the keys mean anything.
inline Halves blocks(__m256i index, std::uint64_t key) {
  const __m256i m0 = _mm256_set1_epi64x(kPhiloxMultiplier0);
  const __m256i m1 = _mm256_set1_epi64x(kPhiloxMultiplier1);
  __m256i c0 = index, c1 = _mm256_srli_epi64(index, 32);
  __m256i c2 = _mm256_setzero_si256(), c3 = c2;
  std::uint32_t k0 = static_cast<std::uint32_t>(key), k1 = static_cast<std::uint32_t>(key >> 32);
#pragma GCC unroll 10
  for (int round = 0; round < kPhiloxRounds; ++round) {
    const __m256i product0 = _mm256_mul_epu32(c0, m0);
    const __m256i product1 = _mm256_mul_epu32(c2, m1);
    c0 = xor3(_mm256_srli_epi64(product1, 32), c1, _mm256_set1_epi64x(k0));
    c2 = xor3(_mm256_srli_epi64(product0, 32), c3, _mm256_set1_epi64x(k1));
    c1 = product1;
    c3 = product0;
    k0 += kPhiloxWeyl0;
    k1 += kPhiloxWeyl1;
  }
  return {_mm256_blend_epi32(c0, _mm256_slli_epi64(c1, 32), 0xAA),
          _mm256_blend_epi32(c2, _mm256_slli_epi64(c3, 32), 0xAA)};
}

/// 64-bit lanes: the point's whole part below 2^31, and on bit 31 whether its fraction is at least `joins`.
inline __m256i coined_points(__m256i bits, __m256d total, __m256d joins) {
  const __m256d one = _mm256_set1_pd(1.0), magic = _mm256_set1_pd(0x1p52);
  const __m256i mantissa = _mm256_or_si256(_mm256_srli_epi64(bits, 12), _mm256_castpd_si256(one));
  const __m256d point = _mm256_mul_pd(_mm256_sub_pd(_mm256_castsi256_pd(mantissa), one), total);
  const __m256d whole = _mm256_floor_pd(point);
  const __m256d coin = _mm256_cmp_pd(_mm256_sub_pd(point, whole), joins, _CMP_GE_OQ);
  const __m256i integer = _mm256_castpd_si256(_mm256_add_pd(whole, magic));
  const __m256i flags = _mm256_and_si256(_mm256_castpd_si256(coin), _mm256_set1_epi64x(0x80000000));
  return _mm256_or_si256(_mm256_and_si256(integer, _mm256_set1_epi64x(0x7FFFFFFF)), flags);
}

struct Line {
  explicit Line(const SeatingLine& line)
      : places(reinterpret_cast<const int*>(line.places)),
        block_shift(_mm_cvtsi32_si128(static_cast<int>(line.block_shift))),
        run_shift(_mm_cvtsi32_si128(static_cast<int>(line.run_shift))),
        block_last(set(line.block_end - 1)),
        run_last(set(line.run_end - 1)),
        before_founders(set(line.founders - 1)),
        start(set(line.start - 1)),
        before_start(set(line.start - 2)),
        runs_from(set((line.block_end >> line.run_shift) - line.num_blocks)),
        singles_from(set(line.run_end - line.num_blocks - line.num_runs)) {}

  static __m256i set(std::uint64_t x) { return _mm256_set1_epi32(static_cast<int>(x)); }

  /// Labels at the points i, for lanes in `wanted`. Comparisons are signed: points and ends are below 2^31.
  __m256i look_up(__m256i i, __m256i wanted) const {
    const __m256i in_block = _mm256_srl_epi32(i, block_shift);
    const __m256i in_run = _mm256_sub_epi32(_mm256_srl_epi32(i, run_shift), runs_from);
    const __m256i single = _mm256_sub_epi32(i, singles_from);
    __m256i at = _mm256_blendv_epi8(in_block, in_run, _mm256_cmpgt_epi32(i, block_last));
    at = _mm256_blendv_epi8(at, single, _mm256_cmpgt_epi32(i, run_last));
    return _mm256_mask_i32gather_epi32(_mm256_setzero_si256(), places, at, wanted, 4);
  }

  const int* places;
  __m128i block_shift, run_shift;
  __m256i block_last, run_last, before_founders, start, before_start, runs_from, singles_from;
};

std::size_t choose(const SeatingLine& seating, std::uint64_t begin, std::uint64_t end, std::uint32_t* choices,
                   std::uint32_t* pending) {
  const Line line(seating);
  const __m256d joins = _mm256_set1_pd(seating.joins), concentration = _mm256_set1_pd(seating.concentration);
  __m256i pair =
      _mm256_add_epi64(_mm256_set1_epi64x(static_cast<long long>(begin / 2)), _mm256_setr_epi64x(0, 1, 2, 3));
  __m256d total = _mm256_add_pd(_mm256_set1_pd(static_cast<double>(begin)), _mm256_setr_pd(0, 2, 4, 6));
  auto offset = static_cast<std::uint32_t>(begin - seating.start);
  std::size_t count = 0;
  for (std::uint64_t t = begin; t < end; t += 8, choices += 8, offset += 8) {
    const Halves halves = blocks(pair, seating.key);
    const __m256d next = _mm256_add_pd(total, _mm256_set1_pd(1.0));
    const __m256i low = coined_points(halves.even, _mm256_add_pd(total, concentration), joins);
    const __m256i high = coined_points(halves.odd, _mm256_add_pd(next, concentration), joins);
    const __m256i coined = _mm256_or_si256(low, _mm256_slli_epi64(high, 32));  // customer order
    const __m256i i = _mm256_and_si256(coined, _mm256_set1_epi32(0x7FFFFFFF));

    const __m256i founder = _mm256_cmpgt_epi32(i, line.before_founders);
    const __m256i late = _mm256_cmpgt_epi32(i, line.before_start);
    const __m256i open = _mm256_and_si256(founder, _mm256_or_si256(late, _mm256_srai_epi32(coined, 31)));
    __m256i found = line.look_up(i, _mm256_xor_si256(founder, _mm256_set1_epi32(-1)));
    found = _mm256_blendv_epi8(found, _mm256_sub_epi32(i, line.before_founders), founder);
    const __m256i since = _mm256_min_epu32(_mm256_sub_epi32(i, line.start), Line::set(kOffsetMask));
    const __m256i coin = _mm256_srli_epi32(_mm256_and_si256(coined, Line::set(kPending)), 1);
    const __m256i waiting = _mm256_or_si256(_mm256_or_si256(since, coin), Line::set(kPending));
    found = _mm256_blendv_epi8(found, waiting, open);
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(choices), found);
    for (auto lanes = static_cast<unsigned>(_mm256_movemask_ps(_mm256_castsi256_ps(open))); lanes != 0;
         lanes &= lanes - 1) {
      pending[count++] = offset + static_cast<unsigned>(__builtin_ctz(lanes));
    }
    pair = _mm256_add_epi64(pair, _mm256_set1_epi64x(4));
    total = _mm256_add_pd(total, _mm256_set1_pd(8.0));
  }
  return count;
}

constexpr RestaurantKernels kKernels = {choose, 8};

}  // namespace

const RestaurantKernels& restaurant_kernels_avx2() noexcept { return kKernels; }

}  // namespace skm
