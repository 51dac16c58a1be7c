// Bits of each part of the two-part code of a context tree: the formulas, for those who measure and for those
// who test. docs/theory.md, "Structure function over context trees", says why they are what they are.
//
// Portable arithmetic in fixed order: which tree is best is the same on every processor.
#pragma once

#include <cstdint>
#include <vector>

#include "skm/log2.hpp"

namespace skm {

/// A context seen n times is split with probability n / (2 (n + this)).
inline constexpr std::uint32_t structure_split_scale = 24;

class StructureLengths {
 public:
  StructureLengths() : log2_(kTable), log2_factorial_(kTable) {
    for (std::uint32_t n = 1; n < kTable; ++n) {
      log2_[n] = portable_log2(n);
      log2_factorial_[n] = log2_factorial_[n - 1] + log2_[n];
    }
  }

  double log2(std::uint64_t n) const noexcept {
    return n < kTable ? log2_[n] : portable_log2(static_cast<double>(n));
  }

  /// log2 n!; beyond the table by Stirling's series, to 1e-15 of its value.
  double log2_factorial(std::uint64_t n) const noexcept {
    if (n < kTable) return log2_factorial_[n];
    constexpr double kLog2E = 1.4426950408889634074;
    constexpr double kHalfLog2TwoPi = 1.3257480647361593990;
    const double x = static_cast<double>(n);
    const double rest = (1 / (12 * x)) - 1 / (360 * x * x * x);
    return (x + 0.5) * portable_log2(x) + (rest - x) * kLog2E + kHalfLog2TwoPi;
  }

  /// log2 of n choose k; k <= n.
  double log2_choose(std::uint64_t n, std::uint64_t k) const noexcept {
    if (k == 0 || k == n) return 0.0;
    return log2_factorial(n) - log2_factorial(k) - log2_factorial(n - k);
  }

  /// Number of ways to write n as an ordered sum of `parts` positive integers, as bits.
  double composition_bits(std::uint64_t n, std::uint64_t parts) const noexcept {
    return log2_choose(n - 1, parts - 1);
  }

  /// An integer j of 1 ... most with probability proportional to 1 / (j (j + 1)).
  double size_bits(std::uint64_t j, std::uint64_t most) const noexcept {
    return log2(j) + log2(j + 1) + log2(most) - log2(most + 1);
  }

  /// A context seen n times is a leaf, or is split.
  double leaf_bits(std::uint64_t n) const noexcept {
    return 1.0 + log2(n + structure_split_scale) - log2(n + 2 * structure_split_scale);
  }
  double split_bits(std::uint64_t n) const noexcept {
    return 1.0 + log2(n + structure_split_scale) - log2(n);
  }

  /// How many symbols a set has, out of `possible`, when they are seen n times together.
  double members_bits(std::uint64_t possible, std::uint64_t members, std::uint64_t n) const noexcept {
    return size_bits(members, possible < n ? possible : n);
  }

  /// Whether a symbol of weight w is a member, where `members` are still to come and those that may be have
  /// `weight_left` together: with odds members * w to weight_left - w.
  static double member_bits(bool member, std::uint64_t members, std::uint64_t w,
                            std::uint64_t weight_left) noexcept {
    const auto in = static_cast<double>(members) * static_cast<double>(w);
    const auto out = static_cast<double>(weight_left - w);
    return portable_log2((in + out) / (member ? in : out));
  }

  /// Which symbols are members, from `next()` giving (weight, member) of those that may be, in turn. Of
  /// `possible` symbols with the weight `weight_left` in all, `members` are. A single member costs
  /// log2(weight_left / w).
  template <typename Next>
  static double choice_bits(std::uint64_t possible, std::uint64_t members, std::uint64_t weight_left,
                            Next next) noexcept {
    double bits = 0;
    for (; members > 0 && members < possible; --possible) {
      const auto [weight, member] = next();
      bits += member_bits(member, members, weight, weight_left);
      members -= member;
      weight_left -= weight;
    }
    return bits;
  }

  /// Counts of the empty context: `distinct` symbols of an alphabet of `alphabet`, n in all.
  double root_bits(std::uint64_t alphabet, std::uint64_t distinct, std::uint64_t n) const noexcept {
    const std::uint64_t most = alphabet < n ? alphabet : n;
    return log2(most) + log2_choose(alphabet, distinct) + composition_bits(n, distinct);
  }

 private:
  static constexpr std::uint32_t kTable = 1 << 16;

  std::vector<double> log2_;
  std::vector<double> log2_factorial_;
};

}  // namespace skm
