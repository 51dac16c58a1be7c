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

inline std::int32_t magnitude(float x) {
  std::int32_t bits;
  __builtin_memcpy(&bits, &x, sizeof bits);
  return bits & 0x7FFFFFFF;
}

// Eight independent maxima: one would wait for itself at every entry.
template <class T>
RowSummary summarise(const T* row, std::size_t n) {
  constexpr std::size_t kLanes = 8;
  float max[kLanes];
  std::int32_t size[kLanes];
  for (std::size_t k = 0; k < kLanes; ++k) {
    max[k] = widen(row[0]);
    size[k] = magnitude(max[k]);
  }
  for (std::size_t j = 0; j + kLanes <= n; j += kLanes) {
    for (std::size_t k = 0; k < kLanes; ++k) {
      const float x = widen(row[j + k]);
      max[k] = x > max[k] ? x : max[k];
      size[k] = magnitude(x) > size[k] ? magnitude(x) : size[k];
    }
  }
  for (std::size_t j = n / kLanes * kLanes; j < n; ++j) {
    const float x = widen(row[j]);
    max[0] = x > max[0] ? x : max[0];
    size[0] = magnitude(x) > size[0] ? magnitude(x) : size[0];
  }
  for (std::size_t k = 1; k < kLanes; ++k) {
    max[0] = max[k] > max[0] ? max[k] : max[0];
    size[0] = size[k] > size[0] ? size[k] : size[0];
  }
  return {max[0], static_cast<std::uint32_t>(size[0])};
}

template <class T>
std::uint64_t range_sum(const T* row, std::size_t begin, std::size_t end, float max) {
  std::uint64_t sum = 0;
  for (std::size_t j = begin; j < end; ++j) sum += exp_weight(max, widen(row[j]));
  return sum;
}

template <class T>
std::uint64_t weight_sum(const T* row, std::size_t n, float max, const T* next, RowSummary* ahead) {
  *ahead = summarise(next, n);
  return range_sum(row, 0, n, max);
}

template <class T>
SymbolSums symbol_sums(const T* row, std::size_t n, std::size_t symbol, float max, const T* next,
                       RowSummary* ahead) {
  *ahead = summarise(next, n);
  const std::uint64_t before = range_sum(row, 0, symbol, max);
  return {before, before + range_sum(row, symbol, n, max)};
}

template <class T>
std::uint64_t weights(const T* row, std::size_t n, float max, std::uint32_t* out, std::uint64_t* running,
                      const T* next, RowSummary* ahead) {
  *ahead = summarise(next, n);
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
    {summarise<float>, weight_sum<float>, symbol_sums<float>, weights<float>},
    {summarise<std::uint16_t>, weight_sum<std::uint16_t>, symbol_sums<std::uint16_t>, weights<std::uint16_t>},
};

}  // namespace

const CategoricalKernels& categorical_kernels_baseline() noexcept { return kKernels; }

}  // namespace skm
