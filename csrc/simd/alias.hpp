// Kernels of draws from alias tables (skm/alias.hpp has the layout).
#pragma once

#include <cstddef>
#include <cstdint>

namespace skm {

/// out[j] = the category that word first + j of the stream chooses from the table of n slots.
struct AliasKernels {
  void (*draw32)(const std::uint64_t* slots, std::size_t n, std::uint64_t key, std::uint64_t first,
                 std::size_t count, std::uint32_t* out);
  void (*draw64)(const std::uint64_t* slots, std::size_t n, std::uint64_t key, std::uint64_t first,
                 std::size_t count, std::uint64_t* out);
};

const AliasKernels& alias_kernels_baseline() noexcept;
const AliasKernels& alias_kernels_avx2() noexcept;
const AliasKernels& alias_kernels_avx512() noexcept;

}  // namespace skm
