// A hundred and twenty-eight customers at a time: 32 Philox blocks, their points on the line. The first 32
// bits of a point are enough unless it lies within span / 2^32 of where the choice changes; those few are
// made one by one.
#include <immintrin.h>

#include "restaurant.hpp"
#include "skm/philox.hpp"

namespace skm {
namespace {

/// Lanes 0 to count - 1 of sixteen.
inline __mmask16 first_lanes(std::uint32_t count) { return static_cast<__mmask16>(_bzhi_u32(0xFFFF, count)); }

/// Stores are masked, so that nobody else's places are touched.
inline std::uint32_t* repeat(std::uint32_t* to, std::uint32_t count, std::uint32_t label) {
  const __m512i labels = _mm512_set1_epi32(static_cast<int>(label));
  std::uint32_t* const end = to + count;
  for (; end - to > 16; to += 16) _mm512_storeu_si512(to, labels);
  _mm512_mask_storeu_epi32(to, first_lanes(static_cast<std::uint32_t>(end - to)), labels);
  return end;
}

#include "restaurant_tables.inl"

inline __m512i wide(std::uint64_t x) { return _mm512_set1_epi64(static_cast<long long>(x)); }
inline __m512i xor2(__m512i a, __m512i b) { return _mm512_xor_si512(a, b); }
inline __m512i xor3(__m512i a, __m512i b, __m512i c) { return _mm512_ternarylogic_epi64(a, b, c, 0x96); }

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

struct Words {
  __m512i word[4];  // the low halves of 64-bit lanes: words of eight blocks
};

/// Blocks (index, 0) and the seven after, for each index, all below 2^32; several chains of products at once,
/// since each waits for itself most of the time. Only the low 32 bits of each 64-bit lane of c0 to c3 mean
/// anything. Two of the four products of the first two rounds do not depend on the index: of c2 = 0, and of
/// c0 = low[0]. Eight times in between, `meanwhile` does something with other units than those for vectors.
template <int kChains, class Meanwhile>
inline void blocks(const __m512i* index, const RoundKeys& keys, Words* words, Meanwhile&& meanwhile) {
  const __m512i m0 = _mm512_set1_epi64(kPhiloxMultiplier0);
  const __m512i m1 = _mm512_set1_epi64(kPhiloxMultiplier1);
  const std::uint64_t same = keys.low[0] * kPhiloxMultiplier0;
  __m512i c0[kChains], c1[kChains], c2[kChains], c3[kChains];
#pragma GCC unroll 4
  for (int j = 0; j < kChains; ++j) {
    const __m512i first = _mm512_mul_epu32(index[j], m0);
    c1[j] = _mm512_mul_epu32(xor2(_mm512_srli_epi64(first, 32), wide(keys.high[0])), m1);
    c0[j] = xor2(_mm512_srli_epi64(c1[j], 32), wide(keys.low[1]));
    c2[j] = xor2(first, wide((same >> 32) ^ keys.high[1]));
    c3[j] = wide(same);
  }
#pragma GCC unroll 8
  for (int round = 2; round < kPhiloxRounds; ++round) {
    const __m512i low = wide(keys.low[round]), high = wide(keys.high[round]);
#pragma GCC unroll 4
    for (int j = 0; j < kChains; ++j) {
      const __m512i product0 = _mm512_mul_epu32(c0[j], m0);
      const __m512i product1 = _mm512_mul_epu32(c2[j], m1);
      c0[j] = xor3(_mm512_srli_epi64(product1, 32), c1[j], low);
      c2[j] = xor3(_mm512_srli_epi64(product0, 32), c3[j], high);
      c1[j] = product1;
      c3[j] = product0;
    }
    meanwhile();
  }
#pragma GCC unroll 4
  for (int j = 0; j < kChains; ++j) words[j] = {{c0[j], c1[j], c2[j], c3[j]}};
}

/// Counts labels, sixteen at a time, for as long as there are so many.
class LabelCounter {
 public:
  explicit LabelCounter(UncountedLabels& uncounted) : uncounted_(uncounted), rest_(uncounted) {}
  ~LabelCounter() { uncounted_ = rest_; }
  LabelCounter(const LabelCounter&) = delete;
  LabelCounter& operator=(const LabelCounter&) = delete;

