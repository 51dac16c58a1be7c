// Probabilities to integer frequencies: the best that a coder with total 2^bits can use.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace skm {

/// How far from one a sum of probabilities may be: what float32 softmax over a large vocabulary leaves.
/// Within it they are rescaled.
inline constexpr double kSumTolerance = 1e-5;

enum class QuantiseStatus {
  ok,
  not_a_probability,  // negative, NaN or infinite: at `index`
  not_normalised,     // the sum is more than kSumTolerance from one: `value`
  too_many_symbols,   // more possible symbols than the total has room for: `index` of them
};

struct QuantiseResult {
  QuantiseStatus status;
  std::size_t index;
  double value;  // of the probability or the sum at fault; when ok, the excess in bits a symbol
};

/// Frequencies of sum exactly 2^bits (bits <= 31): at least 1 where the probability is positive, 0 where
/// it is zero, and of all such the ones with the least expected code length, sum -p log2(freq / 2^bits).
/// Ties go to the lower index.
///
/// That length is a sum of convex functions, one per frequency, so no single unit moved from one symbol
/// to another helps if and only if nothing does; the search starts at the nearest integers and moves
/// units by heaps, O(K log K). Marginal lengths are computed in double precision with a series of our own,
/// in fixed order: the same frequencies on every machine. Of the result only `value` uses the
/// library's logarithm.
///
/// `freqs` is as long as `probabilities`; unspecified unless ok. Allocates two heaps of K entries at most;
/// may throw std::bad_alloc.
QuantiseResult quantise(std::span<const double> probabilities, unsigned bits, std::span<std::uint32_t> freqs);

}  // namespace skm
