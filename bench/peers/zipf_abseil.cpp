// zipf_abseil EXPONENT RANKS DRAWS ROUNDS: least nanoseconds a draw of abseil's zipf_distribution, with the
// faster of its two generators.
#include <absl/random/random.h>
#include <absl/random/zipf_distribution.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <vector>

template <class Bits>
double nanoseconds(double exponent, std::uint64_t ranks, std::vector<std::uint64_t>& out, int rounds) {
  Bits bits;
  absl::zipf_distribution<std::uint64_t> zipf(ranks - 1, exponent, 1.0);
  double least = 1e300;
  for (int round = 0; round < rounds; ++round) {
    const auto begin = std::chrono::steady_clock::now();
    for (std::uint64_t& k : out) k = zipf(bits) + 1;
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
    least = std::min(least, took.count());
  }
  return 1e9 * least / static_cast<double>(out.size());
}

int main(int argc, char** argv) {
  if (argc != 5) return 2;
  const double exponent = std::atof(argv[1]);
  const std::uint64_t ranks = std::strtoull(argv[2], nullptr, 10);
  std::vector<std::uint64_t> out(std::strtoull(argv[3], nullptr, 10));
  const int rounds = std::atoi(argv[4]);
  const double fast = nanoseconds<absl::InsecureBitGen>(exponent, ranks, out, rounds);
  std::printf("%.6g\n", std::min(fast, nanoseconds<absl::BitGen>(exponent, ranks, out, rounds)));
  return 0;
}
