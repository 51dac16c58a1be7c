// The restaurant: every kernel against the baseline, threads and cuts, limits.
#include "skm/restaurant.hpp"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstdint>
#include <stdexcept>
#include <vector>

#include "../simd/restaurant.hpp"
#include "../table_counts.hpp"
#include "check.hpp"
#include "skm/isa.hpp"
#include "skm/lockstep.hpp"

namespace {

using namespace skm;

std::vector<const RestaurantKernels*> kernels_here() {
  std::vector<const RestaurantKernels*> all;
#if defined(__x86_64__)
  if (supported_isa() >= Isa::avx2) all.push_back(&restaurant_kernels_avx2());
  if (supported_isa() >= Isa::avx512) all.push_back(&restaurant_kernels_avx512());
#endif
  return all;
}

/// Of customers before `end` who refer to others of the epoch, those get labels whose others have one by
/// choice; a kernel may leave a few of them, too.
void choices_are_made_again(const SeatingLine& line, std::uint64_t end,
                            const std::vector<std::uint32_t>& seats,
                            const std::vector<std::uint32_t>& pending) {
  std::vector<const RestaurantKernels*> all = kernels_here();
  all.push_back(&restaurant_kernels_baseline());
  for (const RestaurantKernels* kernel : all) {
    std::vector<std::uint32_t> found = seats, left = pending;
    left.resize(pending.size() + 16);
    left.resize(kernel->join_again(line, end, found.data(), left.data(), pending.size()));
    std::size_t decided = 0, next = 0;
    for (const std::uint32_t self : pending) {
      const std::uint32_t offset = seats[self] & kOffsetMask;
      const std::uint32_t label = offset < self ? restaurant_choice(line, line.start + offset) : kPending;
      decided += label < kPending;
      if (next < left.size() && left[next] == self) {
        CHECK(found[self] == seats[self]);
        ++next;
      } else {
        CHECK(label < kPending && found[self] == label);
      }
    }
    CHECK(next == left.size());
    const std::size_t unsure = kernel->group > 1 ? decided / 10 + 2 : 0;
    CHECK(pending.size() - left.size() + unsure >= decided);
  }
}

void kernels_agree(std::uint64_t others, double concentration, double discount, bool few) {
  std::vector<std::uint32_t> places(300);
  for (std::uint32_t i = 0; i < places.size(); ++i) places[i] = i * 7919 % 1000;
  SeatingLine line{};
  line.places = places.data();
  line.key = 42;
  line.block_shift = others > 5000 ? 8 : 0;
  line.run_shift = others > 5000 ? 3 : 0;
  line.num_blocks = others > 5000 ? 100 : 0;
  line.num_runs = others > 5000 ? 80 : 0;
  line.block_end = line.num_blocks << line.block_shift;
  line.run_end = line.block_end + (line.num_runs << line.run_shift);
  line.founders = line.run_end + (others > 5000 ? 120 : 0);
  line.start = line.founders + 1 + (few ? 2 : others / 3);
  const auto units = [](double x) {
    return x < 1.0 ? static_cast<std::uint64_t>(x * 0x1p64) : ~std::uint64_t{0};
  };
  const double whole = std::ceil(concentration);
  line.whole = static_cast<std::uint64_t>(whole);
  line.cut = units(whole - concentration);
  line.joins = units(1.0 - discount);
  const std::uint64_t begin = (line.start + 3) / 4 * 4, count = 4096;
  std::vector<std::uint32_t> right(count), found(count), right_pending(count + 16), pending(count + 16);
  line.seats = found.data();
  UncountedLabels none{};
  std::vector<std::uint32_t> uncounted(3000);  // fewer than choose, and no multiple of sixteen
  for (std::uint32_t i = 0; i < uncounted.size(); ++i) uncounted[i] = i % 3 == 0 ? 1 : i * 7919 % 5000;
  const std::size_t open = restaurant_kernels_baseline().choose(line, begin, begin + count, right.data(),
                                                                right_pending.data(), none);
  for (const RestaurantKernels* kernel : kernels_here()) {
    Tally tally;
    tally.reserve(5000, uncounted.size());
    UncountedLabels rest = tally.to_count(uncounted.data(), uncounted.size());
    const std::size_t now = kernel->choose(line, begin, begin + count, found.data(), pending.data(), rest);
    CHECK(now == open && found == right);
    tally.counted(rest);
    tally.add(*kernel, rest.labels, rest.num);
    std::vector<std::uint64_t> sums(5000);
    for (const std::uint32_t k : uncounted) ++sums[k];
    for (const std::uint32_t k : tally.wraps()) sums[k] -= Tally::kWrap;
    for (std::uint64_t k = 0; k < sums.size(); ++k) CHECK(tally.below_wrap(k) == sums[k]);
    for (std::size_t i = 0; i < open; ++i) CHECK(pending[i] == right_pending[i]);
  }
  right_pending.resize(open);
  right.insert(right.begin(), begin - line.start, 0);
  choices_are_made_again(line, begin + count, right, right_pending);
}

/// Labels of pending customers one after the other, as who opens a table is defined. Returns the tables.
std::uint32_t settle_in_order(std::vector<std::uint32_t>& seats, std::vector<std::uint32_t>& founders,
                              std::uint32_t frozen, std::uint32_t tables,
                              const std::vector<std::uint32_t>& pending) {
  for (const std::uint32_t self : pending) {
    const std::uint32_t offset = seats[self] & kOffsetMask;
    const bool coin = (seats[self] & kCoin) != 0;
    const std::uint32_t label = offset < self ? seats[offset] : 0;
    CHECK((label & kPending) == 0);
    bool opens = offset > self || (offset == self && coin);
    if (offset < self && coin && label >= frozen) opens = founders[label - frozen] == offset;
    seats[self] = opens ? tables : label;
    if (opens) founders[tables++ - frozen] = self;
  }
  return tables;
}

/// Who joins one of the first half of an epoch, who is left, and who sits where in the end, for every kernel.
void joins_agree(std::uint32_t others) {
  constexpr std::uint32_t kTables = 50, kCustomers = 2000, kSettled = 1000;
  std::vector<std::uint32_t> seats(kCustomers), founders(kCustomers), pending;
  std::uint32_t tables = kTables, random = 1;
  const auto next = [&](std::uint32_t below) {
    random = random * 1664525 + 1013904223;
    return (random >> 8) % below;
  };
  for (std::uint32_t t = 0; t < kSettled; ++t) {
    const bool opens = next(3) == 0;
    if (opens) founders[tables - kTables] = t;
    seats[t] = opens ? tables++ : next(tables);
  }
  for (std::uint32_t t = kSettled; t < kCustomers; ++t) {
    const std::uint32_t kind = next(8), coin = next(2) * kCoin;
    const std::uint32_t offset = kind == 0 ? t : kind == 1 ? kOffsetMask : next(kind < others ? kSettled : t);
    seats[t] = kind == 2 ? next(kTables) : kPending | coin | offset;
    if (kind != 2) pending.push_back(t);
  }
  std::vector<std::uint32_t> right = seats, left;
  for (const std::uint32_t self : pending) {
    const std::uint32_t offset = seats[self] & kOffsetMask;
    const std::uint32_t label = offset < kSettled ? seats[offset] : 0;
    const bool founder = label >= kTables && founders[label - kTables] == offset;
    if (offset < kSettled && !(founder && (seats[self] & kCoin) != 0)) {
      right[self] = label;
    } else {
      left.push_back(self);
      if (offset < kSettled) right[self] = kOpens;
    }
  }
  CHECK(left.size() > 300 && left.size() < pending.size() - 300);
  std::vector<std::uint32_t> labels = seats, right_founders = founders;
  const std::uint32_t right_tables = settle_in_order(labels, right_founders, kTables, tables, pending);
  std::vector<const RestaurantKernels*> all = kernels_here();
  all.push_back(&restaurant_kernels_baseline());
  for (const RestaurantKernels* kernel : all) {
    for (const std::size_t count : {pending.size(), std::size_t{0}, std::size_t{1}, std::size_t{16}}) {
      std::vector<std::uint32_t> found = seats, open(pending.begin(), pending.begin() + count);
      open.resize(count + 16);
      open.resize(kernel->join({found.data(), founders.data(), kTables}, kSettled, open.data(), count));
      CHECK(std::equal(open.begin(), open.end(), left.begin()));
      CHECK(count != pending.size() || (found == right && open == left));
    }
    for (const bool joined : {false, true}) {
      std::vector<std::uint32_t> found = joined ? right : seats, by = founders;
      const std::vector<std::uint32_t>& open = joined ? left : pending;
      const EpochSeats epoch = {found.data(), by.data(), kTables};
      CHECK(kernel->settle(epoch, tables, open.data(), 0) == tables);
      CHECK(kernel->settle(epoch, tables, open.data(), open.size()) == right_tables);
      by.resize(right_tables - kTables);
      CHECK(found == labels && std::equal(by.begin(), by.end(), right_founders.begin()));
    }
  }
}

/// The labels of a line of tables with these counts.
std::vector<std::uint32_t> plain_places(const std::vector<std::uint64_t>& counts, unsigned block_shift,
                                        unsigned run_shift) {
  std::vector<std::uint32_t> blocks, runs, singles;
  for (std::uint32_t k = 0; k < counts.size(); ++k) {
    const std::uint64_t others = counts[k] - 1;
    blocks.insert(blocks.end(), others >> block_shift, k);
    runs.insert(runs.end(), (others & ((std::uint64_t{1} << block_shift) - 1)) >> run_shift, k);
    singles.insert(singles.end(), others & ((std::uint64_t{1} << run_shift) - 1), k);
  }
  blocks.insert(blocks.end(), runs.begin(), runs.end());
  blocks.insert(blocks.end(), singles.begin(), singles.end());
  return blocks;
}

/// Tallies of two threads, with bytes that wrap, added in two parts, and the line of the sums.
void lines_agree(unsigned block_shift, unsigned run_shift, std::uint64_t largest) {
  std::vector<const RestaurantKernels*> all = kernels_here();
  all.push_back(&restaurant_kernels_baseline());
  constexpr std::size_t kTables = 5000, kOld = 4000, kMiddle = 1500;
  std::vector<std::uint64_t> counts(kOld);
  std::uint64_t customers = 0;
  for (std::size_t k = 0; k < kOld; ++k) {
    counts[k] = k < 3 ? largest - k : k % 5 != 0 ? 1 : k * k % 97 + 1;
    customers += counts[k];
  }
  std::vector<std::uint32_t> labels;
  for (std::uint32_t k = 0; k < kTables; ++k)
    labels.insert(labels.end(), k % 1000 == 0 ? 1000 : k % 3 + 1, k);
  for (const RestaurantKernels* kernel : all) {
    TableCounts seated;
    seated.assign(counts);
    std::vector<std::uint64_t> right = counts;
    right.resize(kTables);
    std::vector<Tally> tallies(2);
    for (Tally& tally : tallies) {
      tally.reserve(kTables, labels.size());
      tally.add(*kernel, labels.data(), labels.size());
      for (const std::uint32_t k : labels) ++right[k];
    }
    for (std::size_t k = 0; k < kTables; ++k) {
      std::uint64_t sum = k < kOld ? counts[k] : 0;
      for (const Tally& tally : tallies)
        sum += tally.below_wrap(k) + Tally::kWrap * std::ranges::count(tally.wraps(), k);
      CHECK(sum == right[k]);
    }
    seated.resize(kTables, customers + 2 * labels.size());
    for (Tally& tally : tallies) {
      seated.add_wraps(tally);
      tally.forget_wraps();
    }
    const LineSizes low = seated.add(*kernel, tallies, 0, kMiddle, block_shift, run_shift);
    const LineSizes high = seated.add(*kernel, tallies, kMiddle, kTables, block_shift, run_shift);
    for (Tally& tally : tallies) {
      tally.clear(kMiddle, kTables - kMiddle);
      CHECK(tally.below_wrap(kMiddle) == 0 && tally.below_wrap(kMiddle - 1) != 0);
      tally.clear(0, kMiddle);
    }
    for (std::size_t k = 0; k < kTables; ++k)
      CHECK(seated[k] == right[k] && tallies[0].below_wrap(k) + tallies[1].below_wrap(k) == 0);

    const std::vector<std::uint32_t> expected = plain_places(right, block_shift, run_shift);
    const std::uint64_t blocks = low.blocks + high.blocks, runs = low.runs + high.runs;
    CHECK(blocks + runs + low.singles + high.singles == expected.size());
    std::vector<std::uint32_t> places(expected.size() + 1, 77777);
    std::uint32_t* const at = places.data();
    std::uint32_t* const ends[2][3] = {
        {at + low.blocks, at + blocks + low.runs, at + blocks + runs + low.singles},
        {at + blocks, at + blocks + runs, at + expected.size()}};
    const int shortest = run_shift != 0 ? 2 : block_shift != 0 ? 1 : 0;
    // The second part first: the first may not write into it.
    seated.fill(*kernel, kMiddle, kTables, block_shift, run_shift,
                {ends[0][0], ends[0][1], ends[0][2], ends[1][shortest]});
    seated.fill(*kernel, 0, kMiddle, block_shift, run_shift,
                {at, at + blocks, at + blocks + runs, ends[0][shortest]});
    CHECK(places.back() == 77777 && std::equal(expected.begin(), expected.end(), places.begin()));
  }
}

/// More members than processors meet often, and the last does something for all.
void barriers_hold() {
  constexpr int kRounds = 500;
  std::atomic<int> arrived = 0;
  int rounds = 0;
  run_in_lockstep(5, [&](const LockstepMember& member) {
    for (int round = 0; round < kRounds; ++round) {
      ++arrived;
      member.sync([&] { rounds += arrived == static_cast<int>(member.parts) * (round + 1); });
      CHECK(rounds == round + 1);
      member.sync();
    }
  });
  CHECK(rounds == kRounds);
}

std::vector<std::uint64_t> counts_of(const Restaurant& restaurant) {
  std::vector<std::uint64_t> counts(restaurant.num_tables());
  restaurant.counts(counts);
  return counts;
}

/// Labels and counts, however many threads a call has: with few tables and with many, and across the number
/// from which on they are few.
void cuts_and_threads_agree(double discount) {
  constexpr std::size_t kCustomers = 600000;
  std::vector<std::uint32_t> whole(kCustomers), parts(kCustomers);
  Restaurant one(discount, 2.0, 9, {});
  one.seat(whole, 1);
  for (const std::vector<unsigned>& threads : {std::vector{1u}, {3u}, {2u, 5u, 1u, 3u}}) {
    Restaurant other(discount, 2.0, 9, {});
    std::size_t call = 0;
    for (std::size_t done = 0, step = 1; done < kCustomers; done += step, step = step * 3 % 200003 + 1) {
      step = std::min(step, kCustomers - done);
      other.seat(std::span(parts).subspan(done, step), threads[call++ % threads.size()]);
    }
    CHECK(parts == whole && counts_of(other) == counts_of(one));
  }
  std::uint64_t sum = 0;
  for (const std::uint64_t count : counts_of(one)) sum += count;
  CHECK(sum == whole.size());
  // From the counts at the epoch's start to here again, and on.
  std::vector<std::uint64_t> frozen(one.epoch_tables());
  one.epoch_counts(frozen);
  Restaurant again(discount, 2.0, 9, frozen);
  std::vector<std::uint32_t> since(one.num_customers() - one.epoch_start());
  again.seat(since, 2);
  CHECK(std::equal(since.rbegin(), since.rend(), whole.rbegin()));
}

void limits() {
  const std::vector<std::uint64_t> counts = {kMaxCustomers - 5};
  Restaurant full(0.5, 1.0, 1, counts);
  std::vector<std::uint32_t> labels(6);
  bool refused = false;
  try {
    full.seat(labels, 1);
  } catch (const std::length_error&) {
    refused = true;
  }
  CHECK(refused && full.num_customers() == kMaxCustomers - 5);
  full.seat(std::span(labels).first(5), 1);
  CHECK(full.num_customers() == kMaxCustomers);
}

}  // namespace

int main() {
  for (const double discount : {0.0, 0.5, 0.9}) {
    for (const double concentration : {1.0, -0.3, 1000.0, 1e8}) {
      if (concentration <= -discount) continue;
      for (const std::uint64_t others : {0u, 1u, 9u, 100000u}) {
        for (const bool few : {false, true}) kernels_agree(others, concentration, discount, few);
      }
    }
  }
  joins_agree(6);
  joins_agree(8);  // nobody refers to another of the second half
  lines_agree(0, 0, 300);
  lines_agree(5, 0, 3000);
  lines_agree(8, 3, 100000);
  lines_agree(20, 15, std::uint64_t{5} << 30);
  barriers_hold();
  for (const double discount : {0.0, 0.45, 0.7}) cuts_and_threads_agree(discount);
  limits();
  return 0;
}
