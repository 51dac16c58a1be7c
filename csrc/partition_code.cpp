// Prequential predictions of partitions.
#include "skm/partition_code.hpp"

#include <algorithm>
#include <cstddef>

namespace skm {

void seen_before(std::span<const std::uint32_t> labels, std::span<std::uint64_t> counts,
                 std::span<std::uint64_t> before) noexcept {
  for (std::size_t i = 0; i < labels.size(); ++i) before[i] = counts[labels[i]]++;
}

void mixture_probabilities(std::span<const std::uint64_t> seen, std::span<const double> discount,
                           std::span<const double> concentration, std::span<double> weights,
                           std::uint64_t draws, std::uint64_t elements,
                           std::span<double> probability) noexcept {
  const std::size_t size = weights.size();
  const double* const d = discount.data();
  const double* const theta = concentration.data();
  double* const w = weights.data();
  for (std::size_t i = 0; i < seen.size(); ++i) {
    const double n = static_cast<double>(draws + i);
    // numerator = offset + slope * discount (+ concentration where the element is new)
    const bool is_new = seen[i] == 0;
    const double offset = is_new ? 0.0 : static_cast<double>(seen[i]);
    const double slope = is_new ? static_cast<double>(elements) : -1.0;
    const double share = is_new ? 1.0 : 0.0;
    // Four sums, so that additions do not wait for each other.
    double sum[4] = {0.0, 0.0, 0.0, 0.0};
    std::size_t g = 0;
    for (; g + 4 <= size; g += 4) {
      for (std::size_t lane = 0; lane < 4; ++lane) {
        const std::size_t at = g + lane;
        w[at] *= std::max(offset + slope * d[at] + share * theta[at], 0.0) / (n + theta[at]);
        sum[lane] += w[at];
      }
    }
    for (; g < size; ++g) {
      w[g] *= std::max(offset + slope * d[g] + share * theta[g], 0.0) / (n + theta[g]);
      sum[0] += w[g];
    }
    const double total = (sum[0] + sum[1]) + (sum[2] + sum[3]);
    probability[i] = total;
    const double scale = 1.0 / total;
    for (g = 0; g < size; ++g) w[g] *= scale;
    elements += is_new ? 1 : 0;
  }
}

}  // namespace skm
