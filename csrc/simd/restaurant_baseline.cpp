// The choices of customers one at a time: the definition that every kernel must match.
#include "restaurant.hpp"

#include "skm/philox.hpp"

namespace skm {
namespace {

inline std::uint32_t* repeat(std::uint32_t* to, std::uint32_t count, std::uint32_t label) {
  for (std::uint32_t i = 0; i < count; ++i) to[i] = label;
  return to + count;
}

#include "restaurant_tables.inl"

__extension__ typedef unsigned __int128 uint128;

/// Blocks that four customers share.
struct Words {
  std::uint64_t index = ~std::uint64_t{0};
  RandomBlock high{}, low{};
};

inline std::uint64_t word(const RandomBlock& block, std::uint64_t t) noexcept {
  return static_cast<std::uint32_t>(block.half[t / 2 % 2] >> t % 2 * 32);
}

/// Where customer t's point lies: the piece, and how far into it.
struct Point {
  std::uint64_t piece, fraction;
};

inline Point point_of(const SeatingLine& line, std::uint64_t t, Words& words) noexcept {
  const std::uint64_t span = t + line.whole;
  for (std::uint64_t attempt = 0;; attempt += 2) {
    if (words.index != t / 4 || attempt != 0) {
      words = {t / 4, random_block(line.key, t / 4, attempt), random_block(line.key, t / 4, attempt + 1)};
      if (attempt != 0) words.index = ~std::uint64_t{0};  // of this customer alone
    }
    const std::uint64_t u = word(words.high, t) << 32 | word(words.low, t);
    const uint128 point = static_cast<uint128>(u) * span;
    if (static_cast<std::uint64_t>((point + line.cut) >> 64) < span)
      return {static_cast<std::uint64_t>(point >> 64), static_cast<std::uint64_t>(point)};
  }
}

inline std::uint64_t place_of(const SeatingLine& line, std::uint64_t i) noexcept {
  if (i < line.block_end) return i >> line.block_shift;
  if (i < line.run_end) return line.num_blocks + ((i - line.block_end) >> line.run_shift);
  return line.num_blocks + line.num_runs + (i - line.run_end);
}

/// Whether this point's choice is pending.
inline bool waits(const SeatingLine& line, const Point& point) noexcept {
  return point.piece >= line.founders && (point.piece >= line.start - 1 || point.fraction >= line.joins);
}

inline std::uint32_t pending_choice(const SeatingLine& line, const Point& point) noexcept {
  const std::uint64_t offset = point.piece - (line.start - 1);  // huge for an earlier founder: a new table
  const auto low = static_cast<std::uint32_t>(offset < kOffsetMask ? offset : kOffsetMask);
  return kPending | (point.fraction >= line.joins ? kCoin : 0) | low;
}

inline std::uint32_t choice_of(const SeatingLine& line, std::uint64_t t, Words& words) noexcept {
  const Point point = point_of(line, t, words);
  if (waits(line, point)) return pending_choice(line, point);
  if (point.piece < line.founders) return line.places[place_of(line, point.piece)];
  return static_cast<std::uint32_t>(point.piece - line.founders + 1);
}

std::size_t choose(const SeatingLine& line, std::uint64_t begin, std::uint64_t end, std::uint32_t* choices,
                   std::uint32_t* pending, UncountedLabels&) {
  std::size_t count = 0;
  Words words;
  for (std::uint64_t t = begin; t < end; ++t) {
    const std::uint32_t found = choice_of(line, t, words);
    choices[t - begin] = found;
    pending[count] = static_cast<std::uint32_t>(t - line.start);
    count += found >> 31;
  }
  return count;
}

constexpr RestaurantKernels kKernels = {
    choose,         1,           count_plainly, join_plainly, join_again_plainly,
    settle_plainly, add_tallies, measure,       fill_plainly};

}  // namespace

std::uint32_t restaurant_choice(const SeatingLine& line, std::uint64_t t) noexcept {
  Words words;
  return choice_of(line, t, words);
}

std::uint32_t restaurant_place(const SeatingLine& line, std::uint64_t t) noexcept {
  Words words;
  const Point point = point_of(line, t, words);
  if (waits(line, point)) return pending_choice(line, point);
  return static_cast<std::uint32_t>(place_of(line, point.piece));
}

const RestaurantKernels& restaurant_kernels_baseline() noexcept { return kKernels; }

}  // namespace skm
