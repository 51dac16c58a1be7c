// log2 and exp2 of doubles in vectors, compiled once per instruction set; the including file provides
// `lanes`. Only + - * and table look-ups, in fixed order: the same bits on every instruction set, to about
// one unit in the last place.
//
// log2(x): x = m 2^e with m in [0.672, 1.344), of which each of 16 pieces has a centre c, 1 in the piece
// about 1. r = (m - c) / c is within 1/32 and exact but for one rounding; log2(x) = e + log2(c) + r p(r).
// Results near 0 keep their relative accuracy, 2^-49.
//
// exp2(x): x = n / 16 + r with n whole and |r| <= 1/32; 2^x = 2^(n/16) (1 + r q(r)).
//
// p and q: Chebyshev fits of log2(1 + r) / r and (2^r - 1) / r, to 2^-49.6 and 2^-50, times |r| <= 2^-5.

inline constexpr std::uint64_t kLogStart = 0x3FE5800000000000u;  // bits of 0.671875
inline constexpr std::uint64_t kExponentMask = 0xFFF0000000000000u;
inline constexpr std::uint64_t kPieceMask = 0x000F000000000000u;
inline constexpr std::uint64_t kOneBits = 0x3FF0000000000000u;
// 1 / c
inline constexpr double kLogScale[16] = {1.4545454545454546,
                                         1.391304347826087,
                                         1.3333333333333333,
                                         1.28,
                                         1.2307692307692308,
                                         1.1851851851851851,
                                         1.1428571428571428,
                                         1.103448275862069,
                                         1.0666666666666667,
                                         1.032258064516129,
                                         1.0,
                                         0.9411764705882353,
                                         0.8888888888888888,
                                         0.8421052631578947,
                                         0.8,
                                         0.7619047619047619};
// log2(c)
inline constexpr double kLogOffset[16] = {-0.5405683813627028,
                                          -0.4764380439429871,
                                          -0.4150374992788438,
                                          -0.3561438102252753,
                                          -0.2995602818589078,
                                          -0.24511249783653147,
                                          -0.19264507794239588,
                                          -0.14201900487242788,
                                          -0.09310940439148147,
                                          -0.04580368961312479,
                                          0.0,
                                          0.0874628412503394,
                                          0.16992500144231237,
                                          0.2479275134435855,
                                          0.32192809488736235,
                                          0.3923174227787603};
inline constexpr double kLogSeries[8] = {0x1.71547652b82f9p+0,  -0x1.71547652b82f5p-1, 0x1.ec709dc445a4ep-2,
                                         -0x1.715476534d0bep-2, 0x1.2776b82a22e65p-2,  -0x1.ec70868df4e94p-3,
                                         0x1.a6bc0aace92f5p-3,  -0x1.71e8a7ea53335p-3};
// Bits of 2^(j/16), less j << 48: adding n << 48 gives 2^(n/16).
inline constexpr std::uint64_t kRoot[16] = {
    0x3ff0000000000000, 0x3fefb5586cf9890f, 0x3fef72b83c7d517b, 0x3fef387a6e756238,
    0x3fef06fe0a31b715, 0x3feedea64c123422, 0x3feebfdad5362a27, 0x3feeab07dd485429,
    0x3feea09e667f3bcd, 0x3feea11473eb0187, 0x3feeace5422aa0db, 0x3feec49182a3f090,
    0x3feee89f995ad3ad, 0x3fef199bdd85529c, 0x3fef5818dcfba487, 0x3fefa4afa2a490da};
inline constexpr double kExpSeries[6] = {0x1.62e42fefa39f3p-1, 0x1.ebfbdff82c590p-3,  0x1.c6b08d6f2a0b1p-5,
                                         0x1.3b2ab6fb41170p-7, 0x1.5d897e66039f9p-10, 0x1.430a1d168bf62p-13};

/// a + b x
inline lanes::Doubles line(double a, double b, lanes::Doubles x) noexcept {
  return lanes::real(a) + lanes::real(b) * x;
}

