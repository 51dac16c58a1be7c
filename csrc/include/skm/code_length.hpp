// Code length of symbols under a fixed table of probabilities, without writing a stream.
//
// Lengths -log2(p) are held as integers in units of 2^-F bits, F the largest with every length below
// 2^46 units (F = 40 for lengths up to 64 bits, 42 up to 16), and are summed exactly. So the total does
// not depend on the order of addition: any instruction set, any number of threads, any split gives
// the same bits. What is lost is the rounding of each length, at most 2^-(F+1) bits a symbol.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace skm {

inline constexpr std::size_t kNoIndex = static_cast<std::size_t>(-1);
inline constexpr std::size_t kMaxTableSize = std::size_t{1} << 20;

enum class ProbabilityFaultKind { none, negative, not_finite, sum };

struct ProbabilityFault {
  ProbabilityFaultKind kind = ProbabilityFaultKind::none;
  std::size_t index = kNoIndex;  // of the first bad entry
  double sum = 0.0;              // of all, when every entry is good
};

/// First entry that is not a probability, or else a sum further than `tolerance` from one.
ProbabilityFault check_probabilities(std::span<const double> probabilities, double tolerance) noexcept;

class CodeLengthTable {
 public:
  /// `probabilities` as check_probabilities() accepts them, 1 <= size <= kMaxTableSize. Lengths are
  /// -log2(p), and 0 where rounding left p above 1. Allocates; throws std::bad_alloc.
  explicit CodeLengthTable(std::span<const double> probabilities);

  std::size_t size() const noexcept { return size_; }
  unsigned fraction_bits() const noexcept { return fraction_bits_; }

  /// Length of a symbol in units of 2^-fraction_bits() bits; kImpossible for probability zero and for
  /// anything outside the table.
  std::uint64_t units(std::uint64_t symbol) const noexcept {
    return units_[symbol < size_ ? static_cast<std::size_t>(symbol) : size_];
  }
  /// size() + 1 entries and at least 256; those from size() on are kImpossible.
  const std::uint64_t* data() const noexcept { return units_.data(); }

  // 256 lengths below 2^46 sum to less than this, and 256 of these do not overflow: one comparison
  // after every 256 additions tells whether an impossible symbol was among them.
  static constexpr std::uint64_t kImpossible = std::uint64_t{1} << 55;
  static constexpr std::size_t kSafeAdditions = 256;

 private:
  std::size_t size_;
  unsigned fraction_bits_;
  std::vector<std::uint64_t> units_;
};

struct CodeLength {
  double bits = 0.0;                    // infinity when a symbol of probability zero occurs
  std::size_t out_of_range = kNoIndex;  // position of the first symbol outside the table; bits is then void
};

/// Bits of all symbols together. Symbol is std::uint8_t, std::uint16_t, std::uint32_t or std::int64_t.
template <class Symbol>
CodeLength code_length(std::span<const Symbol> symbols, const CodeLengthTable& table, unsigned threads);

/// Bits of every symbol into `bits`, as long as `symbols`; infinity for probability zero. Returns the
/// position of the first symbol outside the table, or kNoIndex.
template <class Symbol>
std::size_t code_lengths(std::span<const Symbol> symbols, const CodeLengthTable& table,
                         std::span<double> bits, unsigned threads);

}  // namespace skm