  [[gnu::always_inline]] bool next() {
    if (rest_.num < kLabels) return false;
    const std::uint32_t* const labels = rest_.labels;
    std::uint8_t* const counters = rest_.counters;  // may be anything's bytes to the compiler: not read again
    const __m512i label = _mm512_loadu_si512(labels);
    const __mmask16 cold = _mm512_cmpge_epu32_mask(label, hot_end_);
    alignas(64) std::uint32_t at[kLabels];
    _mm512_store_si512(at, _mm512_add_epi32(label, _mm512_mask_mov_epi32(copies_, cold, cold_shift_)));
#pragma GCC unroll 16
    for (std::size_t i = 0; i < kLabels; ++i) {
      if (++counters[at[i]] == 0) [[unlikely]]
        *rest_.wraps++ = labels[i];
    }
    rest_.labels = labels + kLabels;
    rest_.num -= kLabels;
    return true;
  }

 private:
  static constexpr std::size_t kLabels = 16;
  static_assert(kHotCopies == 4 && kHotTables == 1024);
  UncountedLabels& uncounted_;
  UncountedLabels rest_;
  const __m512i hot_end_ = _mm512_set1_epi32(kHotTables), cold_shift_ = _mm512_set1_epi32(kColdShift);
  const __m512i copies_ = _mm512_set4_epi32(3 * kHotTables, 2 * kHotTables, kHotTables, 0);
};

void count(UncountedLabels& uncounted) {
  {
    LabelCounter counter(uncounted);
    while (counter.next()) {
    }
  }
  count_plainly(uncounted);
}

struct Line {
  explicit Line(const SeatingLine& line, std::uint64_t end)
      : places(line.places),
        block_shift(_mm_cvtsi32_si128(static_cast<int>(line.block_shift))),
        run_shift(_mm_cvtsi32_si128(static_cast<int>(line.run_shift))),
        block_end(set(line.block_end)),
        run_end(set(line.run_end)),
        founders(set(line.founders)),
        start(set(line.start - 1)),
        runs_from(set((line.block_end >> line.run_shift) - line.num_blocks)),
        singles_from(set(line.run_end - line.num_blocks - line.num_runs)),
        stored(set(line.founders - line.run_end + line.num_blocks + line.num_runs)),
        before_founders(_mm512_sub_epi32(stored, set(1))),
        near(set(line.num_blocks + line.num_runs)),
        far(_mm512_sub_epi32(stored, near)),
        span(set(end + line.whole)),
        near_end(set(0 - (end + line.whole))),
        joins(set(line.joins >> 32)),
        near_joins(set((line.joins >> 32) - (end + line.whole) + 1)) {}

  static __m512i set(std::uint64_t x) { return _mm512_set1_epi32(static_cast<int>(x)); }

  /// Where on the line's list of labels the points i are; founders' places follow those that are stored.
  __m512i place(__m512i i) const {
    __m512i at = _mm512_srl_epi32(i, block_shift);
    const __mmask16 beyond_blocks = _mm512_cmpge_epu32_mask(i, block_end);
    const __mmask16 beyond_runs = _mm512_cmpge_epu32_mask(i, run_end);
    at = _mm512_mask_sub_epi32(at, beyond_blocks, _mm512_srl_epi32(i, run_shift), runs_from);
    return _mm512_mask_sub_epi32(at, beyond_runs, i, singles_from);
  }

