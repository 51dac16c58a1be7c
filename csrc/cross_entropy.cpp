// Cross-entropy from given logits: each row is read once from memory, a piece at a time that stays in the
// first cache for its maximum and its exponentials.
#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

#include "head_blocks.hpp"
#include "skm/linear_cross_entropy.hpp"
#include "skm/parallel.hpp"
#include "token_losses.hpp"

namespace skm {
namespace {

constexpr std::size_t kGrain = std::size_t{1} << 16;  // logits that pay for a thread

inline double widened(double x) noexcept { return x; }
inline double widened(float x) noexcept { return static_cast<double>(x); }
inline double widened(std::uint16_t x) noexcept {
  return static_cast<double>(std::bit_cast<float>(static_cast<std::uint32_t>(x) << 16));
}

double transformed(double logit, const LossObjective& objective) noexcept {
  const double z = logit * objective.logit_scale;
  return objective.softcap == 0.0 ? z : objective.softcap * std::tanh(z / objective.softcap);
}

LogitSums sums_of(const double* row, std::size_t n, const LossObjective& objective, bool) noexcept {
  LogitSums sums;
  double max = -std::numeric_limits<double>::max();
  for (std::size_t j = 0; j < n; ++j) max = std::fmax(max, transformed(row[j], objective));
  sums.max = max;
  for (std::size_t j = 0; j < n; ++j) {
    const double z = transformed(row[j], objective);
    const double e = std::exp(z - max);
    sums.exponential += e;
    if (e != 0.0) sums.weighted += e * (z - max);
    sums.logit += z;
  }
  return sums;
}

LogitSums wide(const RowSums& sums) noexcept {
  return {static_cast<double>(sums.max), sums.exponential, sums.weighted, sums.logit};
}
LogitSums sums_of(const float* row, std::size_t n, const LossObjective& objective, bool all) noexcept {
  return wide(softmax_kernels().row_float[all](row, n, transform_of(objective, nullptr)));
}
LogitSums sums_of(const std::uint16_t* row, std::size_t n, const LossObjective& objective,
                  bool all) noexcept {
  return wide(softmax_kernels().row_bfloat16[all](row, n, transform_of(objective, nullptr)));
}

template <class T>
std::int64_t largest(const T* row, std::size_t n, const LossObjective& objective) noexcept {
  std::size_t best = 0;
  double top = -std::numeric_limits<double>::infinity();
  const double sign = objective.logit_scale < 0.0 ? -1.0 : objective.logit_scale > 0.0 ? 1.0 : 0.0;
  for (std::size_t j = 0; j < n; ++j) {
    const double z = widened(row[j]) * sign;
    if (z > top) {
      top = z;
      best = j;
    }
  }
  return static_cast<std::int64_t>(best);
}

/// Gradient by row i of the logits. With no slope for the token it is zero even where logits are not finite.
void write_gradient(const GivenLogits<double>& given, const LossObjective& objective,
                    const Upstream<double>& upstream, std::size_t i, double* gradient) noexcept {
  const auto of = [i](const double* values) { return values == nullptr ? 0.0 : values[i]; };
  const bool ignored = given.target[i] == objective.ignore_index;
  const double up = ignored ? 0.0 : of(upstream.loss);
  const double log_sum_exp = of(upstream.log_sum_exp_found);
  const double on_entropy = of(upstream.entropy);
  double on_probability = of(upstream.log_sum_exp);
  if (up != 0.0) on_probability += up * (1.0 + 2.0 * objective.z_loss * log_sum_exp);
  const double everywhere = up * objective.label_smoothing / static_cast<double>(given.vocabulary);
  const bool none = up == 0.0 && on_probability == 0.0 && on_entropy == 0.0;
  const double* row = given.logits + i * given.vocabulary;
  double* out = gradient + i * given.vocabulary;
  for (std::size_t j = 0; j < given.vocabulary; ++j) {
    if (none) {
      out[j] = 0.0;
      continue;
    }
    const double z = transformed(row[j], objective);
    const double p = std::exp(z - log_sum_exp);
    double g = p * on_probability - everywhere;
    if (p != 0.0) g += on_entropy * p * (log_sum_exp - z - of(upstream.entropy_found));
    if (!ignored && static_cast<std::int64_t>(j) == given.target[i]) {
      g -= up * (1.0 - objective.label_smoothing);
    }
    double slope = objective.logit_scale;
    if (objective.softcap != 0.0) slope *= 1.0 - (z / objective.softcap) * (z / objective.softcap);
    out[j] = g * slope;
  }
}

/// The same by vectors: the entries of a row take the place of tokens in lanes.
template <class T>
void write_gradient_lanes(const GivenLogits<T>& given, const LossObjective& objective,
                          const Upstream<T>& upstream, std::size_t i, T* gradient) noexcept {
  const auto of = [i](const float* values) { return values == nullptr ? 0.0f : values[i]; };
  const bool ignored = given.target[i] == objective.ignore_index;
  const float up = ignored ? 0.0f : of(upstream.loss);
  const float log_sum_exp = of(upstream.log_sum_exp_found);
  float on_probability = of(upstream.log_sum_exp);
  if (up != 0.0f) on_probability += up * (1.0f + 2.0f * static_cast<float>(objective.z_loss) * log_sum_exp);
  const auto smoothing = static_cast<float>(objective.label_smoothing);
  const float everywhere = up * smoothing / static_cast<float>(given.vocabulary);
  T* out = gradient + i * given.vocabulary;
  if (up == 0.0f && on_probability == 0.0f && of(upstream.entropy) == 0.0f) {
    std::fill_n(out, given.vocabulary, T{});
    return;
  }
  TokenSlopes slopes;
  std::fill_n(slopes.log_sum_exp, kLanes, log_sum_exp);
  std::fill_n(slopes.on_probability, kLanes, on_probability);
  std::fill_n(slopes.on_surprise, kLanes, of(upstream.entropy));
  std::fill_n(slopes.entropy, kLanes, of(upstream.entropy_found));
  std::fill_n(slopes.everywhere, kLanes, everywhere);
  const T* row = given.logits + i * given.vocabulary;
  const LogitTransform how = transform_of(objective, nullptr);
  const auto target = static_cast<std::uint64_t>(given.target[i]);
  alignas(64) float piece[kTileRows * kLanes];
  for (std::size_t j = 0; j < given.vocabulary; j += kTileRows * kLanes) {
    const std::size_t n = std::min(kTileRows * kLanes, given.vocabulary - j);
    for (std::size_t k = 0; k < n; ++k) piece[k] = static_cast<float>(widened(row[j + k]));
    const std::size_t rows = (n + kLanes - 1) / kLanes;
    std::fill(piece + n, piece + rows * kLanes, 0.0f);
    const float wanted = target - j < n ? piece[target - j] : 0.0f;
    softmax_kernels().gradient(piece, rows, how, slopes);
    if (up != 0.0f && target - j < n) {
      const double z = transformed(static_cast<double>(wanted), objective);
      double slope = objective.logit_scale;
      if (objective.softcap != 0.0) slope *= 1.0 - (z / objective.softcap) * (z / objective.softcap);
      piece[target - j] -= static_cast<float>(static_cast<double>(up * (1.0f - smoothing)) * slope);
    }
    for (std::size_t k = 0; k < n; ++k) narrow(piece[k], out + j + k);
  }
}

}  // namespace

template <class T>
void cross_entropy(const GivenLogits<T>& given, const LossObjective& objective, const TokenLosses<T>& losses,
                   unsigned threads) {
  const std::size_t parts = part_count(given.tokens, kGrain / given.vocabulary, threads);
  const bool all = losses.entropy != nullptr || objective.label_smoothing != 0.0;
  parallel_ranges(given.tokens, parts, [&](std::size_t, std::size_t begin, std::size_t end) {
    for (std::size_t i = begin; i < end; ++i) {
      const T* row = given.logits + i * given.vocabulary;
      const bool ignored = given.target[i] == objective.ignore_index;
      const double wanted =
          ignored ? 0.0 : transformed(widened(row[static_cast<std::size_t>(given.target[i])]), objective);
      write_losses<T>(sums_of(row, given.vocabulary, objective, all), wanted, given.vocabulary, ignored, i,
                      objective, losses);
      if (losses.argmax != nullptr) losses.argmax[i] = largest(row, given.vocabulary, objective);
    }
  });
}

template <class T>
void cross_entropy_backward(const GivenLogits<T>& given, const LossObjective& objective,
                            const Upstream<T>& upstream, T* gradient, unsigned threads) {
  const std::size_t parts = part_count(given.tokens, kGrain / given.vocabulary, threads);
  parallel_ranges(given.tokens, parts, [&](std::size_t, std::size_t begin, std::size_t end) {
    for (std::size_t i = begin; i < end; ++i) {
      if constexpr (std::is_same_v<T, double>)
        write_gradient(given, objective, upstream, i, gradient);
      else
        write_gradient_lanes(given, objective, upstream, i, gradient);
    }
  });
}

template void cross_entropy(const GivenLogits<float>&, const LossObjective&, const TokenLosses<float>&,
                            unsigned);
template void cross_entropy(const GivenLogits<std::uint16_t>&, const LossObjective&,
                            const TokenLosses<std::uint16_t>&, unsigned);
template void cross_entropy(const GivenLogits<double>&, const LossObjective&, const TokenLosses<double>&,
                            unsigned);
template void cross_entropy_backward(const GivenLogits<float>&, const LossObjective&, const Upstream<float>&,
                                     float*, unsigned);
template void cross_entropy_backward(const GivenLogits<std::uint16_t>&, const LossObjective&,
                                     const Upstream<std::uint16_t>&, std::uint16_t*, unsigned);
template void cross_entropy_backward(const GivenLogits<double>&, const LossObjective&,
                                     const Upstream<double>&, double*, unsigned);

}  // namespace skm
