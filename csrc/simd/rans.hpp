// The inner loops of rANS, once per instruction set. Every kernel runs whole rounds: one symbol for
// each of the kRansWays coders. rans.cpp does what is left over.
#pragma once

#include <cstddef>
#include <cstdint>

namespace skm::simd {

inline constexpr std::size_t kRansWays = 32;
inline constexpr std::size_t kRansRoundBytes = 2 * kRansWays;  // most that one round reads or writes

/// Encodes rounds [0, rounds), last to first. Words go below `end`; returns the new end. *impossible
/// becomes true when a symbol has no frequency; what is written is then garbage (of allowed size).
/// There are at least kRansRoundBytes bytes of room per round, and 32 more.
template <typename Symbol>
using RansEncode = std::uint8_t* (*)(const Symbol* symbols, std::size_t rounds, const std::uint32_t* table,
                                     unsigned bits, std::uint32_t* states, std::uint8_t* end,
                                     bool* impossible);

/// Decodes rounds while kRansRoundBytes bytes remain, at most `rounds`; returns where the next word
/// is, and *done is the number of rounds.
template <typename Symbol>
using RansDecode = const std::uint8_t* (*)(const std::uint32_t* slots, const std::uint8_t* slot_symbols,
                                           unsigned bits, std::uint32_t* states, const std::uint8_t* words,
                                           const std::uint8_t* words_end, Symbol* symbols, std::size_t rounds,
                                           std::size_t* done);

struct RansKernels {
  RansEncode<std::uint8_t> encode8;
  RansEncode<std::uint16_t> encode16;
  RansDecode<std::uint8_t> decode_packed;  // RansDecoderTable::packed()
  RansDecode<std::uint8_t> decode8;
  RansDecode<std::uint16_t> decode16;
};

const RansKernels& rans_kernels_baseline() noexcept;
const RansKernels& rans_kernels_avx2() noexcept;
const RansKernels& rans_kernels_avx512() noexcept;

}  // namespace skm::simd
