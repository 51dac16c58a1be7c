// Customers of an epoch by table, as one thread counts them: one byte a table, so that the counters of a
// million tables stay in the second-level cache. A byte that wraps is noted in a list.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>

#include "simd/restaurant.hpp"
#include "skm/big_buffer.hpp"

namespace skm {

class Tally {
 public:
  /// Makes room for these tables, and for an epoch of so many customers; more memory than that where it must
  /// be moved. Throws std::bad_alloc.
  void reserve(std::uint64_t tables, std::uint64_t customers, double growth = 2.0) {
    const std::size_t known = counters_.size(), most_wraps = customers / kWrap + 1;
    if (known < kShift + tables) {
      BigBuffer<std::uint8_t> larger(kShift + kHot +
                                     static_cast<std::size_t>(growth * static_cast<double>(tables)));
      std::copy_n(counters_.get(), known, larger.get());
      std::fill(larger.get() + known, larger.get() + larger.size(), std::uint8_t{0});
      counters_ = std::move(larger);
    }
    if (wraps_.size() < most_wraps) {
      BigBuffer<std::uint32_t> larger(2 * most_wraps);
      std::copy_n(wraps_.get(), num_wraps_, larger.get());
      wraps_ = std::move(larger);
    }
  }

  /// What a kernel needs to count one more customer at each of these tables. Valid until the next reserve().
  UncountedLabels to_count(const std::uint32_t* labels, std::size_t num) const noexcept {
    return {labels, num, counters_.get(), wraps_.get() + num_wraps_};
  }
  /// Notes that a kernel has counted labels, as far as it did.
  void counted(const UncountedLabels& rest) noexcept {
    num_wraps_ = static_cast<std::size_t>(rest.wraps - wraps_.get());
  }
  /// Counts one more customer at each of these tables.
  void add(const RestaurantKernels& kernels, const std::uint32_t* labels, std::size_t num) noexcept {
    UncountedLabels rest = to_count(labels, num);
    kernels.count(rest);
    counted(rest);
  }

  /// Asks for the memory of counters that are too many for the second-level cache.
  void fetch(const std::uint32_t* labels, std::size_t count) const noexcept {
    if (counters_.size() <= kCached) return;
    for (std::size_t i = 0; i < count; ++i) {
      if (labels[i] >= kCold && labels[i] < kPending)
        __builtin_prefetch(counters_.get() + kShift + labels[i], 1);
    }
  }

  /// Adds what was counted, but for wraps, to the `num` counts of tables first, first + 1, ...
  void add_to(const RestaurantKernels& kernels, std::uint32_t* counts, std::size_t first,
              std::size_t num) const noexcept {
    for_each_run(first, num, [&](std::size_t table, std::size_t at, std::size_t some) {
      kernels.add_tallies(counts + (table - first), counters_.get() + at, some);
    });
  }
  /// Forgets what was counted, but for wraps, at these tables.
  void clear(std::size_t first, std::size_t num) noexcept {
    for_each_run(first, num, [&](std::size_t, std::size_t at, std::size_t some) {
      std::fill_n(counters_.get() + at, some, std::uint8_t{0});
    });
  }

  /// Customers counted at table k but for those of wraps.
  std::uint64_t below_wrap(std::uint64_t k) const noexcept {
    if (kShift + k >= counters_.size()) return 0;
    std::uint64_t sum = counters_[kShift + k];
    for (std::uint32_t copy = 0; k < kHot && copy + 1 < kCopies; ++copy) sum += counters_[k + copy * kHot];
    return sum;
  }

  static constexpr std::uint32_t kWrap = 256;
  /// Tables to whose counts kWrap is to be added, each as often as it is there.
  std::span<const std::uint32_t> wraps() const noexcept { return {wraps_.get(), num_wraps_}; }
  void forget_wraps() noexcept { num_wraps_ = 0; }

 private:
  static constexpr std::uint32_t kHot = kHotTables, kCopies = kHotCopies, kShift = kColdShift;

  /// Calls use(table, counter, number) for runs of counters in a row of tables in a row, until all counters
  /// of the `num` tables from `first` on were there.
  template <class Use>
  void for_each_run(std::size_t first, std::size_t num, Use&& use) const noexcept {
    const std::size_t known = std::max(counters_.size(), std::size_t{kShift}) - kShift;
    if (first >= known) return;
    use(first, kShift + first, std::min(num, known - first));
    for (std::uint32_t copy = 0; first < kHot && copy + 1 < kCopies; ++copy)
      use(first, copy * kHot + first, std::min(num, kHot - first));
  }

  static constexpr std::uint32_t kCold = 1 << 16;
  static constexpr std::size_t kCached = 1 << 20;

  BigBuffer<std::uint8_t> counters_;
  BigBuffer<std::uint32_t> wraps_;
  std::size_t num_wraps_ = 0;
};

}  // namespace skm
