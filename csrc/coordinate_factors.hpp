// Powers of two that make coordinates of weight alike in size, for kernels whose errors are in proportion to
// the largest element of a row: x is multiplied by them, weight divided, and products stay what they are.
//
// A head may have coordinates with little weight, and hidden states that are large there; one such element
// would set the step of its whole row. A factor comes from weight alone, so that what a token gets does not
// depend on other tokens, and from rows spread over the vocabulary, each of which counts alike whatever its
// size. Coordinates within a factor of kAlike of the median keep theirs of 1: heads of language models have
// their large hidden states where weight is large, too, and would lose by it.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <vector>

#include "head_blocks.hpp"

namespace skm {

template <class T>
class CoordinateFactors {
 public:
  CoordinateFactors(const PanelKernels& kernels, const LinearHead<T>& head) {
    if constexpr (std::is_same_v<T, float>) {
      if (kernels.by_coordinate) set(head);
    }
  }

  /// One for each coordinate, or null where all are 1.
  const float* of_tokens() const noexcept { return of_tokens_.empty() ? nullptr : of_tokens_.data(); }
  const float* of_weight() const noexcept { return of_weight_.empty() ? nullptr : of_weight_.data(); }

 private:
  static constexpr std::size_t kSample = 256;
  static constexpr double kAlike = 8.0;
  static constexpr int kLargestExponent = 20;

  void set(const LinearHead<T>& head) {
    const std::vector<double> sizes = mean_sizes(head);
    std::vector<double> present;
    for (const double size : sizes) {
      if (size > 0.0) present.push_back(size);
    }
    if (present.empty()) return;
    const auto middle = present.begin() + static_cast<std::ptrdiff_t>(present.size() / 2);
    std::nth_element(present.begin(), middle, present.end());
    const auto alike = [&](double size) { return size * kAlike >= *middle && size <= *middle * kAlike; };
    if (std::all_of(sizes.begin(), sizes.end(), [&](double size) { return size == 0.0 || alike(size); })) {
      return;
    }
    for (const double size : sizes) {
      const int exponent = size == 0.0 || alike(size) ? 0 : std::ilogb(size / *middle);
      const int bounded = std::clamp(exponent, -kLargestExponent, kLargestExponent);
      of_tokens_.push_back(std::ldexp(1.0f, bounded));
      of_weight_.push_back(std::ldexp(1.0f, -bounded));
    }
  }

  /// Mean magnitude of each coordinate among rows scaled to a largest element of 1.
  static std::vector<double> mean_sizes(const LinearHead<T>& head) {
    std::vector<double> sizes(head.width, 0.0);
    const std::size_t rows = std::min(kSample, head.vocabulary);
    for (std::size_t i = 0; i < rows; ++i) {
      const T* row = head.weight + i * head.vocabulary / rows * head.width;
      T largest = 0;
      for (std::size_t k = 0; k < head.width; ++k) largest = std::max(largest, std::abs(row[k]));
      const double scale = 1.0 / static_cast<double>(largest);
      if (!(scale > 0.0) || !std::isfinite(scale)) continue;
      for (std::size_t k = 0; k < head.width; ++k) {
        sizes[k] += scale * static_cast<double>(std::isfinite(row[k]) ? std::abs(row[k]) : T{0});
      }
    }
    return sizes;
  }

  std::vector<float> of_tokens_, of_weight_;
};

}  // namespace skm
