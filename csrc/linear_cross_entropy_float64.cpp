// Linear cross-entropy in double, to check gradients with: one row of logits at a time, plain loops, one
// thread.
#include <algorithm>
#include <vector>

#include "skm/linear_cross_entropy.hpp"

namespace skm {
namespace {

void make_logits(const LinearHead<double>& head, std::size_t token, std::vector<double>& logits) noexcept {
  const double* x = head.x + token * head.width;
  for (std::size_t v = 0; v < head.vocabulary; ++v) {
    double sum = head.bias == nullptr ? 0.0 : head.bias[v];
    for (std::size_t k = 0; k < head.width; ++k) sum += x[k] * head.weight[v * head.width + k];
    logits[v] = sum;
  }
}

const double* at(const double* values, std::size_t i) noexcept {
  return values == nullptr ? nullptr : values + i;
}

}  // namespace

template <>
void linear_cross_entropy(const LinearHead<double>& head, const LossObjective& objective,
                          const TokenLosses<double>& losses, unsigned) {
  std::vector<double> logits(head.vocabulary);
  for (std::size_t i = 0; i < head.tokens; ++i) {
    make_logits(head, i, logits);
    cross_entropy<double>(
        {logits.data(), head.target + i, 1, head.vocabulary}, objective,
        {losses.loss + i, losses.log_sum_exp + i, losses.entropy == nullptr ? nullptr : losses.entropy + i,
         losses.argmax == nullptr ? nullptr : losses.argmax + i},
        1);
  }
}

template <>
void linear_cross_entropy_backward(const LinearHead<double>& head, const LossObjective& objective,
                                   const Upstream<double>& upstream, const HeadGradients<double>& gradients,
                                   unsigned) {
  const std::size_t size = head.vocabulary * head.width;
  if (gradients.x != nullptr) std::fill_n(gradients.x, head.tokens * head.width, 0.0);
  if (gradients.weight != nullptr) std::fill_n(gradients.weight, size, 0.0);
  if (gradients.bias != nullptr) std::fill_n(gradients.bias, head.vocabulary, 0.0);
  std::vector<double> logits(head.vocabulary);
  std::vector<double> slopes(head.vocabulary);
  for (std::size_t i = 0; i < head.tokens; ++i) {
    make_logits(head, i, logits);
    cross_entropy_backward<double>(
        {logits.data(), head.target + i, 1, head.vocabulary}, objective,
        {upstream.log_sum_exp_found + i, at(upstream.entropy_found, i), at(upstream.loss, i),
         at(upstream.log_sum_exp, i), at(upstream.entropy, i)},
        slopes.data(), 1);
    for (std::size_t v = 0; v < head.vocabulary; ++v) {
      for (std::size_t k = 0; k < head.width; ++k) {
        if (gradients.x != nullptr)
          gradients.x[i * head.width + k] += slopes[v] * head.weight[v * head.width + k];
        if (gradients.weight != nullptr) {
          gradients.weight[v * head.width + k] += slopes[v] * head.x[i * head.width + k];
        }
      }
      if (gradients.bias != nullptr) gradients.bias[v] += slopes[v];
    }
  }
}

}  // namespace skm
