// The restaurant's epochs: frozen line, choices, who depends on whom, tallies.
#include "skm/restaurant.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <new>
#include <stdexcept>

#include "simd/restaurant.hpp"
#include "skm/isa.hpp"
#include "skm/parallel.hpp"

namespace skm {
namespace {

constexpr std::uint64_t kShortestEpoch = 1024;
constexpr std::uint64_t kLongestEpoch = std::uint64_t{1} << 26;
constexpr unsigned kBlocksLog2 = 12;  // 2^12 to 2^13 blocks if all customers sat in blocks
constexpr unsigned kRunsPerBlockLog2 = 5;

constexpr std::uint64_t kChunk = 2048;         // customers that one thread keeps in the first-level cache
constexpr std::uint64_t kTeamGrain = 1 << 13;  // customers that pay for a thread
constexpr std::size_t kTableGrain = 1 << 14;   // tables that pay for a thread
constexpr std::size_t kSpare = 4;              // places that may be overwritten beyond those that count

constexpr int kOutOfMemory = 1, kTooManyTables = 2;

const RestaurantKernels& kernels() noexcept {
#if defined(SKM_X86)
  if (active_isa() == Isa::avx512) return restaurant_kernels_avx512();
  if (active_isa() == Isa::avx2) return restaurant_kernels_avx2();
#endif
  return restaurant_kernels_baseline();
}

/// A fraction in units of 2^-64, of which 1 has one unit too few.
std::uint64_t units_of_64_bits(double fraction) noexcept {
  return fraction < 1 ? static_cast<std::uint64_t>(fraction * 0x1p64) : ~std::uint64_t{0};
}

}  // namespace

/// The frozen line; its kernels' view and the memory behind it.
struct Restaurant::Line {
  SeatingLine seating{};
  BigBuffer<std::uint32_t> places;
  std::vector<Sizes> sizes;  // of each member's tables; then where they start

  std::uint64_t block_mask() const noexcept { return (std::uint64_t{1} << seating.block_shift) - 1; }
  std::uint64_t run_mask() const noexcept { return (std::uint64_t{1} << seating.run_shift) - 1; }
};

/// Customers by table. The first tables are the largest as a rule: four counters each, so that an increment
/// need not wait for the last one's store.
struct Restaurant::Tally {
  static constexpr std::uint32_t kHot = 1024;
  static constexpr std::uint32_t kCopies = 4;
  static constexpr std::uint32_t kShift = (kCopies - 1) * kHot;

  static constexpr std::uint32_t kCold = 1 << 14;
  static constexpr std::uint64_t kHugePage = 1 << 19;  // counters of one

  BigBuffer<std::uint32_t> counters;

  void reserve(std::uint64_t tables) {
    const std::size_t known = counters.size();
    if (known >= kShift + tables) return;
    const std::uint64_t size = kShift + tables + tables / 2 + kHot;
    BigBuffer<std::uint32_t> larger(tables > kCold ? std::max(size, kHugePage) : size);
    std::copy_n(counters.get(), known, larger.get());
    std::fill(larger.get() + known, larger.get() + larger.size(), 0);
    counters = std::move(larger);
  }
  static std::uint32_t at(std::uint32_t label, std::uint32_t copy) noexcept {
    return label + (label < kHot ? copy * kHot : kShift);
  }
  /// Asks for the memory of what is seldom incremented.
  void fetch(const std::uint32_t* labels, std::size_t count) const noexcept {
    const std::uint32_t* c = counters.get() + kShift;
    std::uint32_t cold[kChunk];
    std::size_t num_cold = 0;
    for (std::size_t i = 0; i < count; ++i) {
      cold[num_cold] = labels[i];
      num_cold += static_cast<std::uint32_t>(labels[i] - kCold) < kPending - kCold;
    }
    for (std::size_t i = 0; i < num_cold; ++i) __builtin_prefetch(c + cold[i], 1);
  }

