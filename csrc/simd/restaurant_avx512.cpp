// Sixteen customers at a time: eight Philox blocks, sixteen points on the line, one gather.
#include "restaurant.hpp"

#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic ignored "-Wuninitialized"  // gcc 12 warns about its own intrinsics
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif
#include <immintrin.h>

#include "skm/philox.hpp"

namespace skm {
namespace {

struct Halves {
  __m512i even, odd;  // the first and second 64-bit number of eight blocks
};

inline __m512i wide(std::uint64_t x) { return _mm512_set1_epi64(static_cast<long long>(x)); }
inline __m512i xor2(__m512i a, __m512i b) { return _mm512_xor_si512(a, b); }
inline __m512i xor3(__m512i a, __m512i b, __m512i c) { return _mm512_ternarylogic_epi64(a, b, c, 0x96); }

constexpr int kGroups =
    2;  // of sixteen customers: two chains of multiplications that do not wait for each other

struct RoundKeys {
  explicit RoundKeys(std::uint64_t key) {
    auto k0 = static_cast<std::uint32_t>(key), k1 = static_cast<std::uint32_t>(key >> 32);
    for (int round = 0; round < kPhiloxRounds; ++round, k0 += kPhiloxWeyl0, k1 += kPhiloxWeyl1) {
      low[round] = k0;
      high[round] = k1;
    }
  }
  std::uint64_t low[kPhiloxRounds], high[kPhiloxRounds];
};

/// Blocks (index, 0) for indices below 2^32. Only the low 32 bits of each 64-bit lane of c0 to c3 mean
/// anything. Two of the four products of the first two rounds do not depend on the index: of c2 = 0, and of
/// c0 = low[0].
inline void blocks(const __m512i* index, const RoundKeys& keys, Halves* halves) {
  const __m512i m0 = _mm512_set1_epi64(kPhiloxMultiplier0);
  const __m512i m1 = _mm512_set1_epi64(kPhiloxMultiplier1);
  const std::uint64_t same = keys.low[0] * kPhiloxMultiplier0;
  __m512i c0[kGroups], c1[kGroups], c2[kGroups], c3[kGroups];
  for (int g = 0; g < kGroups; ++g) {
    const __m512i product0 = _mm512_mul_epu32(index[g], m0);
    const __m512i after_first = xor2(_mm512_srli_epi64(product0, 32), wide(keys.high[0]));
    c1[g] = _mm512_mul_epu32(after_first, m1);
    c0[g] = xor2(_mm512_srli_epi64(c1[g], 32), wide(keys.low[1]));
    c2[g] = xor2(product0, wide((same >> 32) ^ keys.high[1]));
    c3[g] = wide(same);
  }
#pragma GCC unroll 8
  for (int round = 2; round < kPhiloxRounds; ++round) {
    const __m512i k0 = wide(keys.low[round]), k1 = wide(keys.high[round]);
#pragma GCC unroll 2
    for (int g = 0; g < kGroups; ++g) {
      const __m512i product0 = _mm512_mul_epu32(c0[g], m0);
      const __m512i product1 = _mm512_mul_epu32(c2[g], m1);
      c0[g] = xor3(_mm512_srli_epi64(product1, 32), c1[g], k0);
      c2[g] = xor3(_mm512_srli_epi64(product0, 32), c3[g], k1);
      c1[g] = product1;
      c3[g] = product0;
    }
  }
  constexpr auto kLowToHigh = static_cast<_MM_PERM_ENUM>(0xA0);
  for (int g = 0; g < kGroups; ++g) {
    halves[g] = {_mm512_mask_shuffle_epi32(c0[g], 0xAAAA, c1[g], kLowToHigh),
                 _mm512_mask_shuffle_epi32(c2[g], 0xAAAA, c3[g], kLowToHigh)};
  }
}

struct Points {
  __m512i whole;   // 64-bit lanes
  __mmask8 coins;  // fraction >= joins
};

inline Points points_of(__m512i bits, __m512d total, __m512d joins) {
  const __m512i one = _mm512_castpd_si512(_mm512_set1_pd(1.0));
  const __m512d shifted = _mm512_castsi512_pd(_mm512_or_si512(_mm512_srli_epi64(bits, 12), one));
  const __m512d point = _mm512_mul_pd(_mm512_sub_pd(shifted, _mm512_set1_pd(1.0)), total);
  const __m512i whole = _mm512_cvttpd_epi64(point);
  const __m512d fraction = _mm512_sub_pd(point, _mm512_cvtepi64_pd(whole));
  return {whole, _mm512_cmp_pd_mask(fraction, joins, _CMP_GE_OQ)};
}

struct Line {
  explicit Line(const SeatingLine& line)
      : places(line.places),
        block_shift(_mm_cvtsi32_si128(static_cast<int>(line.block_shift))),
        run_shift(_mm_cvtsi32_si128(static_cast<int>(line.run_shift))),
        block_end(set(line.block_end)),
        run_end(set(line.run_end)),
        founders(set(line.founders)),
        first_founder(set(line.founders - 1)),
        start(set(line.start - 1)),
        runs_from(set((line.block_end >> line.run_shift) - line.num_blocks)),
        singles_from(set(line.run_end - line.num_blocks - line.num_runs)) {}

