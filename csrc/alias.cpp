// Arrays of draws from alias tables, in blocks that threads take.
#include "skm/alias.hpp"

#include <type_traits>

#include "simd/alias.hpp"
#include "skm/isa.hpp"
#include "skm/parallel.hpp"

namespace skm {
namespace {

constexpr std::size_t kGrain = 1u << 15;  // draws that pay for a thread
constexpr std::size_t kBlock = 5120;      // draws that a thread takes at a time

const AliasKernels& kernels() noexcept {
#if defined(SKM_X86)
  if (active_isa() == Isa::avx512) return alias_kernels_avx512();
  if (active_isa() == Isa::avx2) return alias_kernels_avx2();
#endif
  return alias_kernels_baseline();
}

}  // namespace

template <class T>
void fill_alias(std::span<const std::uint64_t> slots, std::span<const std::uint32_t> brief, std::uint64_t key,
                std::uint64_t first, std::span<T> out, unsigned threads) {
  const AliasTables tables = {slots.data(), brief.empty() ? nullptr : brief.data(), slots.size()};
  parallel_blocks(out.size(), kBlock, part_count(out.size(), kGrain, threads),
                  [&](std::size_t begin, std::size_t end) {
                    T* to = out.data() + begin;
                    if constexpr (std::is_same_v<T, std::uint32_t>) {
                      kernels().draw32(tables, key, first + begin, end - begin, to);
                    } else {
                      kernels().draw64(tables, key, first + begin, end - begin, to);
                    }
                  });
}

template void fill_alias<std::uint32_t>(std::span<const std::uint64_t>, std::span<const std::uint32_t>,
                                        std::uint64_t, std::uint64_t, std::span<std::uint32_t>, unsigned);
template void fill_alias<std::uint64_t>(std::span<const std::uint64_t>, std::span<const std::uint32_t>,
                                        std::uint64_t, std::uint64_t, std::span<std::uint64_t>, unsigned);

}  // namespace skm
