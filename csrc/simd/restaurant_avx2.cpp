// Sixteen customers at a time: four Philox blocks, sixteen points on the line, two gathers. The first 32 bits
// of a point are enough unless it lies within span / 2^32 of where the choice changes; those few are made one
// by one.
#include "restaurant.hpp"

#include <immintrin.h>

#include "skm/philox.hpp"

namespace skm {
namespace {

inline std::uint32_t* repeat(std::uint32_t* to, std::uint32_t count, std::uint32_t label) {
  for (std::uint32_t i = 0; i < count; ++i) to[i] = label;
  return to + count;
}

#include "restaurant_tables.inl"

struct Words {
  __m256i word[4];  // the low halves of 64-bit lanes: words of four blocks
};

inline __m256i xor3(__m256i a, __m256i b, __m256i c) { return _mm256_xor_si256(_mm256_xor_si256(a, b), c); }

/// Blocks (index, 0). Only the low 32 bits of each 64-bit lane of c0 to c3 and of the keys mean anything.
inline Words blocks(__m256i index, std::uint64_t key) {
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
  return {{c0, c1, c2, c3}};
}

struct Line {
  explicit Line(const SeatingLine& line, std::uint64_t end)
      : places(reinterpret_cast<const int*>(line.places)),
        block_shift(_mm_cvtsi32_si128(static_cast<int>(line.block_shift))),
        run_shift(_mm_cvtsi32_si128(static_cast<int>(line.run_shift))),
        block_last(set(line.block_end - 1)),
        run_last(set(line.run_end - 1)),
        before_founders(set(line.founders - 1)),
        start(set(line.start - 1)),
        before_start(set(line.start - 2)),
        runs_from(set((line.block_end >> line.run_shift) - line.num_blocks)),
        singles_from(set(line.run_end - line.num_blocks - line.num_runs)),
        span(set(end + line.whole)),
        near_end(set(0 - (end + line.whole))),
        after_joins(set((line.joins >> 32) + ((line.joins >> 32) < UINT32_MAX))),
        no_joins(set((line.joins >> 32) == UINT32_MAX ? 0 : UINT32_MAX)),
        near_joins(set((line.joins >> 32) - (end + line.whole) + 1)) {}

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
  __m256i span, near_end;  // fractions in units of 2^-32, and no customer's span is longer
  __m256i after_joins, no_joins, near_joins;
};

inline __m256i at_least(__m256i a, __m256i b) { return _mm256_cmpeq_epi32(_mm256_max_epu32(a, b), a); }

struct Choices {
  __m256i found;
  __m256i unsure;  // depend on bits beyond the first 32, or may have to be drawn again
};

/// The choices of eight customers in pieces i, at fractions from f / 2^32 to (f + span) / 2^32.
inline Choices choices_at(const Line& line, __m256i i, __m256i f, __m256i before_last) {
  const __m256i founder = _mm256_cmpgt_epi32(i, line.before_founders);
  const __m256i opens = _mm256_and_si256(at_least(f, line.after_joins), line.no_joins);
  const __m256i coin = _mm256_and_si256(founder, opens);
  const __m256i open = _mm256_or_si256(coin, _mm256_cmpgt_epi32(i, line.before_start));
  const __m256i away = at_least(_mm256_sub_epi32(f, line.near_joins), line.span);
  const __m256i ends = _mm256_or_si256(at_least(f, line.near_end), _mm256_cmpgt_epi32(i, before_last));
  __m256i found = line.look_up(i, _mm256_xor_si256(founder, _mm256_set1_epi32(-1)));
  found = _mm256_blendv_epi8(found, _mm256_sub_epi32(i, line.before_founders), founder);
  const __m256i since = _mm256_min_epu32(_mm256_sub_epi32(i, line.start), Line::set(kOffsetMask));
  const __m256i mark = _mm256_or_si256(Line::set(kPending), _mm256_and_si256(coin, Line::set(kCoin)));
  found = _mm256_blendv_epi8(found, _mm256_or_si256(since, mark), open);
  return {found, _mm256_or_si256(ends, _mm256_andnot_si256(away, founder))};
}

/// Lanes of customers 4 j, 4 j + 1 (low) and 4 j + 2, 4 j + 3 (high) for j = 0 to 3, put in order.
inline void put_in_order(__m256i low, __m256i high, __m256i* ordered) {
  const __m256i even = _mm256_unpacklo_epi64(low, high), odd = _mm256_unpackhi_epi64(low, high);
  ordered[0] = _mm256_permute2x128_si256(even, odd, 0x20);
  ordered[1] = _mm256_permute2x128_si256(even, odd, 0x31);
}

inline std::uint32_t signs(const __m256i* lanes) {
  const auto low = static_cast<std::uint32_t>(_mm256_movemask_ps(_mm256_castsi256_ps(lanes[0])));
  return low | static_cast<std::uint32_t>(_mm256_movemask_ps(_mm256_castsi256_ps(lanes[1]))) << 8;
}

std::size_t choose(const SeatingLine& seating, std::uint64_t begin, std::uint64_t end, std::uint32_t* choices,
                   std::uint32_t* pending, UncountedLabels&) {
  const Line line(seating, end);
  __m256i index =
      _mm256_add_epi64(_mm256_set1_epi64x(static_cast<long long>(begin / 4)), _mm256_setr_epi64x(0, 1, 2, 3));
  __m256i span = _mm256_add_epi64(_mm256_set1_epi64x(static_cast<long long>(begin + seating.whole)),
                                  _mm256_setr_epi64x(0, 4, 8, 12));
  __m256i before_last = Line::set(begin - 2);
  std::size_t count = 0;
  for (std::uint64_t t = begin; t < end; t += 16, choices += 16) {
    const Words words = blocks(index, seating.key);
    __m256i point[4];
    for (int w = 0; w < 4; ++w)
      point[w] = _mm256_mul_epu32(words.word[w], _mm256_add_epi64(span, _mm256_set1_epi64x(w)));
    Choices made[2];
    for (int g = 0; g < 2; ++g) {
      const __m256i even = point[2 * g], odd = point[2 * g + 1];
      made[g] = choices_at(line, _mm256_blend_epi32(_mm256_srli_epi64(even, 32), odd, 0xAA),
                           _mm256_blend_epi32(even, _mm256_slli_epi64(odd, 32), 0xAA), before_last);
    }
    __m256i found[2], unsure[2];
    put_in_order(made[0].found, made[1].found, found);
    put_in_order(made[0].unsure, made[1].unsure, unsure);
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(choices), found[0]);
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(choices + 8), found[1]);
    std::uint32_t open = signs(found);
    for (std::uint32_t lanes = signs(unsure); lanes != 0; lanes &= lanes - 1) {
      const int lane = __builtin_ctz(lanes);
      choices[lane] = restaurant_choice(seating, t + static_cast<unsigned>(lane));
      open = (open & ~(1u << lane)) | (choices[lane] >> 31) << lane;
    }
    for (const auto offset = static_cast<std::uint32_t>(t - seating.start); open != 0; open &= open - 1)
      pending[count++] = offset + static_cast<unsigned>(__builtin_ctz(open));
    index = _mm256_add_epi64(index, _mm256_set1_epi64x(4));
    span = _mm256_add_epi64(span, _mm256_set1_epi64x(16));
    before_last = _mm256_add_epi32(before_last, Line::set(16));
  }
  return count;
}

constexpr RestaurantKernels kKernels = {
    choose,         16,          count_plainly, join_plainly, join_again_plainly,
    settle_plainly, add_tallies, measure,       fill_plainly};

}  // namespace

const RestaurantKernels& restaurant_kernels_avx2() noexcept { return kKernels; }

}  // namespace skm
