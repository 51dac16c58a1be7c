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
#include "skm/lockstep.hpp"

namespace skm {

class Tally;
struct SeatingLine;
struct UncountedLabels;
struct EpochSeats;

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
  std::uint64_t epoch_tables() const noexcept { return frozen_; }
  void epoch_counts(std::span<std::uint64_t> counts) const noexcept;

 private:
  struct Line;
  struct Chunk;
  struct Hand;
  static constexpr std::size_t kHeld = 16;  // chunks of one member at most that wait for their turn

  // Epochs: who sits already, and the line it is drawn from.
  std::uint64_t epoch_length() const noexcept;
  bool few_tables() const noexcept;
  void begin_epoch(std::size_t members);
  void begin_line(std::size_t part);
  const Line& line_of(std::size_t part) const noexcept;
  void lay_out(const LockstepMember& member) noexcept;
  void lay_out_together(const LockstepMember& member) noexcept;
  void lay_out_alone(const LockstepMember& member) noexcept;
  void clear_tallies(const LockstepMember& member) noexcept;
  void divide_places(Line& line, std::size_t parts);
  void fill_places(Line& line, std::size_t part, std::size_t parts) const noexcept;
  void check_places() noexcept;
  double growth(double exponent) const noexcept;
  std::uint64_t expected_tables() const noexcept;

  // Customers. Those of an epoch are named by their offset from its start.
  std::size_t choose(const SeatingLine& line, std::uint64_t begin, std::uint64_t end, std::uint32_t* choices,
                     std::uint32_t* pending, UncountedLabels& uncounted) const noexcept;
  std::uint64_t chunk_end(std::uint64_t begin, std::size_t members) const noexcept;
  void fetch_seats(std::uint64_t begin) const noexcept;
  EpochSeats epoch_seats() const noexcept;
  void choose_chunk(std::size_t part, std::uint64_t begin, std::uint64_t end) noexcept;
  bool settle_chunk(std::size_t part) noexcept;
  bool turn_comes(std::uint64_t begin) const noexcept;
  void seat_chunks(const LockstepMember& member) noexcept;
  void take_turns(std::size_t part, std::size_t members) noexcept;
  void count_labels(std::size_t part) noexcept;

  // A call.
  void make_room(std::size_t members);
  template <class Body>
  void attempt(Body&& body) noexcept;
  void plan(std::uint64_t longest, std::size_t members);
  void seat_all(const LockstepMember& member, std::uint64_t longest) noexcept;

  double discount_, concentration_;
  std::uint64_t key_;
  std::uint64_t start_ = 0, end_ = 0;         // the epoch's first customer, and the next epoch's
  std::uint64_t frozen_ = 0;                  // tables at start_
  std::vector<std::unique_ptr<Line>> lines_;  // one for each thread; the first always holds, others at times
  std::vector<Tally> tallies_;                // of the epoch's customers, one for each thread
  std::vector<Tally> spent_;                  // of the last epoch, if each thread laid out its own line
  std::vector<Hand> hands_;                   // the chunks that each thread holds
  // Labels of the epoch's customers: where the caller wants them if the epoch began in this call, else in
  // recent_, where the end of a call leaves those of an epoch that goes on.
  std::uint32_t* seats_ = nullptr;
  BigBuffer<std::uint32_t> recent_;
  BigBuffer<std::uint32_t> founders_;  // offset of who founded table frozen_ + i

  // The present call: its labels, and the first of its customers.
  std::span<std::uint32_t> labels_;
  std::uint64_t first_ = 0;
  // Tables are added up and laid out in parts that whoever has time takes in turn.
  bool own_lines_ = false;
  std::size_t parts_ = 0, table_grain_ = 0;
  // The present step, within an epoch: its customers are taken, in chunks, by whoever has time.
  std::uint64_t step_end_ = 0;
  std::uint64_t likely_tables_ = 0;  // at its end, or fewer
  bool goes_on_ = false, new_epoch_ = false;
  std::atomic<int> failure_ = 0;
  alignas(64) std::atomic<std::uint64_t> next_chunk_ = 0;  // where it begins
  TwoEnds sums_, fills_;
  // All before have their labels. Who seats the chunk that begins here, and nobody else, may open tables.
  alignas(64) std::atomic<std::uint64_t> seated_ = 0;
  std::uint64_t tables_ = 0;
};

}  // namespace skm