  const std::uint32_t* places;
  __m128i block_shift, run_shift;
  __m512i block_end, run_end, founders, start, runs_from, singles_from;
  __m512i stored, before_founders;            // places that have labels
  __m512i near, far;                          // single customers' places are from near to near + far
  __m512i span, near_end, joins, near_joins;  // fractions in units of 2^-32, and no customer's span is longer
};

struct Choices {
  __m512i found;     // pending, or a place
  __m512i since;     // offset of whom a recent lane refers to
  __mmask16 recent;  // refer to customers of the epoch before these
  __mmask16 unsure;  // depend on bits beyond the first 32, or may have to be drawn again
};

/// The choices of sixteen customers in pieces i, at fractions from f / 2^32 to (f + span) / 2^32.
inline Choices choices_at(const Line& line, __m512i i, __m512i f, __m512i last) {
  const __mmask16 founder = _mm512_cmpge_epu32_mask(i, line.founders);
  const __mmask16 coin = _mm512_mask_cmpgt_epu32_mask(founder, f, line.joins);
  const __mmask16 recent = _mm512_cmpge_epu32_mask(i, line.start);
  const auto open = static_cast<__mmask16>(coin | recent);
  const __mmask16 near =
      _mm512_mask_cmplt_epu32_mask(founder, _mm512_sub_epi32(f, line.near_joins), line.span);
  const __mmask16 unsure =
      near | _mm512_cmpge_epu32_mask(f, line.near_end) | _mm512_cmpge_epu32_mask(i, last);
  const __m512i since = _mm512_min_epu32(_mm512_sub_epi32(i, line.start), Line::set(kOffsetMask));
  const __m512i mark = _mm512_mask_mov_epi32(Line::set(kPending), coin, Line::set(kPending | kCoin));
  return {_mm512_mask_or_epi32(line.place(i), open, since, mark), since,
          _mm512_mask_cmplt_epu32_mask(recent, i, last), unsure};
}

/// Lanes of customers 4 j, 4 j + 1 and 4 j + 2, 4 j + 3 for j = 0 to 7, put in order.
struct Order {
  const __m512i first = _mm512_setr_epi64(0, 8, 1, 9, 2, 10, 3, 11);
  const __m512i second = _mm512_setr_epi64(4, 12, 5, 13, 6, 14, 7, 15);
};

inline void store_in_order(const Choices* made, std::uint32_t* choices) {
  const Order order;
  _mm512_storeu_si512(choices, _mm512_permutex2var_epi64(made[0].found, order.first, made[1].found));
  _mm512_storeu_si512(choices + 16, _mm512_permutex2var_epi64(made[0].found, order.second, made[1].found));
}

/// The choices in `unsure` lanes, made again one by one.
__attribute__((noinline)) void choose_singly(const SeatingLine& seating, std::uint64_t t, const Choices* made,
                                             std::uint32_t* choices) {
  const Order order;
  const __m512i lows = _mm512_movm_epi32(made[0].unsure), highs = _mm512_movm_epi32(made[1].unsure);
  const __mmask16 first = _mm512_movepi32_mask(_mm512_permutex2var_epi64(lows, order.first, highs));
  const __mmask16 second = _mm512_movepi32_mask(_mm512_permutex2var_epi64(lows, order.second, highs));
  for (std::uint32_t lanes = first | std::uint32_t{second} << 16; lanes != 0; lanes &= lanes - 1) {
    const int lane = __builtin_ctz(lanes);
    choices[lane] = restaurant_place(seating, t + static_cast<unsigned>(lane));
  }
}

constexpr std::uint64_t kChunk = 2048;     // customers between a place's choice and the look at it
constexpr std::uint64_t kBatch = 256;      // and between the choice and a request for the place's memory
constexpr int kChains = 4;                 // of Philox products at once
constexpr std::uint64_t kFewTables = 128;  // customers of each, or more, where tables are few

/// Finds places of customers from `begin` on, or their pending choices. Unless tables are few (kFew), so that
/// their labels are in the cache and hardly anyone is pending, it asks for the memory of labels and seats.
template <bool kFew>
class PlaceFinder {
 public:
  PlaceFinder(const SeatingLine& seating, const Line& line, const RoundKeys& keys, std::uint64_t begin,
              std::uint32_t* choices, LabelCounter& counter)
      : seating_(seating),
        line_(line),
        keys_(keys),
        counter_(counter),
        index_(_mm512_add_epi64(wide(begin / 4), _mm512_setr_epi64(0, 1, 2, 3, 4, 5, 6, 7))),
        span_(_mm512_add_epi64(wide(begin + seating.whole), _mm512_setr_epi64(0, 4, 8, 12, 16, 20, 24, 28))),
        last_(Line::set(begin - 1)),
        t_(begin),
        choices_(choices) {}

