// Sizes of tables and stick-breaking weights: sticks in batches of vectors, then one stick after the other.
#include "skm/pitman_yor.hpp"

#include <algorithm>
#include <stdexcept>

#include "skm/binomial.hpp"
#include "skm/exp2.hpp"
#include "skm/gamma.hpp"
#include "skm/philox.hpp"

namespace skm {
namespace {

constexpr std::size_t kBatch = 256;
constexpr double kInverseLn2 = 1.4426950408889634074;

/// V_j and 1 - V_j of kBatch sticks in a row, each as accurate as a double can be.
struct Sticks {
  Sticks(double discount, double concentration, std::uint64_t key) noexcept
      : discount_(discount), concentration_(concentration), key_(stream_key(key, 1)) {}

  void draw(std::uint64_t first) {
    double shapes[2 * kBatch], logs[2 * kBatch];
    for (std::size_t i = 0; i < kBatch; ++i) {
      shapes[2 * i] = 1.0 - discount_;
      shapes[2 * i + 1] = concentration_ + static_cast<double>(first + i + 1) * discount_;
    }
    gamma_draws(key_, 2 * first, {shapes, 1}, true, logs, 1);
    for (std::size_t i = 0; i < kBatch; ++i) {
      const double ratio = (logs[2 * i + 1] - logs[2 * i]) * kInverseLn2;
      broken[i] = 1.0 / (1.0 + portable_exp2(ratio));
      left[i] = 1.0 / (1.0 + portable_exp2(-ratio));
    }
  }

  double broken[kBatch], left[kBatch];

 private:
  double discount_, concentration_;
  std::uint64_t key_;
};

}  // namespace

std::vector<std::uint64_t> table_sizes(std::uint64_t n, double discount, double concentration,
                                       std::uint64_t key, std::uint64_t most) {
  std::vector<std::uint64_t> sizes;
  Sticks sticks(discount, concentration, key);
  const std::uint64_t binomial_key = stream_key(key, 2);
  for (std::uint64_t j = 0; n > 0; ++j) {
    const std::size_t i = j % kBatch;
    if (i == 0) sticks.draw(j);
    if (j == most) throw std::length_error("more tables than allowed");
    Draw draw(binomial_key, j);
    const std::uint64_t size = 1 + binomial(n - 1, sticks.broken[i], sticks.left[i], draw);
    sizes.push_back(size);
    n -= size;
  }
  return sizes;
}

void stick_rests(double discount, double concentration, std::uint64_t key, std::uint64_t first, double rest,
                 std::span<double> weights, std::span<double> rests) {
  Sticks sticks(discount, concentration, key);
  for (std::size_t j = 0; j < rests.size(); ++j) {
    const std::size_t i = j % kBatch;
    if (i == 0) sticks.draw(first + j);
    weights[j] = rest * sticks.broken[i];
    rest *= sticks.left[i];
    rests[j] = rest;
  }
}

}  // namespace skm