// x = m 2^e, m in the piece that `piece` (modulo 16) names.
struct Split {
  lanes::Words piece, exponent;   // exponent: e << 52
  lanes::Doubles e, from_centre;  // m - c, exactly
};
inline Split split(lanes::Doubles x) noexcept {
  const lanes::Words from_start = lanes::sub(lanes::bits(x), lanes::word(kLogStart));
  const lanes::Words exponent = lanes::both(from_start, lanes::word(kExponentMask));
  // The centre in the order of bits: halfway from one piece's first number to the next's.
  const lanes::Words centre = lanes::add(lanes::both(from_start, lanes::word(kPieceMask)),
                                         lanes::word(kLogStart + (std::uint64_t{1} << 47)));
  const lanes::Doubles m = lanes::as_real(lanes::sub(lanes::bits(x), exponent));
  return {lanes::right<48>(from_start), exponent, lanes::signed_to_real(lanes::exponent_of(from_start)),
          m - lanes::as_real(centre)};
}

inline lanes::Doubles log2_series(const Split& x, lanes::Doubles r) noexcept {
  const auto& p = kLogSeries;
  const lanes::Doubles r2 = r * r;
  const lanes::Doubles r4 = r2 * r2;
  const lanes::Doubles lower = line(p[0], p[1], r) + r2 * line(p[2], p[3], r);
  const lanes::Doubles upper = line(p[4], p[5], r) + r2 * line(p[6], p[7], r);
  return (x.e + lanes::lookup(kLogOffset, x.piece)) + r * (lower + r4 * upper);
}

/// log2(x) for normal x > 0.
[[gnu::always_inline]] inline lanes::Doubles lane_log2(lanes::Doubles x) noexcept {
  const Split parts = split(x);
  return log2_series(parts, parts.from_centre * lanes::lookup(kLogScale, parts.piece));
}

/// log2(1 + w) for -1 < w, 1 + w normal; relative accuracy also where w is small.
[[gnu::always_inline]] inline lanes::Doubles lane_log2_1p(lanes::Doubles w) noexcept {
  const lanes::Doubles one = lanes::real(1.0);
  const lanes::Doubles x = one + w;
  const lanes::Doubles lost = w - (x - one);
  const Split parts = split(x);
  const lanes::Doubles shrink = lanes::as_real(lanes::sub(lanes::word(kOneBits), parts.exponent));  // 2^-e
  return log2_series(parts, (parts.from_centre + lost * shrink) * lanes::lookup(kLogScale, parts.piece));
}

// 2^x = root + root * rest
struct Power {
  lanes::Doubles root, rest;
};
[[gnu::always_inline]] inline Power power_of_two(lanes::Doubles x) noexcept {
  const lanes::Doubles magic = lanes::real(0x1.8p48);  // adding it rounds to a multiple of 1/16
  const lanes::Doubles shifted = x + magic;
  const lanes::Doubles r = x - (shifted - magic);
  const lanes::Words n = lanes::bits(shifted);
  const auto& q = kExpSeries;
  const lanes::Doubles r2 = r * r;
  const lanes::Doubles series = line(q[0], q[1], r) + r2 * (line(q[2], q[3], r) + r2 * line(q[4], q[5], r));
  return {lanes::as_real(lanes::add(lanes::lookup(kRoot, n), lanes::left<48>(n))), r * series};
}

/// 2^x for -1022 < x < 1023.
[[gnu::always_inline]] inline lanes::Doubles lane_exp2(lanes::Doubles x) noexcept {
  const Power power = power_of_two(x);
  return power.root + power.root * power.rest;
}

/// 2^x - 1; relative accuracy also where x is small.
[[gnu::always_inline]] inline lanes::Doubles lane_exp2_m1(lanes::Doubles x) noexcept {
  const Power power = power_of_two(x);
  return (power.root - lanes::real(1.0)) + power.root * power.rest;
}
