// The restaurant's epochs: frozen line, choices, who depends on whom.
#include "skm/restaurant.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <new>
#include <stdexcept>

#include "restaurant_tally.hpp"
#include "simd/restaurant.hpp"
#include "skm/isa.hpp"
#include "skm/parallel.hpp"
#include "table_counts.hpp"

namespace skm {
namespace {

constexpr std::uint64_t kShortestEpoch = 1024;
constexpr std::uint64_t kLongestEpoch = std::uint64_t{1} << 26;
constexpr unsigned kBlocksLog2 = 12;  // 2^12 to 2^13 blocks if all customers sat in blocks
constexpr unsigned kRunsPerBlockLog2 = 5;

// Customers that one thread keeps in the first-level cache. Threads that take turns want them longer: what a
// processor fetches ahead at the end of its chunk is memory that the next one is writing. Where tables are
// few they are longer still. The last chunks of a step are short, so that all threads end at about the same
// time.
constexpr std::uint64_t kChunk = 2048;
struct ChunkLaw {
  std::uint64_t longest, per_member;  // so many chunks of what is left of the step, when one is taken
};
constexpr ChunkLaw kManyTables = {1 << 13, 16}, kFewTables = {1 << 16, 2};
// What another processor has written takes long to come. Where tables are few, with so many customers each or
// more, a thread lays out its own copy of the line, and rather than read the seat of somebody whom another
// thread may be seating makes that customer's choice again: hardly anyone then waits for another chunk.
constexpr std::uint64_t kCustomersPerTable = 128;
constexpr std::uint64_t kMemberGrain = 1 << 15;  // customers of a call that pay for a thread
constexpr std::uint64_t kShared = 1 << 13;       // customers of an epoch that pay for sharing it
constexpr std::size_t kTableGrain = 1 << 12;     // tables that are laid out at once
constexpr std::size_t kLeastTables = 1 << 9;     // tables that pay for sharing them

constexpr std::size_t kFewLabels = 64;  // that are not worth waiting for another chunk to be counted

constexpr int kOutOfMemory = 1, kTooManyTables = 2;

const RestaurantKernels& kernels() noexcept {
#if defined(SKM_X86)
  if (active_isa() == Isa::avx512) return restaurant_kernels_avx512();
  if (active_isa() == Isa::avx2) return restaurant_kernels_avx2();
#endif
  return restaurant_kernels_baseline();
}

bool are_few(std::uint64_t tables, std::uint64_t customers) noexcept {
  return tables * kCustomersPerTable < customers;
}

/// Whether kernels of groups may see these customers.
bool is_small(const SeatingLine& line, std::uint64_t end) noexcept {
  return end + line.whole < std::uint64_t{1} << 31;
}

/// A fraction in units of 2^-64, of which 1 has one unit too few.
std::uint64_t units_of_64_bits(double fraction) noexcept {
  return fraction < 1 ? static_cast<std::uint64_t>(fraction * 0x1p64) : ~std::uint64_t{0};
}

}  // namespace

/// Customers in a row who have chosen.
struct Restaurant::Chunk {
  std::uint64_t begin, end;
  std::span<std::uint32_t> pending;          // offsets of those who wait for others
  std::span<const std::uint32_t> uncounted;  // labels, once all have theirs
};

/// One member's chunks, in their order: the first are to be counted, the others wait for their turn.
struct Restaurant::Hand {
  static constexpr std::size_t kSlots = 2 * kHeld;
  static constexpr std::size_t kLongest = kFewTables.longest + 16;  // pending customers of a chunk
  static constexpr std::size_t kPending = 4 * kLongest;

  std::size_t num_held() const noexcept { return taken - settled; }
  std::size_t num_uncounted() const noexcept { return settled - counted; }
  Chunk& held() noexcept { return chunks[settled % kSlots]; }
  Chunk& uncounted() noexcept { return chunks[counted % kSlots]; }
  const Chunk& last() const noexcept { return chunks[(taken - 1) % kSlots]; }
  /// Where pending customers of another chunk go: the first place if none are there.
  std::uint32_t* free_pending() const noexcept {
    return num_held() == 0 ? pending.get() : last().pending.data() + last().pending.size();
  }
  bool is_full() const noexcept {
    return num_held() == kHeld || free_pending() + kLongest > pending.get() + kPending;
  }

