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

  /// Which of `candidates` symbols precede a context seen n times: `children` do, and how often each.
  double children_bits(std::uint64_t candidates, std::uint64_t children, std::uint64_t n) const noexcept {
    const std::uint64_t most = candidates < n ? candidates : n;
    return size_bits(children, most) + log2_choose(candidates, children) + composition_bits(n, children);
  }

  /// Counts of a context seen n times with `distinct` symbols, of `possible` ones; not for distinct == 1.
  double row_bits(std::uint64_t possible, std::uint64_t distinct, std::uint64_t n) const noexcept {
    const std::uint64_t most = possible < n ? possible : n;
    return size_bits(distinct, most) + log2_choose(possible, distinct) + composition_bits(n, distinct);
  }

  /// The same for distinct == 1: the symbol is one of those that are left, `left` of all `left_total`.
  double single_row_bits(std::uint64_t possible, std::uint64_t n, std::uint64_t left,
                         std::uint64_t left_total) const noexcept {
    const std::uint64_t most = possible < n ? possible : n;
    return size_bits(1, most) + log2(left_total) - log2(left);
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
