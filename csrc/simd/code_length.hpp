// Kernels of code_length: the table from probabilities, and sums of its entries over byte symbols.
#pragma once

#include <cstddef>
#include <cstdint>

#include "skm/code_length.hpp"
#include "skm/log2.hpp"

namespace skm {

// A table of 256 lengths cut into its six bytes, for lookups inside registers. The top byte of an
// impossible symbol is 255; that of any other is at most 63, because lengths are below 2^46.
struct alignas(64) BytePlanes {
  static constexpr int kCount = 6;
  std::uint8_t plane[kCount][256];
};

struct CodeLengthKernels {
  // Adds the table's entries over `symbols` into *total and returns true, or returns false (and
  // leaves *total open) when an impossible symbol is among them. count <= 2^16, so that the sum fits.
  bool (*sum_bytes)(const std::uint8_t* symbols, std::size_t count, const std::uint64_t* table,
                    const BytePlanes& planes, std::uint64_t* total);
  // length_units of every probability.
  void (*lengths)(const double* probabilities, std::size_t count, double scale, std::uint64_t* units);
};

/// -log2(p) * scale, rounded: 0 for p >= 1, kImpossible for p = 0. Selects by masks, because a compiler
/// that keeps to the rules of floating-point traps turns a conditional conversion into a branch.
[[gnu::always_inline]] inline std::uint64_t length_units(double p, double scale) noexcept {
  const double raised = p < 0x1p-1074 ? 0x1p-1074 : p;
  const double bounded = raised < 1.0 ? raised : 1.0;
  const auto units =
      static_cast<std::uint64_t>(static_cast<std::int64_t>(0.5 - portable_log2(bounded) * scale));
  const std::uint64_t possible = p > 0.0 ? ~std::uint64_t{0} : 0;
  return (units & possible) | (CodeLengthTable::kImpossible & ~possible);
}

inline constexpr std::size_t kMaxSumBytes = std::size_t{1} << 16;

const CodeLengthKernels& code_length_kernels_baseline() noexcept;
const CodeLengthKernels& code_length_kernels_avx512() noexcept;

}  // namespace skm
