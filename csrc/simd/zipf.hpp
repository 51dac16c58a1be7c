// Kernels of Zipf numbers: words in, numbers out (skm/zipf.hpp has the method).
#pragma once

#include <cstddef>
#include <cstdint>

#include "skm/zipf.hpp"

namespace skm {

/// All arrays have room for `count` rounded up to a multiple of kZipfPadding; what stands beyond count in
/// `words` may be anything.
struct ZipfKernels {
  /// The number that each word gives, and the positions of those that are still to be judged, at most count.
  /// Returns how many these are.
  std::size_t (*propose)(const ZipfShape& shape, const std::uint64_t* words, std::size_t count,
                         std::uint64_t* numbers, std::uint32_t* doubtful);
  /// The number that each word gives, and the positions of those that are rejected. Returns how many.
  std::size_t (*judge)(const ZipfShape& shape, const std::uint64_t* words, std::size_t count,
                       std::uint64_t* numbers, std::uint32_t* rejected);
  /// X + 1/2 of each word.
  void (*places)(const ZipfShape& shape, const std::uint64_t* words, std::size_t count, double* above);
  /// The entry of the guide that each word's upper kGuideBits name, and the positions of those that are zero.
  /// The guide has an entry more, which is never used. Returns how many are zero.
  std::size_t (*look_up)(const std::uint16_t* guide, const std::uint64_t* words, std::size_t count,
                         std::uint64_t* numbers, std::uint32_t* unknown);
};
inline constexpr std::size_t kZipfPadding = 16;
inline constexpr unsigned kGuideBits = 13;
inline constexpr std::size_t kGuideSize = std::size_t{1} << kGuideBits;

const ZipfKernels& zipf_kernels_baseline() noexcept;
const ZipfKernels& zipf_kernels_avx2() noexcept;
const ZipfKernels& zipf_kernels_avx512() noexcept;

}  // namespace skm
