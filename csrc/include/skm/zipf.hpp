// Zipf and Zipf-Mandelbrot numbers: P(k) proportional to (k + q)^-s for k = 1 ... n.
//
// Rejection-inversion (Hoermann and Derflinger, "Rejection-inversion to generate variates from monotone
// discrete distributions", ACM TOMACS 6(3), 1996). With x = (k + q) / (1 + q) and H(x) = (x^(1-s) - 1) / (1 -
// s), the integral of x^-s (log x at s = 1), a uniform U in (H(x of 3/2) - 1 / (1 + q), H(x of n + 1/2)) is
// inverted, k is the nearest whole number, and it is kept when U >= H(x of k + 1/2) - x^-s / (1 + q): always
// for k = 1, and else but for a part of about s (s + 1) / (24 (k + q)^2) of the interval of k. Whatever X =
// H^-1(U) lies further than 1.03 times that above k - 1/2 is kept without looking (the bound holds for every
// s >= 0 and k + q >= 2); only the rest is judged.
//
// Attempt a of draw i takes half i % 2 of block (i / 2, a) of skm/philox.hpp, as open_unit_double. So a draw
// is a function of (key, index) alone, with the same bits on every processor.
//
// Exactness. The arithmetic is that of doubles: U has 52 bits,
// which is worth 2^-51 of probability, and X + q is within 2^-48 (2 + ln(X + q)) of
// itself. What this can move between neighbours is at most that part of (k + q) P(k) at k, so no probability
// is off by more than about 2^-44 (1 + q), nor by more than 2^-44 (k + q) of itself. Numbers beyond 2^52 are
// multiples of the spacing of doubles.
#pragma once

#include <cstdint>
#include <span>

namespace skm {

/// Constants of one distribution.
struct ZipfShape {
  enum class Kind {
    power,  // U is drawn as 1 + (1 - s) U = x^(1-s)
    small,  // the same less 1, where s is so near to 1 that digits would be lost
    log     // s = 1: U in bits
  };
  Kind kind = Kind::log;
  double far = 0.0;        // that value at n + 1/2
  double span = 0.0;       // from there to the other end, at k = 1
  double t = 0.0;          // 1 - s
  double inverse_t = 1.0;  // 1 / t
  double q = 0.0;
  double scale = 1.0;          // 1 + q
  double inverse_scale = 1.0;  // 1 / (1 + q)
  double shift = 0.5;          // 1/2 - q
  double largest = 1.0;        // n, rounded down to a double
  double doubt = 0.0;          // 1.03 s (s + 1) / 24
};

class Zipf {
 public:
  static constexpr std::uint64_t kUnbounded = 0x7FFFFFFFFFFFFFFF;
  static constexpr double kMaxExponent = 0x1p40;
  static constexpr double kMaxShift = 0x1p40;

  /// 0 <= exponent <= kMaxExponent, 0 <= shift <= kMaxShift, 1 <= num_ranks <= kUnbounded. Without a bound
  /// (exponent > 1) take kUnbounded: the distribution given that the number fits in 63 bits.
  Zipf(double exponent, double shift, std::uint64_t num_ranks) noexcept;

  /// Draws first, first + 1 ... of the stream; T is std::uint64_t, or std::uint32_t where num_ranks fits.
  /// May throw std::bad_alloc or std::system_error where a thread cannot be had.
  template <class T>
  void fill(std::uint64_t key, std::uint64_t first, std::span<T> out, unsigned threads) const;

  const ZipfShape& shape() const noexcept { return shape_; }

 private:
  ZipfShape shape_;
};

}  // namespace skm
