// Draws from alias tables one at a time: what every other instruction set must equal.
#include "skm/alias.hpp"

#include "alias.hpp"
#include "philox.hpp"

namespace skm {
namespace {

template <class T>
void draw(const std::uint64_t* slots, std::size_t n, std::uint64_t key, std::uint64_t first,
          std::size_t count, T* out) {
  constexpr std::size_t kPiece = 256;
  const AliasView table(std::span(slots, n));
  std::uint64_t words[kPiece];
  for (std::size_t begin = 0; begin < count; begin += kPiece) {
    const std::size_t size = count - begin < kPiece ? count - begin : kPiece;
    philox_kernels_baseline().words(key, first + begin, size, words);
    for (std::size_t j = 0; j < size; ++j) out[begin + j] = table.draw(words[j]);
  }
}

constexpr AliasKernels kKernels = {draw<std::uint32_t>, draw<std::uint64_t>};

}  // namespace

const AliasKernels& alias_kernels_baseline() noexcept { return kKernels; }

}  // namespace skm
