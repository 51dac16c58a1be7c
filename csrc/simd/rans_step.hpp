// One symbol of rANS in plain integers: the definition that every kernel must match. Internal linkage,
// so that no instruction-set file leaves a copy for others to pick up.
#pragma once

#include <cstdint>

namespace skm::simd {
namespace {

constexpr std::uint32_t kRansLow = std::uint32_t{1} << 16;  // states are in [kRansLow, 2^32)

inline std::uint16_t rans_load(const std::uint8_t* word) noexcept {
  return static_cast<std::uint16_t>(word[0] | word[1] << 8);
}

/// entry = freq | cum << 16, freq > 0. Stores one word below *end, which moves only if it counts.
inline std::uint32_t rans_put(std::uint32_t state, std::uint32_t entry, unsigned bits,
                              std::uint8_t** end) noexcept {
  const std::uint32_t freq = entry & 0xFFFF;
  // Beyond this the state would leave [kRansLow, 2^32); written so that freq = 2^bits stays in 32 bits.
  const std::uint32_t most = (freq << (32 - bits)) - 1;
  // Whether a word is due is a coin toss: it is always stored, and counted without a branch.
  const unsigned full = state > most;
  (*end)[-2] = static_cast<std::uint8_t>(state);
  (*end)[-1] = static_cast<std::uint8_t>(state >> 8);
  *end -= 2 * full;
  state >>= 16 * full;
  return ((state / freq) << bits) + state % freq + (entry >> 16);
}

}  // namespace
}  // namespace skm::simd
