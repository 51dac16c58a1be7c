// Exponential weights of logits as integers: exp(x - max) in units of 2^-31, the same on every processor.
//
// Library exponentials differ in the last place between processors and versions, and one such
// difference between encoder and decoder destroys everything after it. Here only two operations are
// in floating point, and IEEE 754 fixes both to the last bit:
//
//   t = trunc(float32(float32(max - x) * kScale)),   kScale = float32(log2(e)) * 2^20
//
// the exponent -log2(weight) in units of 2^-20. (A process that flushes subnormals to zero gets the same t:
// a subnormal difference is far below one unit.) The rest is integers: with t = q * 2^20 + i * 2^16 + g,
//
//   p = mulhi(g, 45428 - mulhi(g, 970))                    1 - 2^(-g / 2^20), in units of 2^-20
//   w = kBase[i] - (mulhi(kBase[i] >> 16, p) << 12)        kBase[i] = round(2^(31 - i / 16))
//   weight = w >> q                                        0 from q = 32 on
//
// with mulhi(a, b) = a * b >> 16. Each is one instruction of a vector unit from SSE2 on. The constants
// minimise the error: at most 4.7e-6 relative, 1.4e-6 root mean square, 4e-8 on average (before the
// truncation of t and of the shift). x = max has weight 2^31 exactly; x = -inf has weight 0.
#pragma once

#include <cfloat>
#include <cstdint>

namespace skm {

static_assert(FLT_EVAL_METHOD == 0, "float arithmetic must round to float at every step");

inline constexpr float kExpScale = 0x1.715476p+20f;
inline constexpr unsigned kExpFractionBits = 20;
inline constexpr unsigned kWeightOneBits = 31;  // weight of x = max is 1 << 31
inline constexpr std::uint32_t kExpLinear = 45428;
inline constexpr std::uint32_t kExpQuadratic = 970;
/// What float-to-integer conversion gives out of range, on x86 by definition: q = 2048, weight 0.
inline constexpr std::uint32_t kExpOutOfRange = 0x80000000u;

alignas(64) inline constexpr std::uint32_t kExpBase[16] = {
    2147483648u, 2056437387u, 1969251188u, 1885761398u, 1805811301u, 1729250827u, 1655936265u, 1585730000u,
    1518500250u, 1454120821u, 1392470869u, 1333434672u, 1276901417u, 1222764986u, 1170923762u, 1121280436u,
};

/// -log2(weight) in units of 2^-20, for max >= x, neither NaN, max finite.
inline std::uint32_t exp_argument(float max, float x) noexcept {
  const float scaled = (max - x) * kExpScale;
  return scaled < 0x1p31f ? static_cast<std::uint32_t>(static_cast<std::int32_t>(scaled)) : kExpOutOfRange;
}

/// 2^(31 - t / 2^20).
inline std::uint32_t exp_weight_of(std::uint32_t t) noexcept {
  const std::uint32_t g = t & 0xFFFF;
  const std::uint32_t base = kExpBase[(t >> 16) & 15];
  const std::uint32_t p = (g * (kExpLinear - ((g * kExpQuadratic) >> 16))) >> 16;
  const std::uint32_t w = base - ((((base >> 16) * p) >> 16) << 12);
  const std::uint32_t q = t >> kExpFractionBits;
  return q < 32 ? w >> q : 0;
}

/// exp(x - max) in units of 2^-31.
inline std::uint32_t exp_weight(float max, float x) noexcept { return exp_weight_of(exp_argument(max, x)); }

}  // namespace skm
