// Instruction-set dependent parts of the adaptive context tree: vectors over the hidden states.
#pragma once

#include <cstdint>

#include "context_tree.hpp"

namespace skm {

/// A product of messages over the hidden states, mantissa[p] * 2^exponent[p], up to a common factor: the
/// largest exponent is 0, mantissas are in [1, 2).
struct AdaptiveSlot {
  float mantissa[tree_states];
  std::int16_t exponent[tree_states];
};

/// Probability of a one and of a zero at the next position, given each hidden state.
struct alignas(64) BitRatio {
  float one[tree_states];
  float zero[tree_states];
};

struct AdaptiveKernels {
  /// Carries a ratio from a node, with the product in `slot` (mirrored if `turn`), up to its parent along
  /// `chain` (a matrix of TreeModel::chain).
  void (*ascend)(const AdaptiveSlot& slot, bool turn, const float* chain, const BitRatio& below,
                 BitRatio& above) noexcept;
  /// Probability of a one at the root, times 2^32, between 1 and 2^32 - 1. `slot` may be null: nothing seen
  /// yet.
  std::uint32_t (*predict)(const AdaptiveSlot* slot, bool turn, const double* prior,
                           const BitRatio& ratio) noexcept;
  /// slot *= factor, mirrored if `turn`.
  void (*update)(AdaptiveSlot& slot, const float* factor, bool turn) noexcept;
  /// slot := factor, mirrored if `turn`.
  void (*start)(AdaptiveSlot& slot, const float* factor, bool turn) noexcept;
  /// to := from, mirrored if `turn`.
  void (*copy)(AdaptiveSlot& to, const AdaptiveSlot& from, bool turn) noexcept;
  /// to := message of `from` along `chain`.
  void (*lift)(AdaptiveSlot& to, const AdaptiveSlot& from, const float* chain) noexcept;
};

const AdaptiveKernels& adaptive_kernels_baseline() noexcept;
const AdaptiveKernels& adaptive_kernels_avx2() noexcept;
const AdaptiveKernels& adaptive_kernels_avx512() noexcept;

}  // namespace skm
