// Kernels of the Chinese restaurant: the choice of every customer of an epoch, as far as it does not depend
// on the others of the epoch; who joins a customer of the epoch; and counts of tables into the line.
#pragma once

#include <cstddef>
#include <cstdint>

namespace skm {

/// The customers before an epoch, laid on a line of unit pieces so that most of it is described by few
/// labels. From left to right, with n customers at K tables when the epoch starts (docs/theory.md):
///
///   [0, block_end)            blocks of 2^block_shift customers of one table
///   [block_end, run_end)      runs of 2^run_shift customers of one table
///   [run_end, founders)       single customers
///   [founders, n - 1)         who founded tables 1 to K - 1, in order; founders = n - K
///   [n - 1, t - 1)            customers n to t - 1, those of this epoch
///   [t - 1, t + concentration)  who founded table 0
///
/// Customer t takes a uniform point: u span / 2^64, with span = t + whole and a 64-bit u whose high half is
/// word t % 4 of Philox block (t / 4, 0) and whose low half is that of block (t / 4, 1). One less than `cut`
/// from the end of the span is drawn again, from blocks (t / 4, 2) and (t / 4, 3), and so on. In a founder's
/// piece a fraction from `joins` opens a new table, and so does all beyond t.
struct SeatingLine {
  const std::uint32_t* places;  ///< labels of the blocks, then the runs, then the single customers
  const std::uint32_t* seats;   ///< of the epoch's customers, if whom the pending refer to will be wanted
  std::uint64_t key;
  std::uint64_t start;  ///< n, at least 1
  std::uint64_t block_end;
  std::uint64_t run_end;
  std::uint64_t founders;
  std::uint64_t num_blocks;
  std::uint64_t num_runs;
  unsigned block_shift;
  unsigned run_shift;
  std::uint64_t whole;  ///< the concentration rounded up
  std::uint64_t cut;    ///< 2^64 (whole - concentration)
  std::uint64_t joins;  ///< 2^64 (1 - discount): the part of a founder's piece that joins its table
};

// A choice is the label of a table that was there at the start, or else
//   kPending | kCoin if the fraction opens a table | offset
// where offset counts from the epoch's first customer: below t - n it is that customer, t - n means table 0's
// founder, more a new table.
inline constexpr std::uint32_t kPending = 0x80000000u;
inline constexpr std::uint32_t kCoin = 0x40000000u;
inline constexpr std::uint32_t kOffsetMask = 0x3FFFFFFFu;
inline constexpr std::uint32_t kOpens = kPending | kCoin | kOffsetMask;  // a new table in any case

/// What became of the epoch's customers so far.
struct EpochSeats {
  std::uint32_t* seats;     ///< choices, then labels, of the epoch's customers
  std::uint32_t* founders;  ///< offset of who founded table `tables` + i
  std::uint32_t tables;     ///< when the epoch began
};

/// How much of the line some tables take, or where on it they start.
struct LineSizes {
  std::uint64_t blocks = 0, runs = 0, singles = 0;
};

/// Where the labels of the next table's blocks, runs and single customers go.
struct LineCursors {
  std::uint32_t *block, *run, *single;
  /// One beyond what may be written at the cursor of the shortest pieces: singles, or runs where runs have
  /// one customer, or blocks where those do.
  const std::uint32_t* shortest_end;
};

/// Labels whose customers are still to be counted by table, in counters of one byte. The first tables are the
/// largest as a rule and have several counters each, so that an increment need not wait for the last one's
/// store: any of counters[k + copy kHotTables] for k < kHotTables, else counters[k + kColdShift].
struct UncountedLabels {
  const std::uint32_t* labels;
  std::size_t num;
  std::uint8_t* counters;
  std::uint32_t* wraps;  ///< where the next table goes of which a counter came back to zero
};
inline constexpr std::uint32_t kHotTables = 1024, kHotCopies = 4;
inline constexpr std::uint32_t kColdShift = (kHotCopies - 1) * kHotTables;

struct RestaurantKernels {
  /// Choices of customers begin to end - 1, none before the start; offsets (from the start) of those that are
  /// pending go to `pending`, room for end - begin + 16. Returns their number. For kernels with group > 1:
  /// begin is a multiple of 4, end - begin of group, and end + whole < 2^31. Counts labels meanwhile, where
  /// units of the processor are idle that can do it: as many of the first ones as it happens to.
  std::size_t (*choose)(const SeatingLine& line, std::uint64_t begin, std::uint64_t end,
                        std::uint32_t* choices, std::uint32_t* pending, UncountedLabels& uncounted);
  std::size_t group;
  /// Counts all labels that are left.
  void (*count)(UncountedLabels& uncounted);

  /// Gives those of the `count` pending customers their labels who refer to one of the first `settled`
  /// customers of the epoch, all of which have labels, and join; makes kOpens the choice of those who refer
  /// to one of them and open a table. Leaves the offsets of all but the former in `pending`, in their order,
  /// room for 16 more, and returns their number.
  std::size_t (*join)(const EpochSeats& epoch, std::uint32_t settled, std::uint32_t* pending,
                      std::size_t count);

  /// As join(), but whom they refer to may have no label yet: the choice is made again, from the same number,
  /// and nobody's seat is read but one's own. Those for whom that does not decide it are left, as are some
  /// others. For kernels with group > 1: end + whole < 2^31, where all pending are before customer `end`.
  std::size_t (*join_again)(const SeatingLine& line, std::uint64_t end, std::uint32_t* seats,
                            std::uint32_t* pending, std::size_t count);

  /// Gives `count` pending customers their labels, tables + i to those who open one. All others before the
  /// last of them have theirs. Returns how many tables there are then.
  std::uint32_t (*settle)(const EpochSeats& epoch, std::uint32_t tables, const std::uint32_t* pending,
                          std::size_t count);

  /// Adds tallies[k] to counts[k] for k < num.
  void (*add_tallies)(std::uint32_t* counts, const std::uint8_t* tallies, std::size_t num);
  /// Sizes on the line of tables with these counts, below 2^32 together.
  LineSizes (*measure)(const std::uint32_t* counts, std::size_t num, unsigned block_shift,
                       unsigned run_shift);
  /// Labels first_label, first_label + 1, ... of tables with these counts. Returns where the next go.
  LineCursors (*fill)(const std::uint32_t* counts, std::size_t num, std::uint32_t first_label,
                      unsigned block_shift, unsigned run_shift, LineCursors to);
};

/// The choice of customer t: what every kernel must give.
std::uint32_t restaurant_choice(const SeatingLine& line, std::uint64_t t) noexcept;
/// The same, with t + whole < 2^31 and a place for a label: an index of `places`, or beyond them the
/// founders' of tables 1, 2, ...
std::uint32_t restaurant_place(const SeatingLine& line, std::uint64_t t) noexcept;

const RestaurantKernels& restaurant_kernels_baseline() noexcept;
const RestaurantKernels& restaurant_kernels_avx2() noexcept;
const RestaurantKernels& restaurant_kernels_avx512() noexcept;

}  // namespace skm
