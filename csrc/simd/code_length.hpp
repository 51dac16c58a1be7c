// Kernels of code_length: sum of table entries over byte symbols.
#pragma once

#include <cstddef>
#include <cstdint>

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
};

inline constexpr std::size_t kMaxSumBytes = std::size_t{1} << 16;

const CodeLengthKernels& code_length_kernels_baseline() noexcept;
const CodeLengthKernels& code_length_kernels_avx512() noexcept;

}  // namespace skm
