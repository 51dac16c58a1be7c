// rANS rounds without vector instructions.
#include "rans.hpp"
#include "rans_step.hpp"

namespace skm::simd {
namespace {

template <typename Symbol>
std::uint8_t* encode(const Symbol* symbols, std::size_t rounds, const std::uint32_t* table, unsigned bits,
                     std::uint32_t* states, std::uint8_t* end, bool* impossible) {
  for (std::size_t i = rounds * kRansWays; i-- > 0;) {
    const std::uint32_t entry = table[symbols[i]];
    if ((entry & 0xFFFF) == 0) [[unlikely]] {
      *impossible = true;
      return end;
    }
    states[i % kRansWays] = rans_put(states[i % kRansWays], entry, bits, &end);
  }
  return end;
}

/// A state below kRansLow takes a word. The word is read whether needed or not (the loop's guard covers
/// it): whether it is due is a coin toss, and a branch would be mispredicted half the time.
inline std::uint32_t refilled(std::uint32_t state, const std::uint8_t** words) {
  const unsigned low = state < kRansLow;
  const std::uint32_t word = rans_load(*words) & (0 - low);
  *words += 2 * low;
  return state << (16 * low) | word;
}

const std::uint8_t* decode_packed(const std::uint32_t* slots, const std::uint8_t*, unsigned,
                                  std::uint32_t* states, const std::uint8_t* words,
                                  const std::uint8_t* words_end, std::uint8_t* symbols, std::size_t rounds,
                                  std::size_t* done) {
  std::size_t round = 0;
  // One word more than a round can take, for the read after the last.
  for (; round < rounds && words_end - words >= static_cast<std::ptrdiff_t>(kRansRoundBytes + 2); ++round) {
    for (std::size_t way = 0; way < kRansWays; ++way) {
      const std::uint32_t state = states[way];
      const std::uint32_t slot = slots[state & 0xFFF];
      *symbols++ = static_cast<std::uint8_t>(slot);
      states[way] = refilled(((slot >> 8 & 0xFFF) + 1) * (state >> 12) + (slot >> 20), &words);
    }
  }
  *done = round;
  return words;
}

template <typename Symbol>
const std::uint8_t* decode(const std::uint32_t* slots, const std::uint8_t* slot_symbols, unsigned bits,
                           std::uint32_t* states, const std::uint8_t* words, const std::uint8_t* words_end,
                           Symbol* symbols, std::size_t rounds, std::size_t* done) {
  const std::uint32_t mask = (std::uint32_t{1} << bits) - 1;
  std::size_t round = 0;
  for (; round < rounds && words_end - words >= static_cast<std::ptrdiff_t>(kRansRoundBytes + 2); ++round) {
    for (std::size_t way = 0; way < kRansWays; ++way) {
      const std::uint32_t state = states[way];
      const std::uint32_t at = state & mask;
      const std::uint32_t slot = slots[at];
      __builtin_memcpy(symbols++, slot_symbols + at * sizeof(Symbol), sizeof(Symbol));
      states[way] = refilled((slot & 0xFFFF) * (state >> bits) + (slot >> 16), &words);
    }
  }
  *done = round;
  return words;
}

constexpr RansKernels kKernels = {encode<std::uint8_t>, encode<std::uint16_t>, decode_packed,
                                  decode<std::uint8_t>, decode<std::uint16_t>};

}  // namespace

const RansKernels& rans_kernels_baseline() noexcept { return kKernels; }

}  // namespace skm::simd
