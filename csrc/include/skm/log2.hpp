// Base-2 logarithm with the same bits on every processor (library logarithms differ in the last place).
#pragma once

#include <cstdint>

namespace skm {

/// log2(x) for finite x > 0, subnormals included: within 2 units in the last place, and exact for
/// powers of two. No branches, so loops over it become vector code. IEEE double arithmetic in a fixed order,
/// so compile without contraction.
[[gnu::always_inline]] inline double portable_log2(double x) noexcept {
  constexpr double kTwoOverLn2 = 2.8853900817779268147;
  constexpr std::uint64_t kSqrtHalf = 0x3FE6A09E667F3BCDu;  // bits of sqrt(1/2)
  const bool subnormal = x < 0x1p-1022;
  const double offset = subnormal ? -54.0 : 0.0;
  x *= subnormal ? 0x1p54 : 1.0;
  // x = m * 2^e with m in [sqrt(1/2), sqrt(2)); log(m) = 2 atanh(s), s = (m - 1) / (m + 1), |s| < 0.172.
  const std::uint64_t bits = __builtin_bit_cast(std::uint64_t, x);
  const std::int64_t e = static_cast<std::int64_t>(bits - kSqrtHalf) >> 52;
  const double m = __builtin_bit_cast(double, bits - (static_cast<std::uint64_t>(e) << 52));
  const double s = (m - 1.0) / (m + 1.0);
  const double z = s * s;
  // sum over k of kTwoOverLn2 / (2k + 1) * z^k, even and odd k in two chains that do not wait for each other.
  constexpr double kEven[] = {kTwoOverLn2 / 21, kTwoOverLn2 / 17, kTwoOverLn2 / 13,
                              kTwoOverLn2 / 9,  kTwoOverLn2 / 5,  kTwoOverLn2};
  constexpr double kOdd[] = {kTwoOverLn2 / 19, kTwoOverLn2 / 15, kTwoOverLn2 / 11, kTwoOverLn2 / 7,
                             kTwoOverLn2 / 3};
  const double z2 = z * z;
  double even = 0.0;
  double odd = 0.0;
  for (const double coefficient : kEven) even = even * z2 + coefficient;
  for (const double coefficient : kOdd) odd = odd * z2 + coefficient;
  const double series = even + z * odd;
  return (static_cast<double>(e) + offset) + s * series;
}

}  // namespace skm
