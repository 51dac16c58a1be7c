// Interleaved rANS: static tables, many symbols, at the speed of table gathers.
//
// kRansWays independent coders take the symbols in turn (symbol i goes to coder i mod kRansWays) and
// share one sequence of 16-bit words. States live in [2^16, 2^32); a frequency total is 2^bits with
// 12 <= bits <= 15: coarser tables are scaled up (which changes no probability), finer ones would cost
// more in the coder than they gain (16 bits in the state beyond 2^bits keep that loss below 0.03 %;
// at 12 to 14 bits it is below 0.01 %). For exactness use the range coder.
//
// Stream: the states at the end of encoding, 32 bits each, little-endian, of the first
// min(n, kRansWays) coders; then the words, little-endian, in the order of decoding. The number of
// symbols and the table are the caller's to keep. Encoding runs from the last symbol to the first.
//
// Integers decide everything: the bytes are the same for every instruction set. The decoder checks
// every read, and at the end that each coder is back at 2^16, where it started, and that no word is
// left. That catches truncation and most damage, but it is no checksum: a flip that swaps two symbols of
// equal frequency leaves the same state behind.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

namespace skm {

inline constexpr std::size_t kRansWays = 32;
inline constexpr unsigned kRansMinBits = 12;
inline constexpr unsigned kRansMaxBits = 15;
inline constexpr std::size_t kRansMaxSymbols = 65536;

/// Encoder's view of a table: one word per symbol, freq | cum << 16, padded with zeros (freq 0:
/// impossible) to every value a symbol can have, so that no symbol needs a check of its own.
class RansEncoderTable {
 public:
  RansEncoderTable() = default;  // of no use until assigned to

  /// `freqs` add up to 2^bits, bits <= kRansMaxBits, at most kRansMaxSymbols of them (256 for uint8
  /// symbols). Allocates; may throw std::bad_alloc.
  template <typename Symbol>
  static RansEncoderTable build(std::span<const std::uint32_t> freqs, unsigned bits) {
    return RansEncoderTable(freqs, bits, std::size_t{1} << (8 * sizeof(Symbol)));
  }

  const std::uint32_t* entries() const noexcept { return entries_.data(); }
  unsigned bits() const noexcept { return bits_; }

 private:
  RansEncoderTable(std::span<const std::uint32_t> freqs, unsigned bits, std::size_t padded);

  std::vector<std::uint32_t> entries_;
  unsigned bits_ = kRansMinBits;
};

/// Decoder's view: what each of the 2^bits slots stands for.
class RansDecoderTable {
 public:
  RansDecoderTable() = default;  // of no use until assigned to

  /// As for RansEncoderTable. Allocates; may throw std::bad_alloc.
  template <typename Symbol>
  static RansDecoderTable build(std::span<const std::uint32_t> freqs, unsigned bits) {
    return RansDecoderTable(freqs, bits, sizeof(Symbol));
  }

  unsigned bits() const noexcept { return bits_; }
  /// With 12 bits and uint8 symbols a slot fits one word: symbol | (freq - 1) << 8 | rank << 20, where
  /// rank is the slot's place within its symbol. Otherwise two tables: freq | rank << 16 and symbol.
  bool packed() const noexcept { return symbols_.empty(); }
  const std::uint32_t* slots() const noexcept { return slots_.data(); }
  const std::uint8_t* symbols() const noexcept { return symbols_.data(); }

 private:
  RansDecoderTable(std::span<const std::uint32_t> freqs, unsigned bits, std::size_t symbol_size);

  std::vector<std::uint32_t> slots_;
  std::vector<std::uint8_t> symbols_;  // of symbol_size bytes each, and padding for 32-bit loads
  unsigned bits_ = kRansMinBits;
};

/// Bytes that rans_encode may need for `count` symbols, whatever they are.
std::size_t rans_encoded_bound(std::size_t count) noexcept;

/// Encodes into the end of `buffer`, which has at least rans_encoded_bound(symbols.size()) bytes.
/// Returns the stream, a tail of `buffer`; empty if some symbol is impossible (or there are none).
/// Symbol: uint8_t or uint16_t. Does not allocate or throw.
template <typename Symbol>
std::span<std::uint8_t> rans_encode(std::span<const Symbol> symbols, const RansEncoderTable& table,
                                    std::span<std::uint8_t> buffer) noexcept;

enum class RansStatus { ok, truncated, trailing_bytes, wrong_state };

/// Where and how decoding ended: byte of the stream, number of symbols decoded.
struct RansResult {
  RansStatus status;
  std::size_t byte;
  std::size_t symbols;
};

/// Decodes exactly symbols.size() symbols. The output is complete only when the status is ok; otherwise
/// its contents are unspecified. Does not allocate or throw.
template <typename Symbol>
RansResult rans_decode(std::span<const std::uint8_t> stream, const RansDecoderTable& table,
                       std::span<Symbol> symbols) noexcept;

}  // namespace skm
