// The Chinese restaurant of the Pitman-Yor process: customer t (t customers before it, K tables) opens a new
// table with probability (concentration + discount K) / (t + concentration) and joins table k, where n_k sit,
// with probability (n_k - discount) / (t + concentration). Pitman, "Exchangeable and partially exchangeable
// random partitions", Probab. Theory Relat. Fields 102 (1995).
//
// Every customer takes one 64-bit number: word t % 4 of Philox block (t / 4, 0) above that of block (t / 4,
// 1). Labels are therefore the same for any number of threads, on any instruction set, and however seat() is
// cut into calls. What is drawn from the number is a uniform point on a line of the customers before t; how
// the line is arranged changes at the start of every epoch and is part of the definition (docs/theory.md,
// "The Chinese restaurant in epochs").
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "skm/big_buffer.hpp"
#include "skm/team.hpp"

namespace skm {

/// Beyond this many customers the 64 bits of a point no longer tell customers apart well enough.
inline constexpr std::uint64_t kMaxCustomers = std::uint64_t{1} << 40;
/// Labels have 31 bits.
inline constexpr std::uint64_t kMaxTables = std::uint64_t{1} << 31;

class Restaurant {
 public:
  /// Continues after counts[k] >= 1 customers at table k, none if empty: all kMaxCustomers at most together.
  /// 0 <= discount < 1, concentration > -discount. Throws std::bad_alloc.
  Restaurant(double discount, double concentration, std::uint64_t key, std::span<const std::uint64_t> counts);
  ~Restaurant();
  Restaurant(const Restaurant&) = delete;
  Restaurant& operator=(const Restaurant&) = delete;

  /// Seats labels.size() more customers; tables are numbered in order of appearance. Throws
  /// std::length_error, having seated nobody, when there would be more than kMaxCustomers; std::length_error
  /// or std::bad_alloc, having seated some, when there may be more than kMaxTables or memory ends.
  void seat(std::span<std::uint32_t> labels, unsigned threads);

  std::uint64_t num_customers() const noexcept { return seated_; }
  std::uint64_t num_tables() const noexcept { return tables_; }
  /// Customers at each table: counts.size() == num_tables().
  void counts(std::span<std::uint64_t> counts) const noexcept;

  /// Customers when the present epoch began. A restaurant made from the counts of then
  /// that seats num_customers() - epoch_start() more is the same as this one.
  std::uint64_t epoch_start() const noexcept { return start_; }
  std::uint64_t epoch_tables() const noexcept { return frozen_.size(); }
  void epoch_counts(std::span<std::uint64_t> counts) const noexcept;

 private:
  struct Sizes {  // of a part of the line
    std::uint64_t blocks = 0, runs = 0, singles = 0;
  };
  struct Line;
  struct Tally;

  // Epochs: who sits already, and the line it is drawn from.
  std::uint64_t epoch_length() const noexcept;
  void begin_epoch();
  void lay_out(const TeamMember& member);
  Sizes close_counts(std::size_t first, std::size_t last) noexcept;
  void divide_places(std::size_t parts);
  void fill_places(std::size_t first, std::size_t last, Sizes from, std::uint64_t end) noexcept;

  // Customers of an epoch, named by their offset from its start.
  std::size_t choose(std::uint64_t begin, std::uint64_t end, std::uint32_t* choices,
                     std::uint32_t* pending) const noexcept;
  bool founded(std::uint32_t label, std::uint32_t offset) const noexcept;
  std::uint32_t offset_of(std::uint32_t self) const noexcept;
  void settle(std::uint32_t self) noexcept;
  std::uint32_t founder_or_label(std::uint32_t self) const noexcept;
  void seat_in_turn(std::span<std::uint32_t> labels);
  void seat_together(const TeamMember& member, std::span<std::uint32_t> labels) noexcept;

  // A call.
  template <class Body>
  void attempt(Body&& body) noexcept;
  void plan(std::span<std::uint32_t> labels, std::size_t parts);
  void seat_all(const TeamMember& member, std::span<std::uint32_t> labels) noexcept;

  double discount_, concentration_;
  std::uint64_t key_;
  std::uint64_t seated_ = 0, tables_ = 0;
  std::uint64_t start_ = 0, end_ = 0;  // the epoch's first customer, and the next epoch's
  std::vector<std::uint64_t> frozen_;  // customers at each table at start_
  std::unique_ptr<Line> line_;
  std::vector<Tally> tallies_;  // of the epoch's customers, one for each thread
  // Labels of the epoch's customers: where the caller wants them if the epoch began in this call, else in
  // recent_, where the end of a call leaves those of an epoch that goes on.
  std::uint32_t* seats_ = nullptr;
  BigBuffer<std::uint32_t> recent_;
  BigBuffer<std::uint32_t> founders_;  // offset of who founded table frozen_.size() + i
  BigBuffer<std::uint32_t> pending_;   // offsets of customers whose choice waits for others of the step
  BigBuffer<std::uint32_t> outcomes_;  // and what founder_or_label found for them
  // The present step of a team: its customers, the members that work, the tables each has opened.
  std::uint64_t step_ = 0;
  bool new_epoch_ = false;
  std::size_t active_ = 1;
  std::vector<std::uint64_t> opened_;
  std::atomic<int> failure_ = 0;
};

}  // namespace skm
