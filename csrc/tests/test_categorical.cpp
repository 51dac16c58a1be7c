// Categoricals and code lengths: every instruction set against the baseline, coding there and back.
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <random>
#include <vector>

#include "../simd/categorical.hpp"
#include "../simd/code_length.hpp"
#include "check.hpp"
#include "skm/categorical.hpp"
#include "skm/code_length.hpp"
#include "skm/fixed_exp.hpp"
#include "skm/isa.hpp"
#include "skm/log2.hpp"

namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();

std::vector<const skm::CategoricalKernels*> kernels_here() {
  std::vector<const skm::CategoricalKernels*> all = {&skm::categorical_kernels_baseline()};
#if defined(__x86_64__)
  if (skm::supported_isa() >= skm::Isa::avx2) all.push_back(&skm::categorical_kernels_avx2());
  if (skm::supported_isa() >= skm::Isa::avx512) all.push_back(&skm::categorical_kernels_avx512());
#endif
  return all;
}

float to_logit(float x, float) { return x; }
std::uint16_t to_logit(float x, std::uint16_t) {
  std::uint32_t bits;
  std::memcpy(&bits, &x, sizeof bits);
  return static_cast<std::uint16_t>(bits >> 16);
}

/// Spread from nothing to overflow, and holes.
template <class T>
std::vector<T> random_row(std::mt19937_64& random, std::size_t n) {
  const float spread = std::ldexp(1.0f, static_cast<int>(random() % 250) - 125);
  const bool holes = random() % 2 == 0;
  std::vector<T> row(n);
  for (T& x : row) {
    const float value = spread * std::ldexp(static_cast<float>(static_cast<std::int32_t>(random())), -30);
    x = to_logit(holes && random() % 4 == 0 ? -kInfinity : value, T{});
  }
  return row;
}

template <class T>
void compare_row(const skm::LogitKernels<T>& expected, const skm::LogitKernels<T>& kernel,
                 const std::vector<T>& row, const std::vector<T>& other, std::size_t symbol) {
  const std::size_t n = row.size();
  const std::size_t blocks = (n + skm::kWeightBlock - 1) / skm::kWeightBlock;
  const skm::RowSummary a = expected.summarise(row.data(), n);
  const skm::RowSummary b = kernel.summarise(row.data(), n);
  CHECK(a.max == b.max);
  CHECK(a.largest_magnitude == b.largest_magnitude);
  if (a.max == -kInfinity) return;
  skm::RowSummary ahead[4];
  const auto* next = other.data();
  CHECK(expected.weight_sum(row.data(), n, a.max, next, &ahead[0]) ==
        kernel.weight_sum(row.data(), n, a.max, next, &ahead[1]));
  const skm::SymbolSums around = expected.symbol_sums(row.data(), n, symbol, a.max, next, &ahead[0]);
  const skm::SymbolSums around_too = kernel.symbol_sums(row.data(), n, symbol, a.max, next, &ahead[2]);
  CHECK(around.before == around_too.before && around.all == around_too.all);
  std::vector<std::uint32_t> w(blocks * skm::kWeightBlock), v(blocks * skm::kWeightBlock);
  std::vector<std::uint64_t> running(blocks), running_too(blocks);
  CHECK(expected.weights(row.data(), n, a.max, w.data(), running.data(), next, &ahead[0]) ==
        kernel.weights(row.data(), n, a.max, v.data(), running_too.data(), next, &ahead[3]));
  for (const skm::RowSummary& summary : ahead) {
    CHECK(summary.max == ahead[0].max && summary.largest_magnitude == ahead[0].largest_magnitude);
  }
  CHECK(running == running_too);
  CHECK(std::memcmp(w.data(), v.data(), n * sizeof w[0]) == 0);
}

template <class T>
void test_kernels_agree(const skm::LogitKernels<T> skm::CategoricalKernels::* type) {
  std::mt19937_64 random(1);
  for (int round = 0; round < 3000; ++round) {
    const std::size_t n = 1 + random() % (round % 10 == 0 ? 3000 : 150);
    const std::vector<T> row = random_row<T>(random, n);
    const std::vector<T> other = random_row<T>(random, n);
    for (const skm::CategoricalKernels* kernel : kernels_here()) {
      compare_row(skm::categorical_kernels_baseline().*type, kernel->*type, row, other, random() % n);
    }
  }
}

void test_special_values_are_seen() {
  for (const skm::CategoricalKernels* kernel : kernels_here()) {
    for (std::size_t n = 1; n < 140; ++n) {
      std::vector<float> row(n, -1.0f);
      CHECK(kernel->float32.summarise(row.data(), n).largest_magnitude == 0x3F800000);
      for (std::size_t at = 0; at < n; ++at) {
        for (const float special : {kInfinity, -kInfinity, std::nanf("")}) {
          row[at] = special;
          CHECK(kernel->float32.summarise(row.data(), n).largest_magnitude >= 0x7F800000);
        }
        row[at] = 2.0f;
        CHECK(kernel->float32.summarise(row.data(), n).max == 2.0f);
        row[at] = -1.0f;
      }
    }
  }
}

