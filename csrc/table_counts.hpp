// Customers at each table when an epoch of the restaurant began: 32 bits each, and 32 higher ones only once
// 2^32 customers sit.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "restaurant_tally.hpp"
#include "simd/restaurant.hpp"
#include "skm/big_buffer.hpp"

namespace skm {

class TableCounts {
 public:
  std::size_t size() const noexcept { return size_; }
  std::uint64_t operator[](std::size_t k) const noexcept {
    return low_[k] | (high_.empty() ? 0 : std::uint64_t{high_[k]} << 32);
  }

  /// Throws std::bad_alloc.
  void assign(std::span<const std::uint64_t> counts) {
    std::uint64_t customers = 0;
    for (const std::uint64_t count : counts) customers += count;
    resize(counts.size(), customers);
    for (std::size_t k = 0; k < counts.size(); ++k) {
      low_[k] = static_cast<std::uint32_t>(counts[k]);
      if (!high_.empty()) high_[k] = static_cast<std::uint32_t>(counts[k] >> 32);
    }
    known_ = size_;
  }

  /// More tables, that will seat so many customers together; more memory than that where it must be moved.
  /// Their counts are known once add() has seen them. Throws std::bad_alloc.
  void resize(std::size_t tables, std::uint64_t customers, double growth = 2.0) {
    if (low_.size() < tables) {
      BigBuffer<std::uint32_t> larger(static_cast<std::size_t>(growth * static_cast<double>(tables)));
      std::copy_n(low_.get(), known_, larger.get());
      low_ = std::move(larger);
    }
    if (customers >> 32 != 0) high_.resize(tables);
    size_ = tables;
  }

  /// Becomes a copy. Throws std::bad_alloc.
  void copy(const TableCounts& other) {
    known_ = 0;
    resize(other.size_, 0);
    std::copy_n(other.low_.get(), other.known_, low_.get());
    high_ = other.high_;
    known_ = other.known_;
  }

  /// Adds what the tally's wraps stand for.
  void add_wraps(const Tally& tally) noexcept {
    for (const std::uint32_t k : tally.wraps()) {
      if (k >= known_) {
        std::fill(low_.get() + known_, low_.get() + k + 1, 0);
        known_ = k + 1;
      }
      low_[k] += Tally::kWrap;
      if (!high_.empty()) high_[k] += low_[k] < Tally::kWrap;
    }
  }

  /// Adds what else the tallies counted at tables first to last - 1, of which new ones begin with none, and
  /// says how much of the line those take. After all tables were here once, added() says so.
  LineSizes add(const RestaurantKernels& kernels, std::span<const Tally> tallies, std::size_t first,
                std::size_t last, unsigned block_shift, unsigned run_shift) noexcept {
    LineSizes sizes;
    std::array<std::uint32_t, kBatch> rest;
    if (last > known_) std::fill(low_.get() + std::max(first, known_), low_.get() + last, 0);
    for (std::size_t k = first; k < last; k += kBatch) {
      const std::size_t num = std::min(kBatch, last - k);
      std::uint32_t* const counts = low_.get() + k;
      if (!high_.empty()) std::copy_n(counts, num, rest.data());
      for (const Tally& tally : tallies) tally.add_to(kernels, counts, k, num);
      for (std::size_t i = 0; i < num && !high_.empty(); ++i) high_[k + i] += counts[i] < rest[i];
      if (!high_.empty()) sizes.blocks += without_blocks(k, num, block_shift, rest.data(), [](auto...) {});
      const LineSizes own =
          kernels.measure(high_.empty() ? counts : rest.data(), num, block_shift, run_shift);
      sizes.blocks += own.blocks;
      sizes.runs += own.runs;
      sizes.singles += own.singles;
    }
    return sizes;
  }

  void added() noexcept { known_ = size_; }

  /// Labels of tables first to last - 1 to their places on the line.
  void fill(const RestaurantKernels& kernels, std::size_t first, std::size_t last, unsigned block_shift,
            unsigned run_shift, LineCursors to) const noexcept {
    if (high_.empty()) {
      const auto label = static_cast<std::uint32_t>(first);
      if (first < last) kernels.fill(low_.get() + first, last - first, label, block_shift, run_shift, to);
      return;
    }
    std::array<std::uint32_t, kBatch> rest;
    for (std::size_t k = first; k < last; k += kBatch) {
      const std::size_t num = std::min(kBatch, last - k);
      without_blocks(k, num, block_shift, rest.data(), [&](std::size_t table, std::uint64_t blocks) {
        to.block = std::fill_n(to.block, blocks, static_cast<std::uint32_t>(table));
      });
      to = kernels.fill(rest.data(), num, static_cast<std::uint32_t>(k), block_shift, run_shift, to);
    }
  }

 private:
  static constexpr std::size_t kBatch = 2048;  // tables whose counts stay in the first-level cache

  /// Counts of tables k to k + num - 1 less their whole blocks, which go to use(table, blocks) instead.
  /// Returns all blocks.
  template <class Use>
  std::uint64_t without_blocks(std::size_t k, std::size_t num, unsigned block_shift, std::uint32_t* rest,
                               Use&& use) const noexcept {
    std::uint64_t all = 0;
    for (std::size_t i = 0; i < num; ++i) {
      const std::uint64_t others = (*this)[k + i] - 1, blocks = others >> block_shift;
      rest[i] = static_cast<std::uint32_t>(others - (blocks << block_shift)) + 1;
      use(k + i, blocks);
      all += blocks;
    }
    return all;
  }

  BigBuffer<std::uint32_t> low_;
  std::vector<std::uint32_t> high_;  // empty below 2^32 customers
  std::size_t size_ = 0;
  std::size_t known_ = 0;  // tables whose counts are there
};

}  // namespace skm
