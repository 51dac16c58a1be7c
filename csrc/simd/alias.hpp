// Kernels of draws from alias tables (skm/alias.hpp has the layout).
#pragma once

#include <cstddef>
#include <cstdint>

namespace skm {

struct AliasTables {
  const std::uint64_t* slots;
  const std::uint32_t* brief;  // or null
  std::size_t n;
};

/// out[j] = the category that word first + j of the stream chooses from the table.
struct AliasKernels {
  void (*draw32)(const AliasTables& tables, std::uint64_t key, std::uint64_t first, std::size_t count,
                 std::uint32_t* out);
  void (*draw64)(const AliasTables& tables, std::uint64_t key, std::uint64_t first, std::size_t count,
                 std::uint64_t* out);
};

const AliasKernels& alias_kernels_baseline() noexcept;
const AliasKernels& alias_kernels_avx2() noexcept;
const AliasKernels& alias_kernels_avx512() noexcept;

}  // namespace skm
