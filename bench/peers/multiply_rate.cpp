// multiply_rate: least nanoseconds of one multiplication of 32-bit numbers, when as many vectors of them as
// help are in flight: what ten rounds of Philox cannot do without. Built with -march=native.
#include <chrono>
#include <cstdint>
#include <cstdio>

#if defined(__AVX512F__)
#include <immintrin.h>
using Vector = __m512i;
inline Vector multiply(Vector a, Vector b) { return _mm512_mul_epu32(a, b); }
#elif defined(__AVX2__)
#include <immintrin.h>
using Vector = __m256i;
inline Vector multiply(Vector a, Vector b) { return _mm256_mul_epu32(a, b); }
#else
using Vector = std::uint64_t;
inline Vector multiply(Vector a, Vector b) { return static_cast<std::uint32_t>(a) * b; }
#endif

int main() {
  constexpr int kChains = 12, kSteps = 100000, kRounds = 30;
  double least = 1e300;
  Vector x[kChains] = {};
  for (int round = 0; round < kRounds; ++round) {
    const auto begin = std::chrono::steady_clock::now();
    for (int step = 0; step < kSteps; ++step) {
      for (Vector& chain : x) {
        chain = multiply(chain, chain);
#if defined(__x86_64__) && defined(__AVX2__)
        asm volatile("" : "+v"(chain));  // keeps every product
#endif
      }
    }
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
    least = took.count() < least ? took.count() : least;
  }
  constexpr int kLanes = sizeof(Vector) / sizeof(std::uint64_t);
  std::printf("%.6g\n", 1e9 * least / (static_cast<double>(kChains) * kSteps * kLanes));
  return 0;
}