  /// The next 32 kChains customers.
  template <int kChains>
  void next() {
    __m512i index[kChains];
    Words words[kChains];
#pragma GCC unroll 4
    for (int j = 0; j < kChains; ++j)
      index[j] = _mm512_add_epi64(index_, wide(8u * static_cast<unsigned>(j)));
    index_ = _mm512_add_epi64(index_, wide(8 * kChains));
    blocks<kChains>(index, keys_, words, [this] { counter_.next(); });
#pragma GCC unroll 4
    for (int j = 0; j < kChains; ++j) place(words[j]);
  }

  void fetch() {
    for (std::size_t i = 0; i < num_cold_; ++i) __builtin_prefetch(line_.places + cold_[i]);
    for (std::size_t i = 0; i < num_recent_ && seating_.seats != nullptr; ++i)
      __builtin_prefetch(seating_.seats + recent_[i]);
    num_cold_ = num_recent_ = 0;
  }

 private:
  [[gnu::always_inline]] void place(const Words& words) {
    constexpr auto kLowToHigh = static_cast<_MM_PERM_ENUM>(0xA0);
    constexpr auto kHighToLow = static_cast<_MM_PERM_ENUM>(0xF5);
    __m512i point[4];
#pragma GCC unroll 4
    for (int w = 0; w < 4; ++w)
      point[w] = _mm512_mul_epu32(words.word[w], _mm512_add_epi64(span_, wide(static_cast<unsigned>(w))));
    Choices made[2];
#pragma GCC unroll 2
    for (int g = 0; g < 2; ++g) {
      const __m512i even = point[2 * g], odd = point[2 * g + 1];
      made[g] = choices_at(line_, _mm512_mask_shuffle_epi32(odd, 0x5555, even, kHighToLow),
                           _mm512_mask_shuffle_epi32(even, 0xAAAA, odd, kLowToHigh), last_);
      if constexpr (kFew) continue;
      const __m512i found = made[g].found;
      const __mmask16 far = _mm512_cmplt_epu32_mask(_mm512_sub_epi32(found, line_.near), line_.far);
      _mm512_storeu_si512(cold_ + num_cold_, _mm512_maskz_compress_epi32(far, found));
      num_cold_ += static_cast<std::size_t>(__builtin_popcount(far));
      _mm512_storeu_si512(recent_ + num_recent_, _mm512_maskz_compress_epi32(made[g].recent, made[g].since));
      num_recent_ += static_cast<std::size_t>(__builtin_popcount(made[g].recent));
    }
    store_in_order(made, choices_);
    if (__builtin_expect((made[0].unsure | made[1].unsure) != 0, 0))
      choose_singly(seating_, t_, made, choices_);
    span_ = _mm512_add_epi64(span_, wide(32));
    last_ = _mm512_add_epi32(last_, Line::set(32));
    t_ += 32;
    choices_ += 32;
  }