void test_exponential() {
  double worst = 0;
  for (std::uint32_t t = 0; t < 1u << 20; ++t) {
    const double exact = std::ldexp(std::exp2(-std::ldexp(static_cast<double>(t), -20)), 31);
    worst = std::max(worst, std::fabs(skm::exp_weight_of(t) / exact - 1));
  }
  CHECK(worst < 4.7e-6);
  CHECK(skm::exp_weight(5.0f, 5.0f) == 0x80000000u);
  CHECK(skm::exp_weight(5.0f, -kInfinity) == 0);
  CHECK(skm::exp_weight(3e38f, -3e38f) == 0);
  CHECK(skm::exp_weight_of((32u << 20) - 1) == 0 || skm::exp_weight_of((32u << 20) - 1) == 1);
  CHECK(skm::exp_weight_of(32u << 20) == 0);
}

void test_log2() {
  std::mt19937_64 random(2);
  for (int round = 0; round < 200000; ++round) {
    const std::uint64_t bits = random() % 0x7FF0000000000000u;
    double x;
    std::memcpy(&x, &bits, sizeof x);
    if (x == 0) continue;
    const double expected = std::log2(x);
    CHECK(std::fabs(skm::portable_log2(x) - expected) <= 4.5e-16 * std::max(1.0, std::fabs(expected)));
  }
  for (int e = -1074; e < 1024; ++e) CHECK(skm::portable_log2(std::ldexp(1.0, e)) == e);
}

void test_coding() {
  std::mt19937_64 random(3);
  for (int round = 0; round < 300; ++round) {
    const std::size_t rows = 1 + random() % 20;
    const std::size_t cols = 1 + random() % 500;
    std::vector<float> logits = random_row<float>(random, rows * cols);
    std::vector<std::int64_t> symbols(rows), decoded(rows);
    for (std::size_t i = 0; i < rows; ++i) {
      symbols[i] = static_cast<std::int64_t>(random() % cols);
      float& chosen = logits[i * cols + static_cast<std::size_t>(symbols[i])];
      if (chosen == -kInfinity) chosen = 0.0f;
    }
    const skm::LogitMatrix<float> matrix = {logits.data(), rows, cols};
    const unsigned total_bits = 9 + static_cast<unsigned>(random() % 23);
    std::vector<skm::Interval> intervals(rows);
    CHECK(skm::logit_intervals(matrix, symbols.data(), total_bits, intervals.data(), 2).kind ==
          skm::LogitFaultKind::none);
    skm::RangeEncoder encoder;
    skm::encode_intervals(intervals, total_bits, encoder);
    skm::RangeDecoder decoder(encoder.finish());
    CHECK(skm::LogitDecoder(cols).decode(matrix, total_bits, decoder, decoded.data()).kind ==
          skm::LogitFaultKind::none);
    CHECK(decoded == symbols);
    CHECK(decoder.at_end());
  }
}

void test_byte_sums() {
#if defined(__x86_64__)
  if (skm::supported_isa() < skm::Isa::avx512) return;
  std::mt19937_64 random(4);
  skm::BytePlanes planes;
  std::vector<std::uint64_t> table(257);
  std::vector<std::uint8_t> symbols(skm::kMaxSumBytes);
  for (int round = 0; round < 200; ++round) {
    for (std::size_t s = 0; s < 256; ++s) {
      const bool impossible = round % 2 == 1 && random() % 4096 == 0;
      table[s] = impossible       ? skm::CodeLengthTable::kImpossible
                 : round % 5 == 0 ? (1ull << 46) - 1
                                  : random() >> 18;
      for (int k = 0; k < 6; ++k)
        planes.plane[k][s] = impossible ? 255 : static_cast<std::uint8_t>(table[s] >> (8 * k));
    }
    const std::size_t count = round % 3 == 0 ? symbols.size() : random() % 10000;
    for (std::uint8_t& s : symbols) s = static_cast<std::uint8_t>(random());
    std::uint64_t a = 0, b = 0;
    const bool good =
        skm::code_length_kernels_baseline().sum_bytes(symbols.data(), count, table.data(), planes, &a);
    CHECK(skm::code_length_kernels_avx512().sum_bytes(symbols.data(), count, table.data(), planes, &b) ==
          good);
    CHECK(!good || a == b);
  }
#endif
}

}  // namespace

int main() {
  test_kernels_agree<float>(&skm::CategoricalKernels::float32);
  test_kernels_agree<std::uint16_t>(&skm::CategoricalKernels::bfloat16);
  test_special_values_are_seen();
  test_exponential();
  test_log2();
  test_coding();
  test_byte_sums();
}
