// Alias tables (Walker 1977; Vose 1991): draws from any distribution over n categories by one look into a
// table of 8 bytes a category.
//
// The unit interval is cut into n columns. Column i belongs to category i below its threshold and to one
// other category, its alias, above. One 64-bit word chooses the column (upper half of word * n) and the place
// in it (lower half).
//
//   slot = threshold << b | alias,   b = alias_bits(n) = bits of n - 1,   threshold < 2^(63 - b)
//
// Precision. Weights are rounded to integers that sum to n * 2^(63 - b) exactly, so that the columns are
// filled in integer arithmetic, without error: nothing depends on the order of the weights' sizes, and weight
// zero is probability zero. A category's probability is off by at most 4 + 2^14 / (number of positive
// weights) units of rounding, a unit being 2^-(63 - b) / n < 2^-62, and by 2^-50 of itself; one word adds
// 2^-64 for every column that the category has a part in.
//
// Sweep with two cursors: Huebschle-Schneider and Sanders, "Parallel weighted random sampling", ESA 2019;
// here in place and in integers.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>

namespace skm {

inline constexpr std::size_t kMaxAliasCategories = 0xFFFFFFFFu;
/// The sum of the weights must lie between these two.
inline constexpr double kMinAliasTotal = 0x1p-900;
inline constexpr double kMaxAliasTotal = 0x1p900;

/// Bits of a slot that hold the alias, for n >= 1 categories.
constexpr unsigned alias_bits(std::size_t n) noexcept { return static_cast<unsigned>(std::bit_width(n - 1)); }

namespace detail {

/// Sum in fixed order, eight interleaved parts.
inline double weight_total(std::span<const double> weights) noexcept {
  constexpr std::size_t kParts = 8;
  double part[kParts] = {};
  const std::size_t whole = weights.size() / kParts * kParts;
  for (std::size_t i = 0; i < whole; i += kParts) {
    for (std::size_t k = 0; k < kParts; ++k) part[k] += weights[i + k];
  }
  for (std::size_t i = whole; i < weights.size(); ++i) part[i - whole] += weights[i];
  return ((part[0] + part[1]) + (part[2] + part[3])) + ((part[4] + part[5]) + (part[6] + part[7]));
}

/// Weights as integers of sum n * 2^(63 - b). What truncation leaves over is dealt out to the positive
/// weights, `share` to each and one more to those before index `cut`.
struct IntegerWeights {
  std::span<const double> weights;
  double scale = 0.0;
  std::uint64_t share = 0;
  std::size_t cut = 0;

