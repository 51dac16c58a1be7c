// Categorical distributions from logits: sums of weights in, intervals and lengths out.
#include "skm/categorical.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <type_traits>

#include "simd/categorical.hpp"
#include "skm/fixed_exp.hpp"
#include "skm/isa.hpp"
#include "skm/log2.hpp"
#include "skm/parallel.hpp"

namespace skm {
namespace {

constexpr std::size_t kGrain = 1u << 16;  // logits that pay for a thread
constexpr std::uint32_t kInfinity = 0x7F800000;
constexpr float kMinusInfinity = -std::numeric_limits<float>::infinity();

template <class T>
const LogitKernels<T>& kernels() noexcept {
  const CategoricalKernels* all = &categorical_kernels_baseline();
#if defined(SKM_X86)
  if (active_isa() == Isa::avx512) all = &categorical_kernels_avx512();
  if (active_isa() == Isa::avx2) all = &categorical_kernels_avx2();
#endif
  if constexpr (std::is_same_v<T, float>)
    return all->float32;
  else
    return all->bfloat16;
}

inline float widen(float x) noexcept { return x; }
inline float widen(std::uint16_t x) noexcept {
  return std::bit_cast<float>(static_cast<std::uint32_t>(x) << 16);
}

// A row that passed the checks.
struct Row {
  float max = 0.0f;
  bool has_impossible = false;
  LogitFault fault;
};

template <class T>
std::size_t count_possible(const T* row, std::size_t n) noexcept {
  std::size_t count = 0;
  for (std::size_t j = 0; j < n; ++j) count += widen(row[j]) != kMinusInfinity;
  return count;
}

template <class T>
[[gnu::noinline]] LogitFault inspect(const T* row, std::size_t cols, std::size_t index) noexcept {
  bool any = false;
  for (std::size_t j = 0; j < cols; ++j) {
    const float x = widen(row[j]);
    if (std::isnan(x)) return {LogitFaultKind::not_a_number, index, j};
    if (x == -kMinusInfinity) return {LogitFaultKind::infinite, index, j};
    any |= x != kMinusInfinity;
  }
  return {any ? LogitFaultKind::none : LogitFaultKind::no_possible, index, 0};
}

template <class T>
Row check_row(const LogitMatrix<T>& logits, std::size_t index, const RowSummary& summary) noexcept {
  Row row;
  row.max = summary.max;
  if (summary.largest_magnitude >= kInfinity) [[unlikely]] {
    row.has_impossible = true;
    row.fault = inspect(logits.row(index), logits.cols, index);
  }
  return row;
}

// A range of rows in order. The kernels summarise row i + 1 while they work on row i.
template <class T>
struct Walk {
  Walk(const LogitMatrix<T>& matrix, std::size_t first, std::size_t last)
      : logits(matrix), kernel(kernels<T>()), end(last) {
    if (first < last) ahead = kernel.summarise(matrix.row(first), matrix.cols);
  }

  /// The row after i; i itself at the end, where nobody asks for the summary.
  const T* next(std::size_t i) const noexcept { return logits.row(i + 1 < end ? i + 1 : i); }
  Row check(std::size_t i) const noexcept { return check_row(logits, i, ahead); }

  const LogitMatrix<T>& logits;
  const LogitKernels<T>& kernel;
  std::size_t end;
  RowSummary ahead = {};  // of the row that comes next
};

// cum_j of the header as a function of the possible symbols before j and the sum of their weights.
class Scale {
 public:
  Scale(std::uint64_t weight, std::size_t possible, unsigned total_bits) noexcept
      : shift_(static_cast<unsigned>(std::max(0, static_cast<int>(std::bit_width(weight)) - 32))),
        weight_(weight >> shift_),
        spare_((std::uint64_t{1} << total_bits) - possible) {}

  // Below 2^63: spare_ < 2^31, and sums of weights are below 2^32 once shifted.
  std::uint32_t cum(std::uint64_t count, std::uint64_t sum) const noexcept {
    return static_cast<std::uint32_t>(count + (sum >> shift_) * spare_ / weight_);
  }

  /// cum(count, sum) <= target, without the division.
  bool reached(std::uint64_t count, std::uint64_t sum, std::uint32_t target) const noexcept {
    return count <= target && (sum >> shift_) * spare_ < (target - count + 1) * weight_;
  }

