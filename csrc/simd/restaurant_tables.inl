// Labels into counts, counts of tables into the line, and customers who join others of their epoch, in plain
// loops: compiled once per instruction set. The including file provides repeat(to, count, label): stores the
// label so often, and nothing else, and returns to + count.

inline void count_plainly(UncountedLabels& uncounted) {
  const std::uint32_t* const labels = uncounted.labels;
  std::uint8_t* const counters = uncounted.counters;
  std::uint32_t* wrap = uncounted.wraps;
  const auto count_one = [&](std::uint32_t label, std::uint32_t copy) {
    if (++counters[label + (label < kHotTables ? copy * kHotTables : kColdShift)] == 0) [[unlikely]]
      *wrap++ = label;
  };
  std::size_t i = 0;
  for (; i + kHotCopies <= uncounted.num; i += kHotCopies) {
    for (std::uint32_t copy = 0; copy < kHotCopies; ++copy) count_one(labels[i + copy], copy);
  }
  for (; i < uncounted.num; ++i) count_one(labels[i], 0);
  uncounted = {labels + i, 0, counters, wrap};
}

inline void add_tallies(std::uint32_t* __restrict counts, const std::uint8_t* __restrict tallies,
                        std::size_t num) {
  for (std::size_t k = 0; k < num; ++k) counts[k] += tallies[k];
}

inline LineSizes measure(const std::uint32_t* counts, std::size_t num, unsigned block_shift,
                         unsigned run_shift) {
  const std::uint32_t block_mask = (std::uint32_t{1} << block_shift) - 1;
  const std::uint32_t run_mask = (std::uint32_t{1} << run_shift) - 1;
  std::uint32_t blocks = 0, runs = 0, singles = 0;  // no more than customers
  for (std::size_t k = 0; k < num; ++k) {
    const std::uint32_t others = counts[k] - 1;  // without the founder
    blocks += others >> block_shift;
    runs += (others & block_mask) >> run_shift;
    singles += others & run_mask;
  }
  return {blocks, runs, singles};
}

/// The cursor of the shortest pieces.
inline std::uint32_t*& shortest(LineCursors& to, unsigned block_shift, unsigned run_shift) {
  return run_shift != 0 ? to.single : block_shift != 0 ? to.run : to.block;
}

/// Most others than this at a table that has shortest pieces only.
inline std::uint32_t most_in_shortest(unsigned block_shift, unsigned run_shift) {
  const unsigned shift = run_shift != 0 ? run_shift : block_shift;
  return shift != 0 ? (std::uint32_t{1} << shift) - 1 : ~std::uint32_t{0};
}

/// Pieces of all lengths, of a table with any number of others.
inline void place(std::uint32_t others, std::uint32_t label, unsigned block_shift, unsigned run_shift,
                  LineCursors& to) {
  to.block = repeat(to.block, others >> block_shift, label);
  to.run = repeat(to.run, (others & ((std::uint32_t{1} << block_shift) - 1)) >> run_shift, label);
  to.single = repeat(to.single, others & ((std::uint32_t{1} << run_shift) - 1), label);
}

/// Most tables have few others, in the shortest pieces: four labels are stored at once, whether they count or
/// not, as long as nobody else's places are in reach.
inline LineCursors fill_plainly(const std::uint32_t* counts, std::size_t num, std::uint32_t first_label,
                                unsigned block_shift, unsigned run_shift, LineCursors to) {
  constexpr std::uint32_t kFew = 4;
  std::uint32_t*& cursor = shortest(to, block_shift, run_shift);
  const std::uint32_t most = most_in_shortest(block_shift, run_shift);
  const std::uint32_t few = most < kFew ? most : kFew;
  for (std::size_t k = 0; k < num; ++k) {
    const std::uint32_t others = counts[k] - 1;
    const std::uint32_t label = first_label + static_cast<std::uint32_t>(k);
    if (others <= few && to.shortest_end - cursor >= kFew) {
      for (std::uint32_t i = 0; i < kFew; ++i) cursor[i] = label;
      cursor += others;
    } else {
      place(others, label, block_shift, run_shift, to);
    }
  }
  return to;
}

inline std::size_t join_again_plainly(const SeatingLine& line, std::uint64_t, std::uint32_t* seats,
                                      std::uint32_t* pending, std::size_t count) {
  std::size_t left = 0;
  for (std::size_t i = 0; i < count; ++i) {
    const std::uint32_t self = pending[i], offset = seats[self] & kOffsetMask;
    const std::uint32_t label = offset < self ? restaurant_choice(line, line.start + offset) : kPending;
    seats[self] = label < kPending ? label : seats[self];
    pending[left] = self;
    left += label >= kPending;
  }
  return left;
}

/// Which way a customer goes cannot be foreseen, so there are no branches. Seats of customers who are not
/// settled are not read, but one's own: other threads may be writing them.
inline std::size_t join_plainly(const EpochSeats& epoch, std::uint32_t settled, std::uint32_t* pending,
                                std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) {
    const std::uint32_t offset = epoch.seats[pending[i]] & kOffsetMask;
    __builtin_prefetch(epoch.seats + (offset < settled ? offset : pending[i]));
  }
  std::size_t left = 0;
  for (std::size_t i = 0; i < count; ++i) {
    const std::uint32_t self = pending[i];
    const std::uint32_t choice = epoch.seats[self];
    const std::uint32_t offset = choice & kOffsetMask;
    const bool known = offset < settled;
    const std::uint32_t* const seat = epoch.seats + (known ? offset : self);
    const std::uint32_t label = *seat;
    const bool fresh = known & (label >= epoch.tables);
    const bool founder = *(fresh ? epoch.founders + (label - epoch.tables) : seat) == offset;
    const bool joins = known & !(((choice & kCoin) != 0) & fresh & founder);
    epoch.seats[self] = joins ? label : known ? kOpens : choice;
    pending[left] = self;
    left += !joins;
  }
  return left;
}

/// No branches either: a founder is noted always, and counts only if there is one.
inline std::uint32_t settle_plainly(const EpochSeats& epoch, std::uint32_t tables,
                                    const std::uint32_t* pending, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) {
    const std::uint32_t self = pending[i];
    const std::uint32_t choice = epoch.seats[self];
    const std::uint32_t offset = choice & kOffsetMask;
    const bool coin = (choice & kCoin) != 0;
    const std::uint32_t label =
        epoch.seats[offset < self ? offset : self];  // its own where it waits for nobody
    const bool fresh = label >= epoch.tables && (label & kPending) == 0;
    const bool founder = fresh & (epoch.founders[fresh ? label - epoch.tables : 0] == offset);
    const bool opens = (offset > self) | (coin & ((offset == self) | founder));
    epoch.founders[tables - epoch.tables] = self;
    epoch.seats[self] = opens ? tables : offset == self ? 0 : label;
    tables += opens;
  }
  return tables;
}
