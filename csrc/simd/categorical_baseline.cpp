// Logit kernels in plain C++: what every other instruction set must equal.
#include "categorical.hpp"
#include "skm/fixed_exp.hpp"

namespace skm {
namespace {

inline float widen(float x) { return x; }

inline float widen(std::uint16_t x) {
  const std::uint32_t bits = static_cast<std::uint32_t>(x) << 16;
  float value;
  __builtin_memcpy(&value, &bits, sizeof value);
  return value;
}

inline std::uint32_t magnitude(float x) {
  std::uint32_t bits;
  __builtin_memcpy(&bits, &x, sizeof bits);
  return bits & 0x7FFFFFFF;
}

template <class T>
RowSummary summarise(const T* row, std::size_t n) {
  RowSummary summary = {widen(row[0]), 0};
  for (std::size_t j = 0; j < n; ++j) {
    const float x = widen(row[j]);
    const std::uint32_t size = magnitude(x);
    summary.max = x > summary.max ? x : summary.max;
    summary.largest_magnitude = size > summary.largest_magnitude ? size : summary.largest_magnitude;
  }
  return summary;
}

template <class T>
std::uint64_t weight_sum(const T* row, std::size_t n, float max, const T*) {
  std::uint64_t sum = 0;
  for (std::size_t j = 0; j < n; ++j) sum += exp_weight(max, widen(row[j]));
  return sum;
}

template <class T>
std::uint64_t weights(const T* row, std::size_t n, float max, std::uint32_t* out, std::uint64_t* running,
                      const T*) {
  std::uint64_t sum = 0;
  for (std::size_t j = 0; j < n;) {
    const std::size_t end = j + kWeightBlock < n ? j + kWeightBlock : n;
    for (; j < end; ++j) {
      out[j] = exp_weight(max, widen(row[j]));
      sum += out[j];
    }
    *running++ = sum;
  }
  return sum;
}

constexpr CategoricalKernels kKernels = {
    {summarise<float>, weight_sum<float>, weights<float>},
    {summarise<std::uint16_t>, weight_sum<std::uint16_t>, weights<std::uint16_t>},
};

}  // namespace

const CategoricalKernels& categorical_kernels_baseline() noexcept { return kKernels; }

}  // namespace skm
