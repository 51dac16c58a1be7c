// Counter-based random numbers: Philox4x32 with ten rounds (Salmon, Moraes, Dror and Shaw, "Parallel random
// numbers: as easy as 1, 2, 3", SC 2011).
//
// Every random number of skmfast is a pure function of (seed, stream, index): no state, so any thread may
// draw any part, on any instruction set, with the same result. The layout is frozen:
//
//   key      = mix64(seed ^ mix64(stream)), one-to-one in the stream for a given seed
//   counter  = (index, attempt), both 64 bits, low words first
//   block    = Philox4x32-10(counter, key): four 32-bit words, read as two 64-bit numbers, low words first
//
// Draws that need one 64-bit number each take two from a block: draw i is half i % 2 of block (i / 2, 0).
// Draws that need a number of words not known ahead take blocks (i, 0), (i, 1), (i, 2) and so on (class
// Draw).
#pragma once

#include <cstdint>

namespace skm {

/// splitmix64's finaliser (Steele, Lea and Flood 2014): a one-to-one map of 64-bit words.
constexpr std::uint64_t mix64(std::uint64_t x) noexcept {
  x += 0x9E3779B97F4A7C15u;
  x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9u;
  x = (x ^ (x >> 27)) * 0x94D049BB133111EBu;
  return x ^ (x >> 31);
}

/// Key of a stream. Streams of one seed never share a key.
constexpr std::uint64_t stream_key(std::uint64_t seed, std::uint64_t stream) noexcept {
  return mix64(seed ^ mix64(stream));
}

inline constexpr std::uint32_t kPhiloxMultiplier0 = 0xD2511F53u;
inline constexpr std::uint32_t kPhiloxMultiplier1 = 0xCD9E8D57u;
inline constexpr std::uint32_t kPhiloxWeyl0 = 0x9E3779B9u;
inline constexpr std::uint32_t kPhiloxWeyl1 = 0xBB67AE85u;
inline constexpr int kPhiloxRounds = 10;

/// Two 64-bit random numbers.
struct RandomBlock {
  std::uint64_t half[2];
};

/// The block of `key` at counter (index, attempt).
constexpr RandomBlock random_block(std::uint64_t key, std::uint64_t index,
                                   std::uint64_t attempt = 0) noexcept {
  std::uint32_t c0 = static_cast<std::uint32_t>(index);
  std::uint32_t c1 = static_cast<std::uint32_t>(index >> 32);
  std::uint32_t c2 = static_cast<std::uint32_t>(attempt);
  std::uint32_t c3 = static_cast<std::uint32_t>(attempt >> 32);
  std::uint32_t k0 = static_cast<std::uint32_t>(key);
  std::uint32_t k1 = static_cast<std::uint32_t>(key >> 32);
  for (int round = 0; round < kPhiloxRounds; ++round) {
    const std::uint64_t product0 = std::uint64_t{kPhiloxMultiplier0} * c0;
    const std::uint64_t product1 = std::uint64_t{kPhiloxMultiplier1} * c2;
    c0 = static_cast<std::uint32_t>(product1 >> 32) ^ c1 ^ k0;
    c1 = static_cast<std::uint32_t>(product1);
    c2 = static_cast<std::uint32_t>(product0 >> 32) ^ c3 ^ k1;
    c3 = static_cast<std::uint32_t>(product0);
    k0 += kPhiloxWeyl0;
    k1 += kPhiloxWeyl1;
  }
  return {{c0 | std::uint64_t{c1} << 32, c2 | std::uint64_t{c3} << 32}};
}

/// Uniform on [0, 1), a multiple of 2^-53.
constexpr double unit_double(std::uint64_t bits) noexcept {
  return static_cast<double>(bits >> 11) * 0x1p-53;
}

/// Uniform on (0, 1), an odd multiple of 2^-53.
constexpr double open_unit_double(std::uint64_t bits) noexcept {
  return (static_cast<double>(bits >> 12) + 0.5) * 0x1p-52;
}

/// The 64-bit numbers of one draw, as many as it takes.
class Draw {
 public:
  constexpr Draw(std::uint64_t key, std::uint64_t index) noexcept : key_(key), index_(index) {}

  constexpr std::uint64_t bits() noexcept {
    if (used_ == 2) {
      block_ = random_block(key_, index_, attempt_++);
      used_ = 0;
    }
    return block_.half[used_++];
  }
  /// Uniform on [0, 1).
  constexpr double unit() noexcept { return unit_double(bits()); }
  /// Uniform on (0, 1).
  constexpr double open_unit() noexcept { return open_unit_double(bits()); }

 private:
  std::uint64_t key_;
  std::uint64_t index_;
  std::uint64_t attempt_ = 0;
  RandomBlock block_{};
  int used_ = 2;
};

}  // namespace skm
