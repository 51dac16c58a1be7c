// Binomial draws: sequential search, and transformed rejection with squeeze.
#include "skm/binomial.hpp"

#include <algorithm>
#include <cmath>

#include "skm/exp2.hpp"
#include "skm/log2.hpp"
#include "skm/parallel.hpp"

namespace skm {
namespace {

constexpr double kLn2 = 0.69314718055994530942;
constexpr double kInverseLn2 = 1.4426950408889634074;
constexpr double kTwoPi = 6.28318530717958647693;
constexpr double kSearchBelow = 10.0;  // mean; BTRS needs at least 10
constexpr std::size_t kGrain = 1 << 12;
constexpr std::size_t kBlock = 1024;  // draws that a thread takes at a time

/// ln(1 - x), accurate for small x too, 0 <= x <= 1/2.
double log_one_minus(double x) noexcept {
  if (x > 0.25) return kLn2 * portable_log2(1.0 - x);
  const double s = x / (2.0 - x);
  const double z = s * s;
  double sum = 0.0;
  for (int k = 19; k >= 1; k -= 2) sum = sum * z + 1.0 / k;
  return -2.0 * s * sum;
}

/// ln k! less Stirling's formula without its series.
double stirling_error(double k) noexcept {
  constexpr double kSmall[16] = {0.0,
                                 0.0810614667953272582,
                                 0.0413406959554092941,
                                 0.0276779256849983391,
                                 0.0207906721037650931,
                                 0.0166446911898211922,
                                 0.0138761288230707480,
                                 0.0118967099458917701,
                                 0.0104112652619720965,
                                 0.0092554621827127329,
                                 0.0083305634333594712,
                                 0.0075736754879518407,
                                 0.0069428401072064900,
                                 0.0064089941880042070,
                                 0.0059513701127588477,
                                 0.0055547335519628011};
  if (k < 16.0) return kSmall[static_cast<int>(k)];
  const double r = 1.0 / k;
  const double z = r * r;
  return r * (1.0 / 12 - z * (1.0 / 360 - z * (1.0 / 1260 - z * (1.0 / 1680 - z * (1.0 / 1188)))));
}

/// x ln(x / mean) + mean - x.
double deviance(double x, double mean) noexcept {
  const double gap = x - mean;
  if (gap < 0.1 * (x + mean) && gap > -0.1 * (x + mean)) {
    const double v = gap / (x + mean);
    const double z = v * v;
    double series = 0.0;  // sum over j >= 1 of z^j / (2j + 1), z < 0.01
    for (int k = 19; k >= 3; k -= 2) series = (series + 1.0 / k) * z;
    return gap * v + 2.0 * x * v * series;
  }
  return x * (kLn2 * portable_log2(x / mean)) - gap;
}

/// ln of the binomial probability of k, 0 < k < n, less ln sqrt(n / (2 pi)) and the error of n!.
double log_weight(double n, double k, double p, double q) noexcept {
  const double rest = n - k;
  return -stirling_error(k) - stirling_error(rest) - deviance(k, n * p) - deviance(rest, n * q) -
         0.5 * (kLn2 * portable_log2(k * (rest / n)));
}

/// The same for 0 <= k <= n and p <= 1/2.
double log_probability(double n, double k, double p, double q) noexcept {
  if (k > 0.0 && k < n)
    return log_weight(n, k, p, q) + stirling_error(n) - 0.5 * (kLn2 * portable_log2(kTwoPi));
  return n * (k > 0.0 ? kLn2 * portable_log2(p) : log_one_minus(p));
}

std::uint64_t search(double n, double p, double q, Draw& draw) noexcept {
  const double none = portable_exp2(n * log_one_minus(p) * kInverseLn2);
  const double odds = p / q;
  const double last = std::min(n, 200.0);  // beyond it there is less than 1e-100
  for (;;) {
    double left = draw.open_unit();
    double probability = none;
    for (double k = 0.0; k <= last; k += 1.0) {
      if (left < probability) return static_cast<std::uint64_t>(k);
      left -= probability;
      probability *= odds * ((n - k) / (k + 1.0));
    }
  }
}

std::uint64_t transformed_rejection(double n, double p, double q, Draw& draw) noexcept {
  const double mean = n * p;
  const double deviation = std::sqrt(mean * q);
  const double b = 1.15 + 2.53 * deviation;
  const double a = -0.0873 + 0.0248 * b + 0.01 * p;
  const double centre = mean + 0.5;
  const double squeeze = 0.92 - 4.2 / b;
  const double alpha = (2.83 + 5.1 / b) * deviation;
  double at_mode = 0.0;  // computed when first needed
  for (;;) {
    const double u = draw.open_unit() - 0.5;
    const double v = draw.open_unit();
    const double edge = 0.5 - std::fabs(u);
    const double x = (2.0 * a / edge + b) * u + centre;
    if (!(x >= 0.0 && x < n + 1.0)) continue;
    const double k = static_cast<double>(static_cast<std::uint64_t>(x));
    if (edge >= 0.07 && v <= squeeze) return static_cast<std::uint64_t>(k);
    const double mode = static_cast<double>(static_cast<std::uint64_t>((n + 1.0) * p));
    if (at_mode == 0.0) at_mode = log_probability(n, mode, p, q);
    const double height = kLn2 * portable_log2(v * alpha / (a / (edge * edge) + b));
    if (height <= log_probability(n, k, p, q) - at_mode) return static_cast<std::uint64_t>(k);
  }
}

}  // namespace

std::uint64_t binomial(std::uint64_t trials, double p, double q, Draw& draw) noexcept {
  if (trials == 0 || p <= 0.0) return 0;
  if (q <= 0.0) return trials;
  const auto n = static_cast<double>(trials);
  const bool flipped = p > q;
  if (flipped) std::swap(p, q);
  const std::uint64_t k = n * p < kSearchBelow ? search(n, p, q, draw) : transformed_rejection(n, p, q, draw);
  return flipped ? trials - k : k;
}

void binomial_draws(std::uint64_t key, std::uint64_t first, const std::uint64_t* trials,
                    std::size_t trials_stride, Shapes p, std::span<std::uint64_t> out, unsigned threads) {
  parallel_blocks(out.size(), kBlock, part_count(out.size(), kGrain, threads),
                  [&](std::size_t begin, std::size_t end) {
                    for (std::size_t i = begin; i < end; ++i) {
                      Draw draw(key, first + i);
                      const double chance = p.values[i * p.stride];
                      out[i] = binomial(trials[i * trials_stride], chance, 1.0 - chance, draw);
                    }
                  });
}

}  // namespace skm
