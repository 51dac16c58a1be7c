// The choices of customers one at a time: the definition that every kernel must match.
#include "restaurant.hpp"

#include "skm/philox.hpp"

namespace skm {
namespace {

/// Uniform on [0, 1), a multiple of 2^-52: what every instruction set makes from bits in two steps.
inline double unit_52(std::uint64_t bits) noexcept {
  return __builtin_bit_cast(double, (bits >> 12) | 0x3FF0000000000000u) - 1.0;
}

inline std::uint32_t place_at(const SeatingLine& line, std::uint64_t i) noexcept {
  if (i < line.block_end) return line.places[i >> line.block_shift];
  if (i < line.run_end) return line.places[line.num_blocks + ((i - line.block_end) >> line.run_shift)];
  return line.places[line.num_blocks + line.num_runs + (i - line.run_end)];
}

inline std::uint32_t choice(const SeatingLine& line, std::uint64_t t, std::uint64_t bits) noexcept {
  const double point = unit_52(bits) * (static_cast<double>(t) + line.concentration);
  const auto i = static_cast<std::uint64_t>(point);
  if (i < line.founders) return place_at(line, i);
  const bool coin = point - static_cast<double>(i) >= line.joins;
  const bool earlier = i < line.start - 1;
  if (earlier && !coin) return static_cast<std::uint32_t>(i - line.founders + 1);
  const std::uint64_t offset = i - (line.start - 1);  // huge for an earlier founder: a new table
  const auto low = static_cast<std::uint32_t>(offset < kOffsetMask ? offset : kOffsetMask);
  return kPending | (coin ? kCoin : 0) | low;
}

std::size_t choose(const SeatingLine& line, std::uint64_t begin, std::uint64_t end, std::uint32_t* choices,
                   std::uint32_t* pending) {
  std::size_t count = 0;
  RandomBlock block = random_block(line.key, begin / 2);
  for (std::uint64_t t = begin; t < end; ++t) {
    if (t % 2 == 0) block = random_block(line.key, t / 2);
    const std::uint32_t found = choice(line, t, block.half[t % 2]);
    choices[t - begin] = found;
    pending[count] = static_cast<std::uint32_t>(t - line.start);
    count += found >> 31;
  }
  return count;
}

constexpr RestaurantKernels kKernels = {choose, 1};

}  // namespace

const RestaurantKernels& restaurant_kernels_baseline() noexcept { return kKernels; }

}  // namespace skm
