// The restaurant: every kernel against the baseline, threads and cuts, limits.
#include "skm/restaurant.hpp"

#include <cmath>
#include <cstdint>
#include <stdexcept>
#include <vector>

#include "../simd/restaurant.hpp"
#include "check.hpp"
#include "skm/isa.hpp"

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

void kernels_agree(std::uint64_t others, double concentration, double discount) {
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
  line.start = line.founders + 1 + others / 3;
  const auto units = [](double x) {
    return x < 1.0 ? static_cast<std::uint64_t>(x * 0x1p64) : ~std::uint64_t{0};
  };
  const double whole = std::ceil(concentration);
  line.whole = static_cast<std::uint64_t>(whole);
  line.cut = units(whole - concentration);
  line.joins = units(1.0 - discount);
  const std::uint64_t begin = (line.start + 3) / 4 * 4, count = 4096;
  std::vector<std::uint32_t> right(count), found(count), right_pending(count + 16), pending(count + 16);
  const std::size_t open =
      restaurant_kernels_baseline().choose(line, begin, begin + count, right.data(), right_pending.data());
  for (const RestaurantKernels* kernel : kernels_here()) {
    const std::size_t now = kernel->choose(line, begin, begin + count, found.data(), pending.data());
    CHECK(now == open && found == right);
    for (std::size_t i = 0; i < open; ++i) CHECK(pending[i] == right_pending[i]);
  }
}

void cuts_and_threads_agree() {
  std::vector<std::uint32_t> whole(300000), parts(300000);
  Restaurant one(0.7, 2.0, 9, {});
  one.seat(whole, 1);
  for (const unsigned threads : {1u, 3u}) {
    Restaurant other(0.7, 2.0, 9, {});
    for (std::size_t done = 0, step = 1; done < parts.size(); done += step, step = step * 3 % 200003 + 1) {
      step = step < parts.size() - done ? step : parts.size() - done;
      other.seat(std::span(parts).subspan(done, step), threads);
    }
    CHECK(parts == whole && other.num_tables() == one.num_tables());
  }
  std::vector<std::uint64_t> counts(one.num_tables());
  one.counts(counts);
  std::uint64_t sum = 0;
  for (const std::uint64_t count : counts) sum += count;
  CHECK(sum == whole.size());
  // From the counts at the epoch's start to here again, and on.
  std::vector<std::uint64_t> frozen(one.epoch_tables());
  one.epoch_counts(frozen);
  Restaurant again(0.7, 2.0, 9, frozen);
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
      for (const std::uint64_t others : {0u, 1u, 9u, 100000u}) kernels_agree(others, concentration, discount);
    }
  }
  cuts_and_threads_agree();
  limits();
  return 0;
}