  static __m512i set(std::uint64_t x) { return _mm512_set1_epi32(static_cast<int>(x)); }

  /// Labels at the points i, for lanes in `wanted`.
  __m512i look_up(__m512i i, __mmask16 wanted) const {
    __m512i at = _mm512_srl_epi32(i, block_shift);
    const __mmask16 beyond_blocks = _mm512_cmpge_epu32_mask(i, block_end);
    const __mmask16 beyond_runs = _mm512_cmpge_epu32_mask(i, run_end);
    at = _mm512_mask_sub_epi32(at, beyond_blocks, _mm512_srl_epi32(i, run_shift), runs_from);
    at = _mm512_mask_sub_epi32(at, beyond_runs, i, singles_from);
    return _mm512_mask_i32gather_epi32(_mm512_setzero_si512(), wanted, at, places, 4);
  }

  const std::uint32_t* places;
  __m128i block_shift, run_shift;
  __m512i block_end, run_end, founders, first_founder, start, runs_from, singles_from;
};

struct Choices {
  __m512i found;
  __mmask16 open;  // pending
};

/// The choices at sixteen points: low halves of 64-bit lanes are the even customers.
inline Choices choices_at(const Line& line, const Points& even, const Points& odd) {
  const __m512i coin_low = _mm512_set1_epi64(0x80000000), coin_high = _mm512_set1_epi64(INT64_MIN);
  const __m512i low = _mm512_mask_or_epi64(even.whole, even.coins, even.whole, coin_low);
  const __m512i shifted = _mm512_slli_epi64(odd.whole, 32);
  const __m512i coined = _mm512_or_si512(low, _mm512_mask_or_epi64(shifted, odd.coins, shifted, coin_high));
  const __m512i i = _mm512_and_si512(coined, _mm512_set1_epi32(INT32_MAX));
  const __mmask16 founder = _mm512_cmpge_epu32_mask(i, line.founders);
  const __mmask16 open = _mm512_mask_cmpge_epu32_mask(founder, i, line.start) |
                         _mm512_mask_test_epi32_mask(founder, coined, _mm512_set1_epi32(INT32_MIN));
  __m512i found = line.look_up(i, static_cast<__mmask16>(~founder));
  found = _mm512_mask_sub_epi32(found, founder, i, line.first_founder);
  const __m512i since = _mm512_min_epu32(_mm512_sub_epi32(i, line.start), Line::set(kOffsetMask));
  const __m512i coin = _mm512_srli_epi32(_mm512_and_si512(coined, Line::set(kPending)), 1);
  return {_mm512_mask_or_epi32(found, open, _mm512_or_si512(since, coin), Line::set(kPending)), open};
}

std::size_t choose(const SeatingLine& seating, std::uint64_t begin, std::uint64_t end, std::uint32_t* choices,
                   std::uint32_t* pending) {
  const Line line(seating);
  const RoundKeys keys(seating.key);
  const __m512d joins = _mm512_set1_pd(seating.joins), concentration = _mm512_set1_pd(seating.concentration);
  __m512i even = _mm512_add_epi64(_mm512_set1_epi64(static_cast<long long>(begin)),
                                  _mm512_setr_epi64(0, 2, 4, 6, 8, 10, 12, 14));
  __m512i offset = _mm512_add_epi32(Line::set(begin - seating.start),
                                    _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15));
  std::size_t count = 0;
  for (std::uint64_t t = begin; t < end; t += 16 * kGroups) {
    const __m512i pairs = _mm512_srli_epi64(even, 1);
    const __m512i index[kGroups] = {pairs, _mm512_add_epi64(pairs, _mm512_set1_epi64(8))};
    Halves halves[kGroups];
    blocks(index, keys, halves);
#pragma GCC unroll 2
    for (int g = 0; g < kGroups; ++g, choices += 16) {
      const __m512d total = _mm512_cvtepi64_pd(even), next = _mm512_add_pd(total, _mm512_set1_pd(1.0));
      const Points first = points_of(halves[g].even, _mm512_add_pd(total, concentration), joins);
      const Points second = points_of(halves[g].odd, _mm512_add_pd(next, concentration), joins);
      const Choices made = choices_at(line, first, second);
      _mm512_storeu_si512(choices, made.found);
      _mm512_storeu_si512(pending + count, _mm512_maskz_compress_epi32(made.open, offset));
      count += static_cast<std::size_t>(__builtin_popcount(made.open));
      even = _mm512_add_epi64(even, _mm512_set1_epi64(16));
      offset = _mm512_add_epi32(offset, _mm512_set1_epi32(16));
    }
  }
  return count;
}

constexpr RestaurantKernels kKernels = {choose, 16 * kGroups};

}  // namespace

const RestaurantKernels& restaurant_kernels_avx512() noexcept { return kKernels; }

}  // namespace skm