  const SeatingLine& seating_;
  const Line& line_;
  const RoundKeys& keys_;
  LabelCounter& counter_;
  __m512i index_, span_, last_;
  std::uint64_t t_;
  std::uint32_t* choices_;
  std::uint32_t cold_[kBatch + 16], recent_[kBatch + 16];
  std::size_t num_cold_ = 0, num_recent_ = 0;
};

/// Places of customers begin to end - 1, or their pending choices.
template <bool kFew>
void find_places(const SeatingLine& seating, const Line& line, const RoundKeys& keys, std::uint64_t begin,
                 std::uint64_t end, std::uint32_t* choices, LabelCounter& counter) {
  PlaceFinder<kFew> finder(seating, line, keys, begin, choices, counter);
  std::uint64_t t = begin;
  for (; t + kBatch <= end; t += kBatch) {
    const std::uint64_t ahead = t + 2 * kBatch <= end ? kBatch : 0;
    for (std::uint64_t i = 0; i < ahead; i += 16) __builtin_prefetch(choices + (t - begin) + ahead + i, 1);
    for (std::uint64_t i = 0; i < kBatch; i += 32 * kChains) finder.template next<kChains>();
    finder.fetch();
  }
  for (; t < end; t += 32) finder.template next<1>();
  finder.fetch();
}

/// Places to labels; offsets of the pending.
std::size_t look_up(const Line& line, std::uint32_t offset, std::uint32_t* choices, std::size_t count,
                    std::uint32_t* pending) {
  __m512i self = _mm512_add_epi32(Line::set(offset),
                                  _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15));
  std::size_t open = 0;
  for (std::size_t i = 0; i < count; i += 16) {
    const __m512i place = _mm512_loadu_si512(choices + i);
    const __mmask16 wait = _mm512_movepi32_mask(place);
    const __mmask16 stored = _mm512_cmplt_epu32_mask(place, line.stored);
    __m512i found = _mm512_mask_sub_epi32(place, static_cast<__mmask16>(~wait), place, line.before_founders);
    found = _mm512_mask_i32gather_epi32(found, stored, place, line.places, 4);
    _mm512_storeu_si512(choices + i, found);
    _mm512_storeu_si512(pending + open, _mm512_maskz_compress_epi32(wait, self));
    open += static_cast<std::size_t>(__builtin_popcount(wait));
    self = _mm512_add_epi32(self, Line::set(16));
  }
  return open;
}

/// Asks for the memory of whom the pending refer to.
void fetch_seats(const SeatingLine& seating, const std::uint32_t* pending, std::size_t count,
                 const std::uint32_t* choices) {
  for (std::size_t i = 0; i < count; ++i)
    __builtin_prefetch(seating.seats + (choices[pending[i]] & kOffsetMask));
}

std::size_t choose(const SeatingLine& seating, std::uint64_t begin, std::uint64_t end, std::uint32_t* choices,
                   std::uint32_t* pending, UncountedLabels& uncounted) {
  const Line line(seating, end);
  const RoundKeys keys(seating.key);
  LabelCounter counter(uncounted);
  const bool few = (seating.start - seating.founders) * kFewTables < seating.start;
  std::size_t count = 0;
  for (std::uint64_t t = begin; t < end; t += kChunk) {
    const std::uint64_t stop = end - t < kChunk ? end : t + kChunk;
    std::uint32_t* const chunk = choices + (t - begin);
    (few ? find_places<true> : find_places<false>)(seating, line, keys, t, stop, chunk, counter);
    const auto offset = static_cast<std::uint32_t>(t - seating.start);
    const std::size_t open = look_up(line, offset, chunk, stop - t, pending + count);
    if (few && seating.seats != nullptr) fetch_seats(seating, pending + count, open, chunk - offset);
    count += open;
  }
  return count;
}

/// Who joins is settled for sixteen at a time: two or three gathers and a scatter.
std::size_t join(const EpochSeats& epoch, std::uint32_t settled, std::uint32_t* pending, std::size_t count) {
  const __m512i tables = Line::set(epoch.tables), end = Line::set(settled), none = _mm512_setzero_si512();
  std::size_t left = 0;
  for (std::size_t i = 0; i < count; i += 16) {
    const __mmask16 lanes = first_lanes(count - i < 16 ? static_cast<std::uint32_t>(count - i) : 16);
    const __m512i self = _mm512_maskz_loadu_epi32(lanes, pending + i);
    const __m512i choice = _mm512_mask_i32gather_epi32(none, lanes, self, epoch.seats, 4);
    const __m512i offset = _mm512_and_si512(choice, Line::set(kOffsetMask));
    const __mmask16 known = _mm512_mask_cmplt_epu32_mask(lanes, offset, end);
    const __m512i label = _mm512_mask_i32gather_epi32(none, known, offset, epoch.seats, 4);
    const __mmask16 coin = _mm512_mask_test_epi32_mask(known, choice, Line::set(kCoin));
    const __mmask16 fresh = _mm512_mask_cmpge_epu32_mask(coin, label, tables);
    const __m512i founder =
        _mm512_mask_i32gather_epi32(none, fresh, _mm512_sub_epi32(label, tables), epoch.founders, 4);
    const __mmask16 opens = _mm512_mask_cmpeq_epi32_mask(fresh, founder, offset);
    const auto others = static_cast<__mmask16>((lanes & ~known) | opens);
    const __m512i decided = _mm512_mask_mov_epi32(label, opens, Line::set(kOpens));
    _mm512_mask_i32scatter_epi32(epoch.seats, known, self, decided, 4);
    _mm512_storeu_si512(pending + left, _mm512_maskz_compress_epi32(others, self));
    left += static_cast<std::size_t>(__builtin_popcount(others));
  }
  return left;
}

/// Sixteen at a time, unless one of them refers to another: all before them have labels.
std::uint32_t settle(const EpochSeats& epoch, std::uint32_t tables, const std::uint32_t* pending,
                     std::size_t count) {
  const __m512i frozen = Line::set(epoch.tables), none = _mm512_setzero_si512();
  const __m512i ascending = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
  for (std::size_t i = 0; i < count; i += 16) {
    const std::size_t here = count - i < 16 ? count - i : 16;
    const __mmask16 lanes = first_lanes(static_cast<std::uint32_t>(here));
    const __m512i self = _mm512_maskz_loadu_epi32(lanes, pending + i);
    const __m512i choice = _mm512_mask_i32gather_epi32(none, lanes, self, epoch.seats, 4);
    const __m512i offset = _mm512_and_si512(choice, Line::set(kOffsetMask));
    const __mmask16 refer = _mm512_mask_cmplt_epu32_mask(lanes, offset, self);
    const __mmask16 coin = _mm512_mask_test_epi32_mask(lanes, choice, Line::set(kCoin));
    __m512i label = none;
    __mmask16 opens = _mm512_mask_cmpgt_epu32_mask(lanes, offset, self);
    opens |= _mm512_mask_cmpeq_epi32_mask(coin, offset, self);
    if (refer != 0) {
      label = _mm512_mask_i32gather_epi32(none, refer, offset, epoch.seats, 4);
      if (_mm512_movepi32_mask(label) != 0) [[unlikely]] {
        tables = settle_plainly(epoch, tables, pending + i, here);
        continue;
      }
      const auto tossed = static_cast<__mmask16>(refer & coin);
      const __mmask16 fresh = _mm512_mask_cmpge_epu32_mask(tossed, label, frozen);
      const __m512i founder =
          _mm512_mask_i32gather_epi32(none, fresh, _mm512_sub_epi32(label, frozen), epoch.founders, 4);
      opens |= _mm512_mask_cmpeq_epi32_mask(fresh, founder, offset);
    }
    const auto opened = static_cast<std::uint32_t>(__builtin_popcount(opens));
    label = _mm512_mask_expand_epi32(label, opens, _mm512_add_epi32(ascending, Line::set(tables)));
    _mm512_mask_i32scatter_epi32(epoch.seats, lanes, self, label, 4);
    _mm512_mask_storeu_epi32(epoch.founders + (tables - epoch.tables), first_lanes(opened),
                             _mm512_maskz_compress_epi32(opens, self));
    tables += opened;
  }
  return tables;
}

/// Sixteen at a time, whose numbers are words of sixteen blocks.
std::size_t join_again(const SeatingLine& seating, std::uint64_t end, std::uint32_t* seats,
                       std::uint32_t* pending, std::size_t count) {
  const Line line(seating, end);
  const RoundKeys keys(seating.key);
  const __m512i start = Line::set(seating.start), whole = wide(seating.whole), none = _mm512_setzero_si512();
  const __m512i evens = _mm512_setr_epi32(0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);
  std::size_t left = 0;
  for (std::size_t i = 0; i < count; i += 16) {
    const __mmask16 lanes = first_lanes(count - i < 16 ? static_cast<std::uint32_t>(count - i) : 16);
    const __m512i self = _mm512_maskz_loadu_epi32(lanes, pending + i);
    const __m512i choice = _mm512_mask_i32gather_epi32(none, lanes, self, seats, 4);
    const __m512i offset = _mm512_and_si512(choice, Line::set(kOffsetMask));
    const __mmask16 refer = _mm512_mask_cmplt_epu32_mask(lanes, offset, self);
    const __m512i t = _mm512_maskz_add_epi32(refer, offset, start);
    const __m512i half[2] = {_mm512_cvtepu32_epi64(_mm512_castsi512_si256(t)),
                             _mm512_cvtepu32_epi64(_mm512_extracti64x4_epi64(t, 1))};
    const __m512i index[2] = {_mm512_srli_epi64(half[0], 2), _mm512_srli_epi64(half[1], 2)};
    Words words[2];
    blocks<2>(index, keys, words, [] {});
    __m512i point[2];
    for (int h = 0; h < 2; ++h) {
      const __mmask8 odd = _mm512_test_epi64_mask(half[h], wide(1));
      const __mmask8 upper = _mm512_test_epi64_mask(half[h], wide(2));
      const __m512i low = _mm512_mask_mov_epi64(words[h].word[0], odd, words[h].word[1]);
      const __m512i high = _mm512_mask_mov_epi64(words[h].word[2], odd, words[h].word[3]);
      point[h] = _mm512_mul_epu32(_mm512_mask_mov_epi64(low, upper, high), _mm512_add_epi64(half[h], whole));
    }
    const __m512i fraction = _mm512_permutex2var_epi32(point[0], evens, point[1]);
    const __m512i piece =
        _mm512_permutex2var_epi32(_mm512_srli_epi64(point[0], 32), evens, _mm512_srli_epi64(point[1], 32));
    const Choices made = choices_at(line, piece, fraction, _mm512_sub_epi32(t, Line::set(1)));
    const auto open = static_cast<__mmask16>(_mm512_movepi32_mask(made.found) | made.unsure);
    const auto joins = static_cast<__mmask16>(refer & ~open);
    const __mmask16 stored = _mm512_mask_cmplt_epu32_mask(joins, made.found, line.stored);
    const __m512i label = _mm512_mask_i32gather_epi32(_mm512_sub_epi32(made.found, line.before_founders),
                                                      stored, made.found, line.places, 4);
    _mm512_mask_i32scatter_epi32(seats, joins, self, label, 4);
    const auto others = static_cast<__mmask16>(lanes & ~joins);
    _mm512_storeu_si512(pending + left, _mm512_maskz_compress_epi32(others, self));
    left += static_cast<std::size_t>(__builtin_popcount(others));
  }
  return left;
}

/// Tables with others are put together first, so that the loop over them has no branch that depends on which
/// they are.
LineCursors fill(const std::uint32_t* counts, std::size_t num, std::uint32_t first_label,
                 unsigned block_shift, unsigned run_shift, LineCursors to) {
  constexpr std::size_t kTables = 1024;
  std::uint32_t labels[kTables + 16], others[kTables + 16];
  const std::uint32_t most = most_in_shortest(block_shift, run_shift);
  const std::uint32_t few = most < 16 ? most : 16;
  const __m512i ascending = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
  for (std::size_t done = 0; done < num;) {
    const std::size_t now = num - done < kTables ? num - done : kTables;
    std::size_t found = 0;
    for (std::size_t i = 0; i < now; i += 16) {
      const __mmask16 lanes = first_lanes(now - i < 16 ? static_cast<std::uint32_t>(now - i) : 16);
      const __m512i count = _mm512_maskz_loadu_epi32(lanes, counts + done + i);
      const __m512i label = _mm512_add_epi32(ascending, Line::set(first_label + done + i));
      const __mmask16 shared = _mm512_mask_cmpgt_epu32_mask(lanes, count, Line::set(1));
      _mm512_storeu_si512(labels + found, _mm512_maskz_compress_epi32(shared, label));
      _mm512_storeu_si512(others + found,
                          _mm512_maskz_compress_epi32(shared, _mm512_sub_epi32(count, Line::set(1))));
      found += static_cast<std::size_t>(__builtin_popcount(shared));
    }
    std::uint32_t* cursor = shortest(to, block_shift, run_shift);
    for (std::size_t j = 0; j < found; ++j) {
      if (others[j] <= few) [[likely]] {
        _mm512_mask_storeu_epi32(cursor, first_lanes(others[j]), Line::set(labels[j]));
        cursor += others[j];
        continue;
      }
      shortest(to, block_shift, run_shift) = cursor;
      place(others[j], labels[j], block_shift, run_shift, to);
      cursor = shortest(to, block_shift, run_shift);
    }
    shortest(to, block_shift, run_shift) = cursor;
    done += now;
  }
  return to;
}

constexpr RestaurantKernels kKernels = {choose, 32,          count,   join, join_again,
                                        settle, add_tallies, measure, fill};

}  // namespace

const RestaurantKernels& restaurant_kernels_avx512() noexcept { return kKernels; }

}  // namespace skm