 private:
  unsigned shift_;
  std::uint64_t weight_;  // at least 2^31: the largest logit alone has that
  std::uint64_t spare_;
};

// Runs body(walk, row) -> LogitFault over all rows, split over threads, and returns the first row's fault.
template <class T, class Body>
LogitFault for_rows(const LogitMatrix<T>& logits, unsigned threads, Body&& body) {
  const std::size_t parts = part_count(logits.rows, kGrain / logits.cols + 1, threads);
  const std::unique_ptr<LogitFault[]> faults = std::make_unique<LogitFault[]>(parts);
  parallel_ranges(logits.rows, parts, [&](std::size_t part, std::size_t begin, std::size_t end) {
    LogitFault fault;
    Walk<T> walk(logits, begin, end);
    for (std::size_t i = begin; i < end && fault.kind == LogitFaultKind::none; ++i) fault = body(walk, i);
    faults[part] = fault;
  });
  for (std::size_t part = 0; part < parts; ++part) {
    if (faults[part].kind != LogitFaultKind::none) return faults[part];
  }
  return {};
}

LogitFault check_symbol(std::int64_t symbol, std::size_t row, std::size_t cols) noexcept {
  const bool inside = static_cast<std::uint64_t>(symbol) < cols;
  return {inside ? LogitFaultKind::none : LogitFaultKind::symbol_range, row, 0};
}

template <class T>
std::size_t possible_of(const Row& row, const T* data, std::size_t cols) noexcept {
  return row.has_impossible ? count_possible(data, cols) : cols;
}

LogitFault check_total(std::size_t possible, unsigned total_bits, std::size_t row) noexcept {
  const bool fits = possible <= (std::size_t{1} << total_bits);
  return {fits ? LogitFaultKind::none : LogitFaultKind::too_many, row, 0};
}

template <class T>
LogitFault interval_of(Walk<T>& walk, std::size_t i, std::int64_t symbol, unsigned total_bits,
                       Interval& interval) noexcept {
  const std::size_t cols = walk.logits.cols;
  if (const LogitFault bad = check_symbol(symbol, i, cols); bad.kind != LogitFaultKind::none) return bad;
  const Row row = walk.check(i);
  if (row.fault.kind != LogitFaultKind::none) return row.fault;
  const T* data = walk.logits.row(i);
  const std::size_t s = static_cast<std::size_t>(symbol);
  if (widen(data[s]) == kMinusInfinity) return {LogitFaultKind::impossible_symbol, i, s};
  const std::size_t possible = possible_of(row, data, cols);
  if (const LogitFault bad = check_total(possible, total_bits, i); bad.kind != LogitFaultKind::none)
    return bad;
  const SymbolSums sums = walk.kernel.symbol_sums(data, cols, s, row.max, walk.next(i), &walk.ahead);
  const Scale scale(sums.all, possible, total_bits);
  const std::size_t before = possible_of(row, data, s);
  interval.cum = scale.cum(before, sums.before);
  interval.freq = scale.cum(before + 1, sums.before + exp_weight(row.max, widen(data[s]))) - interval.cum;
  return {};
}

template <class T>
LogitFault frequencies_of(Walk<T>& walk, std::size_t i, unsigned total_bits,
                          std::uint32_t* frequencies) noexcept {
  const std::size_t cols = walk.logits.cols;
  const Row row = walk.check(i);
  if (row.fault.kind != LogitFaultKind::none) return row.fault;
  const T* data = walk.logits.row(i);
  const std::size_t possible = possible_of(row, data, cols);
  if (const LogitFault bad = check_total(possible, total_bits, i); bad.kind != LogitFaultKind::none)
    return bad;
  const std::uint64_t all = walk.kernel.weight_sum(data, cols, row.max, walk.next(i), &walk.ahead);
  const Scale scale(all, possible, total_bits);
  std::uint64_t sum = 0;
  std::uint64_t count = 0;
  std::uint32_t cum = 0;
  for (std::size_t j = 0; j < cols; ++j) {
    const float x = widen(data[j]);
    sum += exp_weight(row.max, x);
    count += x != kMinusInfinity;
    const std::uint32_t next = scale.cum(count, sum);
    frequencies[j] = next - cum;
    cum = next;
  }
  return {};
}

// Number of `blocks` whose start is at or before the target, less one: the block that holds it.
std::size_t find_block(const Scale& scale, const std::uint64_t* running, std::size_t blocks,
                       std::uint32_t target) noexcept {
  std::size_t low = 0;
  for (std::size_t width = blocks; width > 1;) {
    const std::size_t half = width / 2;
    const std::size_t middle = low + half;
    if (scale.reached(middle * kWeightBlock, running[middle - 1], target)) low = middle;
    width -= half;
  }
  return low;
}

struct Found {
  std::size_t symbol;
  Interval interval;
};

// The symbol whose interval holds `target`, when every symbol is possible.
Found find(const Scale& scale, const std::uint32_t* weights, const std::uint64_t* running, std::size_t cols,
           std::uint32_t target) noexcept {
  const std::size_t block = find_block(scale, running, (cols + kWeightBlock - 1) / kWeightBlock, target);
  std::uint64_t sum = block > 0 ? running[block - 1] : 0;
  std::size_t j = block * kWeightBlock;
  while (j + 1 < cols && scale.reached(j + 1, sum + weights[j], target)) sum += weights[j++];
  const std::uint32_t cum = scale.cum(j, sum);
  return {j, {cum, scale.cum(j + 1, sum + weights[j]) - cum}};
}

// The same with impossible symbols, of weight and frequency zero, in between: one after the other.
template <class T>
[[gnu::noinline]] Found find_among(const Scale& scale, const std::uint32_t* weights, const T* row,
                                   std::size_t cols, std::uint32_t target) noexcept {
  Found found = {0, {0, 0}};
  std::uint64_t sum = 0;
  std::uint64_t count = 0;
  for (std::size_t j = 0; j < cols; ++j) {
    if (widen(row[j]) == kMinusInfinity) continue;
    if (!scale.reached(count, sum, target)) break;
    const std::uint32_t cum = scale.cum(count, sum);
    sum += weights[j];
    ++count;
    found = {j, {cum, scale.cum(count, sum) - cum}};
  }
  return found;
}

}  // namespace

template <class T>
LogitFault logit_code_lengths(LogitMatrix<T> logits, const std::int64_t* symbols, double* bits,
                              unsigned threads) {
  constexpr double kLog2E = 1.4426950408889634;
  return for_rows(logits, threads, [&](Walk<T>& walk, std::size_t i) -> LogitFault {
    if (const LogitFault bad = check_symbol(symbols[i], i, logits.cols); bad.kind != LogitFaultKind::none)
      return bad;
    const Row row = walk.check(i);
    if (row.fault.kind != LogitFaultKind::none) return row.fault;
    const T* data = logits.row(i);
    const std::uint64_t sum = walk.kernel.weight_sum(data, logits.cols, row.max, walk.next(i), &walk.ahead);
    const double gap = static_cast<double>(row.max) - static_cast<double>(widen(data[symbols[i]]));
    bits[i] = gap * kLog2E + (portable_log2(static_cast<double>(sum)) - kWeightOneBits);
    return {};
  });
}

template <class T>
LogitFault logit_intervals(LogitMatrix<T> logits, const std::int64_t* symbols, unsigned total_bits,
                           Interval* intervals, unsigned threads) {
  return for_rows(logits, threads, [&](Walk<T>& walk, std::size_t i) {
    return interval_of(walk, i, symbols[i], total_bits, intervals[i]);
  });
}

template <class T>
LogitFault logit_frequencies(LogitMatrix<T> logits, unsigned total_bits, std::uint32_t* frequencies,
                             unsigned threads) {
  return for_rows(logits, threads, [&](Walk<T>& walk, std::size_t i) {
    return frequencies_of(walk, i, total_bits, frequencies + i * logits.cols);
  });
}

LogitDecoder::LogitDecoder(std::size_t cols) : cols_(cols) {
  const std::size_t blocks = (cols + kWeightBlock - 1) / kWeightBlock;
  weights_ = std::make_unique_for_overwrite<std::uint32_t[]>(blocks * kWeightBlock);
  running_ = std::make_unique_for_overwrite<std::uint64_t[]>(blocks);
}

template <class T>
LogitFault LogitDecoder::decode(LogitMatrix<T> logits, unsigned total_bits, RangeDecoder& coder,
                                std::int64_t* symbols) noexcept {
  Walk<T> walk(logits, 0, logits.rows);
  for (std::size_t i = 0; i < logits.rows; ++i) {
    const Row row = walk.check(i);
    if (row.fault.kind != LogitFaultKind::none) return row.fault;
    const T* data = logits.row(i);
    const std::size_t possible = possible_of(row, data, cols_);
    if (const LogitFault bad = check_total(possible, total_bits, i); bad.kind != LogitFaultKind::none)
      return bad;
    const std::uint64_t sum =
        walk.kernel.weights(data, cols_, row.max, weights_.get(), running_.get(), walk.next(i), &walk.ahead);
    const Scale scale(sum, possible, total_bits);
    const std::uint32_t target = coder.decode_target_shift(total_bits);
    const Found found = row.has_impossible ? find_among(scale, weights_.get(), data, cols_, target)
                                           : find(scale, weights_.get(), running_.get(), cols_, target);
    coder.consume(found.interval.cum, found.interval.freq);
    symbols[i] = static_cast<std::int64_t>(found.symbol);
  }
  return {};
}

#define SKM_INSTANTIATE(T)                                                                           \
  template LogitFault logit_code_lengths<T>(LogitMatrix<T>, const std::int64_t*, double*, unsigned); \
  template LogitFault logit_intervals<T>(LogitMatrix<T>, const std::int64_t*, unsigned, Interval*,   \
                                         unsigned);                                                  \
  template LogitFault logit_frequencies<T>(LogitMatrix<T>, unsigned, std::uint32_t*, unsigned);      \
  template LogitFault LogitDecoder::decode<T>(LogitMatrix<T>, unsigned, RangeDecoder&,               \
                                              std::int64_t*) noexcept;
SKM_INSTANTIATE(float)
SKM_INSTANTIATE(std::uint16_t)
#undef SKM_INSTANTIATE

}  // namespace skm
