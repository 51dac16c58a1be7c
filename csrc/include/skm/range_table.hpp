// Static tables for the range coder: whole arrays of symbols that share one distribution.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "skm/range_coder.hpp"

namespace skm {

inline constexpr std::size_t kRangeMaxSymbols = std::size_t{1} << 20;

/// Cumulative frequencies of up to 2^20 symbols with total 1 to 2^31 (any integer; powers of two are
/// faster), and an index that finds the symbol at a given point.
class RangeTable {
 public:
  RangeTable() = default;
  /// `freqs` within those limits. Allocates; may throw std::bad_alloc.
  explicit RangeTable(std::span<const std::uint32_t> freqs);

  std::size_t alphabet() const noexcept { return cum_.size() - 1; }
  std::uint32_t total() const noexcept { return cum_.back(); }
  std::uint32_t cum(std::size_t symbol) const noexcept { return cum_[symbol]; }
  std::uint32_t freq(std::size_t symbol) const noexcept { return cum_[symbol + 1] - cum_[symbol]; }
  /// log2(total), or -1 when the total is no power of two.
  int total_bits() const noexcept { return total_bits_; }

  /// The symbol with cum <= target < cum + freq; target < total.
  std::uint32_t find(std::uint32_t target) const noexcept {
    const std::size_t bucket = target >> bucket_shift_;
    std::uint32_t low = first_[bucket], high = first_[bucket + 1];
    while (low < high) {
      const std::uint32_t middle = low + (high - low + 1) / 2;
      if (cum_[middle] <= target)
        low = middle;
      else
        high = middle - 1;
    }
    return low;
  }

 private:
  std::vector<std::uint32_t> cum_;  // alphabet + 1 entries
  // first_[b] is the symbol at point b << bucket_shift_, so that symbols of bucket b are between
  // first_[b] and first_[b + 1]. Its last entry stands for the end and holds the last symbol.
  std::vector<std::uint32_t> first_;
  unsigned bucket_shift_ = 0;
  int total_bits_ = -1;
};

/// Encodes until the end or the first symbol outside the alphabet or of frequency 0; returns how many.
/// Symbol: uint8_t, uint16_t or uint32_t. Allocates as RangeEncoder does.
template <typename Symbol>
std::size_t range_encode(RangeEncoder& encoder, const RangeTable& table, std::span<const Symbol> symbols);

/// Decodes symbols.size() symbols, or fewer when the stream turns out damaged; returns how many.
template <typename Symbol>
std::size_t range_decode(RangeDecoder& decoder, const RangeTable& table, std::span<Symbol> symbols) noexcept;

}  // namespace skm