  static std::uint64_t truncated(double x) noexcept {
    constexpr std::uint64_t kLimit = std::uint64_t{1} << 63;
    return x < 0x1p63 ? static_cast<std::uint64_t>(static_cast<std::int64_t>(x)) : kLimit;
  }
  std::uint64_t operator()(std::size_t i) const noexcept {
    const std::uint64_t extra = share + (i < cut ? 1 : 0);
    return truncated(weights[i] * scale) + (weights[i] > 0.0 ? extra : 0);
  }
};

inline IntegerWeights integer_weights(std::span<const double> weights, double total) noexcept {
  constexpr std::uint64_t kSlack = std::uint64_t{1} << 14;
  const std::size_t n = weights.size();
  const std::uint64_t target = static_cast<std::uint64_t>(n) << (63 - alias_bits(n));
  IntegerWeights integers{weights, static_cast<double>(target) / total * (1.0 - 0x1p-50)};
  std::uint64_t sum = 0;
  std::size_t positive = 0;
  // The double total carries rounding, the integer sum does not: correct the scale until it fits. The first
  // try does for all but very many weights.
  for (int attempt = 0; attempt < 8; ++attempt) {
    sum = 0;
    positive = 0;
    for (const double w : weights) {
      sum += IntegerWeights::truncated(w * integers.scale);
      positive += w > 0.0 ? 1 : 0;
    }
    if (sum <= target && target - sum <= kSlack + 4 * n) break;
    integers.scale *= static_cast<double>(target) / static_cast<double>(sum) * (1.0 - 0x1p-51);
  }
  const std::uint64_t left = target - sum;
  integers.share = left / positive;
  std::uint64_t rest = left % positive;
  if (positive == n) {
    integers.cut = rest;
  } else {
    for (; rest > 0; ++integers.cut) rest -= weights[integers.cut] > 0.0 ? 1 : 0;
  }
  return integers;
}

}  // namespace detail

/// Builds the table of `weights` into `slots`, of the same size n, 1 <= n <= kMaxAliasCategories; O(n), in
/// place, without allocation. The same slots on every processor.
/// Weights must be finite and not negative (not checked). Returns false, and leaves the slots alone, when
/// their sum is outside [kMinAliasTotal, kMaxAliasTotal] or not a number.
[[nodiscard]] inline bool build_alias_table(std::span<const double> weights,
                                            std::span<std::uint64_t> slots) noexcept {
  const double total = detail::weight_total(weights);
  if (!(total >= kMinAliasTotal && total <= kMaxAliasTotal)) return false;
  const std::size_t n = weights.size();
  const unsigned bits = alias_bits(n);
  const std::uint64_t full = std::uint64_t{1} << (63 - bits);  // a column
  const detail::IntegerWeights weight = detail::integer_weights(weights, total);
  // The weights sum to n columns exactly: while the heavy category holds more than its column there is a
  // light one left, and while it holds less there is another heavy one.
  std::size_t light = 0;
  std::size_t heavy = 0;
  while (weight(heavy) < full) ++heavy;
  std::uint64_t rest = weight(heavy);  // what the heavy category still has to place
  for (;;) {
    if (rest > full) {
      std::uint64_t own = weight(light);
      while (own >= full) own = weight(++light);
      slots[light++] = own << bits | heavy;
      rest -= full - own;
      continue;
    }
    const std::size_t done = heavy++;
    while (heavy < n && weight(heavy) < full) ++heavy;
    if (heavy == n) {
      slots[done] = done;
      return true;
    }
    slots[done] = rest == full ? done : rest << bits | heavy;
    rest = weight(heavy) - (full - rest);
  }
}

/// Draws from a table that build_alias_table has filled. Does not own it.
class AliasView {
 public:
  /// 1 <= slots.size() <= kMaxAliasCategories.
  constexpr explicit AliasView(std::span<const std::uint64_t> slots) noexcept
      : slots_(slots), mask_((std::uint64_t{1} << alias_bits(slots.size())) - 1) {}

  /// The category that a uniform 64-bit word chooses.
  constexpr std::uint32_t draw(std::uint64_t word) const noexcept {
    // word * n in two halves; n < 2^32, so the middle cannot overflow.
    const std::uint64_t n = slots_.size();
    const std::uint64_t low = (word & 0xFFFFFFFFu) * n;
    const std::uint64_t middle = (word >> 32) * n + (low >> 32);
    const std::uint64_t column = middle >> 32;
    const std::uint64_t place = (middle << 32 | (low & 0xFFFFFFFFu)) >> 1;
    const std::uint64_t slot = slots_[column];
    return static_cast<std::uint32_t>(place < (slot & ~mask_) ? column : slot & mask_);
  }
  constexpr std::size_t size() const noexcept { return slots_.size(); }

 private:
  std::span<const std::uint64_t> slots_;
  std::uint64_t mask_;
};

/// Draws first, first + 1 ... of the stream `key` from a table; draw i takes word i of the stream (see
/// skm/random_fill.hpp). T is std::uint32_t or std::uint64_t. May throw std::bad_alloc or std::system_error
/// where a thread cannot be had.
template <class T>
void fill_alias(std::span<const std::uint64_t> slots, std::uint64_t key, std::uint64_t first,
                std::span<T> out, unsigned threads);

/// Adds each category's probability under the table, as AliasView draws it, to `probabilities` (size n,
/// zeroed by the caller). For tests, and for whoever needs the rounded distribution.
inline void add_alias_probabilities(std::span<const std::uint64_t> slots,
                                    std::span<double> probabilities) noexcept {
  const std::size_t n = slots.size();
  const std::uint64_t mask = (std::uint64_t{1} << alias_bits(n)) - 1;
  for (std::size_t i = 0; i < n; ++i) {
    const double own = static_cast<double>(slots[i] & ~mask) * 0x1p-63;
    probabilities[i] += own / static_cast<double>(n);
    probabilities[slots[i] & mask] += (1.0 - own) / static_cast<double>(n);
  }
}

}  // namespace skm
