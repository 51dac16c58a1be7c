// Sine and cosine from the four operations in fixed order: the same bits wherever IEEE double arithmetic is.
#pragma once

#include <cstdint>

namespace skm {

struct SineCosine {
  double sine, cosine;
};

/// Within 1e-15 for |x| < 2^20.
inline SineCosine portable_sine_cosine(double x) noexcept {
  // x = k pi/2 + r, |r| <= pi/4; pi/2 in three parts, of which the first two have 33 bits: their multiples
  // are exact.
  constexpr double kPart1 = 0x1.921fb544p0;
  constexpr double kPart2 = 0x1.0b4611a6p-34;
  constexpr double kPart3 = 0x1.3198a2e037073p-69;
  constexpr double kRound = 0x1.8p52;  // adding it rounds to an integer
  const double k = (x * 0.63661977236758134308 + kRound) - kRound;
  const double r = ((x - k * kPart1) - k * kPart2) - k * kPart3;
  const double r2 = r * r;
  // Taylor series: r^18 / 18! is below 3e-18.
  double sine = 0.0;
  double cosine = 0.0;
  for (int i = 16; i >= 2; i -= 2) {
    sine = (1.0 + sine) * -r2 / (i * (i + 1));
    cosine = (1.0 + cosine) * -r2 / (i * (i - 1));
  }
  sine = r + r * sine;
  cosine = 1.0 + cosine;
  switch (static_cast<std::int64_t>(k) & 3) {
    case 0: return {sine, cosine};
    case 1: return {cosine, -sine};
    case 2: return {-sine, -cosine};
    default: return {-cosine, sine};
  }
}

}  // namespace skm
