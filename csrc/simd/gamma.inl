// Gamma draws in plain loops that the compiler makes vector code of, once for each instruction set. Nearly all
// draws are accepted by the squeeze at their first attempt; the others are drawn again, one by one.
#include "gamma.hpp"
#include "philox.hpp"
#include "skm/exp2.hpp"
#include "skm/log2.hpp"
#include "skm/philox.hpp"

namespace skm {
namespace {

constexpr double kLn2 = 0.69314718055994530942;
constexpr double kInverseLn2 = 1.4426950408889634074;
constexpr std::uint64_t kBoostAttempt = ~std::uint64_t{0};
constexpr int kBatch = 128;

/// (m + 1/2) / 2^52 of the top 52 bits m: open_unit_double without a conversion of 64-bit integers.
[[gnu::always_inline]] inline double open_unit_52(std::uint64_t bits) noexcept {
  return (__builtin_bit_cast(double, (bits >> 12) | 0x3FF0000000000000u) - 1.0) + 0x1p-53;
}

/// sin(pi t) for |t| <= 1/2, by its Taylor series: the first term left out is below 2e-18.
[[gnu::always_inline]] inline double sine_of_half_turns(double t) noexcept {
  constexpr double kPi = 3.14159265358979323846;
  constexpr double kFactorials[] = {-25852016738884976640000.0, 51090942171709440000.0, -121645100408832000.0,
                                    355687428096000.0, -1307674368000.0, 6227020800.0, -39916800.0, 362880.0,
                                    -5040.0, 120.0, -6.0, 1.0};
  const double x = t * kPi;
  const double x2 = x * x;
  double sum = 0.0;
  for (const double factorial : kFactorials) sum = sum * x2 + 1.0 / factorial;
  return x * sum;
}

/// The normal and the uniform of an attempt.
struct Attempt {
  double normal, uniform;
};

[[gnu::always_inline]] inline Attempt attempt_of(std::uint64_t half0, std::uint64_t half1) noexcept {
  const double radius = __builtin_sqrt(-2.0 * kLn2 * portable_log2(open_unit_52(half0)));
  const double turn = open_unit_52(half1 & 0xFFFFFFFF00000000u) - 0.5;
  const double uniform = open_unit_52(half1 << 32 | (half0 & 0xFFF) << 20);
  return {radius * sine_of_half_turns(turn), uniform};
}

struct Marsaglia {
  double d, c;
};

[[gnu::always_inline]] inline Marsaglia parameters_of(double shape) noexcept {
  const double d = (shape < 1.0 ? shape + 1.0 : shape) - 1.0 / 3.0;
  return {d, 1.0 / (3.0 * __builtin_sqrt(d))};
}

/// 9/2 x^2 + 1 - (1 + x)^3 + 3 ln(1 + x), which times d is the logarithm to accept under. Near 0 all but
/// 3 (-x^4 / 4 + x^5 / 5 - ...) cancels.
double log_excess(double x, double root) noexcept {
  if (x < -0.1 || x > 0.1) {
    return (4.5 * x * x + (1.0 - root * root * root)) + 3.0 * kLn2 * portable_log2(root);
  }
  double sum = 0.0;
  for (int k = 18; k >= 4; --k) sum = 1.0 / k - x * sum;
  return -3.0 * x * x * x * x * sum;
}

/// (1 + c z)^3 of the first accepted attempt.
double accepted_cube(std::uint64_t key, std::uint64_t index, Marsaglia m) noexcept {
  for (std::uint64_t r = 0;; ++r) {
    const RandomBlock block = random_block(key, index, r);
    const Attempt a = attempt_of(block.half[0], block.half[1]);
    const double root = 1.0 + m.c * a.normal;
    if (root <= 0.0) continue;
    const double cube = root * root * root;
    const double z2 = a.normal * a.normal;
    if (a.uniform < 1.0 - 0.0331 * z2 * z2) return cube;
    const double excess = log_excess(m.c * a.normal, root);
    if (kLn2 * portable_log2(a.uniform) < m.d * excess) return cube;
  }
}

void draw_batch(std::uint64_t key, std::uint64_t first, Shapes shapes, bool log, double* out, int count) {
  const PhiloxKernels& philox = philox_kernels();
  alignas(64) std::uint64_t words[2 * kBatch], refused[kBatch];
  alignas(64) double shape[kBatch], cube[kBatch];
  std::uint64_t boosts = 0;
  for (int i = 0; i < count; ++i) {
    shape[i] = shapes.values[static_cast<std::size_t>(i) * shapes.stride];
    boosts |= shape[i] < 1.0;
  }
  for (int i = count; i < kBatch; ++i) shape[i] = 1.0;
  philox.words(key, 2 * first, 2 * kBatch, words);
  for (int i = 0; i < kBatch; ++i) {
    const Attempt a = attempt_of(words[2 * i], words[2 * i + 1]);
    const Marsaglia m = parameters_of(shape[i]);
    const double root = 1.0 + m.c * a.normal;
    const double z2 = a.normal * a.normal;
    cube[i] = root * root * root;
    const std::uint64_t beyond = a.uniform < 1.0 - 0.0331 * z2 * z2 ? 0 : 1;
    refused[i] = beyond | (root > 0.0 ? 0 : 1);
  }
  for (int i = 0; i < count; ++i) {
    if (refused[i]) cube[i] = accepted_cube(key, first + static_cast<std::uint64_t>(i), parameters_of(shape[i]));
  }
  if (boosts != 0) {
    alignas(64) std::uint64_t index[kBatch];
    for (int i = 0; i < kBatch; ++i) index[i] = 2 * (first + static_cast<std::uint64_t>(i));
    philox.words_at(key, index, kBatch, kBoostAttempt, words);
  }
  alignas(64) double result[kBatch];
  for (int i = 0; i < kBatch; ++i) result[i] = parameters_of(shape[i]).d * cube[i];
  alignas(64) double boost[kBatch] = {};  // log2 of U^(1/a)
  if (boosts != 0) {
    for (int i = 0; i < kBatch; ++i) {
      const double counts = shape[i] < 1.0 ? 1.0 : 0.0;
      boost[i] = portable_log2(open_unit_52(words[i])) / shape[i] * counts;
    }
  }
  if (log) {
    for (int i = 0; i < kBatch; ++i) result[i] = kLn2 * (portable_log2(result[i]) + boost[i]);
  } else if (boosts != 0) {
    for (int i = 0; i < kBatch; ++i) result[i] *= portable_exp2(boost[i]);
  }
  for (int i = 0; i < count; ++i) out[i] = result[i];
}

void draw(std::uint64_t key, std::uint64_t first, Shapes shapes, bool log, double* out, std::size_t count) {
  for (std::size_t i = 0; i < count; i += kBatch) {
    const std::size_t now = count - i < kBatch ? count - i : kBatch;
    draw_batch(key, first + i, {shapes.values + i * shapes.stride, shapes.stride}, log, out + i,
               static_cast<int>(now));
  }
}

void logistic(const double* logs, double* out, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) {
    const double ratio = (logs[2 * i + 1] - logs[2 * i]) * kInverseLn2;
    out[i] = 1.0 / (1.0 + portable_exp2(ratio));
  }
}

void exponential(double* x, double shift, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) x[i] = portable_exp2((x[i] - shift) * kInverseLn2);
}

constexpr GammaKernels kKernels = {draw, logistic, exponential};

}  // namespace
}  // namespace skm
