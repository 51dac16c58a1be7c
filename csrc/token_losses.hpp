// From sums over the vocabulary to the loss of a token.
#pragma once

#include <cfloat>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>

#include "skm/linear_cross_entropy.hpp"

namespace skm {

/// Of the logits z of one token, or of a part of them: the parts' sums may be merged in any grouping.
struct LogitSums {
  double max = -static_cast<double>(FLT_MAX);
  double exponential = 0.0;  // sum of exp(z - max)
  double weighted = 0.0;     // sum of exp(z - max) (z - max)
  double logit = 0.0;        // sum of z

  void merge(const LogitSums& other) noexcept {
    const double top = std::fmax(max, other.max);
    weighted =
        fallen(max - top, exponential, weighted) + fallen(other.max - top, other.exponential, other.weighted);
    exponential = exponential * std::exp(max - top) + other.exponential * std::exp(other.max - top);
    logit += other.logit;
    max = top;
  }

 private:
  static double fallen(double by, double exponential, double weighted) noexcept {
    const double factor = std::exp(by);
    return factor == 0.0 ? 0.0 : factor * (weighted + by * exponential);
  }
};

/// Writes token i's results; `wanted` is the target's logit.
template <class T>
void write_losses(const LogitSums& sums, double wanted, std::size_t vocabulary, bool ignored, std::size_t i,
                  const LossObjective& objective, const TokenLosses<T>& losses) noexcept {
  const double log_sum = std::log(sums.exponential);
  const double log_sum_exp = sums.max + log_sum;
  // Not log-sum-exp less the logit: both may be large, their difference small.
  double loss = log_sum + (sums.max - wanted);
  // An impossible target's loss is infinite already, and its logit may be the mean, too.
  if (objective.label_smoothing != 0.0 && wanted != -std::numeric_limits<double>::infinity()) {
    loss += objective.label_smoothing * (wanted - sums.logit / static_cast<double>(vocabulary));
  }
  if (objective.z_loss != 0.0) loss += objective.z_loss * log_sum_exp * log_sum_exp;
  losses.loss[i] = static_cast<Wide<T>>(ignored ? 0.0 : loss);
  losses.log_sum_exp[i] = static_cast<Wide<T>>(log_sum_exp);
  if (losses.entropy != nullptr) {
    losses.entropy[i] = static_cast<Wide<T>>(log_sum - sums.weighted / sums.exponential);
  }
}

}  // namespace skm
