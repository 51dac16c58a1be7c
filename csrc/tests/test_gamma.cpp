// Gamma draws: every kernel gives the baseline's bits; powers of two; binomials within their bounds.
#include "skm/gamma.hpp"

#include <cmath>
#include <cstdint>
#include <vector>

#include "../simd/gamma.hpp"
#include "check.hpp"
#include "skm/binomial.hpp"
#include "skm/exp2.hpp"
#include "skm/isa.hpp"
#include "skm/pitman_yor.hpp"

namespace {

using namespace skm;

std::vector<const GammaKernels*> kernels_here() {
  std::vector<const GammaKernels*> all = {&gamma_kernels_baseline()};
#if defined(__x86_64__)
  if (supported_isa() >= Isa::avx2) all.push_back(&gamma_kernels_avx2());
  if (supported_isa() >= Isa::avx512) all.push_back(&gamma_kernels_avx512());
#endif
  return all;
}

void kernels_agree() {
  constexpr std::size_t kCount = 5001;
  std::vector<double> shapes(kCount), right(kCount), found(kCount);
  for (std::size_t i = 0; i < kCount; ++i) shapes[i] = std::exp2(static_cast<double>(i % 1900) - 950.0);
  for (const bool log : {false, true}) {
    gamma_kernels_baseline().draw(3, 17, {shapes.data(), 1}, log, right.data(), kCount);
    for (const GammaKernels* kernel : kernels_here()) {
      kernel->draw(3, 17, {shapes.data(), 1}, log, found.data(), kCount);
      CHECK(found == right);
    }
    if (log) {
      for (const double x : right) CHECK(std::isfinite(x));
    }
  }
}

void powers_of_two() {
  for (double x = -1080.0; x < 1024.0; x += 0.37) {
    const double right = std::exp2(x);
    CHECK(std::fabs(portable_exp2(x) - right) <= 4e-16 * right + 0x1p-1074);
  }
  CHECK(portable_exp2(0.0) == 1.0 && portable_exp2(-7.0) == 0x1p-7 && portable_exp2(1023.0) == 0x1p1023);
  CHECK(portable_exp2(-1e300) == 0.0 && std::isinf(portable_exp2(1e300)) &&
        portable_exp2(-1074.0) == 0x1p-1074);
}

void binomials_stay_within_bounds() {
  for (const std::uint64_t trials : {1ull, 2ull, 40ull, 1000003ull, 1ull << 40, (1ull << 53) - 1}) {
    for (double p = 1e-18; p < 1.0; p = p * 3.0 + 1e-18) {
      for (std::uint64_t i = 0; i < 20; ++i) {
        Draw draw(5, i);
        CHECK(binomial(trials, p, 1.0 - p, draw) <= trials);
      }
    }
  }
}

void sizes_add_up() {
  for (const std::uint64_t n : {0ull, 1ull, 2ull, 1000ull, 1000000ull, (1ull << 53) - 1}) {
    std::uint64_t sum = 0;
    for (const std::uint64_t size : table_sizes(n, 0.3, -0.2, 7, 1 << 20)) sum += size;
    CHECK(sum == n);
  }
}

}  // namespace

int main() {
  kernels_agree();
  powers_of_two();
  binomials_stay_within_bounds();
  sizes_add_up();
  return 0;
}