  void add(const std::uint32_t* labels, std::size_t count) noexcept {
    std::uint32_t* c = counters.get();
    std::size_t i = 0;
    for (; i + 4 <= count; i += 4) {
      ++c[at(labels[i], 0)];
      ++c[at(labels[i + 1], 1)];
      ++c[at(labels[i + 2], 2)];
      ++c[at(labels[i + 3], 3)];
    }
    for (; i < count; ++i) ++c[at(labels[i], 0)];
  }
  /// Adds the counters of tables first, first + 1, ... to `counts`.
  void add_to(std::span<std::uint64_t> counts, std::size_t first) const noexcept {
    const std::size_t known = counters.size() > kShift ? counters.size() - kShift : 0;
    const std::size_t last = std::min(first + counts.size(), known);
    for (std::size_t k = first; k < last; ++k) counts[k - first] += counters[kShift + k];
    for (std::size_t k = first; k < std::min<std::size_t>(last, kHot); ++k) {
      for (std::uint32_t copy = 0; copy + 1 < kCopies; ++copy) counts[k - first] += counters[k + copy * kHot];
    }
  }
  void clear(std::size_t first, std::size_t last) noexcept {
    const std::size_t known = counters.size() > kShift ? counters.size() - kShift : 0;
    last = std::min(last, known);
    for (std::size_t k = first; k < last; ++k) counters[kShift + k] = 0;
    for (std::size_t k = first; k < std::min<std::size_t>(last, kHot); ++k) {
      for (std::uint32_t copy = 0; copy + 1 < kCopies; ++copy) counters[k + copy * kHot] = 0;
    }
  }
};

Restaurant::Restaurant(double discount, double concentration, std::uint64_t key,
                       std::span<const std::uint64_t> counts)
    : discount_(discount),
      concentration_(concentration),
      key_(key),
      tables_(counts.size()),
      frozen_(counts.begin(), counts.end()),
      line_(std::make_unique<Line>()),
      tallies_(1) {
  for (const std::uint64_t count : counts) seated_ += count;
  start_ = end_ = seated_;
}

Restaurant::~Restaurant() = default;

void Restaurant::counts(std::span<std::uint64_t> counts) const noexcept {
  std::copy(frozen_.begin(), frozen_.end(), counts.begin());
  std::fill(counts.begin() + static_cast<std::ptrdiff_t>(frozen_.size()), counts.end(), 0);
  for (const Tally& tally : tallies_) tally.add_to(counts, 0);
}

void Restaurant::epoch_counts(std::span<std::uint64_t> counts) const noexcept {
  std::copy(frozen_.begin(), frozen_.end(), counts.begin());
}

// ---- epochs --------------------------------------------------------------------------------------

/// Part of the definition of a draw, as are the shifts in begin_epoch.
std::uint64_t Restaurant::epoch_length() const noexcept {
  return std::clamp(seated_ / 16 + 2 * tables_, kShortestEpoch, kLongestEpoch);
}

/// Memory and sizes of the epoch that starts now.
void Restaurant::begin_epoch() {
  const std::uint64_t length = epoch_length();
  for (auto* buffer : {&recent_, &founders_}) {
    if (buffer->size() < length)
      *buffer = BigBuffer<std::uint32_t>(2 * length);  // the next epochs are little longer
  }
  frozen_.resize(tables_);
  SeatingLine& seating = line_->seating;
  seating.key = key_;
  seating.start = seated_;
  seating.founders = seated_ - tables_;
  const auto width = static_cast<unsigned>(std::bit_width(seated_));
  seating.block_shift = width > kBlocksLog2 + 1 ? width - kBlocksLog2 - 1 : 0;
  seating.run_shift = seating.block_shift > kRunsPerBlockLog2 ? seating.block_shift - kRunsPerBlockLog2 : 0;
  const double whole = std::ceil(concentration_);
  seating.whole = static_cast<std::uint64_t>(whole);
  seating.cut = units_of_64_bits(whole - concentration_);
  seating.joins = units_of_64_bits(1.0 - discount_);
  start_ = seated_;
  end_ = seated_ + length;
}

/// Adds the last epoch's tallies to the counts of tables first to last - 1; what they need of the line.
Restaurant::Sizes Restaurant::close_counts(std::size_t first, std::size_t last) noexcept {
  for (Tally& tally : tallies_) {
    tally.add_to(std::span(frozen_).subspan(first, last - first), first);
    tally.clear(first, last);
  }
  const unsigned block_shift = line_->seating.block_shift, run_shift = line_->seating.run_shift;
  const std::uint64_t block_mask = line_->block_mask(), run_mask = line_->run_mask();
  Sizes sizes;
  for (std::size_t k = first; k < last; ++k) {
    const std::uint64_t others = frozen_[k] - 1;  // without the founder
    sizes.blocks += others >> block_shift;
    sizes.runs += (others & block_mask) >> run_shift;
    sizes.singles += others & run_mask;
  }
  return sizes;
}

/// From each member's sizes to where its tables' blocks, runs and single customers start.
void Restaurant::divide_places(std::size_t parts) {
  Line& line = *line_;
  Sizes total;
  for (std::size_t part = 0; part < parts; ++part) {
    const Sizes own = line.sizes[part];
    line.sizes[part] = total;
    total.blocks += own.blocks;
    total.runs += own.runs;
    total.singles += own.singles;
  }
  const std::size_t places = total.blocks + total.runs + total.singles;
  if (line.places.size() < places + kSpare)
    line.places = BigBuffer<std::uint32_t>(places + places / 4 + kSpare);
  for (std::size_t part = 0; part < parts; ++part) {
    line.sizes[part].runs += total.blocks;
    line.sizes[part].singles += total.blocks + total.runs;
  }
  SeatingLine& seating = line.seating;
  seating.places = line.places.get();
  seating.num_blocks = total.blocks;
  seating.num_runs = total.runs;
  seating.block_end = total.blocks << seating.block_shift;
  seating.run_end = seating.block_end + (total.runs << seating.run_shift);
}

/// Most tables have no block, no run and few single customers: four labels are stored at once, whether they
/// count or not, as long as no other member's places are in reach.
void Restaurant::fill_places(std::size_t first, std::size_t last, Sizes from, std::uint64_t end) noexcept {
  const unsigned block_shift = line_->seating.block_shift, run_shift = line_->seating.run_shift;
  const std::uint64_t block_mask = line_->block_mask(), run_mask = line_->run_mask();
  std::uint32_t* const places = line_->places.get();
  std::uint32_t *block = places + from.blocks, *run = places + from.runs, *single = places + from.singles;
  const std::uint32_t* const safe = places + end - std::min<std::uint64_t>(end, kSpare);
  const std::uint64_t few = std::min<std::uint64_t>(kSpare, run_mask);  // with so few others, all are single
  for (std::size_t k = first; k < last; ++k) {
    const std::uint64_t others = frozen_[k] - 1;
    const auto label = static_cast<std::uint32_t>(k);
    const std::uint64_t singles = others & run_mask;
    if (others <= few && single <= safe) [[likely]] {
      for (std::size_t i = 0; i < kSpare; ++i) single[i] = label;
      single += others;
      continue;
    }
    block = std::fill_n(block, others >> block_shift, label);
    run = std::fill_n(run, (others & block_mask) >> run_shift, label);
    single = std::fill_n(single, singles, label);
  }
}

/// The line of those who sit already, by all members together.
void Restaurant::lay_out(const TeamMember& member) {
  const std::size_t parts = part_count(tables_, kTableGrain, static_cast<unsigned>(member.parts));
  const bool works = member.part < parts;
  const std::size_t first = works ? TeamMember::share(tables_, member.part, parts) : 0;
  const std::size_t last = works ? TeamMember::share(tables_, member.part + 1, parts) : 0;
  if (works) line_->sizes[member.part] = close_counts(first, last);
  member.sync();
  if (member.part == 0) attempt([&] { divide_places(parts); });
  member.sync();
  if (!works || failure_ != 0) return;
  const std::uint64_t end =
      member.part + 1 < parts ? line_->sizes[member.part + 1].singles : line_->places.size();
  fill_places(first, last, line_->sizes[member.part], end);
}

// ---- customers -----------------------------------------------------------------------------------

/// Choices of customers begin to end - 1; offsets of those still pending. Returns their number.
std::size_t Restaurant::choose(std::uint64_t begin, std::uint64_t end, std::uint32_t* choices,
                               std::uint32_t* pending) const noexcept {
  const SeatingLine& line = line_->seating;
  const RestaurantKernels& plain = restaurant_kernels_baseline();
  const RestaurantKernels& fast = kernels();
  const bool small = end + line.whole < std::uint64_t{1} << 31;
  const std::uint64_t first = std::min(end, (begin + 3) / 4 * 4);
  const std::uint64_t last = small ? end - (end - first) % fast.group : first;
  std::size_t count = plain.choose(line, begin, first, choices, pending);
  if (first < last) count += fast.choose(line, first, last, choices + (first - begin), pending + count);
  return count + plain.choose(line, last, end, choices + (last - begin), pending + count);
}

/// Whether the customer at this offset opened the table with this label.
bool Restaurant::founded(std::uint32_t label, std::uint32_t offset) const noexcept {
  return label >= frozen_.size() && founders_[label - frozen_.size()] == offset;
}

/// Where the label that a pending customer waits for may stand.
std::uint32_t Restaurant::offset_of(std::uint32_t self) const noexcept {
  return std::min(seats_[self] & kOffsetMask, self);
}

void Restaurant::seat_in_turn(std::span<std::uint32_t> labels) {
  for (std::size_t left = labels.size(); left != 0;) {
    // Chunks end where a kernel's group ends.
    const std::size_t count = std::min<std::size_t>(left, kChunk - seated_ % kChunk);
    if (tables_ + count > kMaxTables) throw std::length_error("more tables than labels can number");
    tallies_[0].reserve(tables_ + count);
    std::uint32_t* chunk = seats_ + (seated_ - start_);
    const std::size_t open = choose(seated_, seated_ + count, chunk, pending_.get());
    for (std::size_t i = 0; i < open; ++i) __builtin_prefetch(&seats_[offset_of(pending_[i])]);
    if (tables_ > Tally::kCold) tallies_[0].fetch(chunk, count);
    for (std::size_t i = 0; i < open; ++i) settle(pending_[i]);
    tallies_[0].add(chunk, count);
    seated_ += count;
    left -= count;
  }
}

/// The label of a pending customer when all before it have theirs. Which way it goes cannot be foreseen, so
/// there are no branches: a founder is noted always, and counts only if there is one.
void Restaurant::settle(std::uint32_t self) noexcept {
  const std::uint32_t choice = seats_[self];
  const std::uint32_t offset = choice & kOffsetMask;
  const bool coin = (choice & kCoin) != 0;
  const std::uint32_t label = seats_[std::min(offset, self)];  // its own where it waits for nobody
  const auto fresh = static_cast<std::uint32_t>(label - frozen_.size());
  const bool open = label >= frozen_.size() && (label & kPending) == 0;
  const bool founder = open & (founders_[open ? fresh : 0] == offset);
  const bool opens = (offset > self) | (coin & ((offset == self) | founder));
  founders_[tables_ - frozen_.size()] = self;
  seats_[self] = opens ? static_cast<std::uint32_t>(tables_) : offset == self ? 0 : label;
  tables_ += opens;
}

/// The label of a customer, or kPending | offset of who opens its table in this step.
std::uint32_t Restaurant::founder_or_label(std::uint32_t self) const noexcept {
  const std::uint32_t choice = seats_[self];
  if ((choice & kPending) == 0) return choice;
  const std::uint32_t offset = choice & kOffsetMask;
  const bool coin = (choice & kCoin) != 0;
  if (offset > self || (offset == self && coin)) return kPending | self;
  if (offset == self) return 0;
  const std::uint32_t found = founder_or_label(offset);
  if (!coin) return found;
  const bool founder = (found & kPending) != 0 ? found == (kPending | offset) : founded(found, offset);
  return founder ? kPending | self : found;
}

/// The next labels.size() customers of the epoch, all members at once: choices; founders; their labels in
/// order; then those who join them.
void Restaurant::seat_together(const TeamMember& member, std::span<std::uint32_t> labels) noexcept {
  const std::size_t parts = active_;
  const bool works = member.part < parts;
  const std::uint64_t offset = seated_ - start_;
  const std::uint64_t begin = offset + (works ? TeamMember::share(labels.size(), member.part, parts) : 0);
  const std::uint64_t end = works ? offset + TeamMember::share(labels.size(), member.part + 1, parts) : begin;
  std::uint32_t* pending = pending_.get() + (begin - offset);
  std::uint32_t* outcomes = outcomes_.get() + (begin - offset);

  const std::size_t open = works ? choose(start_ + begin, start_ + end, seats_ + begin, pending) : 0;
  member.sync();  // from here nobody writes choices until everyone has followed its own
  std::size_t opened = 0;
  for (std::size_t i = 0; i < open; ++i) {
    outcomes[i] = founder_or_label(pending[i]);
    opened += outcomes[i] == (kPending | pending[i]);
  }
  opened_[member.part] = opened;
  member.sync();
  std::uint64_t tables = tables_;
  for (std::size_t part = 0; part < member.part; ++part) tables += opened_[part];
  for (std::size_t i = 0; i < open; ++i) {
    const std::uint32_t self = pending[i];
    if ((outcomes[i] & kPending) == 0) {
      seats_[self] = outcomes[i];
    } else if (outcomes[i] == (kPending | self)) {
      founders_[tables - frozen_.size()] = self;
      seats_[self] = static_cast<std::uint32_t>(tables++);
    }
  }
  member.sync();  // founders have their labels
  for (std::size_t i = 0; i < open; ++i) {
    if ((outcomes[i] & kPending) != 0) seats_[pending[i]] = seats_[outcomes[i] & kOffsetMask];
  }
  attempt([&] {
    if (!works) return;
    std::uint64_t all = tables_;
    for (std::size_t part = 0; part < parts; ++part) all += opened_[part];
    tallies_[member.part].reserve(all);
    tallies_[member.part].add(seats_ + begin, end - begin);
  });
}

// ---- a call --------------------------------------------------------------------------------------

/// Runs `body` and keeps its failure for the caller's thread.
template <class Body>
void Restaurant::attempt(Body&& body) noexcept {
  try {
    body();
  } catch (const std::length_error&) {
    failure_ = kTooManyTables;
  } catch (...) {
    failure_ = kOutOfMemory;
  }
}

/// What the team does next, decided by its first member while the others wait.
void Restaurant::plan(std::span<std::uint32_t> labels, std::size_t parts) {
  const std::uint64_t left = labels.size();
  step_ = 0;
  if (left == 0) return;
  new_epoch_ = seated_ == end_;
  if (new_epoch_) begin_epoch();
  if (new_epoch_) seats_ = labels.data();
  const std::uint64_t count = std::min(left, end_ - seated_);
  active_ = part_count(count, kTeamGrain, static_cast<unsigned>(parts));
  if (active_ > 1 && tables_ + count > kMaxTables)
    throw std::length_error("more tables than labels can number");
  const std::uint64_t pending = active_ > 1 ? count : kChunk;
  for (auto* buffer : {&pending_, &outcomes_}) {
    if (buffer->size() < pending)
      *buffer = BigBuffer<std::uint32_t>(pending > kChunk ? 2 * pending : pending);
  }
  step_ = count;
}

/// Every member's walk through a call.
void Restaurant::seat_all(const TeamMember& member, std::span<std::uint32_t> labels) noexcept {
  for (;;) {
    if (member.part == 0) attempt([&] { plan(labels, member.parts); });
    member.sync();
    if (step_ == 0 || failure_ != 0) return;
    if (new_epoch_) {
      lay_out(member);
      member.sync();
      if (failure_ != 0) return;
    }
    const std::span<std::uint32_t> now = labels.first(step_);
    const bool together = active_ > 1;
    if (together) {
      seat_together(member, now);
    } else if (member.part == 0) {
      attempt([&] { seat_in_turn(now); });
    }
    member.sync();
    if (failure_ != 0) return;
    if (member.part == 0 && seats_ == recent_.get())
      std::copy_n(seats_ + (seated_ - start_) - (together ? 0 : now.size()), now.size(), now.begin());
    if (together && member.part == 0) {
      seated_ += now.size();
      for (std::size_t part = 0; part < active_; ++part) tables_ += opened_[part];
    }
    labels = labels.subspan(now.size());
  }
}

void Restaurant::seat(std::span<std::uint32_t> labels, unsigned threads) {
  if (labels.size() > kMaxCustomers - seated_)
    throw std::length_error("more customers than a point tells apart");
  if (seated_ == 0 && !labels.empty()) {
    frozen_.assign(1, 1);
    tables_ = seated_ = start_ = end_ = 1;
    labels[0] = 0;
    labels = labels.subspan(1);
  }
  const auto members = static_cast<unsigned>(part_count(labels.size(), kTeamGrain, threads));
  if (tallies_.size() < members) tallies_.resize(members);
  opened_.resize(std::max<std::size_t>(opened_.size(), members));
  line_->sizes.resize(std::max<std::size_t>(line_->sizes.size(), members));
  failure_ = 0;
  seats_ = recent_.get();
  run_team(members, [&](const TeamMember& member) { seat_all(member, labels); });
  if (seats_ != recent_.get()) std::copy_n(seats_, seated_ - start_, recent_.get());
  if (failure_ == kTooManyTables) throw std::length_error("more tables than labels can number");
  if (failure_ == kOutOfMemory) throw std::bad_alloc();
}

}  // namespace skm
