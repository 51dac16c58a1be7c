// Kernels over one row of logits: its largest entry, and sums of its exponential weights.
#pragma once

#include <cstddef>
#include <cstdint>

namespace skm {

/// Weights per entry of the running sums that LogitKernels::weights writes.
inline constexpr std::size_t kWeightBlock = 64;

struct RowSummary {
  float max;                        // undefined when the row holds a NaN
  std::uint32_t largest_magnitude;  // bits of max |x|: from 0x7F800000 on, the row holds an infinity or a NaN
};

/// Sums of weights around one symbol of a row.
struct SymbolSums {
  std::uint64_t before;  // of all symbols below it
  std::uint64_t all;
};

/// T is float, or std::uint16_t for the upper halves of floats (bfloat16). n >= 1.
///
/// A row is read twice, for its largest entry and for its weights. So that memory and arithmetic overlap,
/// the functions that read weights of one row also summarise the `next`, of the same length, into *ahead.
template <class T>
struct LogitKernels {
  RowSummary (*summarise)(const T* row, std::size_t n);
  /// Sum of exp_weight(max, x).
  std::uint64_t (*weight_sum)(const T* row, std::size_t n, float max, const T* next, RowSummary* ahead);
  /// The same, and the part of the sum below `symbol` < n.
  SymbolSums (*symbol_sums)(const T* row, std::size_t n, std::size_t symbol, float max, const T* next,
                            RowSummary* ahead);
  /// Every exp_weight(max, x) into `weights`, and into running[b] their sum over all blocks up to and
  /// including b (kWeightBlock each, the last may be short). Returns the sum. `weights` has room for
  /// n rounded up to whole blocks.
  std::uint64_t (*weights)(const T* row, std::size_t n, float max, std::uint32_t* weights,
                           std::uint64_t* running, const T* next, RowSummary* ahead);
};

struct CategoricalKernels {
  LogitKernels<float> float32;
  LogitKernels<std::uint16_t> bfloat16;
};

const CategoricalKernels& categorical_kernels_baseline() noexcept;
const CategoricalKernels& categorical_kernels_avx2() noexcept;
const CategoricalKernels& categorical_kernels_avx512() noexcept;

}  // namespace skm
