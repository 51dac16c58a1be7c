// Code length under a fixed table: the table, and sums over symbols split over threads.
#include "skm/code_length.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>

#include "simd/code_length.hpp"
#include "skm/isa.hpp"
#include "skm/log2.hpp"
#include "skm/parallel.hpp"

namespace skm {
namespace {

__extension__ typedef unsigned __int128 uint128;

constexpr unsigned kUnitBits = 46;          // lengths are below 2^kUnitBits units
constexpr std::size_t kGrain = 1u << 18;    // symbols that pay for a thread
constexpr std::size_t kMinimumTable = 256;  // so that a byte always finds an entry

const CodeLengthKernels& kernels() noexcept {
#if defined(SKM_X86)
  if (active_isa() == Isa::avx512) return code_length_kernels_avx512();
#endif
  return code_length_kernels_baseline();
}

BytePlanes planes_of(const CodeLengthTable& table) noexcept {
  BytePlanes planes;
  for (std::size_t s = 0; s < 256; ++s) {
    const std::uint64_t units = table.data()[s];
    for (int k = 0; k < BytePlanes::kCount; ++k) {
      planes.plane[k][s] =
          units == CodeLengthTable::kImpossible ? 255 : static_cast<std::uint8_t>(units >> (8 * k));
    }
  }
  return planes;
}

// What one thread found in its share.
struct Share {
  uint128 units = 0;
  std::size_t out_of_range = kNoIndex;
  bool impossible = false;
};

// Symbol by symbol, once a run is known to hold an impossible one.
template <class Symbol>
void find_impossible(const Symbol* symbols, std::size_t begin, std::size_t end, const CodeLengthTable& table,
                     Share& share) noexcept {
  share.impossible = true;
  for (std::size_t i = begin; i < end; ++i) {
    if (static_cast<std::uint64_t>(symbols[i]) >= table.size()) {
      share.out_of_range = i;
      return;
    }
  }
}

template <class Symbol>
struct Summer {
  explicit Summer(const CodeLengthTable& t) : table(t) {}
  static constexpr std::size_t kRun = CodeLengthTable::kSafeAdditions;
  bool operator()(const Symbol* symbols, std::size_t count, std::uint64_t* total) const noexcept {
    const std::uint64_t* units = table.data();
    const std::uint64_t size = table.size();
    std::uint64_t sum = 0;
    // A negative symbol is a huge one as unsigned, so one comparison finds both ends.
    for (std::size_t i = 0; i < count; ++i)
      sum += units[std::min(static_cast<std::uint64_t>(symbols[i]), size)];
    *total = sum;
    return sum < CodeLengthTable::kImpossible;
  }
  const CodeLengthTable& table;
};

template <>
struct Summer<std::uint8_t> {
  explicit Summer(const CodeLengthTable& t) : table(t), planes(planes_of(t)), kernel(kernels().sum_bytes) {}
  static constexpr std::size_t kRun = kMaxSumBytes;
  bool operator()(const std::uint8_t* symbols, std::size_t count, std::uint64_t* total) const noexcept {
    return kernel(symbols, count, table.data(), planes, total);
  }
  const CodeLengthTable& table;
  BytePlanes planes;
  decltype(CodeLengthKernels::sum_bytes) kernel;
};

template <class Symbol>
Share sum_range(const Symbol* symbols, std::size_t begin, std::size_t end,
                const Summer<Symbol>& sum) noexcept {
  Share share;
  for (std::size_t i = begin; i < end && share.out_of_range == kNoIndex;) {
    const std::size_t stop = std::min(end, i + Summer<Symbol>::kRun);
    std::uint64_t total = 0;
    if (sum(symbols + i, stop - i, &total)) {
      share.units += total;
    } else {
      find_impossible(symbols, i, stop, sum.table, share);
    }
    i = stop;
  }
  return share;
}

}  // namespace

ProbabilityFault check_probabilities(std::span<const double> probabilities, double tolerance) noexcept {
  constexpr std::size_t kLanes = 8;  // a fixed order of addition, with independent chains
  double lanes[kLanes] = {};
  bool good = true;
  for (std::size_t i = 0; i < probabilities.size(); ++i) {
    const double p = probabilities[i];
    good &= p >= 0.0 && p <= std::numeric_limits<double>::max();
    lanes[i % kLanes] += p;
  }
  if (!good) {
    for (std::size_t i = 0; i < probabilities.size(); ++i) {
      const double p = probabilities[i];
      if (!std::isfinite(p)) return {ProbabilityFaultKind::not_finite, i, 0.0};
      if (p < 0.0) return {ProbabilityFaultKind::negative, i, 0.0};
    }
  }
  double sum = 0.0;
  for (const double lane : lanes) sum += lane;
  const bool close = std::fabs(sum - 1.0) <= tolerance;
  return {close ? ProbabilityFaultKind::none : ProbabilityFaultKind::sum, kNoIndex, sum};
}

CodeLengthTable::CodeLengthTable(std::span<const double> probabilities)
    : size_(probabilities.size()), fraction_bits_(kUnitBits - 1), units_() {
  // The longest length sets the unit, and belongs to the smallest probability that is not zero.
  double smallest = 1.0;
  for (const double p : probabilities) smallest = p > 0.0 && p < smallest ? p : smallest;
  const double longest = -portable_log2(smallest);
  if (longest >= 1.0) fraction_bits_ -= 1 + static_cast<unsigned>(std::ilogb(longest));
  const double scale = std::ldexp(1.0, static_cast<int>(fraction_bits_));
  units_.assign(std::max(size_ + 1, kMinimumTable), kImpossible);
  kernels().lengths(probabilities.data(), size_, scale, units_.data());
}

template <class Symbol>
CodeLength code_length(std::span<const Symbol> symbols, const CodeLengthTable& table, unsigned threads) {
  const std::size_t parts = part_count(symbols.size(), kGrain, threads);
  const std::unique_ptr<Share[]> shares = std::make_unique<Share[]>(parts);
  const Summer<Symbol> sum(table);
  parallel_ranges(symbols.size(), parts, [&](std::size_t part, std::size_t begin, std::size_t end) {
    shares[part] = sum_range(symbols.data(), begin, end, sum);
  });
  uint128 units = 0;
  bool impossible = false;
  for (std::size_t part = 0; part < parts; ++part) {
    if (shares[part].out_of_range != kNoIndex) return {0.0, shares[part].out_of_range};
    units += shares[part].units;
    impossible |= shares[part].impossible;
  }
  if (impossible) return {std::numeric_limits<double>::infinity(), kNoIndex};
  return {std::ldexp(static_cast<double>(units), -static_cast<int>(table.fraction_bits())), kNoIndex};
}

template <class Symbol>
std::size_t code_lengths(std::span<const Symbol> symbols, const CodeLengthTable& table,
                         std::span<double> bits, unsigned threads) {
  // The same integers as the total adds, so that the two agree.
  const std::size_t entries = table.size() + 1;
  const std::unique_ptr<double[]> lengths = std::make_unique_for_overwrite<double[]>(entries);
  const double unit = std::ldexp(1.0, -static_cast<int>(table.fraction_bits()));
  for (std::size_t s = 0; s < entries; ++s) {
    const std::uint64_t units = table.units(s);
    lengths[s] = units == CodeLengthTable::kImpossible ? std::numeric_limits<double>::infinity()
                                                       : static_cast<double>(units) * unit;
  }
  const std::size_t parts = part_count(symbols.size(), kGrain, threads);
  const std::unique_ptr<std::uint64_t[]> largest = std::make_unique<std::uint64_t[]>(parts);
  const std::uint64_t size = table.size();
  parallel_ranges(symbols.size(), parts, [&](std::size_t part, std::size_t begin, std::size_t end) {
    std::uint64_t most = 0;
    for (std::size_t i = begin; i < end; ++i) {
      const std::uint64_t symbol = static_cast<std::uint64_t>(symbols[i]);
      most = std::max(most, symbol);
      bits[i] = lengths[std::min(symbol, size)];
    }
    largest[part] = most;
  });
  if (*std::max_element(largest.get(), largest.get() + parts) < size || symbols.empty()) return kNoIndex;
  const auto outside = [size](Symbol s) { return static_cast<std::uint64_t>(s) >= size; };
  return static_cast<std::size_t>(std::find_if(symbols.begin(), symbols.end(), outside) - symbols.begin());
}

#define SKM_INSTANTIATE(Symbol)                                                                       \
  template CodeLength code_length<Symbol>(std::span<const Symbol>, const CodeLengthTable&, unsigned); \
  template std::size_t code_lengths<Symbol>(std::span<const Symbol>, const CodeLengthTable&,          \
                                            std::span<double>, unsigned);
SKM_INSTANTIATE(std::uint8_t)
SKM_INSTANTIATE(std::uint16_t)
SKM_INSTANTIATE(std::uint32_t)
SKM_INSTANTIATE(std::int64_t)
#undef SKM_INSTANTIATE

}  // namespace skm
