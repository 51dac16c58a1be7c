// Categorical distributions from logits: code lengths, integer frequencies, coding.
//
// A row of K logits has weights w_j = exp_weight(max, x_j) (fixed_exp.hpp), W their sum. A logit of -inf
// is an impossible symbol; every other is possible, K' of them. With P_j = w_0 + ... + w_{j-1} and c_j
// possible symbols before j, the frequencies are differences of
//
//   cum_j = c_j + floor((P_j >> h) * (2^bits - K') / (W >> h)),   h = max(0, bit_width(W) - 32)
//
// which needs neither sorting nor correction: it starts at 0, ends at 2^bits exactly and grows by at
// least one at every possible symbol. Coding one symbol takes the sum, its own weight and the sum
// before it; decoding takes running sums and a search, and never a table of frequencies.
// All of it is integers, hence the same on every processor (fixed_exp.hpp on the two float operations).
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "skm/range_coder.hpp"

namespace skm {

inline constexpr std::size_t kMaxCategories = std::size_t{1} << 20;

/// Logits of `rows` rows of `cols` entries without gaps. T is float, or std::uint16_t for bfloat16.
template <class T>
struct LogitMatrix {
  const T* data;
  std::size_t rows;
  std::size_t cols;  // 1 to kMaxCategories

  const T* row(std::size_t i) const noexcept { return data + i * cols; }
};

enum class LogitFaultKind {
  none,
  not_a_number,
  infinite,
  no_possible,
  symbol_range,
  impossible_symbol,
  too_many
};

/// The first thing wrong, by row. `column` is the entry's, where it is one entry.
struct LogitFault {
  LogitFaultKind kind = LogitFaultKind::none;
  std::size_t row = 0;
  std::size_t column = 0;
};

/// [cum, cum + freq) of [0, 2^bits).
struct Interval {
  std::uint32_t cum;
  std::uint32_t freq;
};

/// Bits of symbol i under row i into `bits`; infinity for an impossible symbol. Within 5e-6 of the
/// log-sum-exp in exact arithmetic, plus 2^-31 of 1.45 bits for every symbol less probable than 2^-31
/// of the most probable one.
template <class T>
LogitFault logit_code_lengths(LogitMatrix<T> logits, const std::int64_t* symbols, double* bits,
                              unsigned threads);

/// The interval of symbol i under row i. total_bits <= kRangeMaxTotalBits, 2^total_bits >= K'.
template <class T>
LogitFault logit_intervals(LogitMatrix<T> logits, const std::int64_t* symbols, unsigned total_bits,
                           Interval* intervals, unsigned threads);

/// Writes one symbol per interval.
inline void encode_intervals(std::span<const Interval> intervals, unsigned total_bits, RangeEncoder& coder) {
  for (const Interval& interval : intervals) coder.encode_shift(interval.cum, interval.freq, total_bits);
}

/// All frequencies of every row, rows x cols. Allocates; throws std::bad_alloc.
template <class T>
LogitFault logit_frequencies(LogitMatrix<T> logits, unsigned total_bits, std::uint32_t* frequencies,
                             unsigned threads);

/// Decodes symbols one row at a time. Keeps the working memory of one row.
class LogitDecoder {
 public:
  /// Throws std::bad_alloc.
  explicit LogitDecoder(std::size_t cols);

  /// One symbol per row of `logits` (cols as constructed) from `coder`, into `symbols`. Stops at the
  /// first fault; damage in the stream is the coder's to report.
  template <class T>
  LogitFault decode(LogitMatrix<T> logits, unsigned total_bits, RangeDecoder& coder,
                    std::int64_t* symbols) noexcept;

 private:
  std::size_t cols_;
  std::unique_ptr<std::uint32_t[]> weights_;
  std::unique_ptr<std::uint64_t[]> running_;
};

}  // namespace skm
