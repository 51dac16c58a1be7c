// Kernels of Philox: many words of a stream at once (skm/philox.hpp is the definition).
#pragma once

#include <cstddef>
#include <cstdint>

namespace skm {

struct PhiloxKernels {
  /// out[j] = half i % 2 of block (i / 2, 0), i = first + j modulo 2^64.
  void (*words)(std::uint64_t key, std::uint64_t first, std::size_t count, std::uint64_t* out);
  /// unit_double of the same words.
  void (*doubles)(std::uint64_t key, std::uint64_t first, std::size_t count, double* out);
  /// out[j] = half i % 2 of block (i / 2, attempt), i = index[j]. `count` is rounded up to a multiple of
  /// kIndexPadding: both arrays have the room, and what is read beyond count may be anything.
  void (*words_at)(std::uint64_t key, const std::uint64_t* index, std::size_t count, std::uint64_t attempt,
                   std::uint64_t* out);
  /// out[j] = low + words[j] * range / 2^64 (whole part; modulo 2^64 or 2^32), range < 2^32. Lists the
  /// positions where the product modulo 2^64 may be below `shortfall` < range, at most count, and returns how
  /// many.
  std::size_t (*scale64)(const std::uint64_t* words, std::size_t count, std::uint64_t low,
                         std::uint64_t range, std::uint64_t shortfall, std::uint64_t* out,
                         std::uint32_t* suspects);
  std::size_t (*scale32)(const std::uint64_t* words, std::size_t count, std::uint64_t low,
                         std::uint64_t range, std::uint64_t shortfall, std::uint32_t* out,
                         std::uint32_t* suspects);
};
inline constexpr std::size_t kIndexPadding = 8;

const PhiloxKernels& philox_kernels_baseline() noexcept;
const PhiloxKernels& philox_kernels_avx2() noexcept;
const PhiloxKernels& philox_kernels_avx512() noexcept;

/// Those of the instruction set in use.
const PhiloxKernels& philox_kernels() noexcept;

}  // namespace skm