  Chunk chunks[kSlots];
  std::size_t taken = 0, settled = 0, counted = 0;
  BigBuffer<std::uint32_t> pending = BigBuffer<std::uint32_t>(kPending);
};

/// The frozen line: who sits at each table, how that is laid out, and the labels. It holds for the epoch that
/// begins at seating.start.
struct Restaurant::Line {
  TableCounts counts;
  SeatingLine seating{};
  BigBuffer<std::uint32_t> places;
  std::vector<LineSizes> sizes;  // of each part's tables; then where they start, and the end
};

Restaurant::Restaurant(double discount, double concentration, std::uint64_t key,
                       std::span<const std::uint64_t> counts)
    : discount_(discount),
      concentration_(concentration),
      key_(key),
      frozen_(counts.size()),
      tables_(counts.size()) {
  make_room(1);
  lines_[0]->counts.assign(counts);
  for (const std::uint64_t count : counts) start_ += count;
  seated_ = end_ = start_;
}

Restaurant::~Restaurant() = default;

void Restaurant::counts(std::span<std::uint64_t> counts) const noexcept {
  for (std::size_t k = 0; k < counts.size(); ++k) {
    counts[k] = k < frozen_ ? lines_[0]->counts[k] : 0;
    for (const Tally& tally : tallies_) counts[k] += tally.below_wrap(k);
  }
  for (const Tally& tally : tallies_) {
    for (const std::uint32_t k : tally.wraps()) counts[k] += Tally::kWrap;
  }
}

void Restaurant::epoch_counts(std::span<std::uint64_t> counts) const noexcept {
  for (std::size_t k = 0; k < frozen_; ++k) counts[k] = lines_[0]->counts[k];
}

// ---- epochs --------------------------------------------------------------------------------------

/// Part of the definition of a draw, as are the shifts in begin_epoch.
std::uint64_t Restaurant::epoch_length() const noexcept {
  return std::clamp(seated_ / 16 + 2 * tables_, kShortestEpoch, kLongestEpoch);
}

/// How much more memory to take where some must be moved: enough for the call if what is kept there grows
/// with this power of the customers. Pages that are never used cost nothing.
double Restaurant::growth(double exponent) const noexcept {
  const auto last = static_cast<double>(first_ + labels_.size()), now = static_cast<double>(seated_);
  return std::clamp(1.5 * std::pow(last / now, exponent), 2.0, 8.0);
}

/// How many tables the step will open, as expected if tables were opened as they are at its start.
std::uint64_t Restaurant::expected_tables() const noexcept {
  const double opens = concentration_ + discount_ * static_cast<double>(tables_);
  const double share = opens / (concentration_ + static_cast<double>(seated_));
  return static_cast<std::uint64_t>(share * static_cast<double>(step_end_ - seated_));
}

bool Restaurant::few_tables() const noexcept { return are_few(frozen_, start_); }

/// The line that a thread chooses from.
const Restaurant::Line& Restaurant::line_of(std::size_t part) const noexcept {
  return *lines_[lines_[part]->seating.start == start_ ? part : 0];
}

/// Memory and sizes of the epoch that starts now.
void Restaurant::begin_epoch(std::size_t members) {
  const std::uint64_t length = epoch_length();
  own_lines_ = members > 1 && are_few(tables_, seated_);
  const std::size_t lines = own_lines_ ? members : 1;
  for (std::size_t part = 0; part < lines; ++part) {
    if (part > 0 && lines_[part]->seating.start != start_) lines_[part]->counts.copy(lines_[0]->counts);
    lines_[part]->counts.resize(tables_, seated_, growth(discount_));
  }
  const std::uint64_t share = members > 1 ? std::bit_ceil(tables_ / (4 * members)) : kTableGrain;
  table_grain_ = std::clamp<std::uint64_t>(share, kLeastTables, kTableGrain);
  parts_ = (tables_ + table_grain_ - 1) / table_grain_;
  for (std::size_t part = 0; part < lines; ++part) {
    if (lines_[part]->sizes.size() <= parts_) lines_[part]->sizes.resize(2 * parts_ + 1);
  }
  for (auto* buffer : {&founders_, &recent_}) {  // recent_ last: what fails must leave it
    if (buffer->size() < length)
      *buffer = BigBuffer<std::uint32_t>(static_cast<std::size_t>(growth(1) * static_cast<double>(length)));
  }
  for (Tally& tally : tallies_) {
    for (std::size_t part = 0; part < lines; ++part) lines_[part]->counts.add_wraps(tally);
    tally.forget_wraps();
  }
  if (own_lines_) std::swap(tallies_, spent_);
  sums_.reset(parts_);
  fills_.reset(parts_);
  frozen_ = tables_;
  start_ = seated_;
  end_ = seated_ + length;
  seats_ = labels_.data() + (start_ - first_);
  for (std::size_t part = 0; part < lines; ++part) begin_line(part);
}

void Restaurant::begin_line(std::size_t part) {
  SeatingLine& seating = lines_[part]->seating;
  seating.key = key_;
  seating.start = start_;
  seating.founders = start_ - frozen_;
  const auto width = static_cast<unsigned>(std::bit_width(start_));
  seating.block_shift = width > kBlocksLog2 + 1 ? width - kBlocksLog2 - 1 : 0;
  seating.run_shift = seating.block_shift > kRunsPerBlockLog2 ? seating.block_shift - kRunsPerBlockLog2 : 0;
  const double whole = std::ceil(concentration_);
  seating.whole = static_cast<std::uint64_t>(whole);
  seating.cut = units_of_64_bits(whole - concentration_);
  seating.joins = units_of_64_bits(1.0 - discount_);
}

/// From the sizes of each part's tables to where their blocks, runs and single customers start.
void Restaurant::divide_places(Line& line, std::size_t parts) {
  line.counts.added();
  LineSizes total;
  for (std::size_t part = 0; part < parts; ++part) {
    const LineSizes own = line.sizes[part];
    line.sizes[part] = total;
    total.blocks += own.blocks;
    total.runs += own.runs;
    total.singles += own.singles;
  }
  line.sizes[parts] = total;
  for (std::size_t part = 0; part <= parts; ++part) {
    line.sizes[part].runs += total.blocks;
    line.sizes[part].singles += total.blocks + total.runs;
  }
  const std::size_t places = line.sizes[parts].singles;
  if (line.places.size() < places)
    line.places =
        BigBuffer<std::uint32_t>(static_cast<std::size_t>(growth(discount_) * static_cast<double>(places)));
  SeatingLine& seating = line.seating;
  seating.places = line.places.get();
  seating.num_blocks = total.blocks;
  seating.num_runs = total.runs;
  seating.block_end = total.blocks << seating.block_shift;
  seating.run_end = seating.block_end + (total.runs << seating.run_shift);
}

/// Labels of one of some parts of the tables to their places.
void Restaurant::fill_places(Line& line, std::size_t part, std::size_t parts) const noexcept {
  const SeatingLine& seating = line.seating;
  const LineSizes from = line.sizes[part], to = line.sizes[part + 1];
  const std::uint64_t end = seating.run_shift != 0     ? to.singles
                            : seating.block_shift != 0 ? to.runs
                                                       : to.blocks;
  std::uint32_t* const places = line.places.get();
  const std::size_t grain = parts > 1 ? table_grain_ : frozen_;
  line.counts.fill(kernels(), part * grain, std::min<std::size_t>((part + 1) * grain, frozen_),
                   seating.block_shift, seating.run_shift,
                   {places + from.blocks, places + from.runs, places + from.singles, places + end});
}

/// Whether there was memory for places; if not, the epoch is to begin again.
void Restaurant::check_places() noexcept {
  goes_on_ = failure_ == 0;
  if (!goes_on_) end_ = start_;
}

/// Each member clears its own tallies, which are then in its own cache when it counts, and in nobody else's.
void Restaurant::clear_tallies(const LockstepMember& member) noexcept {
  for (std::size_t part = member.part; part < tallies_.size(); part += member.parts)
    tallies_[part].clear(0, frozen_);
}

/// The line of those who sit already, by all members together.
void Restaurant::lay_out_together(const LockstepMember& member) noexcept {
  Line& line = *lines_[0];
  const SeatingLine& seating = line.seating;
  for (std::size_t part = sums_.take(member); part < parts_; part = sums_.take(member)) {
    line.sizes[part] = line.counts.add(kernels(), tallies_, part * table_grain_,
                                       std::min<std::size_t>((part + 1) * table_grain_, frozen_),
                                       seating.block_shift, seating.run_shift);
  }
  member.sync([&] {
    attempt([&] { divide_places(line, parts_); });
    check_places();
  });
  clear_tallies(member);
  for (std::size_t part = fills_.take(member); goes_on_ && part < parts_; part = fills_.take(member))
    fill_places(line, part, parts_);
  member.sync();
}

/// The same by each member for itself.
void Restaurant::lay_out_alone(const LockstepMember& member) noexcept {
  Line& line = *lines_[member.part];
  const SeatingLine& seating = line.seating;
  clear_tallies(member);  // of the epoch before the last, which all have added
  line.sizes[0] = line.counts.add(kernels(), spent_, 0, frozen_, seating.block_shift, seating.run_shift);
  attempt([&] { divide_places(line, 1); });
  member.sync([&] { check_places(); });
  if (goes_on_) fill_places(line, 0, 1);
}

void Restaurant::lay_out(const LockstepMember& member) noexcept {
  if (own_lines_) {
    lay_out_alone(member);
  } else {
    lay_out_together(member);
  }
}

// ---- customers -----------------------------------------------------------------------------------

/// Choices of customers begin to end - 1; offsets of those still pending. Returns their number.
std::size_t Restaurant::choose(const SeatingLine& line, std::uint64_t begin, std::uint64_t end,
                               std::uint32_t* choices, std::uint32_t* pending,
                               UncountedLabels& uncounted) const noexcept {
  const RestaurantKernels& plain = restaurant_kernels_baseline();
  const RestaurantKernels& fast = kernels();
  const bool small = is_small(line, end);
  const std::uint64_t first = std::min(end, (begin + 3) / 4 * 4);
  const std::uint64_t last = small ? end - (end - first) % fast.group : first;
  std::size_t count = plain.choose(line, begin, first, choices, pending, uncounted);
  if (first < last)
    count += fast.choose(line, first, last, choices + (first - begin), pending + count, uncounted);
  return count + plain.choose(line, last, end, choices + (last - begin), pending + count, uncounted);
}

/// The end of the chunk that begins here: a multiple of kChunk, where a kernel's group ends, or the step's.
std::uint64_t Restaurant::chunk_end(std::uint64_t begin, std::size_t members) const noexcept {
  const ChunkLaw law = few_tables() ? kFewTables : kManyTables;
  const std::uint64_t even = (step_end_ - begin) / (members * law.per_member);
  const std::uint64_t length = members > 1 ? std::clamp(even, kChunk, law.longest) : kChunk;
  return std::min((begin + length) / kChunk * kChunk, step_end_);
}

/// Asks for the memory where the first labels of the next chunk will stand, which this thread is likely to
/// take.
void Restaurant::fetch_seats(std::uint64_t begin) const noexcept {
  constexpr std::uint64_t kLabels = 256, kLine = 16;
  if (begin + kLabels > step_end_) return;
  const std::uint32_t* const seats = seats_ + (begin - start_);
  for (std::uint64_t i = 0; i < kLabels; i += kLine) __builtin_prefetch(seats + i, 1);
}

EpochSeats Restaurant::epoch_seats() const noexcept {
  return {seats_, founders_.get(), static_cast<std::uint32_t>(frozen_)};
}

/// Choices of customers begin to end - 1, and labels of those who join customers that have theirs, or whose
/// labels can be known.
void Restaurant::choose_chunk(std::size_t part, std::uint64_t begin, std::uint64_t end) noexcept {
  const SeatingLine& line = line_of(part).seating;
  Hand& hand = hands_[part];
  std::uint32_t* const pending = hand.free_pending();
  std::uint32_t* const chunk = seats_ + (begin - start_);
  Tally& tally = tallies_[part];
  const bool counts = hand.num_uncounted() > 0;
  std::span<const std::uint32_t>& labels = hand.uncounted().uncounted;
  UncountedLabels uncounted = tally.to_count(labels.data(), counts ? labels.size() : 0);
  std::size_t open = choose(line, begin, end, chunk, pending, uncounted);
  tally.counted(uncounted);
  if (counts) labels = {uncounted.labels, uncounted.num};
  if (counts && labels.size() < kFewLabels) count_labels(part);
  tally.fetch(chunk, end - begin);
  if (line.seats == nullptr) {
    const RestaurantKernels& fast = is_small(line, end) ? kernels() : restaurant_kernels_baseline();
    open = fast.join_again(line, end, seats_, pending, open);
  } else {
    const auto settled = static_cast<std::uint32_t>(seated_.load(std::memory_order_acquire) - start_);
    open = kernels().join(epoch_seats(), settled, pending, open);
  }
  hand.chunks[hand.taken++ % Hand::kSlots] = {begin, end, {pending, open}, {}};
}

/// Labels of everybody in the first chunk that the member holds, once all before it have theirs. Returns
/// false if that is never, or if this fails.
bool Restaurant::settle_chunk(std::size_t part) noexcept {
  Hand& hand = hands_[part];
  Chunk& held = hand.held();
  const std::size_t count = held.end - held.begin;
  Tally& tally = tallies_[part];
  std::uint32_t* const chunk = seats_ + (held.begin - start_);
  const auto is_next = [&] { return seated_.load(std::memory_order_acquire) == held.begin || failure_ != 0; };
  while (hand.num_uncounted() > 0 && !is_next()) count_labels(part);
  spin_until(is_next);
  if (failure_ != 0) return false;
  attempt([&] {
    if (tables_ + count > kMaxTables) throw std::length_error("more tables than labels can number");
    tally.reserve(tables_ + count, end_ - start_, growth(discount_));
  });
  if (failure_ != 0) return false;
  const auto tables = static_cast<std::uint32_t>(tables_);
  tables_ = kernels().settle(epoch_seats(), tables, held.pending.data(), held.pending.size());
  seated_.store(held.end, std::memory_order_release);

  fetch_seats(next_chunk_.load(std::memory_order_relaxed));
  if (seats_ == recent_.get()) std::copy_n(chunk, count, labels_.data() + (held.begin - first_));
  held.uncounted = {chunk, count};
  ++hand.settled;
  if (hand.num_uncounted() == kHeld) count_labels(part);
  return true;
}

/// Counts the labels of the first of the member's settled chunks, as far as they are not counted yet.
void Restaurant::count_labels(std::size_t part) noexcept {
  Hand& hand = hands_[part];
  const auto labels = hand.uncounted().uncounted;
  tallies_[part].add(kernels(), labels.data(), labels.size());
  ++hand.counted;
}

/// True if it is the turn of the member's first chunk, or soon.
bool Restaurant::turn_comes(std::uint64_t begin) const noexcept {
  constexpr int kTries = 4;
  for (int i = 0; i < kTries; ++i) {
    if (seated_.load(std::memory_order_acquire) == begin || failure_ != 0) return true;
    pause_processor();
  }
  return false;
}

/// Chunks of a step in turn with the other members. Memory for tallies is taken before anybody's turn, which
/// others wait for, unless more tables open than is likely.
void Restaurant::seat_chunks(const LockstepMember& member) noexcept {
  attempt([&] { tallies_[member.part].reserve(likely_tables_, end_ - start_, growth(discount_)); });
  take_turns(member.part, member.parts);
  while (hands_[member.part].num_uncounted() > 0) count_labels(member.part);
}

/// Who comes before its turn takes another chunk instead of waiting, and another, so that a processor that
/// others use does not hold up the rest.
void Restaurant::take_turns(std::size_t part, std::size_t members) noexcept {
  Hand& hand = hands_[part];
  hand.taken = hand.settled = hand.counted;
  std::uint64_t begin = next_chunk_.load(std::memory_order_relaxed);
  while (begin < step_end_) {
    const std::uint64_t end = chunk_end(begin, members);
    if (!next_chunk_.compare_exchange_weak(begin, end, std::memory_order_relaxed)) continue;
    choose_chunk(part, begin, end);
    while (hand.num_held() > 0 && (hand.is_full() || turn_comes(hand.held().begin))) {
      if (!settle_chunk(part)) return;
    }
    begin = next_chunk_.load(std::memory_order_relaxed);
  }
  while (hand.num_held() > 0 && settle_chunk(part)) {
  }
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

/// What the members do next, decided while they wait for each other: the rest of the epoch or of the call,
/// unless more than `longest` customers are left of the epoch.
void Restaurant::plan(std::uint64_t longest, std::size_t members) {
  const std::uint64_t last = first_ + labels_.size();
  goes_on_ = false;
  if (failure_ != 0 || seated_ == last) return;
  new_epoch_ = seated_ == end_;
  if ((new_epoch_ ? epoch_length() : end_ - seated_) > longest) return;
  if (new_epoch_) begin_epoch(members);
  const bool reads_seats = members == 1 || !few_tables();
  for (auto& line : lines_) line->seating.seats = reads_seats ? seats_ : nullptr;
  step_end_ = std::min(end_, last);
  next_chunk_ = seated_.load();
  likely_tables_ = tables_ + 2 * expected_tables();
  goes_on_ = true;
}

/// Every member's walk through a call, or through what comes before epochs longer than `longest`.
void Restaurant::seat_all(const LockstepMember& member, std::uint64_t longest) noexcept {
  for (;;) {
    member.sync([&] { attempt([&] { plan(longest, member.parts); }); });
    if (!goes_on_) break;
    if (new_epoch_) lay_out(member);
    if (!goes_on_) continue;
    seat_chunks(member);
  }
  if (seats_ == recent_.get() || (failure_ == 0 && seated_ != first_ + labels_.size())) return;
  const std::size_t kept = seated_ - start_, first = member.begin(kept);
  std::copy_n(seats_ + first, member.end(kept) - first, recent_.get() + first);
}

/// For what each member has of its own.
void Restaurant::make_room(std::size_t members) {
  while (lines_.size() < members) lines_.push_back(std::make_unique<Line>());
  if (tallies_.size() < members) tallies_.resize(members);
  if (spent_.size() < members) spent_.resize(members);
  if (hands_.size() < members) hands_.resize(members);
}

void Restaurant::seat(std::span<std::uint32_t> labels, unsigned threads) {
  if (labels.size() > kMaxCustomers - seated_)
    throw std::length_error("more customers than a point tells apart");
  if (seated_ == 0 && !labels.empty()) {
    constexpr std::uint64_t kOne = 1;
    lines_[0]->counts.assign({&kOne, 1});
    frozen_ = tables_ = seated_ = start_ = end_ = 1;
    labels[0] = 0;
    labels = labels.subspan(1);
  }
  const auto members = static_cast<unsigned>(part_count(labels.size(), kMemberGrain, threads));
  make_room(members);
  failure_ = 0;
  seats_ = recent_.get();
  labels_ = labels;
  first_ = seated_;
  if (members > 1) {
    run_in_lockstep(members, [&](const LockstepMember& member) {
      if (member.part == 0)
        seat_all(LockstepMember{0, 1, nullptr}, kShared);  // while the other threads start
      seat_all(member, kMaxCustomers);
    });
  } else {
    seat_all(LockstepMember{0, 1, nullptr}, kMaxCustomers);
  }
  if (failure_ == kTooManyTables) throw std::length_error("more tables than labels can number");
  if (failure_ == kOutOfMemory) throw std::bad_alloc();
}

}  // namespace skm
