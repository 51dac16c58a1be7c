// Zipf numbers: the arithmetic under them, the bound that lets most draws pass unjudged, and the kernels.
#include "skm/zipf.hpp"

#include <cmath>
#include <cstdio>
#include <vector>

#include "../simd/zipf.hpp"
#include "check.hpp"
#include "skm/isa.hpp"
#include "skm/philox.hpp"

namespace {

#include "../simd/lanes_scalar.inl"
#include "../simd/log2_exp2.inl"

std::uint64_t word_at(std::uint64_t i) { return skm::random_block(99, i / 2).half[i % 2]; }

void check_logarithm_and_power() {
  for (std::uint64_t i = 0; i < 200000; ++i) {
    const double u = skm::open_unit_double(word_at(i));
    const double x = std::exp2((u - 0.5) * 400.0);
    const double near_one = 1.0 + (u - 0.5) * std::exp2(-static_cast<double>(i % 50));
    for (const double y : {x, near_one}) {
      const long double exact = std::log2(static_cast<long double>(y));
      CHECK(std::fabs(lane_log2(y) - exact) <= 0x1p-49L * std::fabs(exact));
    }
    const double w = (u - 0.5) * std::exp2(-static_cast<double>(i % 60));
    const long double exact_1p = std::log1p(static_cast<long double>(w)) / std::log(2.0L);
    CHECK(std::fabs(lane_log2_1p(w) - exact_1p) <= 0x1p-49L * std::fabs(exact_1p));
    const double y = (u - 0.5) * 1000.0;
    const long double power = std::exp2(static_cast<long double>(y));
    CHECK(std::fabs(lane_exp2(y) - power) <= 0x1p-51L * power);
    const long double less_one = std::expm1(static_cast<long double>(w) * std::log(2.0L));
    CHECK(std::fabs(lane_exp2_m1(w) - less_one) <= 0x1p-47L * std::fabs(less_one));
  }
  CHECK(lane_log2(1.0) == 0.0 && lane_exp2(0.0) == 1.0 && lane_log2_1p(0.0) == 0.0 &&
        lane_exp2_m1(0.0) == 0.0);
  for (int e = -1000; e <= 1000; ++e)
    CHECK(lane_log2(std::ldexp(1.0, e)) == e && lane_exp2(e) == std::ldexp(1.0, e));
}

// Distance from k - 1/2 to where H reaches H(k + 1/2) - h(k), times (k + q)^2: it must stay below what
// ZipfShape::doubt says, else draws that should be rejected would pass.
void check_bound() {
  for (const long double s : {0.001L, 0.01L, 0.1L, 0.5L, 0.9L, 1.1L, 1.5L, 2.0L, 3.0L, 7.0L, 15.0L}) {
    const long double t = 1 - s;
    const double doubt = skm::Zipf(static_cast<double>(s), 0.0, 1000).shape().doubt;
    for (long double k = 2; k < 3000; k = k < 50 ? k + 0.25L : k * 1.3L) {
      // In units of k, from k on, where nothing cancels.
      const long double end = std::expm1(t * std::log1p(0.5L / k)) / t - 1 / k;
      const long double reached = k * std::expm1(std::log1p(t * end) / t) + 0.5L;
      CHECK(reached * k * k < doubt);
    }
  }
}

// X of each word as near to H^-1(U) as skm/zipf.hpp says.
void check_places() {
  std::vector<std::uint64_t> words(4096);
  std::vector<double> above(words.size());
  for (std::size_t j = 0; j < words.size(); ++j) words[j] = word_at(j);
  words[0] = 0;
  words[1] = ~std::uint64_t{0};
  for (const double s : {0.0, 0.3, 0.9, 0.96, 0.99, 1.0, 1.01, 1.04, 1.3, 2.0, 9.0}) {
    const skm::ZipfShape shape = skm::Zipf(s, 0.0, 1000000).shape();
    skm::zipf_kernels_baseline().places(shape, words.data(), words.size(), above.data());
    const long double t = 1 - static_cast<long double>(s);
    const auto integral = [t](long double x) {
      return t == 0 ? std::log(x) : std::expm1(t * std::log(x)) / t;
    };
    const long double last = integral(1000000.5L);
    const long double first = integral(1.5L) - 1;
    for (std::size_t j = 0; j < words.size(); ++j) {
      const long double u = last + skm::open_unit_double(words[j]) * (first - last);
      const long double x = std::exp(t == 0 ? u : std::log1p(t * u) / t);
      const long double rounding_of_u = 0x1p-51L * (last - first) * std::pow(x, static_cast<long double>(s));
      CHECK(std::fabs(above[j] - 0.5L - x) <= 0x1p-48L * (2 + std::log(x + 1)) * (x + 1) + rounding_of_u);
    }
  }
}

const skm::ZipfKernels* kernels_of(skm::Isa isa) {
#if defined(__x86_64__)
  if (isa <= skm::supported_isa() && isa == skm::Isa::avx2) return &skm::zipf_kernels_avx2();
  if (isa <= skm::supported_isa() && isa == skm::Isa::avx512) return &skm::zipf_kernels_avx512();
#endif
  return isa == skm::Isa::baseline ? &skm::zipf_kernels_baseline() : nullptr;
}

// Every instruction set gives the same places, numbers and lists, ends of ranges included.
void check_kernels() {
  constexpr std::size_t kRoom = 1024 + skm::kZipfPadding;
  std::vector<std::uint64_t> words(kRoom);
  for (std::size_t j = 0; j < kRoom; ++j) words[j] = word_at(j);
  words[3] = 0;
  words[4] = ~std::uint64_t{0};
  for (const double s : {0.0, 0.5, 0.99, 1.0, 1.5, 80.0}) {
    for (const std::uint64_t n : {std::uint64_t{1}, std::uint64_t{1000}, skm::Zipf::kUnbounded}) {
      const skm::ZipfShape shape = skm::Zipf(s, 1.25, n).shape();
      for (const std::size_t count : {1u, 7u, 16u, 1000u, 1024u}) {
        std::vector<std::uint64_t> expected(kRoom), numbers(kRoom);
        std::vector<std::uint32_t> expected_list(kRoom), list(kRoom);
        for (const bool judge : {false, true}) {
          const auto run = [&](const skm::ZipfKernels& kernels, auto& to, auto& positions) {
            return (judge ? kernels.judge : kernels.propose)(shape, words.data(), count, to.data(),
                                                             positions.data());
          };
          const std::size_t listed = run(skm::zipf_kernels_baseline(), expected, expected_list);
          for (const skm::Isa isa : {skm::Isa::avx2, skm::Isa::avx512}) {
            if (kernels_of(isa) == nullptr) continue;
            CHECK(run(*kernels_of(isa), numbers, list) == listed);
            for (std::size_t j = 0; j < count; ++j) CHECK(numbers[j] == expected[j] && numbers[j] <= n);
            for (std::size_t j = 0; j < listed; ++j) CHECK(list[j] == expected_list[j]);
          }
        }
      }
    }
  }
}

}  // namespace

int main() {
  check_logarithm_and_power();
  check_bound();
  check_places();
  check_kernels();
  return 0;
}
