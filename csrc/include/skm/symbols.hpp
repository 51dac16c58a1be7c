// Symbols given as wide integers, checked and copied to the width that the coders use.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <type_traits>

namespace skm {

/// Copies `count` integers; returns the index of the first that Narrow cannot hold, or `count`. From
/// there on the output is unspecified. Narrow is unsigned. Does not allocate or throw.
template <typename Wide, typename Narrow>
std::size_t narrow_symbols(const Wide* symbols, std::size_t count, Narrow* out) noexcept {
  static_assert(std::is_unsigned_v<Narrow>);
  using Unsigned = std::make_unsigned_t<Wide>;  // negative becomes huge, so one comparison does
  constexpr std::size_t kBlock = 4096;          // no early exit inside: the loop below vectorises
  for (std::size_t begin = 0; begin < count; begin += kBlock) {
    const std::size_t end = count - begin < kBlock ? count : begin + kBlock;
    Unsigned seen = 0;
    for (std::size_t i = begin; i < end; ++i) {
      seen |= static_cast<Unsigned>(symbols[i]);
      out[i] = static_cast<Narrow>(symbols[i]);
    }
    if (seen <= std::numeric_limits<Narrow>::max()) continue;
    for (std::size_t i = begin; i < end; ++i)
      if (static_cast<Unsigned>(symbols[i]) > std::numeric_limits<Narrow>::max()) return i;
  }
  return count;
}

}  // namespace skm
