// Powers of two with the same bits on every processor, the counterpart of log2.hpp.
#pragma once

#include <cstdint>

namespace skm {

/// 2^x within 2 units in the last place; 0 below -1075, subnormal results rounded twice; infinity from 1024
/// on. No branches, so loops over it become vector code. IEEE double arithmetic in a fixed order.
[[gnu::always_inline]] inline double portable_exp2(double x) noexcept {
  constexpr double kLn2 = 0.69314718055994530942;
  constexpr double kRound = 0x1.8p52;  // adding it rounds to an integer, in the low bits of the sum
  const double raised = x < -1100.0 ? -1100.0 : x;
  const double bounded = raised > 1100.0 ? 1100.0 : raised;
  const double shifted = bounded + kRound;
  const std::int64_t k = __builtin_bit_cast(std::int64_t, shifted) - __builtin_bit_cast(std::int64_t, kRound);
  const double y = (bounded - (shifted - kRound)) * kLn2;  // |y| <= ln(2) / 2
  // Taylor series: y^14 / 14! is below 5e-18.
  constexpr double kFactorials[] = {6227020800.0, 479001600.0, 39916800.0, 3628800.0, 362880.0,
                                    40320.0,      5040.0,      720.0,      120.0,     24.0,
                                    6.0,          2.0,         1.0,        1.0};
  double sum = 0.0;
  for (const double factorial : kFactorials) sum = sum * y + 1.0 / factorial;
  // In two steps, because 2^k itself may be out of range.
  const std::int64_t half = k >> 1;
  const double low = __builtin_bit_cast(double, static_cast<std::uint64_t>(half + 1023) << 52);
  const double high = __builtin_bit_cast(double, static_cast<std::uint64_t>(k - half + 1023) << 52);
  return sum * low * high;
}

}  // namespace skm
