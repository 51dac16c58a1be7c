// Contents of elements: names from a seeded one-to-one map, other fields uniform.
//
// The name of element k is point k of a Permutation of all names, written in the mixed radix of the name's
// fields. A field drawn on its own takes 32-bit word w of the element's random words: half of a half of
// random_block(key, k, w / 4), low words first; its value is word * size / 2^32, rounded down. So a value's
// probability is within 2^-32 of 1 / size.
#pragma once

#include <array>
#include <bit>
#include <cstdint>
#include <span>

#include "skm/philox.hpp"

namespace skm {

/// A one-to-one map of {0, ..., size - 1}: a Feistel network on the smallest power of two that holds size,
/// applied again while a point is outside (cycle walking: Black and Rogaway, "Ciphers with arbitrary finite
/// domains", CT-RSA 2002); less than two times on average.
class Permutation {
 public:
  static constexpr std::uint64_t kMaxSize = std::uint64_t{1} << 62;

  /// 1 <= size <= kMaxSize. Round r has key random_block(key, r).half[0].
  Permutation(std::uint64_t size, std::uint64_t key) noexcept : size_(size) {
    const int bits = std::bit_width(size - 1);
    low_bits_ = bits / 2;
    low_mask_ = (std::uint64_t{1} << low_bits_) - 1;
    high_mask_ = (std::uint64_t{1} << (bits - low_bits_)) - 1;
    rounds_ = bits >= kSmallBits ? kRounds : kSmallRounds;
    for (int round = 0; round < rounds_; ++round) {
      keys_[round] = random_block(key, static_cast<std::uint64_t>(round)).half[0];
    }
  }

  /// Image of x < size.
  std::uint64_t operator()(std::uint64_t x) const noexcept {
    do {
      std::uint64_t low = x & low_mask_;
      std::uint64_t high = x >> low_bits_;
      for (int round = 0; round < rounds_; round += 2) {
        high ^= mix64(low ^ keys_[round]) & high_mask_;
        low ^= mix64(high ^ keys_[round + 1]) & low_mask_;
      }
      x = high << low_bits_ | low;
    } while (x >= size_);
    return x;
  }

 private:
  static constexpr int kRounds = 8;
  // Halves of a few bits take longer to mix.
  static constexpr int kSmallBits = 20;
  static constexpr int kSmallRounds = 32;

  std::uint64_t size_;
  int low_bits_;
  int rounds_;
  std::uint64_t low_mask_;
  std::uint64_t high_mask_;
  std::array<std::uint64_t, kSmallRounds> keys_;
};

/// A column of the table: a digit of the name, or a field drawn on its own.
struct ContentsColumn {
  std::uint32_t column;
  std::uint32_t size;  ///< number of values, 1 to 65535
  std::uint32_t word;  ///< of the element's random words; not used by digits
};

/// Writes the values of `digits` (least significant first) and `drawn` (by ascending word) for every element
/// into `table`, whose rows have `stride` columns; other columns stay. Elements are below the product of the
/// digits' sizes, which is at most Permutation::kMaxSize; table holds elements.size() rows. The values do not
/// depend on `threads`.
void fill_contents(std::span<const std::uint64_t> elements, std::span<const ContentsColumn> digits,
                   std::span<const ContentsColumn> drawn, std::uint64_t names_key, std::uint64_t contents_key,
                   std::uint16_t* table, std::size_t stride, unsigned threads);

}  // namespace skm
