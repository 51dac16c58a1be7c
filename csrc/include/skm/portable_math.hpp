// exp and log from the four operations in fixed order: the same bits wherever IEEE double arithmetic is.
// Accurate to about 1e-15 relative (exp) and 1e-15 absolute (log); not meant to be fast.
#pragma once

#include <bit>
#include <cstdint>

namespace skm {

/// e^x for |x| < 700; 0 below -700.
inline double portable_exp(double x) noexcept {
  constexpr double ln2_high = 0x1.62e42feep-1;
  constexpr double ln2_low = 0x1.a39ef35793c76p-33;
  if (x < -700.0) return 0.0;
  const double scaled = x * 0x1.71547652b82fep0;
  const std::int64_t k = static_cast<std::int64_t>(scaled + (scaled < 0 ? -0.5 : 0.5));
  const double r = (x - static_cast<double>(k) * ln2_high) - static_cast<double>(k) * ln2_low;
  double sum = 1.0;
  for (int i = 18; i > 0; --i) sum = 1.0 + sum * r / i;
  return sum * std::bit_cast<double>(static_cast<std::uint64_t>(k + 1023) << 52);
}

/// ln x for normal x > 0.
inline double portable_log(double x) noexcept {
  const std::uint64_t bits = std::bit_cast<std::uint64_t>(x);
  int k = static_cast<int>(bits >> 52) - 1023;
  double m = std::bit_cast<double>((bits & 0xfffffffffffffu) | 0x3ff0000000000000u);
  if (m > 1.4142135623730951) {
    m *= 0.5;
    ++k;
  }
  const double s = (m - 1.0) / (m + 1.0);
  const double s2 = s * s;
  double sum = 0.0;
  for (int i = 25; i >= 1; i -= 2) sum = sum * s2 + 1.0 / i;
  return 2.0 * s * sum + k * 0.69314718055994530942;
}

}  // namespace skm
