// Alias tables: the integers that the slots hold give back the weights, and draws choose by them.
#include "skm/alias.hpp"

#include <cmath>
#include <vector>

#include "check.hpp"
#include "skm/philox.hpp"

namespace {

using skm::AliasView;

// Parts of a column that each category holds over the whole table, as integers: exact.
std::vector<std::uint64_t> held(const std::vector<std::uint64_t>& slots) {
  const unsigned bits = skm::alias_bits(slots.size());
  const std::uint64_t full = std::uint64_t{1} << (63 - bits);
  std::vector<std::uint64_t> parts(slots.size());
  for (std::size_t i = 0; i < slots.size(); ++i) {
    const std::uint64_t own = slots[i] >> bits;
    parts[i] += own;
    parts[slots[i] & ((std::uint64_t{1} << bits) - 1)] += full - own;
  }
  return parts;
}

void check_weights(const std::vector<double>& weights) {
  const std::size_t n = weights.size();
  std::vector<std::uint64_t> slots(n, ~std::uint64_t{0});
  CHECK(skm::build_alias_table(weights, slots));
  const std::vector<std::uint64_t> parts = held(slots);
  long double total = 0;
  std::size_t positive = 0;
  for (const double w : weights) {
    total += w;
    positive += w > 0;
  }
  const long double unit = static_cast<long double>(n) * std::ldexp(1.0L, 63 - skm::alias_bits(n));
  for (std::size_t i = 0; i < n; ++i) {
    const long double wanted = weights[i] / total * unit;
    const long double allowed = wanted * 0x1p-49L + 5 + 0x1p14L / positive;
    CHECK(std::fabs(static_cast<long double>(parts[i]) - wanted) <= allowed);
    CHECK(weights[i] > 0 || parts[i] == 0);
  }
}

void check_draws() {
  const std::vector<double> weights = {0.0, 3.0, 1.0, 0.0, 4.0};
  std::vector<std::uint64_t> slots(weights.size());
  CHECK(skm::build_alias_table(weights, slots));
  const AliasView table(slots);
  std::vector<int> counts(weights.size());
  const int draws = 80000;
  for (int i = 0; i < draws; ++i) ++counts[table.draw(skm::Draw(5, static_cast<std::uint64_t>(i)).bits())];
  CHECK(counts[0] == 0 && counts[3] == 0);
  for (const std::size_t i : {1, 2, 4}) {
    const double p = weights[i] / 8;
    CHECK(std::fabs(counts[i] - draws * p) < 5 * std::sqrt(draws * p * (1 - p)));
  }
}

// Arrays hold what AliasView draws from each word.
void check_arrays() {
  for (const std::size_t n : {1u, 2u, 3u, 1000u, 65536u}) {
    std::vector<double> weights(n);
    for (std::size_t i = 0; i < n; ++i) weights[i] = 1.0 + static_cast<double>(i % 7);
    std::vector<std::uint64_t> slots(n);
    CHECK(skm::build_alias_table(weights, slots));
    const AliasView table(slots);
    std::vector<std::uint32_t> narrow(1003);
    std::vector<std::uint64_t> wide(1003);
    skm::fill_alias<std::uint32_t>(slots, 77, 5, narrow, 2);
    skm::fill_alias<std::uint64_t>(slots, 77, 5, wide, 1);
    for (std::size_t j = 0; j < wide.size(); ++j) {
      const std::uint64_t word = skm::random_block(77, (5 + j) / 2).half[(5 + j) % 2];
      CHECK(wide[j] == table.draw(word) && narrow[j] == wide[j]);
    }
  }
}

}  // namespace

int main() {
  check_weights({7.0});
  check_weights({1.0, 1.0});
  check_weights({0.0, 0.0, 2.5});
  check_weights({1e-300, 1.0});
  check_weights({1e200, 1e-200, 0.0, 1e200});
  for (const std::size_t n : {3u, 4u, 5u, 1000u, 1024u, 1025u, 300000u}) {
    std::vector<double> equal(n, 0.1), zipf(n), rough(n), rising(n);
    for (std::size_t i = 0; i < n; ++i) {
      zipf[i] = 1.0 / static_cast<double>(i + 1);
      const double u = skm::open_unit_double(skm::Draw(n, i).bits());
      rough[i] = u < 0.3 ? 0.0 : 1.0 / (u * u * u);
      rising[i] = std::ldexp(1.0, static_cast<int>(i % 64));
    }
    rough[n - 1] = 1.0;
    check_weights(equal);
    check_weights(zipf);
    check_weights(rough);
    check_weights(rising);
  }
  std::vector<std::uint64_t> slots(2, 42);
  CHECK(!skm::build_alias_table(std::vector<double>{0.0, 0.0}, slots) && slots[0] == 42);
  CHECK(!skm::build_alias_table(std::vector<double>{NAN, 1.0}, slots));
  CHECK(!skm::build_alias_table(std::vector<double>{INFINITY, 1.0}, slots));
  check_draws();
  check_arrays();
  return 0;
}
