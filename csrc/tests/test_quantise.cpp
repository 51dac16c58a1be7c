// Quantisation: exact sums, nobody forgotten, and the best of all allocations where all can be tried.
#include <cmath>
#include <limits>
#include <numeric>
#include <random>
#include <vector>

#include "check.hpp"
#include "skm/quantise.hpp"

namespace {

std::vector<double> random_probabilities(std::mt19937_64& random, std::size_t count, double skew) {
  std::vector<double> p(count);
  double sum = 0;
  for (auto& value : p) {
    value = random() % 5 == 0 ? 0.0 : std::exp(skew * static_cast<double>(random() % 1000) / 1000);
    sum += value;
  }
  if (sum == 0) sum = p[0] = 1;
  for (auto& value : p) value /= sum;
  return p;
}

double length(const std::vector<double>& p, const std::vector<std::uint32_t>& freqs) {
  double nats = 0;
  for (std::size_t i = 0; i < p.size(); ++i)
    if (p[i] > 0) nats -= p[i] * std::log(freqs[i]);
  return nats;
}

/// Least length over every way to share `left` units among symbols from `at` on.
double best_length(const std::vector<double>& p, std::size_t at, std::uint32_t left) {
  if (at == p.size()) return left == 0 ? 0 : std::numeric_limits<double>::infinity();
  if (p[at] == 0) return best_length(p, at + 1, left);
  double best = std::numeric_limits<double>::infinity();
  for (std::uint32_t freq = 1; freq <= left; ++freq)
    best = std::min(best, best_length(p, at + 1, left - freq) - p[at] * std::log(freq));
  return best;
}

void test_optimal(std::mt19937_64& random) {
  for (int round = 0; round < 300; ++round) {
    const auto p = random_probabilities(random, 1 + random() % 5, static_cast<double>(random() % 12));
    std::vector<std::uint32_t> freqs(p.size());
    const unsigned bits = 3 + random() % 2;
    CHECK(skm::quantise(p, bits, freqs).status == skm::QuantiseStatus::ok);
    CHECK(std::abs(length(p, freqs) - best_length(p, 0, 1U << bits)) < 1e-12);
  }
}

void test_sums(std::mt19937_64& random) {
  for (int round = 0; round < 60; ++round) {
    const std::size_t count = 1 + random() % 50000;
    const auto p = random_probabilities(random, count, static_cast<double>(random() % 40));
    const unsigned bits = 16 + random() % 16;
    std::vector<std::uint32_t> freqs(count);
    const auto result = skm::quantise(p, bits, freqs);
    CHECK(result.status == skm::QuantiseStatus::ok);
    CHECK(result.value > -1e-12 && result.value < 2.0);
    CHECK(std::accumulate(freqs.begin(), freqs.end(), std::uint64_t{0}) == std::uint64_t{1} << bits);
    for (std::size_t i = 0; i < count; ++i) CHECK((freqs[i] > 0) == (p[i] > 0));
  }
}

void test_errors() {
  std::vector<std::uint32_t> freqs(3);
  const double nan = std::nan(""), inf = std::numeric_limits<double>::infinity();
  for (const double wrong : {nan, inf, -inf, -1e-300}) {
    const auto result = skm::quantise(std::vector<double>{0.5, 0.5, wrong}, 8, freqs);
    CHECK(result.status == skm::QuantiseStatus::not_a_probability && result.index == 2);
  }
  CHECK(skm::quantise(std::vector<double>{0.5, 0.4, 0.0}, 8, freqs).status ==
        skm::QuantiseStatus::not_normalised);
  CHECK(skm::quantise({}, 8, {}).status == skm::QuantiseStatus::not_normalised);
  const auto crowded = skm::quantise(std::vector<double>{0.5, 0.25, 0.25}, 1, freqs);
  CHECK(crowded.status == skm::QuantiseStatus::too_many_symbols && crowded.index == 3);
}

}  // namespace

int main() {
  std::mt19937_64 random(4);
  test_optimal(random);
  test_sums(random);
  test_errors();
}
